"""The recorded streams of Anthropic's wires and what each must come to."""

from typing import Any

from recorded_chats import Found
from shared_files import CORPUS, SHARED

STREAMS = sorted(path.stem for path in (CORPUS / "streams").glob("anth-*.sse"))
OLDER = sorted(path.stem for path in (CORPUS / "streams").glob("anthtext-*.sse"))
RECORDINGS = sorted((SHARED / "recordings").glob("messages_*.sse"))
"""Of llama.cpp."""
EXCEPTIONS: dict[str, tuple[set[str], str]] = {}
"""Where an expectation is wrong, and why. One of these that matches is an error."""


def allowed(name: str) -> set[str]:
    return EXCEPTIONS.get(name, (set[str](), ""))[0]


def message_differences(found: Found, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By field, what was found and what was wanted."""
    choice, usage, counts = found.choice, found.usage, want["usage"] or {}
    fresh, cached = counts.get("input_tokens"), counts.get("cached_input_tokens")
    written = counts.get("cache_creation_input_tokens")
    total = None if fresh is None else fresh + (cached or 0) + (written or 0)
    hosted = [part.item for part in choice.parts if part.type == "provider"]
    used = [item for item in hosted if item["type"] in ("server_tool_use", "mcp_tool_use")]
    wanted_hosted = len(want.get("server_tool_calls") or ()) + sum(
        block != "redacted_thinking" for block in want.get("other_blocks") or ()
    )
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (choice.text, want["text"]),
        "reasoning": (choice.reasoning, want["reasoning"]),
        "refusal": (choice.refusal, want.get("refusal") or ""),
        "tool_calls": (
            [(call.id, call.name, call.arguments) for call in choice.tool_calls],
            [(call["id"], call["name"], call["arguments"] or "{}") for call in want["tool_calls"]],
        ),
        "finish_reason": (choice.finish_reason_raw, want["finish_reason"]),
        "model": (found.model, want["model"]),
        "response_id": (found.response_id, want["response_id"] or None),
        "complete": (found.completed, bool(want["complete"])),
        "input_tokens": (usage.input_tokens, total),
        "cached_input_tokens": (usage.cached_input_tokens, cached),
        "cache_write_tokens": (usage.cache_write_tokens, written),
        "output_tokens": (usage.output_tokens, counts.get("output_tokens")),
        "hosted": (len(hosted), wanted_hosted),
        "hosted_calls": (
            [(item["id"], item["name"], dict(item["input"])) for item in used],
            [(c["id"], c["name"], c["arguments_json"]) for c in want.get("server_tool_calls") or ()],
        ),
        "error": (found.failed_in_stream, bool(want.get("error"))),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
