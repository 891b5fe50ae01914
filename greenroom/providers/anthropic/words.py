"""Names that the wire and its simulated side share."""

from typing import Any

from pydantic_core import from_json

from greenroom.messages.completion import FinishReason

WIRE = "anthropic"
"""The kind, and the mark of everything that only this wire takes back."""
VERSION = "2023-06-01"
"""The `anthropic-version` that is sent unless the configuration's headers name another."""
REASONS: dict[str, FinishReason] = {
    "end_turn": "stop", "stop_sequence": "stop",
    "max_tokens": "length", "model_context_window_exceeded": "length",
    "tool_use": "tool_calls", "refusal": "refusal",
    # Gateways that translate from the chat wire let its words through.
    "stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter",
}  # fmt: skip
"""`pause_turn` and `compaction` are no ends of an answer: continued by us, or by whoever asked for it."""
CUT_SHORT = frozenset({"max_tokens", "model_context_window_exceeded"})
"""Stop reasons that may leave the last block unfinished."""
PAUSE = "pause_turn"


def citations_in(signature: str | None) -> list[Any]:
    """The citations that a text part's signature holds; [] where it holds none.

    A text block is signed here with its citations as JSON: they go back with it, unchanged.
    """
    if not signature or not signature.startswith("["):
        return []
    try:
        told = from_json(signature)
    except ValueError:
        return []
    return told if isinstance(told, list) and all(isinstance(one, dict) for one in told) else []
