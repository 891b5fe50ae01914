"""Token counts of an interaction as Usage: input with what hosted tools read, output with thoughts.

Source: https://ai.google.dev/api/interactions-api#Resource:Interaction (usage).
"""

from typing import Any

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource
from greenroom.providers.wire.counts import count_in


def usage_of(raw: dict[str, Any], source: UsageSource) -> Usage:
    """NO_USAGE where nothing was counted."""
    prompt, tools = count_in(raw, "total_input_tokens"), count_in(raw, "total_tool_use_tokens")
    made, thoughts = count_in(raw, "total_output_tokens"), count_in(raw, "total_thought_tokens")
    total = count_in(raw, "total_tokens")
    if all(count is None for count in (prompt, made, thoughts, total)):
        return NO_USAGE
    given = None if prompt is None and tools is None else (prompt or 0) + (tools or 0)
    output = None if made is None and thoughts is None else (made or 0) + (thoughts or 0)
    return Usage(
        input_tokens=given,
        output_tokens=output,
        total_tokens=total if total is not None or given is None or output is None else given + output,
        cached_input_tokens=count_in(raw, "total_cached_tokens"),
        reasoning_tokens=thoughts,
        source=source,
        raw=freeze_wire(raw),
    )
