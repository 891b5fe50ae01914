"""Token counts of Cohere's chat: `tokens` is what the model read and wrote, `billed_units` what is charged for."""

from typing import Any

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource
from greenroom.providers.wire.counts import count_in


def usage_of(raw: dict[str, Any], source: UsageSource = "provider") -> Usage:
    """Cached tokens are part of the input, reasoning is part of the output.

    Source: https://docs.cohere.com/reference/chat (usage).
    """
    if not raw:
        return NO_USAGE
    tokens, billed = raw.get("tokens"), raw.get("billed_units")
    counted = tokens if isinstance(tokens, dict) and tokens else billed if isinstance(billed, dict) else {}
    given, made = count_in(counted, "input_tokens"), count_in(counted, "output_tokens")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        total_tokens=None if given is None or made is None else given + made,
        cached_input_tokens=count_in(raw, "cached_tokens"),
        reasoning_tokens=count_in(counted, "reasoning_tokens"),
        source=source,
        raw=freeze_wire(raw),
    )
