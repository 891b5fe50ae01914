"""The short cut for reads of one event heeds the same bounds as the long way."""

import json
from typing import Any

from greenroom.providers.openai_chat import OpenAIChatCodec

from codec_run import CodecRun


def chunk(call: dict[str, Any]) -> bytes:
    choice = {"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}, "finish_reason": None}
    return f"data: {json.dumps({'id': 'c', 'model': 'm', 'choices': [choice]})}\n\n".encode()


def test_arguments_beyond_the_bound_that_come_event_by_event_are_a_failure() -> None:
    began = chunk({"id": "x", "function": {"name": "f", "arguments": ""}})
    data = [began, *[chunk({"function": {"arguments": "0123456789"}})] * 30_000]
    run = CodecRun(OpenAIChatCodec(), "openai-chat").run
    outcome = run(b"".join(data), map(len, data), max_output_bytes=200_000, max_event_bytes=100_000)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.clock) == ("bound", "max_output_bytes")
