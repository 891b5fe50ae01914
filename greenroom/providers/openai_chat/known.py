"""What of a chunk the codec reads or knows to be padding; all else is passed on as it came, on request."""

from typing import Any

_CHUNK = frozenset({
    "id", "object", "created", "model", "choices", "usage", "error", "x_groq", "obfuscation",
    "system_fingerprint", "service_tier", "provider", "timings", "citations", "search_results",
})  # fmt: skip
_DELTA = frozenset({
    "role", "content", "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning", "thinking",
    "reasoning_text", "reasoning_details", "annotations", "usage",
    # padding and labels without content
    "obfuscation", "p", "token_id", "channel", "name", "padding",
})  # fmt: skip
_ITEMS = frozenset({"text", "thinking", "reasoning", "refusal"})


def has_more(chunk: dict[str, Any]) -> bool:
    """The chunk says something that no delta of ours carries."""
    if not chunk.keys() <= _CHUNK:
        return True
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return False
    return any(_delta_has_more(choice.get("delta")) for choice in choices if isinstance(choice, dict))


def _delta_has_more(delta: Any) -> bool:
    if not isinstance(delta, dict):
        return False
    content = delta.get("content")
    items = content if isinstance(content, list) else ()
    odd = any(isinstance(item, dict) and item.get("type") not in _ITEMS for item in items)
    return odd or not delta.keys() <= _DELTA
