"""Ollama's /api/tags, with /api/ps for what is loaded and /api/show for what the former do not tell.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from typing import Any

from greenroom.messages.contracts import ModelListError, ModelQuery
from greenroom.messages.models import ListedModels, ModelInfo
from greenroom.providers.catalog.client import Client, is_elsewhere, server_path
from greenroom.providers.catalog.entries import (
    Entry,
    entries_of,
    identity,
    instant_s,
    listed,
    metadata,
    text,
    tokens,
    words,
)
from greenroom.providers.catalog.openai import base_path, openai_headers, read_openai

SHOWN_MAX = 16
"""Models that /api/show is asked about: it is one request each. The others' context length stays unknown."""
_LATEST = ":latest"


class OllamaModelSource:
    """Also for Ollama that is reached by its OpenAI-compatible base URL."""

    def models(self, query: ModelQuery) -> ListedModels:
        root = server_path(base_path(query))
        with Client(query, openai_headers(query)) as client:
            try:
                tags = entries_of(client.get(f"{root}/api/tags"), "models")
            except ModelListError as error:
                if not is_elsewhere(error.evidence):
                    raise
                return read_openai(client.get(f"{root}/v1/models"))
            running = _running(client, root)
            untold = [name for tag in tags if (name := _name(tag)) and name not in (running or {})]
            shown = _shown(client, root, untold)
        return read_tags(tags, running, shown)


def read_tags(
    tags: list[Entry], running: dict[str, Entry] | None, shown: dict[str, Any] | None = None
) -> ListedModels:
    """The models of /api/tags. `running`: of /api/ps by name, None where that was not told."""
    return listed(tags, lambda tag: _read_entry(tag, running, shown or {}))


def _read_entry(tag: Entry, running: dict[str, Entry] | None, shown: dict[str, Any]) -> ModelInfo | None:
    name = _name(tag)
    if name is None:
        return None
    details = tag.get("details") if isinstance(tag.get("details"), dict) else {}
    state: Any = None if running is None else "loaded" if name in running else "not-loaded"
    told = shown.get(name)
    return ModelInfo(
        id=name,
        aliases=(name.removesuffix(_LATEST),) if name.endswith(_LATEST) else (),
        created_at_s=instant_s(tag.get("modified_at")),
        context_length_tokens=tokens((running or {}).get(name), "context_length") or _context(told),
        state=state,
        quantization=text(details or {}, "quantization_level"),
        capabilities=words(told.get("capabilities")) if isinstance(told, dict) else (),
        metadata=metadata(tag),
    )


def _name(entry: Entry) -> str | None:
    return identity(entry, "model", "name")


def _running(client: Client, root: str) -> dict[str, Entry] | None:
    """None where the server does not tell: the list stands without it."""
    try:
        entries = entries_of(client.get(f"{root}/api/ps"), "models")
    except ModelListError:
        return None
    return {name: entry for entry in entries if (name := _name(entry)) is not None}


def _shown(client: Client, root: str, names: list[str]) -> dict[str, Any]:
    """What /api/show tells, of the first few, in at most half of the time that is left."""
    shown: dict[str, Any] = {}
    enough_s = client.left_s() / 2
    for name in names[:SHOWN_MAX]:
        if client.left_s() < enough_s:
            break
        try:
            shown[name] = client.post(f"{root}/api/show", {"model": name})
        except ModelListError:
            break  # facts that are nice to have: the list stands without them
    return shown


def _context(told: Any) -> int | None:
    info = told.get("model_info") if isinstance(told, dict) else None
    if not isinstance(info, dict):
        return None
    architecture = info.get("general.architecture")
    value = info.get(f"{architecture}.context_length")
    return tokens({"value": value}, "value")
