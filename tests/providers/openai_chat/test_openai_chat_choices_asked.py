"""An answer without `[DONE]` is whole when every choice that was asked for has its finish reason."""

from typing import Any

import pytest
from chat_wire import DONE, Outcome, call
from test_openai_chat_decode import piece, sse

from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Codec
from greenroom.messages.request import ChatRequest
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.openai_completions import OpenAICompletionsCodec

FIRST = [piece("a"), piece(finish="stop")]
SECOND = [piece("b", index=1), piece(finish="length", index=1)]


def answered(data: bytes, codec: Codec | None = None, profile: str | None = None, **asked: Any) -> Outcome:
    request = ChatRequest(model="p/m", messages="hi", **asked)
    decoder, outcome = (codec or OpenAIChatCodec()).start(call(request, profile=profile)), Outcome()
    decoder.head(WireHead(200, ()))
    outcome.take(decoder.feed(data, 1, 1000.0))
    outcome.take(decoder.finish(True, len(outcome.deltas) + 1, 1000.0))
    outcome.so_far = decoder.answer_so_far()
    return outcome


def test_end_of_the_body_before_the_second_choice_began_is_no_end() -> None:
    outcome = answered(sse(*FIRST), n=2)
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"
    assert "without a finish reason of 1 more choices" in outcome.failure.message
    assert outcome.choice.text == "a"


def test_every_choice_asked_for_is_an_end() -> None:
    outcome = answered(sse(*FIRST, *SECOND), n=2)
    assert outcome.answer is not None
    assert [choice.text for choice in outcome.choices()] == ["a", "b"]


def test_end_marker_is_an_end_for_a_server_that_gives_fewer() -> None:
    assert answered(sse(*FIRST) + DONE, n=2).answer is not None


@pytest.mark.parametrize(
    ("asked", "profile", "whole"),
    [
        ({"extra_body": {"n": 2}}, None, False),
        ({"n": 2, "extra_body": {"n": 1}}, None, True),
        ({"n": 2}, "ollama", True),
        ({"n": 2, "extra_body": {"n": 2}}, "ollama", False),
        ({"extra_body": {"n": "2"}}, None, True),
    ],
)
def test_what_was_sent_counts(asked: dict[str, Any], profile: str | None, whole: bool) -> None:
    """A server that does not take `n` is not sent it; `extra_body` stands over all."""
    assert (answered(sse(*FIRST), profile=profile, **asked).answer is not None) == whole


@pytest.mark.parametrize(
    ("prompt", "whole"),
    [("one", True), (["one"], True), (["one", "two"], False), ([[1, 2], [3]], False), ([1, 2, 3], True)],
)
def test_each_prompt_of_a_completion_asks_for_a_choice(prompt: Any, whole: bool) -> None:
    data = sse({"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]})
    outcome = answered(data, OpenAICompletionsCodec(), extra_body={"prompt": prompt})
    assert (outcome.answer is not None) == whole


def test_it_is_told_when_nothing_but_the_end_is_missing() -> None:
    """A server that sends neither `[DONE]` nor closes need not be waited for."""
    decoder = OpenAIChatCodec().start(call(ChatRequest(model="p/m", messages="hi", n=2)))
    decoder.head(WireHead(200, ()))
    told = [decoder.feed(sse(chunk), 1, 1000.0).finished for chunk in (*FIRST, *SECOND)]
    assert told == [False, False, False, True]
    assert decoder.finish(True, 5, 1000.0).answer is not None
