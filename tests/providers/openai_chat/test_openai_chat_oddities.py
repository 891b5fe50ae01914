"""What single servers do against the wire's rules, and can only mean one thing."""

import json
from typing import Any

import pytest
from chat_wire import DONE, run
from test_openai_chat_decode import END, piece, sse

from greenroom.messages.deltas import TextDelta
from greenroom.messages.frozen import thaw


def lines(*chunks: dict[str, Any]) -> bytes:
    """Events without the blank line between them."""
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n" for chunk in chunks)


@pytest.mark.parametrize("tail", [b"data: [DONE]\n", b"data: [DONE]\n\n", b""])
def test_events_without_blank_lines_are_told_apart(tail: bytes) -> None:
    data = lines(piece("a"), piece("b"), END) + tail
    outcome = run(data)
    assert outcome.answer is not None
    assert outcome.choice.text == "ab"
    assert run(data, [1] * len(data)) == outcome


def test_a_line_among_them_that_is_no_event_is_a_failure() -> None:
    outcome = run(lines(piece("a")) + b"data: {\n" + lines(END) + DONE)
    assert outcome.failure is not None
    assert "no JSON" in outcome.failure.message


@pytest.mark.parametrize("word", ["null", "NULL", "None"])
def test_no_finish_reason_in_words_is_none(word: str) -> None:
    assert run(sse(piece("a", finish=word))).failure is not None
    outcome = run(sse(piece("a", finish=word), END, piece("", finish=word)) + DONE)
    assert outcome.choice.finish_reason_raw == "stop"


def test_text_where_the_older_wire_has_it() -> None:
    chunks = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in ("a", "b")]
    outcome = run(sse(*chunks, END) + DONE)
    assert outcome.choice.text == "ab"
    assert run(
        sse(piece("a"), {"choices": [{"index": 0, "delta": {"content": "b"}, "text": "b"}]}, END)
    ).choice.text == ("ab")


def test_content_items_that_are_no_text_go_where_they_belong() -> None:
    items = [
        {"type": "reasoning", "text": "why"},
        {"type": "reasoning", "reasoning": " so"},
        {"type": "refusal", "refusal": "no"},
        {"type": "output_text", "text": "yes"},
    ]
    choice = run(sse(piece(items), END) + DONE).choice
    assert (choice.reasoning, choice.refusal, choice.text) == ("why so", "no", "yes")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "reasoning_text", "thinking"])
def test_reasoning_under_every_name(name: str) -> None:
    choice = run(sse(piece(None, **{name: "why"}), piece("a"), END) + DONE).choice
    assert (choice.reasoning, choice.text) == ("why", "a")


def test_an_event_that_says_nothing_is_a_sign_of_life() -> None:
    assert run(b'data: ""\n\n' + sse(piece("a"), END) + DONE).answer is not None


def test_logprobs_of_several_empty_pieces_are_joined_in_both_forms() -> None:
    said = [{"content": [{"token": "x"}], "refusal": None}, {"content": [{"token": "y"}]}]
    older = [{"tokens": ["x"], "token_logprobs": [-1.0]}, {"tokens": ["y"], "token_logprobs": [-2.0]}]
    for held, joined in (
        (said, {"content": [{"token": "x"}, {"token": "y"}]}),
        (older, {"tokens": ["x", "y"], "token_logprobs": [-1.0, -2.0]}),
    ):
        chunks = [
            {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": part}]}
            for text, part in zip(("", "xy"), held, strict=True)
        ]
        (delta,) = run(sse(*chunks, END) + DONE).deltas
        assert isinstance(delta, TextDelta)
        assert thaw(delta.metadata) == {"logprobs": joined}
