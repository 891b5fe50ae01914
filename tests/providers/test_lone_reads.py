"""One event a read, again and again: a bound that breaks there is a failure too, and nothing raises."""

import json
from typing import Any

import pytest

from greenroom.messages.commands import WireHead
from greenroom.providers.registry import codec_for

from codec_run import CodecRun

PIECE = "x" * 1000


def chat(**function: str) -> dict[str, Any]:
    call = {"index": 0, "function": function} | ({"id": "c"} if "name" in function else {})
    return {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


def cohere(kind: str, **function: str) -> dict[str, Any]:
    call = {"function": function} | ({"id": "c"} if "name" in function else {})
    return {"type": kind, "index": 0, "delta": {"message": {"tool_calls": call}}}


@pytest.mark.parametrize(
    ("wire", "first", "later", "name"),
    [
        ("openai-chat", chat(name="f", arguments=""), chat(arguments=PIECE), ""),
        (
            "cohere-chat",
            cohere("tool-call-start", name="f", arguments=""),
            cohere("tool-call-delta", arguments=PIECE),
            "event: tool-call-delta\n",
        ),
    ],
)
def test_arguments_without_end_are_a_failure(wire: str, first: Any, later: Any, name: str) -> None:
    run = CodecRun(codec_for(wire), wire)
    call = run.call(max_output_bytes=4096, max_event_bytes=4096)
    decoder, seq, failure = run.codec.start(call), 1, None
    decoder.head(WireHead(200, ()))
    for number in range(200):
        event = f"{name if number else ''}data: {json.dumps(later if number else first)}\n\n".encode()
        decoded = decoder.feed(event, seq, 1000.0)
        seq, failure = seq + len(decoded.deltas), failure or decoded.failure
        assert failure is None or number > 60
    assert failure is not None
    assert (failure.kind, failure.clock) == ("bound", "max_output_bytes")
