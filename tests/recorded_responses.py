"""The recorded streams of the Responses wire and what each must come to."""

import json
from typing import Any

from recorded_chats import Found
from shared_files import CORPUS, SHARED

STREAMS = sorted(path.stem for path in (CORPUS / "streams").glob("resp-*.sse"))
RECORDINGS = sorted((SHARED / "recordings").glob("*responses_*.sse"))
"""Of llama.cpp, and of LiteLLM in front of it."""

EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "resp-openai-5ac4f66a": (
        {"text", "text_parts"},
        "most of its deltas were taken out; the done events tell the texts whole, as the SDK has them",
    ),
}  # fmt: skip
"""Where an expectation is wrong, and why. One of these that matches is an error."""


def allowed(name: str) -> set[str]:
    return EXCEPTIONS.get(name, (set[str](), ""))[0]


def differences(found: Found, want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By field, what was found and what was wanted."""
    choice, usage = found.choice, found.usage
    calls = [(c["id"], c["name"], c["arguments"] or "{}", c.get("item_id")) for c in want["tool_calls"]]
    got = [(c.id, c.name, c.arguments, c.metadata.get("item_id")) for c in choice.tool_calls]
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (choice.text, want["text"]),
        "reasoning": (choice.reasoning, want["reasoning"]),
        "refusal": (choice.refusal, want.get("refusal") or ""),
        "tool_calls": (got, calls),
        "all calls whole": (all(call.complete for call in choice.tool_calls), True),
        "finish_reason": (choice.finish_reason_raw, want["finish_reason"]),
        "model": (found.model, want["model"]),
        "response_id": (found.response_id, want["response_id"] or None),
        "complete": (found.completed, bool(want["complete"]) and not want.get("error")),
        "error": (found.failed_in_stream, bool(want.get("error"))),
    }
    if want.get("text_parts") is not None:
        pairs["text_parts"] = ([p.text for p in choice.parts if p.type == "text"], want["text_parts"])
    if want.get("reasoning_parts") is not None:
        parts = [p.text for p in choice.parts if p.type == "reasoning" and p.text]
        pairs["reasoning_parts"] = (parts, want["reasoning_parts"])
    if want.get("other_items") is not None:
        items = [p.item["type"] for p in choice.parts if p.type == "provider"]
        pairs["other_items"] = (items, want["other_items"])
    counts = want["usage"] or {}
    for name in ("input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens"):
        pairs[name] = (getattr(usage, name), counts.get(name))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def expected(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CORPUS / "expected" / f"{name}.json").read_text())
    return told
