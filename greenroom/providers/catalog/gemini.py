"""`GET /v1beta/models` of the Gemini API, page by page. Source: https://ai.google.dev/api/models."""

from greenroom.messages.contracts import ModelQuery
from greenroom.messages.models import ListedModels, ModelInfo
from greenroom.providers.catalog.client import PAGES_MAX, Client
from greenroom.providers.catalog.entries import (
    MODELS_MAX,
    Entry,
    entries_of,
    identity,
    listed,
    metadata,
    text,
    tokens,
    words,
)
from greenroom.providers.catalog.openai import base_path

_PAGE = "1000"
_PREFIX = "models/"
_VERSIONS = ("/v1", "/v1beta", "/v1alpha")


class GeminiModelSource:
    """Keys go in x-goog-api-key, never in the URL."""

    def models(self, query: ModelQuery) -> ListedModels:
        headers = {"x-goog-api-key": query.api_key} if query.api_key else {}
        base = base_path(query)
        path = f"{base if base.endswith(_VERSIONS) else base + '/v1beta'}/models"
        entries: list[Entry] = []
        after: dict[str, str] = {}
        with Client(query, headers) as client:
            for _ in range(PAGES_MAX):
                body = client.get(path, {"pageSize": _PAGE, **after})
                # An account without models gets an object without the list.
                entries += [] if body == {} else entries_of(body, "models")
                token = body.get("nextPageToken") if isinstance(body, dict) else None
                if not isinstance(token, str) or not token or after == {"pageToken": token}:
                    return listed(entries, read_entry)
                if len(entries) > MODELS_MAX:
                    break
                after = {"pageToken": token}
        return listed(entries, read_entry, complete=False)


def read_entry(entry: Entry) -> ModelInfo | None:
    """None where it has no name."""
    given = identity(entry, "name")
    if given is None:
        return None
    name = given.removeprefix(_PREFIX)
    methods = words(entry.get("supportedGenerationMethods"))
    return ModelInfo(
        id=name,
        aliases=(given,) if given != name else (),
        display_name=text(entry, "displayName"),
        kind=_kind(methods),
        context_length_tokens=tokens(entry, "inputTokenLimit"),
        max_output_tokens=tokens(entry, "outputTokenLimit"),
        capabilities=(*methods, "thinking") if entry.get("thinking") is True else methods,
        metadata=metadata(entry),
    )


def _kind(methods: tuple[str, ...]) -> str | None:
    if "generateContent" in methods:
        return "llm"
    return "embeddings" if "embedContent" in methods else None
