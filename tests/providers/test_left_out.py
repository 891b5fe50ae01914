"""What is dropped from a request is said, once, without its value."""

import logging

import pytest

from greenroom.messages.contracts import Codec, Target
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers import left_out
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.openai_completions import OpenAICompletionsCodec

DROP = StreamingOptions(on_unsupported="drop")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "_said", set())


def check(request: ChatRequest, codec: Codec, profile: str, options: StreamingOptions = DROP) -> None:
    codec.check(request, Target("p", codec.kind, "m", profile, "http://llm.test/v1"), options)


@pytest.mark.parametrize(
    ("codec", "profile", "taker"),
    [(OpenAIChatCodec(), "ollama", "ollama"), (OpenAICompletionsCodec(), "ollama", "ollama (completions)")],
)
def test_a_dropped_field_is_said_once_for_each_server(
    codec: Codec, profile: str, taker: str, caplog: pytest.LogCaptureFixture
) -> None:
    request = ChatRequest(model="p/m", messages="hi", n=2)
    with caplog.at_level(logging.WARNING, "greenroom.providers"):
        check(request, codec, profile)
        check(request, codec, profile)
    assert [record.getMessage() for record in caplog.records] == [
        f"n is left out of requests to {taker} (on_unsupported='drop')"
    ]


def test_a_dropped_part_is_said_without_its_place_and_value(caplog: pytest.LogCaptureFixture) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://secret.test/cat.png"}}
    turns = [{"role": "user", "content": [{"type": "text", "text": "hi"}, image, image]}]
    request = ChatRequest(model="p/m", messages=turns)
    with caplog.at_level(logging.WARNING, "greenroom.providers"):
        check(request, OpenAICompletionsCodec(), "vllm")
    (record,) = caplog.records
    assert record.getMessage().startswith("messages.*.content.* is left out of requests to vllm")
    assert "secret" not in caplog.text


def test_nothing_is_said_where_it_is_refused_or_sent(caplog: pytest.LogCaptureFixture) -> None:
    request = ChatRequest(model="p/m", messages="hi", n=2)
    with pytest.raises(InvalidInput):
        check(request, OpenAIChatCodec(), "ollama", StreamingOptions())
    check(request, OpenAIChatCodec(), "openai")
    assert caplog.records == []
