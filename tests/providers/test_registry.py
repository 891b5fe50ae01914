"""Codecs by kind."""

from collections.abc import Iterator

import pytest

from greenroom.messages.invalid import InvalidInput
from greenroom.providers import registry
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.registry import codec_for, codec_kinds, register_codec, register_profile


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    before = dict(registry._codecs)
    yield
    registry._codecs.clear()
    registry._codecs.update(before)


def test_chat_codec_is_built_in() -> None:
    assert isinstance(codec_for("openai-chat"), OpenAIChatCodec)
    assert codec_for("openai-chat").kind == "openai-chat"


def test_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"kind = 'opneai'.*known: .*openai-chat"):
        codec_for("opneai")


def test_third_party_codec_is_found_by_its_kind() -> None:
    class Mine(OpenAIChatCodec):
        kind = "mine"

    register_codec("mine", Mine)
    assert isinstance(codec_for("mine"), Mine)
    assert "mine" in codec_kinds()


@pytest.mark.parametrize("kind", ["", "x"])
def test_registering_something_that_is_no_codec_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInput, match="callable"):
        register_codec(kind, None if kind else OpenAIChatCodec)  # type: ignore[arg-type]


def test_registering_something_that_is_no_profile_is_refused() -> None:
    with pytest.raises(InvalidInput, match="profile = 'vllm': must be a Profile"):
        register_profile("vllm")  # type: ignore[arg-type]
