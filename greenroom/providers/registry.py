"""Where wires are registered: the `kind` of a ProviderConfig names a codec. Third parties add theirs."""

from collections.abc import Callable

from greenroom.messages.contracts import Codec
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.wording import nearest
from greenroom.providers.profiles import profile_for, profile_names, register_profile

__all__ = ["codec_for", "codec_kinds", "profile_for", "profile_names", "register_codec", "register_profile"]

CodecFactory = Callable[[], Codec]


def _openai_chat() -> Codec:
    from greenroom.providers.openai_chat import OpenAIChatCodec

    return OpenAIChatCodec()


def _openai_completions() -> Codec:
    from greenroom.providers.openai_completions import OpenAICompletionsCodec

    return OpenAICompletionsCodec()


_codecs: dict[str, CodecFactory] = {
    "openai-chat": _openai_chat,
    "openai-completions": _openai_completions,
}


def register_codec(kind: str, codec: CodecFactory) -> None:
    """From now on `kind` names it: a codec class, or a callable that makes one. Replaces one of that kind."""
    if not kind or not callable(codec):
        raise InvalidInput(
            "register_codec", [Problem("kind", repr(kind), "needs a name and a callable that makes a codec")]
        )
    _codecs[kind] = codec


def codec_for(kind: str) -> Codec:
    """A codec of this kind. Raises InvalidInput that lists the known kinds."""
    factory = _codecs.get(kind)
    if factory is None:
        known = f"unknown kind{nearest(kind, codec_kinds())}; known: {', '.join(codec_kinds())}"
        raise InvalidInput("provider", [Problem("kind", repr(kind), known)])
    return factory()


def codec_kinds() -> tuple[str, ...]:
    return tuple(sorted(_codecs))
