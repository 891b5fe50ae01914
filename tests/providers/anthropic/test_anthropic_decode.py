"""What each event and block of a message becomes."""

import json
from typing import Any

import pytest
from anthropic_wire import CODEC, call, delta, ended, event, message, run, start, started, stop, stream

from greenroom.messages.deltas import RawDelta, ReasoningDelta, TextDelta, ToolCallCompleted

CITED = {"type": "char_location", "cited_text": "The sky is blue.", "document_index": 0}


def test_text_of_several_blocks_is_several_parts() -> None:
    second = start(1, "text", text="") + delta(1, "text_delta", text="two") + stop(1)
    outcome = run(stream(message("o", "ne "), second))
    assert [part.text for part in outcome.choice.parts] == ["one ", "two"]
    assert [d.block for d in outcome.deltas if isinstance(d, TextDelta)] == [0, 0, 1]
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == ("stop", "end_turn")
    assert (outcome.so_far.model, outcome.so_far.response_id) == ("claude-x", "msg_1")


@pytest.mark.parametrize(
    ("raw", "ours"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"), ("tool_use", "tool_calls"), ("refusal", "refusal"),
        ("compaction", "unknown"), ("something_new", "unknown"),
    ],
)  # fmt: skip
def test_stop_reasons_in_our_words(raw: str, ours: str) -> None:
    outcome = run(stream(message("x"), reason=raw))
    assert (outcome.choice.finish_reason, outcome.choice.finish_reason_raw) == (ours, raw)


def test_thinking_is_reasoning_with_its_signature() -> None:
    thought = (
        start(0, "thinking", thinking="", signature="")
        + delta(0, "thinking_delta", thinking="hm")
        + delta(0, "thinking_delta", thinking="m")
        + delta(0, "signature_delta", signature="c2ln")
        + stop(0)
    )
    hidden = start(1, "redacted_thinking", data="enc") + stop(1)
    silent = start(2, "thinking", thinking="") + delta(2, "signature_delta", signature="s2") + stop(2)
    answer = start(3, "text", text="") + delta(3, "text_delta", text="yes") + stop(3)
    outcome = run(stream(thought, hidden, silent, answer))
    one, two, three, text = outcome.choice.parts
    assert (one.text, one.signature, one.encrypted, one.wire) == ("hmm", "c2ln", None, "anthropic")
    assert (two.text, two.signature, two.encrypted, two.wire) == ("", None, "enc", "anthropic")
    assert (three.text, three.signature, text.text) == ("", "s2", "yes")
    assert [d.block for d in outcome.deltas if isinstance(d, ReasoningDelta)] == [0, 0, 0, 1, 2]


def test_parallel_tool_calls_one_of_them_without_json() -> None:
    first = (
        start(0, "tool_use", id="toolu_1", name="add", input={})
        + delta(0, "input_json_delta", partial_json="")
        + delta(0, "input_json_delta", partial_json='{"a": ')
        + delta(0, "input_json_delta", partial_json="1}")
        + stop(0)
    )
    second = start(1, "tool_use", id="toolu_2", name="now", input={}) + stop(1)
    outcome = run(stream(first, second, reason="tool_use"))
    assert [(c.id, c.name, c.arguments, c.index, c.complete) for c in outcome.choice.tool_calls] == [
        ("toolu_1", "add", '{"a": 1}', 0, True),
        ("toolu_2", "now", "{}", 1, True),
    ]
    assert sum(isinstance(d, ToolCallCompleted) for d in outcome.deltas) == 2


def test_a_call_whose_input_stands_in_its_start() -> None:
    outcome = run(stream(start(0, "tool_use", id="t", name="f", input={"a": [1]}), stop(0)))
    (call,) = outcome.choice.tool_calls
    assert (json.loads(call.arguments), call.complete) == ({"a": [1]}, True)


def test_a_call_without_id_or_name_gets_them() -> None:
    outcome = run(stream(start(0, "tool_use"), stop(0), start(1, "tool_use", id="", name=None), stop(1)))
    ids = [call.id for call in outcome.choice.tool_calls]
    assert all(ids)
    assert len(set(ids)) == 2
    assert {call.name for call in outcome.choice.tool_calls} == {"unknown"}


def test_what_stands_beside_a_call_goes_back_with_it() -> None:
    outcome = run(
        stream(start(0, "tool_use", id="t", name="f", input={}, caller={"type": "direct"}), stop(0))
    )
    assert dict(outcome.choice.tool_calls[0].metadata) == {"caller": {"type": "direct"}, "wire": "anthropic"}


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
@pytest.mark.parametrize("json_so_far", ['{"a": "b', ""])
def test_a_call_cut_for_want_of_tokens_is_incomplete_and_no_failure(reason: str, json_so_far: str) -> None:
    cut = start(0, "tool_use", id="t", name="f", input={})
    cut += delta(0, "input_json_delta", partial_json=json_so_far) + stop(0)
    outcome = run(stream(cut, reason=reason))
    (call,) = outcome.choice.tool_calls
    assert (call.arguments, call.complete) == (json_so_far, False)
    assert outcome.choice.finish_reason == "length"


HOSTED: list[tuple[str, dict[str, Any]]] = [
    ("web_search_tool_result", {"tool_use_id": "srv", "content": [{"type": "web_search_result"}]}),
    ("code_execution_tool_result", {"tool_use_id": "srv", "content": {"return_code": 0}}),
    ("container_upload", {"file_id": "file_1"}),
    ("mcp_tool_result", {"tool_use_id": "m", "is_error": False, "content": []}),
    ("fallback", {"from": {"model": "a"}, "to": {"model": "b"}}),
    ("quite_new", {"anything": {"at": ["all"]}}),
]


@pytest.mark.parametrize(("kind", "fields"), HOSTED, ids=[kind for kind, _ in HOSTED])
def test_a_block_of_a_hosted_tool_is_one_whole_item(kind: str, fields: dict[str, Any]) -> None:
    outcome = run(
        stream(start(0, kind, **fields), stop(0), message("x").replace(b'"index": 0', b'"index": 1'))
    )
    item, text = outcome.choice.parts
    assert (item.wire, item.item) == ("anthropic", {"type": kind, **fields})
    assert text.text == "x"


@pytest.mark.parametrize("kind", ["server_tool_use", "mcp_tool_use"])
def test_the_input_of_a_hosted_call_is_joined(kind: str) -> None:
    used = start(0, kind, id="srv", name="web_search", input={})
    used += b"".join(delta(0, "input_json_delta", partial_json=piece) for piece in ("", '{"query"', ': "x"}'))
    outcome = run(stream(used, stop(0), start(1, kind, id="two", name="n", input={"a": 1}), stop(1)))
    assert [part.item for part in outcome.choice.parts] == [
        {"type": kind, "id": "srv", "name": "web_search", "input": {"query": "x"}},
        {"type": kind, "id": "two", "name": "n", "input": {"a": 1}},
    ]
    assert outcome.choice.tool_calls == ()


def test_a_hosted_call_that_was_cut_is_no_item() -> None:
    used = start(0, "server_tool_use", id="srv", name="web_search", input={})
    used += delta(0, "input_json_delta", partial_json='{"query"') + stop(0)
    assert run(stream(used, reason="max_tokens")).choice.parts == ()


def test_a_compaction_is_an_item_with_its_content() -> None:
    compacted = start(0, "compaction", content=None)
    compacted += delta(0, "compaction_delta", content="So ", encrypted_content="e") + delta(
        0, "compaction_delta", content="far."
    )
    outcome = run(stream(compacted, stop(0)))
    assert outcome.choice.parts[0].item == {
        "type": "compaction", "content": "So far.", "encrypted_content": "e",
    }  # fmt: skip


def test_citations_are_told_at_once_with_the_answer_and_kept_for_the_way_back() -> None:
    cited = start(0, "text", text="", citations=[]) + delta(0, "text_delta", text="blue")
    outcome = run(stream(cited, delta(0, "citations_delta", citation=CITED), stop(0)))
    assert outcome.deltas[1].metadata == {"citation": CITED}
    assert outcome.answer is not None
    assert outcome.answer.metadata["citations"] == ({"block": 0, **CITED},)
    (part,) = outcome.choice.parts
    assert (part.text, part.wire, json.loads(part.signature or "")) == ("blue", "anthropic", [CITED])


def test_facts_of_the_end_stand_in_the_answers_metadata() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    data = started() + message("Here is") + ended("refusal", stop_details=details, container={"id": "c"})
    outcome = run(data)
    assert outcome.answer is not None
    assert outcome.choice.text == "Here is"
    assert outcome.choice.finish_reason == "refusal"
    assert outcome.answer.metadata == {"stop_details": details, "container": {"id": "c"}}


@pytest.mark.parametrize("reason", ["pause_turn", "end_turn"])
def test_a_pause_asks_to_be_continued(reason: str) -> None:
    data = started() + message("so far") + ended(reason, container={"id": "cont_1"})
    decoder = CODEC.start(call())
    decoded = decoder.feed(data, 1, 1000.0)
    assert decoded.answer is not None
    assert decoded.paused is (reason == "pause_turn")
    assert decoded.answer.cursor == ("cont_1" if decoded.paused else None)


def test_a_message_that_was_not_streamed_comes_out_the_same() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "e"},
        {"type": "text", "text": "yes", "citations": [CITED]},
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
    ]
    whole = {
        "id": "m", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
        "stop_reason": "tool_use", "usage": {"input_tokens": 3, "output_tokens": 4},
    }  # fmt: skip
    body = json.dumps(whole).encode()
    outcome = run(body)
    assert [part.type for part in outcome.choice.parts] == [
        "reasoning", "reasoning", "text", "provider", "tool_call", "tool_call",
    ]  # fmt: skip
    assert [(c.id, json.loads(c.arguments), c.complete) for c in outcome.choice.tool_calls] == [
        ("t", {"a": 1}, True),
        ("t2", {}, True),
    ]
    assert outcome.usage.total_tokens == 7
    assert outcome.choice.finish_reason == "tool_calls"
    assert run(body, [1] * len(body)) == outcome
    assert run(body, clean=False).answer is None


def test_pings_padding_and_done_say_nothing() -> None:
    padded = message("a", "b", "c").replace(b"}}\n", b"}      }\n", 2)
    data = started() + event("ping") + b": hi\n\n" + padded + event("ping") + b"data: [DONE]\n\n" + ended()
    assert run(data).choice.text == "abc"
    raw = [d for d in run(data, raw_deltas=True).deltas if isinstance(d, RawDelta)]
    assert [d.data for d in raw] == [{"data": "[DONE]"}]


def test_unknown_events_deltas_and_fields_are_passed_on_where_asked() -> None:
    data = stream(
        event("something_new", what=1),
        start(0, "text", text=""),
        delta(0, "sparkle_delta", sparkle="x"),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"}, p="pad"),
        stop(0),
        b"event: odd\ndata: no json\n\n",
    )
    assert run(data).choice.text == "a"
    raw = [d for d in run(data, raw_deltas=True).deltas if isinstance(d, RawDelta)]
    assert [d.event for d in raw] == ["something_new", "content_block_delta", "content_block_delta", "odd"]
    assert not any(isinstance(d, RawDelta) for d in run(data).deltas)


@pytest.mark.parametrize("form", ["no event lines", "no types", "crlf", "compact"])
def test_other_ways_to_write_the_same_stream(form: str) -> None:
    data = stream(message("one ", "two"))
    want = run(data)
    if form == "no event lines":
        data = b"".join(line + b"\n\n" for line in data.split(b"\n") if line.startswith(b"data: "))
    elif form == "no types":
        lines = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: ")]
        data = b"".join(
            f"event: {given.pop('type')}\ndata: {json.dumps(given)}\n\n".encode() for given in lines
        )
    elif form == "crlf":
        data = data.replace(b"\n", b"\r\n")
    else:
        data = data.replace(b'": ', b'":').replace(b", ", b",")
    assert run(data) == want


def test_half_a_character_waits_for_the_other_half() -> None:
    halves = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}\n\n'
    data = started() + start(0, "text", text="") + halves % b"a\\ud83d" + halves % b"\\ude00b"
    assert run(data + stop(0) + ended()).choice.text == "a\U0001f600b"
    alone = run(data + halves % b"c\\ud83d" + ended())
    assert alone.choice.text == "a\U0001f600bc\ufffd"
