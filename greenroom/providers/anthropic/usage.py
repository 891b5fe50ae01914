"""Token counts of a message as Usage: this wire counts cached input apart, we count it in.

Source: https://platform.claude.com/docs/en/api/messages (usage) and .../build-with-claude/streaming: the counts
of `message_delta` are cumulative, so the newest of each field holds.
"""

from typing import Any

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource
from greenroom.providers.wire.counts import count_in


def usage_of(raw: dict[str, Any], source: UsageSource = "provider") -> Usage:
    """`input_tokens` is input read fresh, written to the cache and read from it, together."""
    if not raw:
        return NO_USAGE
    fresh, made = count_in(raw, "input_tokens"), count_in(raw, "output_tokens")
    written = count_in(raw, "cache_creation_input_tokens")
    if written is None:
        written = _written_by_age(raw)
    read = count_in(raw, "cache_read_input_tokens")
    given = None if fresh is None and not (written or read) else (fresh or 0) + (written or 0) + (read or 0)
    details = raw.get("output_tokens_details")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        total_tokens=None if given is None or made is None else given + made,
        cached_input_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count_in(details, "thinking_tokens") if isinstance(details, dict) else None,
        source=source,
        raw=freeze_wire(raw),
    )


def _written_by_age(raw: dict[str, Any]) -> int | None:
    """Where only the parts are told: what was written for five minutes and for an hour."""
    parts = raw.get("cache_creation")
    if not isinstance(parts, dict):
        return None
    ages = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    counts = [count for age in ages if (count := count_in(parts, age)) is not None]
    return sum(counts) if counts else None
