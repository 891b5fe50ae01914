"""Text, reasoning and refusals in every form: lists, messages, tags, characters cut in two; logprobs beside."""

import json
from typing import Any

import pytest
from chat_wire import DONE, Outcome, run
from test_openai_chat_decode import END, piece, sse

from greenroom.messages.deltas import RawDelta, TextDelta

HIGH, LOW, SMILE = "\\ud83d", "\\ude00", "\U0001f600"


def said(*chunks: dict[str, Any] | str, **how: Any) -> Outcome:
    data = sse(*chunks, END) + DONE
    outcome = run(data, **how)
    assert run(data, [1] * len(data), **how) == outcome
    assert outcome.answer is not None
    return outcome


def escaped(field: str, text: str, index: int = 0) -> str:
    """A chunk whose text stands there as written, escapes and all."""
    return json.dumps(piece(index=index, **{field: "XX"})).replace("XX", text)


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ("a", "a", ""),
        (["a", "b"], "ab", ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab", ""),
        ({"type": "text", "text": "a"}, "a", ""),
        ([{"type": "output_text", "text": "a"}, {"type": "reference", "reference_ids": [1]}], "a", ""),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}], "", "r"),
        ([{"type": "thinking", "thinking": "r"}, {"type": "text", "text": "a"}], "a", "r"),
        ([{"type": "thinking", "thinking": {"text": "r"}}], "", "r"),
        ([None, 1, [], {}, {"type": "text", "text": None}, {"type": "image_url"}], "", ""),
        ([], "", ""),
        (7, "", ""),
        (None, "", ""),
    ],
)
def test_content_in_every_form(content: Any, text: str, reasoning: str) -> None:
    outcome = said(piece("x"), piece(content))
    assert (outcome.choice.text, outcome.choice.reasoning) == ("x" + text, reasoning)


def test_list_content_goes_through_the_think_tags() -> None:
    chunks = [piece([{"type": "text", "text": part}]) for part in ("<thi", "nk>r", "</think>a")]
    outcome = said(*chunks, profile="vllm")
    assert (outcome.choice.reasoning, outcome.choice.text) == ("r", "a")


def test_unknown_item_of_a_list_is_raw_on_request() -> None:
    outcome = said(piece([{"type": "reference", "reference_ids": [1]}]), raw_deltas=True)
    assert isinstance(outcome.deltas[0], RawDelta)


@pytest.mark.parametrize(
    ("delta", "reasoning"),
    [
        ({"reasoning_content": "r"}, "r"),
        ({"reasoning": "r"}, "r"),
        ({"thinking": "r"}, "r"),
        ({"reasoning": "r", "reasoning_content": "r"}, "r"),
        ({"reasoning": "r", "reasoning_details": [{"type": "reasoning.text", "text": "r"}]}, "r"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "r"}]}, "r"),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "r"}]}, "r"),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, ""),
        ({"reasoning": {"text": "r"}}, "r"),
        ({"reasoning": ["r", {"text": "s"}]}, "rs"),
        ({"reasoning": None, "reasoning_content": ""}, ""),
        ({"reasoning": 5, "reasoning_details": 5}, ""),
    ],
)
def test_reasoning_in_every_form_and_text_of_the_same_chunk_after_it(
    delta: dict[str, Any], reasoning: str
) -> None:
    outcome = said(piece("a", **delta))
    assert (outcome.choice.reasoning, outcome.choice.text) == (reasoning, "a")
    types = [part.type for part in outcome.choice.parts]
    assert types == (["reasoning", "text"] if reasoning or "encrypted" in str(delta) else ["text"])


def test_encrypted_reasoning_between_tool_calls_is_kept_for_the_next_turn() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    detail = {"type": "reasoning.encrypted", "data": "xyz", "id": "a"}
    outcome = said(piece(tool_calls=[call]), piece("", reasoning_details=[detail]))
    assert [part.type for part in outcome.choice.parts] == ["tool_call", "reasoning"]
    assert outcome.choice.parts[1].metadata == {"reasoning_details": [detail]}  # type: ignore[union-attr]


def test_reasoning_details_beyond_their_allowance_fail_with_the_bound() -> None:
    detail = {"type": "reasoning.encrypted", "data": "x" * 900}
    outcome = run(
        sse(*[piece("", reasoning_details=[detail])] * 200), max_output_bytes=2048, max_event_bytes=2048
    )
    assert outcome.failure is not None
    assert outcome.failure.kind == "bound"


@pytest.mark.parametrize(
    "text", ["a</think>b", "</think>", "a<think>b</think>", "<tool_call>", "[THINK]x[/THINK]"]
)
def test_tags_that_open_nothing_are_text(text: str) -> None:
    for size in (1, 3, 100):
        chunks = [piece(text[at : at + size]) for at in range(0, len(text), size)]
        assert said(*chunks, profile="vllm").choice.text == text


@pytest.mark.parametrize("field", ["content", "reasoning_content", "reasoning", "refusal"])
def test_character_cut_in_two_is_joined(field: str) -> None:
    outcome = said(escaped(field, "a" + HIGH), escaped(field, LOW + "b"))
    choice = outcome.choice
    assert choice.text + choice.reasoning + choice.refusal == f"a{SMILE}b"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([HIGH], "\ufffd"),
        ([HIGH, "x"], "\ufffdx"),
        (["a" + HIGH, HIGH + LOW], f"a\ufffd{SMILE}"),
        ([LOW, HIGH], "\ufffd\ufffd"),
        ([LOW + HIGH, LOW], f"\ufffd{SMILE}"),
        ([HIGH, "", LOW], SMILE),
        ([HIGH + LOW, "\\\\ud83d", "x"], f"{SMILE}\\ud83dx"),
        (["one", "two", "three" + HIGH, LOW + "four", "five"], f"onetwothree{SMILE}fourfive"),
    ],
)
def test_halves_of_characters(pieces: list[str], text: str) -> None:
    assert said(*[escaped("content", piece) for piece in pieces]).choice.text == text


def test_halves_of_two_choices_and_of_arguments_are_kept_apart() -> None:
    def arguments(text: str) -> str:
        call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "XX"}}
        return json.dumps(piece(tool_calls=[call])).replace("XX", text)

    chunks = [escaped("content", HIGH), escaped("content", HIGH, 1), escaped("content", "x" + LOW, 1),
              arguments('[\\"' + HIGH), escaped("content", LOW), arguments(LOW + '\\"]')]  # fmt: skip
    outcome = said(*chunks, piece(finish="stop", index=1))
    assert [choice.text for choice in outcome.choices()] == [SMILE, "\ufffdx\ufffd"]
    assert outcome.choice.tool_calls[0].arguments == f'["{SMILE}"]'


def test_half_at_the_end_of_a_broken_stream_goes_out() -> None:
    outcome = run(sse(escaped("content", "a" + HIGH)), clean=False)
    assert (outcome.choice.text, outcome.failure is not None) == ("a\ufffd", True)


def whole(content: Any, **more: Any) -> dict[str, Any]:
    return {"id": "x", "model": "m", "choices": [{"index": 0, "message": {"content": content, **more}}]}


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        ([whole("ab")], "ab"),
        ([whole("a"), whole("ab"), whole("abc")], "abc"),
        ([whole("ab"), whole("ab")], "ab"),
        ([whole("ab"), whole("cd")], "abcd"),
        ([piece("a"), piece("b"), whole("ab")], "ab"),
        ([whole(None), whole("a")], "a"),
        ([whole([{"type": "text", "text": "ab"}])], "ab"),
    ],
)
def test_message_in_place_of_a_delta(chunks: list[dict[str, Any]], text: str) -> None:
    assert said(*chunks).choice.text == text


def test_message_brings_its_tool_calls_reasoning_and_annotations() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    outcome = said(whole("t", tool_calls=[call], reasoning="r", annotations=[{"url": "u"}]))
    assert (outcome.choice.text, outcome.choice.reasoning, outcome.choice.tool_calls[0].name) == (
        "t",
        "r",
        "f",
    )
    assert outcome.so_far.metadata == {"annotations": [{"url": "u"}]}


def test_legacy_function_call_of_null_is_none() -> None:
    chunks = [piece("a", function_call=None), piece("b", function_call={"name": None, "arguments": ""})]
    assert said(*chunks).choice.tool_calls == ()


def test_logprobs_are_kept_beside_tool_calls_and_at_the_end() -> None:
    def told(chunk: dict[str, Any], token: str) -> dict[str, Any]:
        choice = {**chunk["choices"][0], "logprobs": {"content": [{"token": token}]}}
        return {**chunk, "choices": [choice]}

    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    outcome = said(piece("x"), told(piece(tool_calls=[call]), "t"), told(piece(""), "<end>"))
    told_of = [
        delta.metadata["logprobs"]["content"][0]["token"] for delta in outcome.deltas if delta.metadata
    ]
    assert told_of == ["t", "<end>"]
    assert outcome.choice.text == "x"


def test_duplicate_keys_mean_the_last_of_them() -> None:
    twice = '{"id":"x","choices":[{"index":0,"delta":{"content":"no","content":"b"}}]}'
    outcome = said(piece("a"), twice, twice, piece("c"))
    assert [d.text for d in outcome.deltas if isinstance(d, TextDelta)] == ["a", "b", "b", "c"]


@pytest.mark.parametrize("profile", [None, "vllm"])
def test_padding_and_facts_are_no_content(profile: str | None) -> None:
    padded = [
        {**piece(text, p="abc"), "obfuscation": "x" * n, "citations": ["u"]} for n, text in enumerate("abcd")
    ]
    outcome = said({**padded[0], "system_fingerprint": "f1"}, *padded[1:], profile=profile)
    assert outcome.choice.text == "abcd"
    assert outcome.so_far.metadata == {"citations": ("u",), "system_fingerprint": "f1"}
