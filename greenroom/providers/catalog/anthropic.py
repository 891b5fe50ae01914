"""`GET /v1/models` of Anthropic, page by page.

Source: https://docs.anthropic.com/en/api/models-list. Its list has dated ids only; requests may also use the
aliases of https://docs.anthropic.com/en/docs/about-claude/models/overview, which follow from them.
"""

import re

from greenroom.messages.contracts import ModelQuery
from greenroom.messages.models import ListedModels, ModelInfo
from greenroom.providers.catalog.client import PAGES_MAX, Client
from greenroom.providers.catalog.entries import (
    MODELS_MAX,
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
from greenroom.providers.catalog.openai import base_path

_VERSION = "2023-06-01"
_PAGE = "1000"
_DATED = re.compile(r"(?P<line>.+)-(?P<date>20\d{6})")
_WHOLE_NUMBER = re.compile(r"claude-[a-z]+-\d+")


class AnthropicModelSource:
    """Keys go in x-api-key."""

    def models(self, query: ModelQuery) -> ListedModels:
        headers = {"anthropic-version": _VERSION}
        if query.api_key:
            headers["x-api-key"] = query.api_key
        entries: list[Entry] = []
        base = base_path(query)
        path = f"{base if base.endswith('/v1') else base + '/v1'}/models"
        after: dict[str, str] = {}
        with Client(query, headers) as client:
            for _ in range(PAGES_MAX):
                body = client.get(path, {"limit": _PAGE, **after})
                page = entries_of(body, "data")
                entries += page
                last = identity(body, "last_id") if isinstance(body, dict) else None
                if not body_has_more(body) or not page or last is None or after == {"after_id": last}:
                    return listed(entries, read_entry)
                if len(entries) > MODELS_MAX:
                    break
                after = {"after_id": last}
        return listed(entries, read_entry, complete=False)


def body_has_more(body: object) -> bool:
    """Anthropic's word that another page follows."""
    return isinstance(body, dict) and body.get("has_more") is True


def read_entry(entry: Entry) -> ModelInfo | None:
    """None where it has no id, or the model is retired: requests for it fail."""
    name = identity(entry, "id")
    if name is None or entry.get("lifecycle") == "retired":
        return None
    return ModelInfo(
        id=name,
        aliases=aliases_of(name),
        display_name=text(entry, "display_name"),
        owned_by=text(entry, "owned_by"),
        created_at_s=instant_s(entry.get("created_at") or entry.get("created")),
        kind="llm",
        context_length_tokens=tokens(entry, "max_input_tokens"),
        max_output_tokens=tokens(entry, "max_tokens"),
        capabilities=words(entry.get("capabilities")),
        metadata=metadata(entry),
    )


def aliases_of(name: str) -> tuple[str, ...]:
    """`claude-opus-4-20250514` is also claude-opus-4-0, `claude-3-5-haiku-20241022` also claude-3-5-haiku-latest.

    Generous: a name that the provider does not take after all, the provider itself refuses.
    """
    found = _DATED.fullmatch(name)
    if found is None:
        return ()
    line = found["line"]
    zero = (f"{line}-0",) if _WHOLE_NUMBER.fullmatch(line) else ()
    return (line, *zero, f"{line}-latest")
