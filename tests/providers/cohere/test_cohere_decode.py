"""What Cohere's events come to: blocks, calls, ends, errors, and all that should not be there."""

import json
from typing import Any

import pytest
from cohere_wire import END, RUN, START, ask, delta, event, run, sse
from hypothesis import given
from hypothesis import strategies as st
from linear_time import assert_linear

from greenroom.messages.deltas import RawDelta, ReasoningDelta, TextDelta


def call_events(index: int, *pieces: str, name: str = "f") -> list[dict[str, Any]]:
    begun = {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": ""}}
    fragments = [
        event("tool-call-delta", index, tool_calls={"function": {"arguments": piece}}) for piece in pieces
    ]
    return [event("tool-call-start", index, tool_calls=begun), *fragments, event("tool-call-end", index)]


def ended(**fields: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": {**END["delta"], **fields}}  # type: ignore[dict-item]


def test_thinking_text_plan_and_calls_are_blocks_in_order() -> None:
    outcome = run(sse(
        START, event("content-start", 0, content={"type": "thinking", "thinking": ""}), delta("so", 0, "thinking"),
        event("content-end", 0), delta("a", 1), delta("b", 1), delta("c", 2),
        event("tool-plan-delta", tool_plan="I will"), event("tool-plan-delta", tool_plan=" add"),
        *call_events(0, '{"a"', ": 1}"), *call_events(1), END, "[DONE]",
    ))  # fmt: skip
    assert outcome.answer is not None
    parts = outcome.choice.parts
    assert [part.type for part in parts] == [
        "reasoning",
        "text",
        "text",
        "reasoning",
        "tool_call",
        "tool_call",
    ]
    assert (outcome.choice.text, outcome.choice.reasoning) == ("abc", "soI will add")
    assert [(c.id, c.name, c.arguments) for c in outcome.choice.tool_calls] == [
        ("c0", "f", '{"a": 1}'), ("c1", "f", "{}")
    ]  # fmt: skip
    blocks = [d.block for d in outcome.deltas if isinstance(d, (TextDelta, ReasoningDelta))]
    assert blocks == [0, 1, 1, 2, 3, 3]
    assert outcome.so_far.response_id == "r-1"


@pytest.mark.parametrize(
    ("reason", "told"),
    [("COMPLETE", "stop"), ("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length"), ("TOOL_CALL", "tool_calls"),
     ("ERROR_TOXIC", "content_filter"), ("ERROR_LIMIT", "length"), ("NOVEL", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_finish_reasons(reason: str | None, told: str) -> None:
    outcome = run(sse(START, delta("x"), ended(finish_reason=reason)))
    assert outcome.answer is not None
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (told, reason)


def test_usage_counts_tokens_with_cached_and_reasoning() -> None:
    usage = run(sse(START, END)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (500, 7, 507)
    assert (usage.cached_input_tokens, usage.reasoning_tokens, usage.source) == (400, 2, "provider")
    assert usage.raw["billed_units"]["input_tokens"] == 3
    billed = run(sse(START, ended(usage={"billed_units": {"input_tokens": 3.0, "output_tokens": 5}}))).usage
    assert (billed.input_tokens, billed.output_tokens) == (3, 5)
    assert run(sse(START, ended(usage=[1]))).usage.source == "none"


@pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT"])
def test_end_that_failed_is_a_failure_with_its_usage(reason: str) -> None:
    outcome = run(sse(START, delta("x"), ended(finish_reason=reason, error="it broke"), "[DONE]"))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.message, outcome.failure.code) == (
        "in_stream",
        "it broke",
        reason,
    )
    assert (outcome.choice.text, outcome.usage.output_tokens, outcome.usage.source) == ("x", 7, "partial")
    assert run(sse(START, ended(finish_reason=reason))).failure is not None


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"type": "error", "message": "too many"}, "too many"), ({"message": "no"}, "no"),
        ({"error": {"message": "no", "code": 500}}, "no"), ({"type": "error"}, "without a message"),
    ],
)  # fmt: skip
def test_error_inside_the_stream(told: dict[str, Any], message: str) -> None:
    outcome = run(sse(START, delta("x"), told, END))
    assert outcome.failure is not None
    assert outcome.failure.kind == "in_stream"
    assert message in outcome.failure.message
    assert outcome.choice.text == "x"


@pytest.mark.parametrize("last", [None, ended(finish_reason="ERROR", error="overloaded")])
def test_a_call_that_was_cut_before_its_arguments_is_not_whole(last: dict[str, Any] | None) -> None:
    begun, *_ = call_events(0, "{}")
    outcome = run(sse(START, begun, *([last] if last else [])))
    assert outcome.failure is not None
    kinds = [delta.type for delta in outcome.deltas]
    assert "tool_call_started" in kinds
    assert "tool_call_completed" not in kinds


def test_event_called_error_with_words_is_an_error() -> None:
    told = run(sse(START) + b"event: error\ndata: upstream gone\n\n").failure
    assert told is not None
    assert (told.kind, told.message) == ("in_stream", "upstream gone")


def test_event_names_do_not_matter() -> None:
    named = sse(START, delta("x"), END)
    nameless = b"\n".join(line for line in named.split(b"\n") if not line.startswith(b"event:"))
    assert run(nameless).choice == run(named).choice
    renamed = named.replace(b"event: content-delta", b"event: other")
    assert run(renamed).choice == run(named).choice


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"hello",
        b"data: [DONE]\n\n",
        b'{"object":"list"}',
        b"[1]",
        sse(START),
        sse(START, "[DONE]"),
        sse(START, delta("x"), "[DONE]"),
        b'event: content-delta\ndata: {"type":\n\n',
        b"data: 7\n\n",
        b"data: " + b"[" * 5000 + b"\n\n",
    ],
)
def test_body_that_is_no_answer_is_a_typed_failure(body: bytes) -> None:
    outcome = run(body, [3] * 200)
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"


def test_nothing_counts_after_the_end() -> None:
    outcome = run(sse(START, delta("x"), END, delta("y"), ended(finish_reason="ERROR"), "[DONE]"))
    assert outcome.answer is not None
    assert outcome.choice.text == "x"


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        [],
        {"content": 7},
        {"content": {"text": 7}},
        {"content": [None, "x"]},
        {"tool_calls": 7},
        {"tool_plan": []},
        {"citations": "x"},
    ],
)
@pytest.mark.parametrize(
    "kind", ["content-delta", "tool-call-start", "tool-plan-delta", "citation-start", 7, None]
)
def test_wrong_types_say_nothing(kind: Any, message: Any) -> None:
    outcome = run(sse(START, {"type": kind, "index": -3, "delta": {"message": message}}, delta("ok"), END))
    assert outcome.answer is not None
    assert outcome.choice.text == "ok"


@pytest.mark.parametrize("index", [None, -1, 10**9, "x", 2.5])
def test_odd_indices_keep_the_text(index: Any) -> None:
    assert (
        run(sse(START, {**delta("a"), "index": index}, {**delta("b"), "index": index}, END)).choice.text
        == "ab"
    )


def test_unknown_events_are_told_raw_where_asked_for() -> None:
    odd = event("debug", 0, novel=1)
    assert run(sse(START, odd, delta("x"), END)).choice.text == "x"
    raw = [d for d in run(sse(START, odd, END), raw_deltas=True).deltas if isinstance(d, RawDelta)]
    assert [each.event for each in raw] == ["debug"]


def test_logprobs_stand_beside_their_piece() -> None:
    told = {**delta("a"), "logprobs": {"token_ids": [7], "text": "a", "logprobs": [-0.5]}}
    outcome = run(sse(START, told, delta("b"), END))
    assert [dict(d.metadata).keys() for d in outcome.deltas if d.text] == [{"logprobs"}, set()]


def test_half_a_character_waits_for_the_other() -> None:
    def half(code: str, name: str = "text") -> str:
        return json.dumps(delta("@", 0, name)).replace("@", code)

    assert run(sse(START, half("\\ud83d"), half("\\ude00"), END)).choice.text == "\U0001f600"
    assert run(sse(START, half("\\ud83d"), END)).choice.text == "\ufffd"


def test_answer_that_is_not_streamed_is_the_same() -> None:
    call = {"id": "c0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    content = [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "Hi"}]
    citations = [{"start": 0, "end": 2}]
    message = {
        "role": "assistant",
        "content": content,
        "tool_plan": "plan",
        "tool_calls": [call],
        "citations": citations,
    }
    whole = {"id": "r-1", "finish_reason": "TOOL_CALL", "message": message, "usage": END["delta"]["usage"]}  # type: ignore[index]
    outcome = run(json.dumps(whole, indent=1).encode(), [11] * 30, request=ask(stream=False))
    assert outcome.answer is not None
    streamed = run(
        sse(
            START,
            delta("so", 0, "thinking"),
            delta("Hi", 1),
            event("tool-plan-delta", tool_plan="plan"),
            *call_events(0, '{"a": 1}'),
            event("citation-start", 0, citations=citations[0]),
            ended(finish_reason="TOOL_CALL"),
        )
    )
    assert outcome.choice == streamed.choice
    assert outcome.usage == streamed.usage
    assert outcome.so_far.metadata == streamed.so_far.metadata
    assert run(b'{"id":"x","message":"no such model"}').failure is not None
    failed = run(json.dumps({**whole, "finish_reason": "ERROR"}).encode()).failure
    assert failed is not None
    assert failed.kind == "in_stream"


def test_calls_citations_and_events_are_bounded() -> None:
    many = run(sse(START, *[each for n in range(1100) for each in call_events(n)], END))
    assert many.failure is not None
    assert many.failure.kind == "bound"
    cited = event("citation-start", 0, citations={"text": "x" * 1000})
    outcome = run(sse(START, *[cited] * 100, END), max_output_bytes=4096, max_event_bytes=4096)
    assert outcome.failure is not None
    assert outcome.failure.kind == "bound"
    huge = run(sse(START, delta("x" * 9000), END), max_event_bytes=4096)
    assert huge.failure is not None
    assert huge.failure.clock == "max_event_bytes"


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
cuts = st.lists(st.integers(1, 90), max_size=60)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
KINDS = [
    "message-start", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start",
    "tool-call-delta", "tool-call-end", "citation-start", "citation-end", "message-end", "error", "novel",
]  # fmt: skip
odd_messages = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("tool_plan", "tool_calls", "citations", "role"), values)
    | {"content": values | st.fixed_dictionaries({}, optional={"text": values, "thinking": values})},
)  # fmt: skip
odd_deltas = values | st.fixed_dictionaries(
    {}, optional={"message": values | odd_messages, "finish_reason": values, "usage": values, "error": values}
)
odd_events = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(KINDS) | values, "index": values, "delta": odd_deltas, "id": values,
                  "logprobs": values, "message": values}
)  # fmt: skip
fed = st.one_of(
    odd_events.map(sse),
    words.map(lambda word: sse(delta(word))),
    st.sampled_from([sse(START), sse(END), sse("[DONE]"), b": ping\n\n", b"data:\n\n", b"event: error\n"]),
    st.binary(max_size=12),
)


@given(st.lists(fed, max_size=12), cuts, st.booleans(), st.booleans())
def test_anything_that_is_fed_comes_to_one_end_however_it_is_cut(
    fed: list[bytes], sizes: list[int], clean: bool, raw: bool
) -> None:
    outcome = RUN.however_cut(b"".join(fed), sizes, clean=clean, raw_deltas=raw)
    assert (outcome.answer is None) != (outcome.failure is None)


def test_time_is_linear_in_the_fragments_of_one_call() -> None:
    def took_s(fragments: int) -> float:
        events = [
            event("tool-call-delta", 0, tool_calls={"function": {"arguments": "x" * 10}})
            for _ in range(fragments)
        ]
        return RUN.took_s(sse(START, *call_events(0)[:1], *events), fragments)

    assert_linear(took_s, 8_000)
