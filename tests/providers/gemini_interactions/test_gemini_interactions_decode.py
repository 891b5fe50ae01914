"""The events of an interaction to deltas and one end."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interactions_wire import (
    CODEC,
    DONE,
    USAGE,
    Outcome,
    call,
    completed,
    created,
    delta,
    run,
    sse,
    start,
    stop,
)

from greenroom import ChatRequest
from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import RawDelta
from greenroom.messages.fold import Fold
from greenroom.messages.parts import ProviderPart, ReasoningPart, TextPart
from greenroom.messages.retry_state import RetryState
from greenroom.supervision.classifier import classify

WIRE = "gemini-interactions"


def ran(*events: dict[str, Any], **how: Any) -> Outcome:
    return run(sse(*events) + DONE, **how)


def test_thoughts_text_and_calls() -> None:
    outcome = ran(
        created(),
        start(0, "thought"),
        delta(0, "thought_summary", content={"type": "text", "text": "Hm"}),
        delta(0, "thought_summary", content={"type": "text", "text": "."}),
        delta(0, "thought_signature", signature="c2ln"),
        stop(0),
        start(1, "model_output"),
        delta(1, "text", text="Hel"),
        delta(1, "text", text="lo"),
        delta(1, "text_annotation_delta", annotations=[{"url": "u"}]),
        stop(1),
        start(2, "function_call", id="c1", name="f"),
        delta(2, "arguments_delta", arguments='{"x":'),
        delta(2, "arguments_delta", arguments="1}"),
        stop(2),
        start(3, "function_call", id="c2", name="g"),
        stop(3),
        completed("requires_action"),
    )
    assert outcome.answer is not None
    thought, text, first, second = outcome.choice.parts
    assert isinstance(thought, ReasoningPart)
    assert (thought.text, thought.signature, thought.wire) == ("Hm.", "c2ln", WIRE)
    assert text == TextPart(text="Hello")
    assert [(call.id, call.name, call.arguments, call.complete) for call in outcome.choice.tool_calls] == [
        ("c1", "f", '{"x":1}', True), ("c2", "g", "{}", True),
    ]  # fmt: skip
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (
        "tool_calls",
        "requires_action",
    )
    usage = outcome.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 5, 15)
    assert (usage.reasoning_tokens, usage.cached_input_tokens, dict(usage.raw)) == (3, 4, USAGE)
    assert outcome.answer.metadata["annotations"][0]["url"] == "u"
    assert (outcome.answer.response_id, outcome.answer.model) == ("v1_x", "gemini-x")
    assert {first.type, second.type} == {"tool_call"}


def test_what_was_asked_is_no_answer() -> None:
    asked = [start(0, "user_input"), *[delta(0, "text", text="asked ")] * 4, stop(0)]
    outcome = ran(created(), *asked, start(1, "model_output"), delta(1, "text", text="said"), completed())
    assert outcome.choice.text == "said"


def test_the_older_names_of_the_events() -> None:
    events = [
        {**created(), "event_type": "interaction.start"},
        {"event_type": "content.start", "index": 0, "content": {"type": "text"}},
        {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "Hello"}},
        {"event_type": "content.stop", "index": 0},
        {"event_type": "content.delta", "index": 1,
         "delta": {"type": "function_call", "id": "c", "name": "f", "arguments": {"x": 1}}},
        {"event_type": "content.stop", "index": 1},
        {**completed(), "event_type": "interaction.complete"},
    ]  # fmt: skip
    outcome = ran(*events)
    assert outcome.answer is not None
    assert (outcome.choice.text, outcome.choice.tool_calls[0].arguments) == ("Hello", '{"x":1}')
    assert outcome.choice.finish_reason == "tool_calls"


def test_what_only_google_understands_is_put_together() -> None:
    picture = {"type": "image", "data": "aGk=", "mime_type": "image/png"}
    outcome = ran(
        created(),
        start(0, "code_execution_call", id="x"),
        delta(0, "code_execution_call", arguments={"code": "1"}),
        stop(0),
        start(1, "google_search_result", call_id="y", result=[1]),
        stop(1),
        start(2, "mcp_server_tool_call", name="t"),
        delta(2, "arguments_delta", arguments='{"a":'),
        delta(2, "arguments_delta", arguments="2}"),
        stop(2),
        start(3, "model_output"),
        {**delta(3, "image"), "delta": picture},
        stop(3),
        completed(),
    )
    items = [part.item for part in outcome.choice.parts if isinstance(part, ProviderPart)]
    assert [dict(json.loads(json.dumps(each, default=dict))) for each in items] == [
        {"type": "code_execution_call", "id": "x", "arguments": {"code": "1"}},
        {"type": "google_search_result", "call_id": "y", "result": [1]},
        {"type": "mcp_server_tool_call", "name": "t", "arguments": {"a": 2}},
        {"type": "model_output", "content": [picture]},
    ]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("completed", "stop"),
        ("incomplete", "length"),
        ("budget_exceeded", "length"),
        ("brand_new", "unknown"),
    ],
)
def test_statuses(status: str, reason: str) -> None:
    outcome = ran(created(), start(0, "model_output"), delta(0, "text", text="a"), stop(0), completed(status))
    assert outcome.answer is not None
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (reason, status)


def test_a_failed_interaction_is_a_failure() -> None:
    outcome = ran(
        created(), completed("failed", errors=[{"code": "resource_exhausted", "message": "slow down"}])
    )
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.code, outcome.failure.message) == (
        "in_stream", "resource_exhausted", "slow down",
    )  # fmt: skip
    cancelled = {"event_type": "interaction.status_update", "interaction_id": "v1_x", "status": "cancelled"}
    outcome = ran(created(), start(0, "model_output"), delta(0, "text", text="a"), cancelled)
    assert outcome.failure is not None
    assert "cancelled" in outcome.failure.message
    assert outcome.choice.text == "a"


@pytest.mark.parametrize(
    "error",
    [
        {"event_type": "error", "error": {"code": "gateway_timeout", "message": "Deadline expired"}},
        {"event_type": "error", "error": {"code": 503, "message": "The model is overloaded."}},
    ],
)
def test_an_error_event_is_a_failure(error: dict[str, Any]) -> None:
    outcome = ran(created(), start(0, "model_output"), delta(0, "text", text="a"), error)
    assert outcome.failure is not None
    assert outcome.failure.kind == "in_stream"
    assert outcome.failure.message == error["error"]["message"]
    if error["error"]["code"] == 503:
        assert classify(outcome.failure) == "overloaded"


def test_done_is_no_end() -> None:
    outcome = ran(created(), start(0, "model_output"), delta(0, "text", text="a"))
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"
    assert outcome.so_far.response_id == "v1_x"


def test_an_interaction_that_was_not_streamed() -> None:
    whole = {
        "id": "v1_x", "status": "completed", "model": "m", "usage": USAGE,
        "steps": [
            {"type": "user_input", "content": [{"type": "text", "text": "hi"}]},
            {"type": "thought", "signature": "s", "summary": [{"type": "text", "text": "Hm"}]},
            {"type": "model_output", "content": [{"type": "text", "text": "a", "annotations": [{"url": "u"}]}]},
            {"type": "function_call", "id": "c", "name": "f", "arguments": {"x": 1}},
        ],
    }  # fmt: skip
    outcome = run(json.dumps(whole).encode())
    assert outcome.answer is not None
    assert (outcome.choice.text, outcome.choice.reasoning, outcome.usage.total_tokens) == ("a", "Hm", 15)
    assert outcome.choice.tool_calls[0].arguments == '{"x":1}'
    legacy = {"id": "i", "status": "completed", "outputs": [{"type": "text", "text": "old"}]}
    assert run(json.dumps(legacy).encode()).choice.text == "old"
    error = run(b'{"error": {"code": 503, "message": "overloaded"}}')
    assert error.failure is not None
    assert error.failure.status == 503


def state(outcome: Outcome, mode: Any, **fields: Any) -> RetryState:
    """What the next attempt is told of one that was cut."""
    told = outcome.so_far
    return RetryState(
        stream_id="s1", request_id="r1", request=ChatRequest(model="p/m", messages="hi"), epoch=1, provider="p",
        model_asked="m", deadline_left_s=1.0, updated_at=0.0, mode=mode, delivered_parts=outcome.choice.parts,
        response_id=told.response_id, cursor=told.cursor, delivered_text=outcome.choice.text, **fields,
    )  # fmt: skip


WHOLE = [
    created(event_id="e1"),
    start(0, "thought"),
    delta(0, "thought_summary", "e3", content={"type": "text", "text": "Hm"}),
    stop(0),
    start(1, "model_output"),
    delta(1, "text", "e6", text="Once "),
    delta(1, "text", "e7", text="upon"),
    stop(1),
    start(2, "function_call", id="c1", name="f"),
    delta(2, "arguments_delta", "e10", arguments='{"x":'),
    delta(2, "arguments_delta", "e11", arguments="1}"),
    stop(2),
    completed("requires_action"),
]


@pytest.mark.parametrize("at", [3, 6, 7, 10, 11])
@pytest.mark.parametrize("repeats", [False, True])
def test_a_resumed_stream_joins_what_was_delivered(at: int, repeats: bool) -> None:
    whole, cut = ran(*WHOLE), run(sse(*WHOLE[:at]), clean=False)
    resume = state(cut, "server_cursor")
    assert resume.cursor == [event["event_id"] for event in WHOLE[:at] if "event_id" in event][-1]
    request = CODEC.encode(call(server_resume=True), resume)
    assert (request.method, request.body) == ("GET", b"")
    assert request.path == f"/v1/interactions/v1_x?stream=true&last_event_id={resume.cursor}"
    last = next(place for place in reversed(range(at)) if WHOLE[place].get("event_id") == resume.cursor)
    decoder = CODEC.start(call(server_resume=True), resume)
    decoder.head(WireHead(200, ()))
    rest = WHOLE[last if repeats else last + 1 :]
    decoded = decoder.feed(sse(*rest), len(cut.deltas) + 1, 1000.0)
    assert decoded.answer is not None
    fold = Fold()
    fold.add([*cut.deltas, *decoded.deltas])
    (got,), (wanted,) = fold.choices(decoded.answer), whole.choices()
    assert (got.text, got.reasoning, got.finish_reason) == (
        wanted.text,
        wanted.reasoning,
        wanted.finish_reason,
    )
    assert got.tool_calls == wanted.tool_calls
    assert [part.type for part in got.parts] == [part.type for part in wanted.parts]


def test_a_pause_of_the_servers_own_is_gone_on_with() -> None:
    outcome = ran(
        created(), start(0, "model_output"), delta(0, "text", text="a"), stop(0),
        completed("requires_continuation", continuation_token="dG9r"),
    )  # fmt: skip
    assert outcome.answer is not None
    assert outcome.answer.cursor == "dG9r"
    body = json.loads(CODEC.encode(call(), state(outcome, "pause")).body)
    assert body["continuation_token"] == "dG9r"


def test_work_without_content_is_progress() -> None:
    decoder = CODEC.start(call())
    decoder.head(WireHead(200, ()))
    assert decoder.feed(sse(created()), 1, 0.0).progress
    assert not decoder.feed(b": ping\n\n", 1, 0.0).progress
    decoded = decoder.feed(sse(delta(0, "text", text="a")), 1, 0.0)
    assert (decoded.progress, len(decoded.deltas)) == (False, 1)


def test_odd_indices_and_unknown_events() -> None:
    for index in (-1, 10**9, "x", None, 1.5):
        outcome = ran(created(), delta(index, "text", text="a"), completed())  # type: ignore[arg-type]
        assert outcome.failure is not None
        assert outcome.failure.kind == "protocol"
    outcome = ran(created(), {"event_type": "brand.new", "x": 1}, completed(), raw_deltas=True)
    (raw,) = [each for each in outcome.deltas if isinstance(each, RawDelta)]
    assert (raw.event, raw.data["x"]) == ("brand.new", 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**7) | st.sampled_from(
        ["text", "thought", "function_call", "arguments_delta", "model_output", "completed", "failed", "{", ""]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "index", "step", "delta", "content", "text", "arguments", "id", "name",
                         "signature", "interaction", "status", "usage", "event_id", "error", "summary",
                         "annotations"]),
        inner, max_size=5,
    ),
    max_leaves=16,
)  # fmt: skip
KINDS = st.sampled_from(
    ["interaction.created", "step.start", "step.delta", "step.stop", "interaction.status_update",
     "interaction.completed", "error", "content.delta", "x"]
)  # fmt: skip


@settings(deadline=None, max_examples=120)
@given(st.lists(st.tuples(KINDS, st.dictionaries(
    st.sampled_from(["index", "step", "delta", "interaction", "usage", "event_id", "error", "status"]),
    JSON, max_size=4,
)), max_size=6), st.lists(st.integers(0, 40), max_size=40), st.booleans())  # fmt: skip
def test_law_wrong_types_never_raise_and_every_cut_says_the_same(
    given: list[tuple[str, dict[str, Any]]], sizes: list[int], clean: bool
) -> None:
    data = sse(*[{**fields, "event_type": kind} for kind, fields in given]) + DONE
    assert run(data, sizes, clean=clean, raw_deltas=True) == run(data, clean=clean, raw_deltas=True)
    for _, fields in given:
        run(json.dumps({"status": "completed", **fields}).encode())


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', "\\", '"}', "", "a"]
)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(WORDS, st.sampled_from([0, 0, 0, 1]), st.sampled_from(["", "", "", "e1"])), max_size=14
    ),
    st.lists(st.integers(1, 60), max_size=60),
    st.booleans(),
)
def test_law_running_text_is_what_was_said(
    pieces: list[tuple[str, int, str]], sizes: list[int], named: bool
) -> None:
    events = [delta(index, "text", event_id or None, text=word) for word, index, event_id in pieces]
    data = sse(created(), start(0, "model_output"), *events, completed())
    if not named:
        data = b"".join(line + b"\n" for line in data.split(b"\n")[:-1] if not line.startswith(b"event: "))
    outcome = run(data)
    assert outcome.choice.text == "".join(word for word, _, _ in pieces)
    assert run(data, sizes) == outcome
    assert run(data, [len(each) + 2 for each in data.split(b"\n\n")]) == outcome
