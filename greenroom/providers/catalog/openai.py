"""`GET {base_url}/models`, as OpenAI has it and every compatible server with fields of its own.

Sources: https://platform.openai.com/docs/api-reference/models/list and the same pages of OpenRouter
(context_length, top_provider), Mistral (max_context_length, aliases, capabilities), Groq (context_window),
Together (a bare array), vLLM (max_model_len), llama.cpp (meta, aliases, status), xAI (/language-models).
"""

from urllib.parse import urlsplit

from greenroom.messages.contracts import ModelQuery
from greenroom.messages.models import ListedModels, ModelInfo
from greenroom.providers.catalog.client import Client
from greenroom.providers.catalog.entries import (
    Entry,
    entries_of,
    identity,
    instant_s,
    listed,
    metadata,
    state_of,
    text,
    tokens,
    words,
)
from greenroom.providers.profiles import profile_for

_CONTEXT = (
    "max_model_len", "loaded_context_length", "meta.n_ctx", "context_length", "max_context_length",
    "context_window", "max_input_tokens", "max_prompt_length", "top_provider.context_length",
    "meta.n_ctx_train",
)  # fmt: skip
_OUTPUT = ("max_output_tokens", "max_completion_tokens", "top_provider.max_completion_tokens")


class OpenAIModelSource:
    """`path` below the base URL. `complete`: requests can name nothing else. `suffixes`: what the provider takes
    behind every model's name."""

    def __init__(
        self, path: str = "/models", *, complete: bool = True, suffixes: tuple[str, ...] = ()
    ) -> None:
        self._path, self._complete, self._suffixes = path, complete, suffixes

    def models(self, query: ModelQuery) -> ListedModels:
        with Client(query, openai_headers(query)) as client:
            body = client.get(f"{base_path(query)}{self._path}")
            return read_openai(body, complete=self._complete, suffixes=self._suffixes)


def read_openai(body: object, *, complete: bool = True, suffixes: tuple[str, ...] = ()) -> ListedModels:
    """Raises ModelListError where the body is no list."""
    entries = entries_of(body, "data", "models")
    found = listed(entries, lambda entry: read_entry(entry, suffixes), complete=complete)
    # A gateway's `openai/*` stands for names that it does not list.
    patterns = any("*" in model.id for model in found.models)
    return found.model_copy(update={"complete": False}) if patterns else found


def read_entry(entry: Entry, suffixes: tuple[str, ...] = ()) -> ModelInfo | None:
    """None where the entry has no id."""
    name = identity(entry, "id", "model", "name")
    if name is None:
        return None
    # Gemini's compatible list writes models/gemini-..., and requests there mostly do not.
    aliases = [
        *words(entry.get("aliases")),
        *words([entry.get("canonical_slug")]),
        name.removeprefix("models/"),
    ]
    return ModelInfo(
        id=name,
        aliases=tuple(
            dict.fromkeys(
                [*(alias for alias in aliases if alias not in ("", name)), *(name + end for end in suffixes)]
            )
        ),
        display_name=text(entry, "display_name", "name"),
        owned_by=text(entry, "owned_by", "organization", "publisher"),
        created_at_s=instant_s(entry.get("created")),
        kind=text(entry, "type"),
        context_length_tokens=tokens(entry, *_CONTEXT),
        max_output_tokens=tokens(entry, *_OUTPUT),
        state=state_of(entry.get("state") or entry.get("status")),
        quantization=quantization_of(entry),
        capabilities=words(entry.get("capabilities")),
        metadata=metadata(entry),
    )


def quantization_of(entry: Entry) -> str | None:
    """The field itself, or the name in it."""
    given = entry.get("quantization")
    return text(given, "name") if isinstance(given, dict) else text(entry, "quantization")


def base_path(query: ModelQuery) -> str:
    """The path of the base URL, without a slash at its end."""
    return urlsplit(query.target.base_url).path.rstrip("/")


def openai_headers(query: ModelQuery) -> dict[str, str]:
    """The key as this profile sends it."""
    if not query.api_key:
        return {}
    name = profile_for(query.target.profile, query.target.base_url).auth_header
    return {name: f"Bearer {query.api_key}" if name == "authorization" else query.api_key}
