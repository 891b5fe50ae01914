"""Reads that are one event each: what the short cut passes over is bounded all the same."""

import json

from chat_wire import run


def test_arguments_that_come_one_event_a_read_are_bounded() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": "x" * 1000}}
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in [first, *[more] * 200]]
    pieces = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    outcome = run(
        b"".join(pieces), [len(piece) for piece in pieces], max_output_bytes=4096, max_event_bytes=4096
    )
    assert outcome.failure is not None
    assert outcome.failure.kind == "bound"
