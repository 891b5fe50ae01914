"""What no server should send: each has an outcome, and none of them raises."""

import json
import time
from typing import Any

import pytest
from linear_time import assert_linear
from responses_wire import CODEC, call, created, ended, function, item, message, run, stream, text

from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Decoded
from greenroom.messages.deltas import RawDelta, TextDelta
from greenroom.providers.openai_responses.decode import NO_ENCRYPTED_REASONING

ERROR = {"type": "server_error", "code": "rate_limit_exceeded", "message": "Slow down", "param": None}


def kind_of(data: bytes, **how: Any) -> str | None:
    failure = run(data, **how).failure
    return failure and failure.kind


@pytest.mark.parametrize(
    "last",
    [
        [
            {"type": "error", "error": ERROR},
            ended("failed", error={"code": ERROR["code"], "message": "Slow down"}),
        ],
        [{"type": "error", **{k: v for k, v in ERROR.items() if k != "type"}}],
        [ended("failed", error={"code": ERROR["code"], "message": "Slow down"})],
        [{**ended("failed", error={"code": ERROR["code"], "message": "Slow down"}), "type": "response.done"}],
        [{"error": ERROR, "type": "error"}],
    ],
)
def test_errors_in_the_stream(last: list[dict[str, Any]]) -> None:
    outcome = run(stream([created(), text("Hal"), *last]))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.code, outcome.failure.message) == (
        "in_stream", "rate_limit_exceeded", "Slow down",
    )  # fmt: skip
    assert outcome.choice.text == "Hal"


def test_the_usage_of_a_failed_response_is_kept() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    outcome = run(
        stream([created(), {"type": "error", "error": ERROR}, ended("failed", usage=usage, error=ERROR)])
    )
    assert (outcome.usage.output_tokens, outcome.usage.source) == (4, "partial")
    assert [(end.reason, end.raw) for end in outcome.so_far.ends] == [("error", "failed")]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_failure_without_an_error(status: str) -> None:
    failure = run(stream([created(), ended(status)])).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("in_stream", status)
    completed = ended(status)
    completed["type"] = "response.completed"
    assert kind_of(stream([created(), completed])) == "in_stream"


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_is_still_made(status: str) -> None:
    body = {"id": "resp_1", "object": "response", "status": status, "output": []}
    failure = run(json.dumps(body).encode()).failure
    assert failure is not None
    assert failure.kind == "protocol"
    assert f"still {status}" in failure.message
    last = ended(status)
    last["type"] = "response.completed"
    outcome = run(stream([created(), text("a"), last]))
    assert (outcome.choice.text, outcome.choice.finish_reason) == ("a", "unknown")


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"])
def test_only_its_last_event_ends_an_answer(end: bytes) -> None:
    data = stream([created(), *message("Hi")])
    failure = run(data + end).failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("protocol", "the stream ended before the answer did")
    assert kind_of(data + end, clean=False) == "transport"


def test_what_comes_after_the_end_is_not_read() -> None:
    outcome = run(stream([created(), text("a"), ended(), text("b"), ended("failed", error=ERROR)]))
    assert outcome.answer is not None
    assert outcome.choice.text == "a"


def test_a_delta_after_its_part_was_done_is_a_failure() -> None:
    assert kind_of(stream([created(), *message("a"), text("b"), ended()])) == "protocol"
    late = {
        "type": "response.function_call_arguments.delta",
        "item_id": "fc_0",
        "output_index": 0,
        "delta": "x",
    }
    assert kind_of(stream([created(), *function(["{}"]), late, ended()])) == "protocol"


def test_deltas_without_anything_before_them() -> None:
    call_piece = {
        "type": "response.function_call_arguments.delta",
        "item_id": "x",
        "output_index": 4,
        "delta": "{}",
    }
    outcome = run(stream([text("a", index=3), call_piece, ended()]))
    assert outcome.choice.text == "a"
    (made,) = outcome.choice.tool_calls
    assert (made.id, made.name, made.arguments, made.complete) == ("x", "unknown", "{}", True)


@pytest.mark.parametrize("index", [-1, 10**30, 2.5, "0", None, [], {}])
def test_odd_indices(index: Any) -> None:
    for field in ("output_index", "content_index"):
        events = [{**event, field: index} if field in event else event for event in message("a", "b", "c")]
        outcome = run(stream([created(), *events, ended()]))
        assert outcome.choice.text == "abc", outcome.failure


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, True, [{}], {"a": [1]}])
def test_odd_values_never_raise(odd: Any) -> None:
    events = [
        created(),
        *message("a"),
        *function(["{}"], 1),
        item("done", 2, type="reasoning", id="r"),
        ended(usage={}),
    ]
    for place, event in enumerate(events):
        for field in event:
            changed = [*events[:place], {**event, field: odd}, *events[place + 1 :]]
            run(stream(changed, numbered=False), raw_deltas=True)
        for inner in ("item", "response", "part"):
            for field in event.get(inner, {}):
                told = {**event, inner: {**event[inner], field: odd}}
                run(stream([*events[:place], told, *events[place + 1 :]], numbered=False))


def test_unknown_events_are_passed_over_and_can_be_seen() -> None:
    events = [created(), {"type": "response.brand_new", "x": 1}, {"type": "ping"}, text("a"), ended()]
    assert run(stream(events)).choice.text == "a"
    raw = [d for d in run(stream(events), raw_deltas=True).deltas if isinstance(d, RawDelta)]
    assert [(delta.event, delta.data.get("x")) for delta in raw] == [
        ("response.brand_new", 1),
        ("ping", None),
    ]


@pytest.mark.parametrize("data", [b"{", b"nonsense", b"[1]", b'"x"', b"7", b"\xff\xfe", b"[" * 5000])
def test_an_event_that_is_no_json_object_is_a_failure(data: bytes) -> None:
    broken = stream([created()]) + b"event: response.output_text.delta\ndata: " + data + b"\n\n"
    assert kind_of(broken + stream([ended()], first=1)) == "protocol"
    other = stream([created()]) + b"event: ping\ndata: " + data + b"\n\n"
    assert kind_of(other + stream([ended()], first=1)) is None


def test_bodies_that_are_something_else() -> None:
    xai = b'{"code": "The service is currently unavailable", "error": "try again"}'
    assert kind_of(xai) == "in_stream"
    assert kind_of(b"<html>login</html>") == "protocol"
    assert kind_of(b'{"object": "chat.completion", "choices": []}') == "protocol"
    assert kind_of(b"") == "protocol"


def test_one_event_larger_than_the_bound() -> None:
    huge = stream([created(), text("x" * 70_000), ended()])
    assert kind_of(huge, max_event_bytes=65_536) == "bound"
    assert kind_of(huge, sizes=[100] * 800, max_event_bytes=65_536) == "bound"
    assert run(huge).choice.text == "x" * 70_000


def test_what_is_kept_is_bounded() -> None:
    calls = [
        item("added", n, type="function_call", id=f"fc_{n}", call_id=f"c{n}", name="f") for n in range(2000)
    ]
    assert kind_of(stream([created(), *calls])) == "bound"
    pieces = [
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "x" * 1000}
    ] * 200
    assert (
        kind_of(stream([created(), calls[0], *pieces]), max_output_bytes=4096, max_event_bytes=4096)
        == "bound"
    )
    note = {
        "type": "response.output_text.annotation.added",
        "output_index": 0,
        "annotation": {"x": "y" * 1000},
    }
    assert kind_of(stream([created(), *[note] * 200]), max_output_bytes=4096, max_event_bytes=4096) == "bound"


def test_arguments_that_come_one_event_a_read_are_bounded_too() -> None:
    events = [created(), *function(["x" * 1000] * 200)[:-2]]
    pieces = [stream([event], first=number) for number, event in enumerate(events)]
    sizes = [len(piece) for piece in pieces]
    assert kind_of(b"".join(pieces), sizes=sizes, max_output_bytes=4096, max_event_bytes=4096) == "bound"


def test_arguments_of_a_megabyte_in_small_pieces_take_linear_time() -> None:
    def took(size: int) -> float:
        pieces = ['{"x": "', *["0123456789"] * (size // 10), '"}']
        data = stream([created(), *function(pieces), ended()])
        before = time.process_time()
        assert run(data).choice.tool_calls[0].complete
        return time.process_time() - before

    assert_linear(took, 125_000)


def test_hostile_repetitions_take_linear_time() -> None:
    def took(count: int) -> float:
        texts = [text("x", content=n) for n in range(4000)]
        parts: list[dict[str, Any]] = [{"type": "refusal", "refusal": "y"}] * count
        items = [{"type": "message", "content": parts}] + [{"type": "x"}] * count
        done = {"type": "response.function_call_arguments.done", "output_index": 9, "arguments": "{"}
        piece = {"type": "response.function_call_arguments.delta", "output_index": 9, "delta": '"' * count}
        data = stream([created(), *texts, piece, *[done] * count, ended(output=items)], numbered=False)
        before = time.process_time()
        run(data)
        return time.process_time() - before

    assert_linear(took, 2_000)


def test_hosted_tools_and_hidden_reasoning_are_progress() -> None:
    decoder = CODEC.start(call())
    decoder.head(WireHead(200, ()))

    def feed(event: dict[str, Any], number: int) -> Decoded:
        return decoder.feed(stream([event], first=number), 1, 1000.0)

    searching = {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws"}
    assert not feed(created(), 0).progress
    assert not feed({"type": "keepalive"}, 1).progress
    assert feed(item("added", 0, type="web_search_call", id="ws"), 2).progress
    assert feed(searching, 3).progress
    assert feed(item("added", 1, type="reasoning", id="rs"), 4).progress
    said = feed(text("a", index=2), 5)
    assert (said.progress, [type(delta) for delta in said.deltas]) == (False, [TextDelta])


def test_a_model_that_does_not_reason_is_asked_again_without_encrypted_reasoning() -> None:
    error = {"message": "Encrypted content is not supported with this model.", "type": "invalid_request_error",
             "param": "include", "code": None}  # fmt: skip
    failure = run(json.dumps({"error": error}).encode(), status=400).failure
    assert failure is not None
    assert failure.adjust == f"{NO_ENCRYPTED_REASONING}:m"
    body = json.loads(CODEC.encode(call(adjustments=[failure.adjust])).body)
    assert "include" not in body
    assert json.loads(CODEC.encode(call(adjustments=[f"{NO_ENCRYPTED_REASONING}:n"])).body)["include"]


def test_the_key_is_never_told() -> None:
    failure = run(b'{"error": {"message": "bad key sk-very-secret"}}', status=401).failure
    assert failure is not None
    assert "sk-very-secret" not in failure.model_dump_json()
