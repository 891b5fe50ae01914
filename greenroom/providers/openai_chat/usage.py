"""Token counts of a chat answer as Usage: input with cached, output with reasoning, whoever sent it."""

from typing import Any

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource


def usage_of(
    raw: dict[str, Any], source: UsageSource = "provider", excludes_reasoning: bool = False
) -> Usage:
    """Source: https://platform.openai.com/docs/api-reference/chat/object (usage), and its dialects.

    Some servers leave reasoning out of completion_tokens (xAI): seen from the total where there is one,
    else told by `excludes_reasoning`.
    """
    if not raw:
        return NO_USAGE
    prompt, completion = _part(raw, "prompt_tokens_details"), _part(raw, "completion_tokens_details")
    given, made = (
        _count(raw, "prompt_tokens", "input_tokens"),
        _count(raw, "completion_tokens", "output_tokens"),
    )
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


def _part(raw: dict[str, Any], name: str) -> dict[str, Any]:
    part = raw.get(name)
    return part if isinstance(part, dict) else {}


def _count(raw: dict[str, Any], *names: str) -> int | None:
    """The first of these that is a count; floats of whole numbers and digits in strings are not made up."""
    for name in names:
        value = raw.get(name)
        if type(value) is int and value >= 0:
            return value
        if isinstance(value, float) and value >= 0 and value.is_integer():
            return int(value)
    return None
