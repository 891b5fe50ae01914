"""Token counts and times of a last line. Source: https://docs.ollama.com/api/usage; times are nanoseconds."""

from typing import Any

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource
from greenroom.providers.wire.counts import count_in, whole_number

COUNTS = ("prompt_eval_count", "eval_count")
TIMES = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def counts_in(line: dict[str, Any]) -> dict[str, Any]:
    """What this line says of tokens and times, as it came."""
    return {name: line[name] for name in (*COUNTS, *TIMES) if whole_number(line.get(name)) is not None}


def usage_of(raw: dict[str, Any], source: UsageSource = "provider") -> Usage:
    """`prompt_eval_count` counts cached tokens too; it is missing where a server evaluated none of the prompt.

    Reasoning is part of `eval_count` and not told apart.
    """
    if not any(name in raw for name in COUNTS):
        return NO_USAGE
    given, made = (count_in(raw, name) for name in COUNTS)
    return Usage(
        input_tokens=given,
        output_tokens=made,
        total_tokens=None if given is None or made is None else given + made,
        source=source,
        raw=freeze_wire(raw),
    )
