"""Token counts of a Gemini answer as Usage.

Source: https://ai.google.dev/api/generate-content#UsageMetadata. Google keeps thoughts apart from the candidates'
tokens, and what its own tools read apart from the prompt; both are in the total. So here

    input   prompt, with what is cached of it, and the tokens that hosted tools read (toolUsePromptTokenCount)
    output  candidates and thoughts
"""

from typing import Any

from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage, UsageSource
from greenroom.providers.wire.counts import count_in, whole_number


def usage_of(raw: dict[str, Any], source: UsageSource) -> Usage:
    """NO_USAGE where nothing was counted: early chunks tell the kind of traffic alone."""
    prompt, made = count_in(raw, "promptTokenCount"), count_in(raw, "candidatesTokenCount")
    thoughts, total = count_in(raw, "thoughtsTokenCount"), count_in(raw, "totalTokenCount")
    tools = count_in(raw, "toolUsePromptTokenCount")
    if all(count is None for count in (prompt, made, thoughts, total)):
        return NO_USAGE
    given, output = _sum(prompt, tools), _sum(made, thoughts)
    return Usage(
        input_tokens=given,
        output_tokens=output,
        total_tokens=total if total is not None or given is None or output is None else given + output,
        cached_input_tokens=count_in(raw, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        audio_input_tokens=_audio(raw.get("promptTokensDetails")),
        audio_output_tokens=_audio(raw.get("candidatesTokensDetails")),
        source=source,
        raw=freeze_wire(raw),
    )


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None and b is None else (a or 0) + (b or 0)


def _audio(details: Any) -> int | None:
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("modality") == "AUDIO":
            return whole_number(detail.get("tokenCount"))
    return None
