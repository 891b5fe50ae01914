"""Token counts of a chat answer as Usage: input with cached, output with reasoning, whoever sent it."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource

_MAX_COUNT = 10**15
_MAX_NAMES = 256
_MAX_BYTES = 16 * 1024
"""A larger object is no count of tokens and is not taken: what is kept of it stays small."""


def usage_of(
    raw: dict[str, Any], source: UsageSource = "provider", excludes_reasoning: bool = False
) -> Usage:
    """Source: https://platform.openai.com/docs/api-reference/chat/object (usage), and its dialects.

    Some servers leave reasoning out of completion_tokens (xAI): seen from the total where there is one,
    else told by `excludes_reasoning`.
    """
    if not raw:
        return NO_USAGE
    prompt = _part(raw, "prompt_tokens_details", "input_tokens_details")
    completion = _part(raw, "completion_tokens_details", "output_tokens_details")
    given = _count(raw, "prompt_tokens", "input_tokens")
    made = _count(raw, "completion_tokens", "output_tokens")
    total = _count(raw, "total_tokens")
    reasoning = _count(completion, "reasoning_tokens")
    reasoning = _count(raw, "reasoning_tokens") if reasoning is None else reasoning
    if reasoning and made is not None:
        if total is not None and given is not None:
            excludes_reasoning = given + made + reasoning == total
        made += reasoning if excludes_reasoning else 0
    cached = _count(prompt, "cached_tokens")
    if cached is None:
        cached = _count(raw, "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        total_tokens=total if total is not None or given is None or made is None else given + made,
        cached_input_tokens=cached,
        cache_write_tokens=_count(prompt, "cache_write_tokens"),
        reasoning_tokens=reasoning,
        audio_input_tokens=_count(prompt, "audio_tokens"),
        audio_output_tokens=_count(completion, "audio_tokens"),
        source=source,
        raw=freeze_wire(raw),
    )


def usages_in(chunk: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every usage object of a chunk, the one that holds most last.

    It stands at the top; Groq has it in `x_groq`, Moonshot in the choice, others in its message.
    """
    for place in _places(chunk):
        usage = place.get("usage") if isinstance(place, dict) else None
        if usage and isinstance(usage, dict) and len(to_json(usage)) <= _MAX_BYTES:
            yield usage


def _places(chunk: dict[str, Any]) -> Iterator[Any]:
    if "x_groq" in chunk:
        yield chunk["x_groq"]
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            yield choice.get("delta")
            yield choice.get("message")
            yield choice
    yield chunk


def replace_counts(usage: dict[str, Any], newer: dict[str, Any]) -> None:
    """The newest value of each name that is not null, details too: chunks repeat counts, none adds to it."""
    for name, value in newer.items():
        known = usage.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            replace_counts(known, value)
        elif value is not None and (name in usage or len(usage) < _MAX_NAMES):
            usage[name] = dict(value) if isinstance(value, dict) else value


def whole_number(value: Any) -> int | None:
    """A number that is not negative, also as 3.0 or "3"; None for anything else."""
    is_number = (
        type(value) is int
        or (type(value) is float and value.is_integer())
        or (type(value) is str and value.isascii() and value.isdigit() and len(value) < 20)
    )
    number = int(value) if is_number else -1
    return number if 0 <= number < _MAX_COUNT else None


def _part(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    return next((raw[name] for name in names if isinstance(raw.get(name), dict)), {})


def _count(raw: dict[str, Any], *names: str) -> int | None:
    """The first of these that is a count."""
    for name in names:
        if name in raw and (count := whole_number(raw[name])) is not None:
            return count
    return None
