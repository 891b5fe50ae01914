"""The recorded Gemini streams and what each must come to, for the decoder alone and for the whole way."""

import json
from typing import Any

from recorded_chats import Found, expected
from shared_files import CORPUS

STREAMS = sorted(path.stem for path in (CORPUS / "streams").glob("gem-*.sse"))
EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "gem-google-b1415e22": (
        {"tool_calls"},
        "its arguments come value by value (partialArgs), which the expectation takes for calls of their own",
    ),
}
"""Where an expectation is wrong, and why. One of these that matches is an error."""


def allowed(name: str) -> set[str]:
    return EXCEPTIONS.get(name, (set[str](), ""))[0]


def differences(found: Found, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By field, what was found and what was wanted."""
    choice, usage = found.choice, found.usage
    calls = [(c["id"], c["name"], c["arguments_json"]) for c in want["tool_calls"]]
    got_calls = [(call.id, call.name, json.loads(call.arguments)) for call in choice.tool_calls]
    if len(calls) == len(got_calls):
        # An id that never came is made up here.
        got_calls = [(t[0] and g[0], *g[1:]) for g, t in zip(got_calls, calls, strict=True)]
    counts = normalised(want)
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (choice.text, want["text"]),
        "reasoning": (choice.reasoning, want["reasoning"]),
        "refusal": (choice.refusal, want.get("refusal") or ""),
        "tool_calls": (got_calls, calls),
        "finish_reason": (choice.finish_reason_raw, want["finish_reason"]),
        "model": (found.model, want["model"]),
        "response_id": (found.response_id, want["response_id"]),
        "complete": (found.completed, want["complete"]),
        **{name: (getattr(usage, name), count) for name, count in counts.items()},
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def normalised(want: dict[str, Any]) -> dict[str, int | None]:
    """Counts as ours: Google leaves thoughts out of its output, and what its tools read out of its prompt."""
    told, raw = want["usage"] or {}, want.get("raw_usage") or {}
    thoughts, made = told.get("reasoning_tokens"), told.get("output_tokens")
    prompt = told.get("input_tokens")
    return {
        "input_tokens": None if prompt is None else prompt + raw.get("toolUsePromptTokenCount", 0),
        "output_tokens": None if made is None and thoughts is None else (made or 0) + (thoughts or 0),
        "total_tokens": told.get("total_tokens"),
        "cached_input_tokens": told.get("cached_input_tokens"),
        "reasoning_tokens": thoughts,
    }


__all__ = ["EXCEPTIONS", "STREAMS", "allowed", "differences", "expected", "normalised"]
