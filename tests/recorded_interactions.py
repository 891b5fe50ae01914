"""The recorded streams of the Interactions API and what each must come to."""

from typing import Any

from recorded_chats import Found, expected
from shared_files import CORPUS

STREAMS = sorted(path.stem for path in (CORPUS / "streams").glob("gemint-*.sse"))


def differences(found: Found, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By field, what was found and what was wanted. Google leaves thoughts out of its output."""
    choice, usage, told = found.choice, found.usage, want["usage"] or {}
    raw = want.get("raw_usage") or {}
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (choice.text, want["text"]),
        "reasoning": (choice.reasoning, want["reasoning"]),
        "tool_calls": (len(choice.tool_calls), len(want["tool_calls"])),
        "finish_reason": (choice.finish_reason_raw, want["finish_reason"]),
        "model": (found.model, want["model"]),
        "response_id": (found.response_id, want["response_id"]),
        "complete": (found.completed, want["complete"]),
        "input_tokens": (usage.input_tokens, told["input_tokens"] + raw.get("total_tool_use_tokens", 0)),
        "output_tokens": (usage.output_tokens, told["output_tokens"] + told.get("reasoning_tokens", 0)),
        "total_tokens": (usage.total_tokens, told["total_tokens"]),
        "reasoning_tokens": (usage.reasoning_tokens, told.get("reasoning_tokens")),
        "cached_input_tokens": (usage.cached_input_tokens, told.get("cached_input_tokens")),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


__all__ = ["STREAMS", "differences", "expected"]
