"""Gemini chunks to deltas and one end."""

import json
from typing import Any

import pytest
from gemini_wire import Outcome, array, chunk, run, sse

from greenroom.messages.deltas import ProviderItem, RawDelta, ReasoningDelta, TextDelta, UsageDelta
from greenroom.messages.parts import ProviderPart, ReasoningPart, TextPart, ToolCallPart
from greenroom.supervision.classifier import classify, is_retryable

STOP = chunk(finish="STOP")


def both(*chunks: Any, **how: Any) -> Outcome:
    """What the chunks come to as events and as an array: the same."""
    outcome = run(sse(*chunks), **how)
    assert run(array(*chunks), **how) == outcome
    return outcome


def test_text_thoughts_and_their_signatures_are_parts_of_their_own() -> None:
    outcome = both(
        chunk({"text": "Hm.", "thought": True}),
        chunk({"text": " So.", "thought": True}),
        chunk({"text": "He"}, {"text": "llo", "thoughtSignature": "c2ln"}, {"text": "!"}),
        chunk({"text": "", "thoughtSignature": "ZW5k"}, finish="STOP"),
    )
    assert outcome.choice.parts == (
        ReasoningPart(text="Hm. So.", wire="gemini", metadata={"wire": "gemini"}),
        TextPart(text="He"),
        TextPart(text="llo", signature="c2ln", wire="gemini"),
        TextPart(text="!"),
        TextPart(text="", signature="ZW5k", wire="gemini"),
    )
    assert (outcome.choice.text, outcome.choice.finish_reason) == ("Hello!", "stop")


def test_a_signed_thought_keeps_its_signature() -> None:
    outcome = both(chunk({"text": "Hm", "thought": True, "thoughtSignature": "c2ln"}, {"text": "x"}), STOP)
    (thought, _) = outcome.choice.parts
    assert isinstance(thought, ReasoningPart)
    assert (thought.text, thought.signature, thought.wire) == ("Hm", "c2ln", "gemini")


def test_calls_are_whole_and_get_an_id_where_google_gives_none() -> None:
    call, other = {"name": "f", "args": {"x": [1, "é"]}}, {"name": "f", "args": {}, "id": "own"}
    outcome = both(
        chunk({"functionCall": call, "thoughtSignature": "c2ln"}, {"functionCall": call}),
        chunk({"functionCall": other}, {"functionCall": {"name": "g"}}, finish="STOP"),
    )
    calls = outcome.choice.tool_calls
    assert [json.loads(each.arguments) for each in calls] == [{"x": [1, "é"]}, {"x": [1, "é"]}, {}, {}]
    assert [each.index for each in calls] == [0, 1, 2, 3]
    assert len({each.id for each in calls}) == 4
    assert calls[2].id == "own"
    assert dict(calls[2].metadata) == {"wire": "gemini"}
    assert dict(calls[0].metadata) == {"wire": "gemini", "made_id": calls[0].id, "signature": "c2ln"}
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == ("tool_calls", "STOP")
    assert all(each.complete for each in calls)


def partial(**fields: Any) -> dict[str, Any]:
    return chunk({"functionCall": fields})


def values(*args: tuple[str, Any], goes_on: bool = False) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", bool: "boolValue", int: "numberValue", float: "numberValue"}
    return [
        {"jsonPath": path, kinds[type(value)]: value, **({"willContinue": True} if goes_on else {})}
        if value is not None
        else {"jsonPath": path, "nullValue": "NULL_VALUE"}
        for path, value in args
    ]


def test_arguments_that_come_value_by_value() -> None:
    outcome = both(
        partial(name="f", willContinue=True),
        partial(partialArgs=values(("$.q", 'He said "'), goes_on=True), willContinue=True),
        partial(partialArgs=values(("$.q", "hi\n"), goes_on=True), willContinue=True),
        partial(partialArgs=values(("$.q", "!")), willContinue=True),
        partial(
            partialArgs=values(("$.n", 3.0), ("$.o.a[0]", True), ("$.o.a[1].b", None)), willContinue=True
        ),
        partial(partialArgs=values(("$.o.c", 1.5), ("$['x.y'][\"z\"]", "t")), willContinue=True),
        partial(),
        STOP,
    )
    (call,) = outcome.choice.tool_calls
    wanted = {"q": 'He said "hi\n!', "n": 3, "o": {"a": [True, {"b": None}], "c": 1.5}, "x.y": {"z": "t"}}
    assert json.loads(call.arguments) == wanted
    assert call.complete
    pieces = [delta.arguments for delta in outcome.deltas if delta.type == "tool_call_delta"]
    assert "".join(pieces) == call.arguments
    assert len(pieces) > 4


@pytest.mark.parametrize(
    "args",
    [
        values(("$.a.b", 1), ("$.c", 2), ("$.a.d", 3)),  # back into what was closed
        values(("$.a", 1), ("$.a", 2)),
        values(("$.a[1]", 1)),
        values(("$.a[999999]", 1)),
        values(("$[0]", 1)),
        values(("$..a", 1)),
        values(("$", 1)),
        [{"jsonPath": 7, "stringValue": "x"}],
        [7],
        [{}],
    ],
)
def test_values_that_no_text_can_take_leave_the_call_incomplete(args: list[Any]) -> None:
    outcome = both(partial(name="f", willContinue=True), partial(partialArgs=args), STOP)
    (call,) = outcome.choice.tool_calls
    assert not call.complete
    assert outcome.answer is not None


def test_a_call_that_was_to_go_on_is_incomplete() -> None:
    going = partial(partialArgs=values(("$.a", "x"), goes_on=True), willContinue=True)
    outcome = both(partial(name="f", willContinue=True), going, STOP)
    (call,) = outcome.choice.tool_calls
    assert (call.complete, call.arguments) == (False, '{"a":"x')


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "c2ln"},
        {"fileData": {"fileUri": "gs://b/o"}},
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "1"}},
        {"somethingNew": {"x": 1}},
    ],
)
def test_what_only_google_understands_goes_out_whole(part: dict[str, Any]) -> None:
    outcome = both(chunk({"text": "a"}, part, {"text": "b"}), STOP)
    assert outcome.choice.parts == (
        TextPart(text="a"), ProviderPart(wire="gemini", item=part), TextPart(text="b"),
    )  # fmt: skip
    assert [type(delta) for delta in outcome.deltas] == [TextDelta, ProviderItem, TextDelta]


def test_candidates_are_kept_apart_and_all_must_end() -> None:
    chunks = [
        chunk({"text": "a"}), chunk({"text": "b"}, index=1), chunk({"text": "A"}, finish="STOP"),
        chunk({"text": "B"}, index=1),
    ]  # fmt: skip
    cut = both(*chunks)
    assert cut.failure is not None
    assert cut.failure.kind == "protocol"
    whole = both(*chunks, chunk(finish="MAX_TOKENS", index=1))
    assert [(each.text, each.finish_reason) for each in whole.choices()] == [("aA", "stop"), ("bB", "length")]


COUNTED = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}


def test_counts_are_cumulative_and_the_newest_hold() -> None:
    last = {"promptTokenCount": 5, "candidatesTokenCount": 4, "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 2,
            "toolUsePromptTokenCount": 6, "totalTokenCount": 18,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}]}  # fmt: skip
    outcome = both(
        chunk({"text": "a"}, usageMetadata={"trafficType": "ON_DEMAND"}),
        chunk({"text": "b"}, finish="STOP", usageMetadata=COUNTED),
        {"usageMetadata": last},
    )
    usage = outcome.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (11, 7, 18)
    assert (usage.cached_input_tokens, usage.reasoning_tokens, usage.audio_input_tokens) == (2, 3, 1)
    assert (usage.source, dict(usage.raw)) == (
        "provider",
        last | {"promptTokensDetails": usage.raw["promptTokensDetails"]},
    )
    assert sum(isinstance(delta, UsageDelta) for delta in outcome.deltas) == 1


def test_usage_of_a_stream_that_broke_is_partial() -> None:
    outcome = run(sse(chunk({"text": "a"}, usageMetadata=COUNTED)), clean=False)
    assert outcome.failure is not None
    assert (outcome.usage.source, outcome.usage.output_tokens) == ("partial", 2)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"), ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"), ("IMAGE_OTHER", "content_filter"), ("LANGUAGE", "unknown"),
        ("OTHER", "unknown"), ("NO_IMAGE", "unknown"), ("A_NEW_ONE", "unknown"), (2, "unknown"),
    ],
)  # fmt: skip
def test_finish_reasons(finish: Any, reason: str) -> None:
    outcome = both(chunk({"text": "a"}, finish=finish))
    assert outcome.answer is not None
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (reason, str(finish))


@pytest.mark.parametrize("finish", ["", "FINISH_REASON_UNSPECIFIED", 0])
def test_an_empty_finish_reason_is_none(finish: Any) -> None:
    outcome = both(chunk({"text": "a"}, finish=finish))
    assert outcome.answer is None
    assert outcome.choice.finish_reason is None


@pytest.mark.parametrize(
    ("finish", "error_class", "retryable"),
    [
        ("MALFORMED_FUNCTION_CALL", "transient", True), ("UNEXPECTED_TOOL_CALL", "transient", True),
        ("TOO_MANY_TOOL_CALLS", "transient", True), ("MALFORMED_RESPONSE", "transient", True),
        ("MISSING_THOUGHT_SIGNATURE", "invalid_request", False), ("PUP_LIMITED_DISABLED", "permission", False),
    ],
)  # fmt: skip
def test_finish_reasons_that_are_failures(finish: str, error_class: str, retryable: bool) -> None:
    given = chunk({"text": "a"}, finish=finish, usageMetadata=COUNTED)
    given["candidates"][0]["finishMessage"] = "Malformed function call: print(f(x))"
    outcome = both(given)
    evidence = outcome.failure
    assert evidence is not None
    assert (evidence.kind, evidence.code) == ("in_stream", finish)
    assert evidence.message == "Malformed function call: print(f(x))"
    assert (classify(evidence), is_retryable(evidence, classify(evidence))) == (error_class, retryable)
    assert (outcome.choice.text, outcome.choice.finish_reason, outcome.usage.output_tokens) == (
        "a",
        "error",
        2,
    )


def test_a_block_reason_that_says_nothing_is_no_block() -> None:
    feedback = {"blockReason": "BLOCK_REASON_UNSPECIFIED", "safetyRatings": []}
    chunk = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]}
    outcome = run(f"data: {json.dumps(chunk | {'promptFeedback': feedback})}\r\n\r\n".encode())
    assert outcome.answer is not None
    assert outcome.choice.text == "x"


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SOMETHING_NEW"])
def test_a_blocked_prompt_is_refused_content(reason: str) -> None:
    outcome = both(
        {
            "promptFeedback": {"blockReason": reason},
            "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5},
        }
    )
    evidence = outcome.failure
    assert evidence is not None
    assert (evidence.kind, evidence.code, classify(evidence)) == ("in_stream", reason, "content_policy")
    assert not is_retryable(evidence, "content_policy")
    assert reason in evidence.message
    assert outcome.usage.input_tokens == 5


def test_ratings_of_a_prompt_that_passed_are_no_block() -> None:
    outcome = both(
        {"promptFeedback": {"safetyRatings": [{"category": "X"}]}}, chunk({"text": "a"}, finish="STOP")
    )
    assert outcome.answer is not None
    assert outcome.answer.metadata["promptFeedback"]["safetyRatings"][0]["category"] == "X"


def test_a_stop_without_content_is_an_empty_answer() -> None:
    outcome = both(STOP)
    assert outcome.answer is not None
    assert (outcome.choice.text, outcome.choice.parts, outcome.choice.finish_reason) == ("", (), "stop")


def test_facts_of_the_answer() -> None:
    first = chunk({"text": "a"}, modelVersion="gemini-x", responseId="r")
    first["candidates"][0]["citationMetadata"] = {"citationSources": [{"uri": "u1"}]}
    last = chunk(finish="STOP")
    last["candidates"][0] |= {
        "citationMetadata": {"citationSources": [{"uri": "u2"}]},
        "groundingMetadata": {"webSearchQueries": ["q"]},
    }
    outcome = both(first, last)
    assert outcome.answer is not None
    assert (outcome.answer.model, outcome.answer.response_id) == ("gemini-x", "r")
    assert [each["uri"] for each in outcome.answer.metadata["citationMetadata"]["citationSources"]] == [
        "u1",
        "u2",
    ]
    assert outcome.answer.metadata["groundingMetadata"]["webSearchQueries"] == ("q",)


def test_logprobs_stand_beside_the_text() -> None:
    given = chunk({"text": "a"}, finish="STOP")
    given["candidates"][0]["logprobsResult"] = {"chosenCandidates": [{"token": "a", "logProbability": -0.1}]}
    (delta,) = both(given).deltas
    assert delta.metadata["logprobs"]["chosenCandidates"][0]["token"] == "a"


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    "body", [sse(ERROR), array(ERROR), json.dumps(ERROR).encode(), sse(chunk({"text": "a"}), ERROR)]
)
def test_an_error_on_200_is_one_in_any_form(body: bytes) -> None:
    for sizes in ([], [1] * len(body)):
        evidence = run(body, sizes).failure
        assert evidence is not None
        assert (evidence.kind, evidence.status, evidence.error_type) == ("in_stream", 503, "UNAVAILABLE")
        assert evidence.message == "The model is overloaded."


def test_an_answer_that_is_not_streamed() -> None:
    whole = chunk({"text": "a", "thought": True}, {"text": "b"}, finish="STOP", usageMetadata=COUNTED)
    outcome = run(json.dumps(whole).encode())
    assert outcome.answer is not None
    assert (outcome.choice.reasoning, outcome.choice.text, outcome.usage.total_tokens) == ("a", "b", 7)
    blocked = run(b'{"promptFeedback": {"blockReason": "SAFETY"}}')
    assert blocked.failure is not None
    assert blocked.failure.code == "SAFETY"
    cut = run(json.dumps(chunk({"text": "a"})).encode())
    assert cut.failure is not None
    assert cut.failure.kind == "protocol"


def test_a_pause_of_the_servers_own() -> None:
    given = chunk({"text": "a"}, finish="CONTINUATION")
    given["candidates"][0]["continuationToken"] = "dG9r"
    outcome = both(given)
    assert outcome.answer is not None
    assert outcome.answer.cursor == "dG9r"
    assert outcome.choice.finish_reason == "length"


def test_raw_deltas_carry_what_is_not_known() -> None:
    outcome = run(
        sse({"serverNews": 1}, chunk({"text": "a"}, finish="STOP")) + b"event: ping\ndata: x\n\n",
        raw_deltas=True,
    )
    raws = [delta for delta in outcome.deltas if isinstance(delta, RawDelta)]
    assert [(raw.event, dict(raw.data)) for raw in raws] == [
        ("message", {"serverNews": 1}),
        ("ping", {"data": "x"}),
    ]
    assert isinstance(outcome.answer, object)


def test_first_thought_of_a_block_alone_bears_the_mark() -> None:
    outcome = run(sse(*[chunk({"text": "x", "thought": True})] * 3, STOP))
    marks = [bool(delta.metadata) for delta in outcome.deltas if isinstance(delta, ReasoningDelta)]
    assert marks == [True, False, False]


def test_tool_calls_survive_as_parts() -> None:
    (part,) = run(sse(chunk({"functionCall": {"name": "f", "args": {}}}, finish="STOP"))).choice.parts
    assert isinstance(part, ToolCallPart)
