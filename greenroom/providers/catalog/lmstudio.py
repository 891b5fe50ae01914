"""LM Studio's own lists, which know what is loaded: /api/v1/models, else /api/v0/models, else OpenAI's.

Sources: https://lmstudio.ai/docs/developer/rest and .../rest-api (v0). An endpoint that a version does not have
is answered with 200 and an error in the body.
"""

from typing import Any

from greenroom.messages.contracts import ModelListError, ModelQuery
from greenroom.messages.models import ListedModels, ModelInfo
from greenroom.providers.catalog.client import Client, is_elsewhere, server_path
from greenroom.providers.catalog.entries import (
    Entry,
    entries_of,
    identity,
    listed,
    metadata,
    text,
    tokens,
    words,
)
from greenroom.providers.catalog.openai import base_path, openai_headers, quantization_of, read_openai


class LMStudioModelSource:
    """Also for LM Studio that is reached by its OpenAI-compatible base URL."""

    def models(self, query: ModelQuery) -> ListedModels:
        root = server_path(base_path(query))
        with Client(query, openai_headers(query)) as client:
            for path, read in (
                (f"{root}/api/v1/models", read_native),
                (f"{root}/api/v0/models", read_openai),
            ):
                try:
                    return read(client.get(path))
                except ModelListError as error:
                    if not is_elsewhere(error.evidence):
                        raise
            return read_openai(client.get(f"{root}/v1/models"))


def read_native(body: Any) -> ListedModels:
    """The list of /api/v1/models. Raises ModelListError where the body is none."""
    return listed(entries_of(body, "models"), _read_entry)


def _read_entry(entry: Entry) -> ModelInfo | None:
    name = identity(entry, "key")
    if name is None:
        return None
    given = entry.get("loaded_instances")
    loaded = [instance for instance in given if isinstance(instance, dict)] if isinstance(given, list) else []
    instances = [found for instance in loaded if (found := identity(instance, "id")) is not None]
    aliases = dict.fromkeys([*instances, *words(entry.get("variants"))])
    return ModelInfo(
        id=name,
        aliases=tuple(alias for alias in aliases if alias != name),
        display_name=text(entry, "display_name"),
        owned_by=text(entry, "publisher"),
        kind=text(entry, "type"),
        context_length_tokens=_context(loaded) or tokens(entry, "max_context_length"),
        state="loaded" if loaded else "not-loaded",
        quantization=quantization_of(entry),
        capabilities=words(entry.get("capabilities")),
        metadata=metadata(entry),
    )


def _context(loaded: list[Entry]) -> int | None:
    return next((found for each in loaded if (found := tokens(each, "config.context_length"))), None)
