"""What each event of the Responses wire means."""

import json
from typing import Any

import pytest
from responses_wire import Event, created, ended, function, item, message, run, stream, text

from greenroom.messages.deltas import ProviderItem, ReasoningDelta, TextDelta, ToolCallStarted
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.parts import ReasoningPart

USAGE = {
    "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 17,
}  # fmt: skip


def answer_of(*events: Event, **how: Any) -> Any:
    outcome = run(stream([created(), *events]), **how)
    assert outcome.answer is not None, outcome.failure
    return outcome


def test_a_message_and_its_facts() -> None:
    last = ended(usage=USAGE, service_tier="default")
    outcome = answer_of({"type": "response.in_progress", "response": {}}, *message("Hel", "lo"), last)
    assert outcome.choice.text == "Hello"
    assert [delta.text for delta in outcome.deltas if isinstance(delta, TextDelta)] == ["Hel", "lo"]
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == ("stop", "completed")
    answer = outcome.answer
    assert (answer.response_id, answer.model, answer.cursor) == ("resp_1", "gpt", "9")
    assert answer.metadata["service_tier"] == "default"
    usage = outcome.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 7, 17)
    assert (usage.cached_input_tokens, usage.reasoning_tokens, usage.source) == (4, 3, "provider")


def test_text_that_only_its_done_event_told_is_said_once() -> None:
    events = message("All of it.")
    without = [event for event in events if not event["type"].endswith(".delta")]
    assert answer_of(*without, ended()).choice.text == "All of it."
    assert answer_of(events[0], events[-1], ended()).choice.text == "All of it."
    assert answer_of(ended(output=[events[-1]["item"]])).choice.text == "All of it."


def test_a_done_event_supplies_the_end_that_no_delta_said() -> None:
    events = message("Hello ", "there")
    assert answer_of(*(e for e in events if e.get("delta") != "there"), ended()).choice.text == "Hello there"


def test_a_done_event_with_text_that_was_lost_in_the_middle_is_a_failure() -> None:
    events = [event for event in message("a", "b", "c") if event.get("delta") != "b"]
    outcome = run(stream([created(), *events, ended()]))
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"
    assert "response.output_text.done tells more text than its deltas" in outcome.failure.message


def test_another_text_in_the_done_event_is_noted_and_not_said() -> None:
    events = message("Hello")
    events[3]["text"] = "HELLO"
    outcome = answer_of(*events, ended())
    assert outcome.choice.text == "Hello"
    assert outcome.answer.metadata["differs_from_deltas"] == ("response.output_text.done",)


def test_messages_parts_and_phases_stay_apart() -> None:
    first = message("one", index=0)
    first[0]["item"]["phase"] = "commentary"
    outcome = answer_of(*first, *message("two", index=1, item_id="msg_2"), ended())
    parts = [(part.text, part.signature, part.wire) for part in outcome.choice.parts]
    assert parts == [("one", "commentary", "openai-responses"), ("two", None, None)]


def test_a_function_call_has_its_call_id_and_keeps_its_item_id() -> None:
    outcome = answer_of(*function(['{"a"', ":1}"]), ended())
    (call,) = outcome.choice.tool_calls
    assert (call.id, call.name, call.arguments, call.complete) == ("call_1", "f", '{"a":1}', True)
    assert call.metadata["item_id"] == "fc_0"
    assert outcome.choice.finish_reason == "tool_calls"


def test_calls_that_take_turns_come_apart() -> None:
    one, two = function(["{", "}"], 0), function(["[", "]"], 1, "g", "call_2")
    mixed = [one[0], two[0], one[1], two[1], two[2], one[2], *two[3:], *one[3:]]
    calls = answer_of(*mixed, ended()).choice.tool_calls
    assert [(c.id, c.name, c.arguments, c.complete) for c in calls] == [
        ("call_1", "f", "{}", True), ("call_2", "g", "[]", True),
    ]  # fmt: skip


def test_a_call_without_argument_deltas_or_without_arguments() -> None:
    events = [event for event in function(['{"a":1}']) if not event["type"].endswith(".delta")]
    assert answer_of(*events, ended()).choice.tool_calls[0].arguments == '{"a":1}'
    assert answer_of(*function([]), ended()).choice.tool_calls[0].arguments == "{}"


def test_arguments_that_differ_from_their_deltas_are_a_failure_unless_they_mean_the_same() -> None:
    events = function(['{"a": 1}'])
    events[2]["arguments"] = '{"a":1}'
    assert answer_of(*events, ended()).choice.tool_calls[0].arguments == '{"a": 1}'
    events[2]["arguments"] = '{"a":2}'
    failure = run(stream([created(), *events, ended()])).failure
    assert failure is not None
    assert failure.message == "the arguments of a call differ from their deltas"


@pytest.mark.parametrize("item_id", ["fc_0", "fc_other"])
def test_items_of_a_server_that_gives_all_the_same_place(item_id: str) -> None:
    other = function(["[]"], 0, "g", "call_2")
    for event in other:
        event.get("item", event)["id" if "item" in event else "item_id"] = item_id
    calls = answer_of(*function(["{}"], 0), *other, ended()).choice.tool_calls
    assert [(call.name, call.arguments) for call in calls] == [("f", "{}"), ("g", "[]")]


def test_a_custom_call_takes_free_text() -> None:
    told = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "python"}
    place = {"item_id": "ctc_1", "output_index": 0}
    kind = "response.custom_tool_call_input"
    outcome = answer_of(
        item("added", 0, **told, input=""),
        {"type": f"{kind}.delta", **place, "delta": "print("},
        {"type": f"{kind}.delta", **place, "delta": "1)"},
        {"type": f"{kind}.done", **place, "input": "print(1)"},
        item("done", 0, **told, input="print(1)", status="completed"),
        ended(),
    )
    (call,) = outcome.choice.tool_calls
    assert (call.arguments, call.complete, call.metadata["custom"]) == ("print(1)", True, True)


def test_searches_of_xai_are_its_own_business() -> None:
    told = {
        "type": "custom_tool_call",
        "id": "ctc_1",
        "call_id": "xs_call_1",
        "name": "x_search",
        "input": "q",
    }
    place = {"item_id": "ctc_1", "output_index": 0}
    events = [
        item("added", 0, **told),
        {"type": "response.custom_tool_call_input.delta", **place, "delta": "q"},
        item("done", 0, **told),
    ]
    outcome = answer_of(*events, *message("Found.", index=1), ended())
    assert outcome.choice.tool_calls == ()
    assert [part.type for part in outcome.choice.parts] == ["provider", "text"]
    assert outcome.choice.finish_reason == "stop"


def test_summaries_of_reasoning_stay_apart_and_bear_what_must_be_sent_back() -> None:
    told = {"type": "reasoning", "id": "rs_1"}
    events = [item("added", 0, **told, summary=[])]
    for index, words in enumerate(("First.", "Second.")):
        place = {"item_id": "rs_1", "output_index": 0, "summary_index": index}
        part = {"type": "summary_text", "text": words}
        events += [
            {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}},
            {"type": "response.reasoning_summary_text.delta", **place, "delta": words},
            {"type": "response.reasoning_summary_text.done", **place, "text": words},
            {"type": "response.reasoning_summary_part.done", **place, "part": part},
        ]
    summary = [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Second."}]
    events.append(item("done", 0, **told, summary=summary, encrypted_content="gAAA"))
    parts = answer_of(*events, *message("Hi", index=1), ended()).choice.parts
    thoughts = [part for part in parts if isinstance(part, ReasoningPart)]
    assert [(p.text, p.id, p.encrypted, p.wire) for p in thoughts] == [
        ("First.", "rs_1", None, "openai-responses"), ("Second.", "rs_1", "gAAA", "openai-responses"),
    ]  # fmt: skip


def test_reasoning_without_words_is_kept_where_it_is_encrypted() -> None:
    kept = item("done", 0, type="reasoning", id="rs_1", summary=[], encrypted_content="gAAA")
    (part, _) = answer_of(kept, *message("Hi", index=1), ended()).choice.parts
    assert (part.text, part.id, part.encrypted) == ("", "rs_1", "gAAA")
    bare = item("done", 0, type="reasoning", id="rs_1", summary=[])
    deltas = answer_of(bare, *message("Hi", index=1), ended()).deltas
    assert not any(isinstance(delta, ReasoningDelta) for delta in deltas)


def test_reasoning_text_is_reasoning_too() -> None:
    place = {"item_id": "rs_1", "output_index": 0, "content_index": 0}
    told = {"type": "reasoning", "id": "rs_1", "content": [{"type": "reasoning_text", "text": "Hm."}]}
    events = [{"type": "response.reasoning_text.delta", **place, "delta": "Hm."}, item("done", 0, **told)]
    outcome = answer_of(*events, ended())
    assert outcome.choice.reasoning == "Hm."
    assert outcome.choice.parts[0].metadata["form"] == "content"


def test_a_refusal_is_the_reason_why_it_ended() -> None:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    outcome = answer_of(
        item("added", 0, type="message", id="msg_1", content=[]),
        {"type": "response.refusal.delta", **place, "delta": "I "},
        {"type": "response.refusal.delta", **place, "delta": "won't."},
        {"type": "response.refusal.done", **place, "refusal": "I won't."},
        ended(),
    )
    assert (outcome.choice.refusal, outcome.choice.text) == ("I won't.", "")
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == ("refusal", "completed")


@pytest.mark.parametrize(
    ("kind", "beside"),
    [
        ("web_search_call", {"action": {"type": "search", "query": "q"}}),
        ("file_search_call", {"queries": ["q"], "results": None}),
        ("code_interpreter_call", {"code": "1+1", "outputs": []}),
        ("image_generation_call", {"result": "aGk="}),
        ("mcp_call", {"name": "f", "arguments": "{}", "output": "x"}),
        ("mcp_list_tools", {"tools": []}),
        ("mcp_approval_request", {"name": "f", "arguments": "{}"}),
        ("computer_call", {"call_id": "c", "action": {"type": "click"}}),
        ("shell_call", {"call_id": "c", "action": {"commands": ["ls"]}}),
        ("something_of_next_year", {"x": 1}),
    ],
)
def test_items_of_hosted_tools_are_kept_whole(kind: str, beside: dict[str, Any]) -> None:
    whole = {"type": kind, "id": "x_1", "status": "completed", **beside}
    added = item("added", 0, type=kind, id="x_1", status="in_progress")
    progress = {"type": f"response.{kind}.in_progress", "item_id": "x_1", "output_index": 0}
    outcome = answer_of(
        added, progress, item("done", 0, **whole), *message("Hi", index=1), ended(output=[whole])
    )
    (kept,) = [delta for delta in outcome.deltas if isinstance(delta, ProviderItem)]
    assert (kept.wire, kept.item) == ("openai-responses", _frozen(whole))
    assert outcome.choice.finish_reason == "stop"


def test_annotations_are_told_once() -> None:
    url = {"type": "url_citation", "url": "https://a.test", "start_index": 0, "end_index": 2}
    events = message("Hi")
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "annotation_index": 0}
    events.insert(3, {"type": "response.output_text.annotation.added", **place, "annotation": url})
    events[-1]["item"]["content"][0]["annotations"] = [url]
    assert answer_of(*events, ended()).answer.metadata["annotations"] == _frozen([url])
    del events[3]
    assert answer_of(*events, ended()).answer.metadata["annotations"] == _frozen([url])


def test_logprobs_stand_beside_the_text() -> None:
    logprob = {"token": "Hi", "logprob": -0.1, "top_logprobs": []}
    outcome = answer_of(text("Hi", logprobs=[logprob]), text("!", logprobs=[]), ended())
    assert outcome.deltas[0].metadata["logprobs"] == _frozen({"content": [logprob]})
    assert outcome.deltas[1].metadata == {}


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "else"}, "unknown"),
        (None, "unknown"),
    ],
)
def test_incomplete(details: Any, reason: str) -> None:
    outcome = answer_of(text("Hal"), ended("incomplete", incomplete_details=details))
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (reason, "incomplete")
    assert outcome.choice.text == "Hal"


def test_a_call_that_a_limit_cut_is_not_whole() -> None:
    events = function(['{"a'])[:2]
    cut = item(
        "done",
        0,
        type="function_call",
        id="fc_0",
        call_id="call_1",
        name="f",
        arguments='{"a',
        status="incomplete",
    )
    outcome = answer_of(*events, cut, ended("incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert [call.complete for call in outcome.choice.tool_calls] == [False]


def test_a_call_waits_for_its_name() -> None:
    events = function(['{"a":1}'])
    del events[0]["item"]["name"]
    outcome = answer_of(*events, ended())
    (started,) = [delta for delta in outcome.deltas if isinstance(delta, ToolCallStarted)]
    assert (started.name, outcome.choice.tool_calls[0].arguments) == ("f", '{"a":1}')


@pytest.mark.parametrize("piece", ["plain", 'quo"te', "back\\slash", "\n\t", "é", "\U0001f600", "\0"])
def test_any_piece_comes_through_the_short_cut(piece: str) -> None:
    pieces = ["a", "b", "c", piece, "d", piece]
    for padding in ({}, {"obfuscation": "xyz"}):
        events = [{**event, **padding} if "delta" in event else event for event in message(*pieces)]
        for numbered in (True, False):
            outcome = run(stream([created(), *events, ended()], numbered))
            assert outcome.choice.text == "".join(pieces), outcome.failure


def test_half_characters_are_joined() -> None:
    whole = message("a", "@", "#", "b")
    data = stream([created(), *whole, ended()]).replace(b'"a@#b"', b'"a\\ud83d\\ude00b"')
    data = data.replace(b'"@"', b'"\\ud83d"').replace(b'"#"', b'"\\ude00"')
    assert run(data).choice.text == "a\U0001f600b"
    alone = stream([created(), text("a"), text("@"), ended()]).replace(b'"@"', b'"\\ud83d"')
    assert run(alone).choice.text == "a\ufffd"


def test_half_a_character_of_an_answer_over_its_bound_changes_nothing() -> None:
    calls = [function(["@"], 0)[:-2], function(["x" * 50_000] * 4, 1)]
    data = stream([created(), *(event for call in calls for event in call)]).replace(b'"@"', b'"\\ud83d"')
    outcome = run(data, max_output_bytes=60_000, max_event_bytes=60_000)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.clock) == ("bound", "max_output_bytes")


def test_whole_answers_come_out_the_same() -> None:
    output = [message("Hi")[-1]["item"], function(['{"a":1}'], 1)[-1]["item"]]
    body = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt",
        "output": output,
        "usage": USAGE,
    }
    outcome = run(json.dumps(body).encode(), headers=[("content-type", "application/json")])
    streamed = answer_of(*message("Hi"), *function(['{"a":1}'], 1), ended(usage=USAGE))
    assert outcome.choice == streamed.choice
    assert outcome.usage == streamed.usage


def _frozen(value: Any) -> Any:
    return freeze_wire(value)
