"""Where wires are registered: the `kind` of a ProviderConfig names a codec. Third parties add theirs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from greenroom.messages.contracts import Codec, ModelSource
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.wording import nearest
from greenroom.providers.profiles import profile_for, profile_names, register_profile

__all__ = [
    "codec_for", "codec_kinds", "model_source_for", "profile_for", "profile_names", "register_codec",
    "register_model_source", "register_profile",
]  # fmt: skip

CodecFactory = Callable[[], Codec]
ModelSourceFactory = Callable[[], ModelSource]


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


def _anthropic_models() -> ModelSource:
    from greenroom.providers.catalog.anthropic import AnthropicModelSource

    return AnthropicModelSource()


def _gemini_models() -> ModelSource:
    from greenroom.providers.catalog.gemini import GeminiModelSource

    return GeminiModelSource()


def _ollama_models() -> ModelSource:
    from greenroom.providers.catalog.ollama import OllamaModelSource

    return OllamaModelSource()


def _lmstudio_models() -> ModelSource:
    from greenroom.providers.catalog.lmstudio import LMStudioModelSource

    return LMStudioModelSource()


def _openai_models(path: str = "/models", **facts: Any) -> ModelSource:
    from greenroom.providers.catalog.openai import OpenAIModelSource

    return OpenAIModelSource(path, **facts)


_model_sources: dict[str, ModelSourceFactory] = {
    "anthropic": _anthropic_models,
    "gemini": _gemini_models,
    "ollama": _ollama_models,
    "lmstudio": _lmstudio_models,
    # Requests to these name deployments of one's own, which are in no list.
    "azure": partial(_openai_models, complete=False),
    "fireworks": partial(_openai_models, complete=False),
    "openrouter": partial(_openai_models, suffixes=(":nitro", ":floor", ":online")),
    # /models there leaves out the aliases.
    "xai": partial(_openai_models, "/language-models"),
}
"""By the kind of a wire or the name of a profile."""


def register_model_source(kind_or_profile: str, source: ModelSourceFactory) -> None:
    """From now on `source()` lists the models of providers of this kind or profile. Replaces one of that name."""
    if not kind_or_profile or not callable(source):
        expected = "needs a kind or a profile's name, and a callable that makes a ModelSource"
        raise InvalidInput(
            "register_model_source", [Problem("kind_or_profile", repr(kind_or_profile), expected)]
        )
    _model_sources[kind_or_profile] = source


def model_source_for(kind: str, profile: str | None) -> ModelSource:
    """The one of this kind; else the one of this profile; else OpenAI's, which most servers have."""
    return (_model_sources.get(kind) or _model_sources.get(profile or "") or _openai_models)()


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
