"""What an entry of any list tells, whatever field its dialect has for it. Pure and total."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from greenroom.messages.contracts import ModelListError
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire, thaw, valid_text
from greenroom.messages.models import ListedModels, LoadState, ModelInfo
from greenroom.messages.value import FrozenMap
from greenroom.providers.wire.evidence import in_stream, tells_error

MODELS_MAX = 10_000
"""Of one list; the longest that is known (OpenRouter's, Hugging Face's router) has some hundreds."""
_TEXT_CHARS = 256
_WORDS_MAX = 32
_METADATA_BYTES = 4096
_TOKENS_MAX = 2**53
_STATES: dict[str, LoadState] = {
    "loaded": "loaded", "not-loaded": "not-loaded", "unloaded": "not-loaded", "loading": "not-loaded",
}  # fmt: skip
"""LM Studio's words and those of llama.cpp's router."""

Entry = dict[str, Any]


def entries_of(body: Any, *names: str) -> list[Entry]:
    """The objects of the list that stands under one of these names, or is the body itself.

    Raises ModelListError where there is none.
    """
    found = body
    if isinstance(body, dict):
        found = next((body[name] for name in names if isinstance(body.get(name), list)), None)
    if not isinstance(found, list) or (found and not any(isinstance(entry, dict) for entry in found)):
        raise ModelListError(_no_list(body))
    return [entry for entry in found[: MODELS_MAX + 1] if isinstance(entry, dict)]


def listed(
    entries: Iterable[Entry], read: Callable[[Entry], ModelInfo | None], *, complete: bool = True
) -> ListedModels:
    """The models of these entries, each id once. `read` gives None for what no request can name."""
    models: dict[str, ModelInfo] = {}
    for entry in entries:
        if len(models) >= MODELS_MAX:
            return ListedModels(models=tuple(models.values()), complete=False)
        model = read(entry)
        if model is not None:
            models.setdefault(model.id, model)
    return ListedModels(models=tuple(models.values()), complete=complete)


def text(entry: Entry, *names: str) -> str | None:
    """The first of these fields that is text."""
    for name in names:
        value = entry.get(name)
        if isinstance(value, str) and value.strip():
            return valid_text(value[:_TEXT_CHARS])
    return None


def identity(entry: Entry, *names: str) -> str | None:
    """The first of these that can be a model's name; one that is too long to be shown whole is none."""
    for name in names:
        value = entry.get(name)
        if isinstance(value, str) and value.strip() and len(value) <= _TEXT_CHARS and value.isprintable():
            return value
    return None


def words(value: Any) -> tuple[str, ...]:
    """A list's strings, or the names of what an object says yes to."""
    if isinstance(value, dict):
        value = [name for name, told in value.items() if told is True or _supported(told)]
    found = (
        [valid_text(word[:_TEXT_CHARS]) for word in value if isinstance(word, str)]
        if isinstance(value, list)
        else []
    )
    return tuple(dict.fromkeys(found[:_WORDS_MAX]))


def _supported(told: Any) -> bool:
    return isinstance(told, dict) and told.get("supported") is True


def tokens(entry: Any, *names: str) -> int | None:
    """The first of these that is a number of tokens. A dot leads into an object: `meta.n_ctx`."""
    for name in names:
        value = entry
        for step in name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is int and 0 < value < _TOKENS_MAX:
            return value
    return None


def instant_s(value: Any) -> float | None:
    """A Unix time or an RFC 3339 instant in seconds since 1970 UTC; None where it is 0, or none."""
    if isinstance(value, str):
        try:
            when = datetime.fromisoformat(value)
            value = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    good = type(value) in (int, float) and 0 < value < 1e11
    return float(value) if good else None


def state_of(value: Any) -> LoadState | None:
    """`loaded`, or llama.cpp's `{"value": "unloaded"}`."""
    if isinstance(value, dict):
        value = value.get("value")
    return _STATES.get(value) if isinstance(value, str) else None


def metadata(entry: Entry) -> FrozenMap:
    """The entry itself, without what is large."""
    kept: Entry = {}
    left = _METADATA_BYTES
    for name, value in entry.items():
        frozen = freeze_wire(value)
        size = len(name) + len(to_json(thaw(frozen)))
        if size <= left // 2 or (size <= left and isinstance(value, (str, int, float))):
            kept[valid_text(name)] = frozen
            left -= size
    return FrozenMap(kept)


def _no_list(body: Any) -> ErrorEvidence:
    if isinstance(body, dict) and tells_error(body):
        return in_stream(body)
    text = "got JSON that is no list of models: is base_url right?"
    return ErrorEvidence(kind="protocol", message=text, phase="body", is_retryable=False)
