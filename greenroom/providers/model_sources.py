"""Who lists the models of which provider. Third parties add theirs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from greenroom.messages.contracts import ModelSource
from greenroom.messages.invalid import InvalidInput, Problem

ModelSourceFactory = Callable[[], ModelSource]


def _anthropic_models() -> ModelSource:
    from greenroom.providers.catalog import AnthropicModelSource

    return AnthropicModelSource()


def _gemini_models() -> ModelSource:
    from greenroom.providers.catalog import GeminiModelSource

    return GeminiModelSource()


def _ollama_models() -> ModelSource:
    from greenroom.providers.catalog import OllamaModelSource

    return OllamaModelSource()


def _lmstudio_models() -> ModelSource:
    from greenroom.providers.catalog import LMStudioModelSource

    return LMStudioModelSource()


def _openai_models(path: str = "/models", **facts: Any) -> ModelSource:
    from greenroom.providers.catalog import OpenAIModelSource

    return OpenAIModelSource(path, **facts)


_model_sources: dict[str, ModelSourceFactory] = {
    "anthropic": _anthropic_models,
    "anthropic-text": _anthropic_models,
    "gemini": _gemini_models,
    "gemini-interactions": _gemini_models,
    "ollama": _ollama_models,
    "ollama-generate": _ollama_models,
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
