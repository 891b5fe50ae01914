"""The one line after an answer: how much came, how fast, and what it used."""

from typing import Any

from greenroom.messages.completion import Completion
from greenroom.messages.usage import Usage


def summary_line(completion: Completion[Any], pieces: int) -> str:
    """Tokens, tokens a second, time to the first one, usage, and who answered."""
    timings, usage = completion.timings, completion.usage
    facts = [f"{_tokens(usage, pieces)} in {timings.duration_s:.1f} s"]
    if timings.ttft_s is not None:
        generating_s = timings.duration_s - timings.ttft_s
        count = usage.output_tokens if usage.output_tokens is not None else pieces
        if count > 1 and generating_s > 0:
            facts[0] += f" ({(count - 1) / generating_s:.1f} tokens/s)"
        facts.append(f"first after {timings.ttft_s:.2f} s")
    facts += _usage(usage)
    if completion.finish_reason not in {"stop", None}:
        facts.append(f"ended by {completion.finish_reason}")
    if len(completion.attempts) > 1:
        facts.append(f"{len(completion.attempts)} attempts")
    return ", ".join([*facts, f"{completion.provider}/{completion.model or completion.model_asked}"])


def cancelled_line(completion: Completion[Any] | None, pieces: int) -> str:
    """That it was cancelled, what the server knows of it, and how much had come."""
    if completion is not None and not any(attempt.sent for attempt in completion.attempts):
        return "cancelled before anything was sent"
    usage = completion.usage if completion else Usage()
    return f"cancelled; the server was told to stop. {_tokens(usage, pieces)} received"


def _tokens(usage: Usage, pieces: int) -> str:
    """Counted by the provider, else by the pieces that came, which mostly are one token each.

    A count that is none of the end may be far behind: Anthropic tells one token at the start of every answer.
    """
    told = usage.output_tokens
    behind = told is None or (usage.source == "partial" and told < pieces / 2)
    count = pieces if told is None or behind else told
    about = "about " if behind and pieces else ""
    return f"{about}{count or 'no'} token{'' if count == 1 else 's'}"


def _usage(usage: Usage) -> list[str]:
    if usage.input_tokens is None:
        return []
    cached = f" ({usage.cached_input_tokens} cached)" if usage.cached_input_tokens else ""
    reasoning = f" ({usage.reasoning_tokens} reasoning)" if usage.reasoning_tokens else ""
    out = "?" if usage.output_tokens is None else usage.output_tokens
    return [f"usage {usage.input_tokens}{cached} in, {out}{reasoning} out"]
