"""Events out of order, broken, too large, or errors: each has a stated outcome, and nothing raises."""

import json
import time
from typing import Any

import pytest
from anthropic_wire import delta, ended, event, message, run, start, started, stop, stream
from linear_time import assert_linear

from greenroom.supervision import classify, is_retryable

OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
ERROR = event("error", error=OVERLOADED, request_id="req_1")
TEXT = delta(0, "text_delta", text="x")
JSON = delta(0, "input_json_delta", partial_json='{"a":1}')
TOOL = start(0, "tool_use", id="t", name="f", input={})


@pytest.mark.parametrize("before", [b"", started(), started() + start(0, "text", text="") + TEXT])
def test_an_error_event_at_any_time_is_a_typed_failure(before: bytes) -> None:
    outcome = run(before + ERROR + ended())
    evidence = outcome.failure
    assert evidence is not None
    assert (evidence.kind, evidence.error_type, evidence.message) == (
        "in_stream", "overloaded_error", "Overloaded",
    )  # fmt: skip
    assert evidence.provider_request_id == "req_1"
    assert classify(evidence) == "overloaded"
    assert is_retryable(evidence, classify(evidence))
    assert outcome.choice.text == ("x" if TEXT in before else "")


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"type":"error","error":{"type":"api_error","message":"boom"}}\n\n',
        b'data: {"error":{"type":"api_error","message":"boom"}}\n\n',
        b'event: error\ndata: {"error":"boom"}\n\n',
        b"event: error\ndata: boom\n\n",
        b'event: error\ndata: {"code":500,"message":"boom","type":"server_error"}\n\n',  # llama.cpp
        b'{"type":"error","error":{"type":"api_error","message":"boom"}}',
    ],
)
def test_other_forms_of_an_error(error: bytes) -> None:
    evidence = run(error).failure
    assert evidence is not None
    assert (evidence.kind, evidence.message) == ("in_stream", "boom")


TAKEN: dict[str, tuple[bytes, str]] = {
    "content before message_start": (message("x") + started() + ended(), "x"),
    "no message_start": (message("x") + ended(), "x"),
    "no start of a text block": (started() + TEXT + stop(0) + ended(), "x"),
    "no stop of a block": (started() + start(0, "text", text="") + TEXT + ended(), "x"),
    "no index": (
        started() + start(None, "text", text="") + delta(None, "text_delta", text="x") + ended(),
        "x",
    ),
    "a huge index": (started() + delta(10**30, "text_delta", text="x") + ended(), "x"),
    "a negative index": (started() + delta(-1, "text_delta", text="x") + ended(), "x"),
    "text after its block's stop": (stream(message("x"), TEXT), "xx"),
    "text in a thinking block": (stream(start(0, "thinking", thinking=""), TEXT, stop(0)), "x"),
    "a block that starts twice": (stream(start(0, "text", text=""), TEXT, message("y")), "xy"),
    "a stop that nothing began": (stream(stop(7), message("x")), "x"),
    "message_start twice before content": (started(id="one") + started() + message("x") + ended(), "x"),
    "text behind the stop reason": (
        started() + event("message_delta", delta={"stop_reason": "end_turn"}) + message("x")
        + event("message_stop"),
        "x",
    ),
    "two stop reasons": (
        started() + message("x") + event("message_delta", delta={"stop_reason": "max_tokens"}) + ended(),
        "x",
    ),
    "two ends": (stream(message("x")) + event("message_stop"), "x"),
    "content behind the end": (stream(message("x")) + message("y") + ERROR, "x"),
    "blocks that overlap": (
        stream(start(0, "text", text="a"), start(1, "text", text="b"), TEXT, stop(0), stop(1)),
        "abx",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_disorder_that_loses_nothing_is_taken(name: str) -> None:
    data, text = TAKEN[name]
    outcome = run(data)
    assert outcome.answer is not None
    assert (outcome.choice.text, outcome.choice.finish_reason) == (text, "stop")
    assert run(data, [1] * len(data)) == outcome


REFUSED: dict[str, tuple[bytes, str]] = {
    "a second message": (started() + message("x") + started(id="two") + ended(), "second message"),
    "arguments of no call": (stream(JSON), "not open"),
    "arguments behind the call's stop": (stream(TOOL, JSON, stop(0), JSON), "not open"),
    "arguments in a text block": (stream(start(0, "text", text=""), JSON), "not open"),
    "an end of nothing": (event("message_stop"), "never began"),
    "no message_stop": (stream(message("x")).partition(b"event: message_stop")[0], "ended before"),
    "[DONE] in its place": (
        stream(message("x")).partition(b"event: message_stop")[0] + b"data: [DONE]\n\n", "ended before",
    ),
    "no JSON": (started() + b"event: content_block_delta\ndata: {oops\n\n", "no JSON object"),
    "a list": (started() + b"event: content_block_delta\ndata: [1]\n\n", "no JSON object"),
    "another server": (b"hello\n\n", "is base_url right"),
    "an empty body": (b"", "is base_url right"),
    "another wire's JSON": (b'{"choices": []}', "is base_url right"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_disorder_that_would_lose_or_double_something_is_a_failure(name: str) -> None:
    data, words = REFUSED[name]
    outcome = run(data)
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"
    assert words in outcome.failure.message
    assert "sk-very-secret" not in outcome.failure.model_dump_json()


def test_an_answer_without_a_stop_reason_ends_with_none() -> None:
    outcome = run(stream(message("x"), reason=None))
    assert outcome.answer is not None
    assert outcome.choice.finish_reason is None
    assert outcome.usage.source == "partial"


WRONG: list[Any] = [None, True, 7, -1, 1.5, "x", [], [1], {}, {"a": {"b": []}}]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_wrong_types_everywhere_never_raise(wrong: Any) -> None:
    events = [
        event("message_start", message=wrong),
        started(id=wrong, model=wrong, usage=wrong),
        event("content_block_start", index=wrong, content_block=wrong),
        *(start(wrong, kind, text=wrong, thinking=wrong, signature=wrong, data=wrong, id=wrong, name=wrong,
                input=wrong, citations=wrong, content=wrong)
          for kind in ("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "new")),
        event("content_block_start", index=0, content_block={"type": wrong}),
        event("content_block_delta", index=wrong, delta=wrong),
        *(event("content_block_delta", index=0, delta={"type": kind, "text": wrong, "thinking": wrong,
                "signature": wrong, "citation": wrong, "partial_json": wrong, "content": wrong})
          for kind in ("text_delta", "thinking_delta", "signature_delta", "citations_delta", wrong)),
        event("content_block_stop", index=wrong),
        event("message_delta", delta=wrong, usage=wrong),
        event("message_delta", delta={"stop_reason": wrong, "container": wrong}, context_management=wrong),
        event("message_stop", odd=wrong),
    ]  # fmt: skip
    for raw in (False, True):
        for data in (*events, b"".join(events), started() + b"".join(events[3:])):
            outcome = run(data, raw_deltas=raw)
            assert run(data, [1] * len(data), raw_deltas=raw) == outcome
    whole = {"type": "message", "content": wrong, "stop_reason": wrong, "usage": wrong, "id": wrong}
    run(json.dumps(whole).encode())
    run(json.dumps({**whole, "content": [wrong, {"type": wrong}]}).encode())


def test_an_error_object_that_tells_nothing_is_a_failure_all_the_same() -> None:
    assert run(event("error")).failure is not None


@pytest.mark.parametrize("kind", ["text", "thinking", "tool_use", "server_tool_use", "new"])
def test_deep_json_is_no_crash(kind: str) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    block = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    data = started() + block + b'{"type":"%b","input":%b}}\n\n' % (kind.encode(), deep) + ended()
    whole = b'{"type":"message","content":[{"type":"%b","input":%b}]}' % (kind.encode(), deep)
    for failure in (run(data).failure, run(whole).failure):
        assert failure is not None
        assert failure.kind == "protocol"


def test_an_event_of_fifty_megabytes_ends_the_answer_at_its_bound() -> None:
    block = b"x" * 65_536
    head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"'
    began = time.perf_counter()
    outcome = run(started() + head + block * 800, [65_536] * 800, max_event_bytes=1 << 20)
    assert time.perf_counter() - began < 5
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.clock) == ("bound", "max_event_bytes")


HALF = (
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"thinking_delta","thinking":"\\ud83d"}}'
)
HALF += b"\n\n"
BOUNDED = {
    "arguments": TOOL + JSON * 60_000,
    "hosted": start(0, "server_tool_use", id="s", name="n", input={}) + JSON * 60_000,
    "calls": TOOL * 2000,
    "blocks": b"".join(start(n, "text", text="") for n in range(40_000)),
    "citations": start(0, "text", text="x") + delta(0, "citations_delta", citation={"a": "b" * 500}) * 5000,
    "halves": b"".join(HALF % number for number in range(3000)),
    "facts": event("message_delta", delta={"container": {"id": "x" * 5000}}) * 1000,
}


@pytest.mark.parametrize("name", BOUNDED)
def test_what_must_be_kept_is_bounded(name: str) -> None:
    outcome = run(started() + BOUNDED[name], max_output_bytes=200_000, max_event_bytes=100_000)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.clock) == ("bound", "max_output_bytes")


def test_the_bound_holds_for_events_that_come_one_by_one() -> None:
    piece = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    piece += b'{"type":"input_json_delta","partial_json":"0123456789"}}\n\n'
    data = [started(), TOOL, *[piece] * 30_000]
    outcome = run(b"".join(data), map(len, data), max_output_bytes=200_000, max_event_bytes=100_000)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.clock) == ("bound", "max_output_bytes")
    assert 200_000 < len(outcome.choice.tool_calls[0].arguments) < 300_000


def test_arguments_of_a_megabyte_in_small_pieces_take_linear_time() -> None:
    def seconds(size: int) -> float:
        text = json.dumps({"a": "x" * size})
        pieces = [delta(0, "input_json_delta", partial_json=text[at : at + 10]) for at in range(0, size, 10)]
        data = started() + TOOL + b"".join(pieces)
        began = time.process_time()
        run(data, [65_536] * (len(data) // 65_536))
        return time.process_time() - began

    assert_linear(seconds, 125_000)
