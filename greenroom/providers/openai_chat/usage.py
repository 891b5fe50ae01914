"""Token counts of a chat answer as Usage: input with cached, output with reasoning, whoever sent it."""

from collections.abc import Iterator
from typing import Any

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource
from greenroom.providers.wire.counts import count_in, counts_given


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
    given = count_in(raw, "prompt_tokens", "input_tokens")
    made = count_in(raw, "completion_tokens", "output_tokens")
    total = count_in(raw, "total_tokens")
    reasoning = count_in(completion, "reasoning_tokens")
    if reasoning is None:
        reasoning = count_in(raw, "reasoning_tokens")
    if reasoning and made is not None:
        if total is not None and given is not None:
            excludes_reasoning = given + made + reasoning == total
        made += reasoning if excludes_reasoning else 0
    cached = count_in(prompt, "cached_tokens")
    if cached is None:
        cached = count_in(raw, "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        total_tokens=total if total is not None or given is None or made is None else given + made,
        cached_input_tokens=cached,
        cache_write_tokens=count_in(prompt, "cache_write_tokens"),
        reasoning_tokens=reasoning,
        audio_input_tokens=count_in(prompt, "audio_tokens"),
        audio_output_tokens=count_in(completion, "audio_tokens"),
        source=source,
        raw=freeze_wire(raw),
    )


def usages_in(chunk: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every usage object of a chunk, the one that holds most last.

    It stands at the top; Groq has it in `x_groq`, Moonshot in the choice, others in its message.
    """
    for place in _places(chunk):
        if isinstance(place, dict) and (usage := counts_given(place.get("usage"))):
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


def _part(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        if isinstance(part := raw.get(name), dict):
            return part
    return {}
