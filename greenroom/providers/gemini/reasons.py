"""Why an answer ended: Google's words in ours, and which of them are failures.

Source: https://ai.google.dev/api/generate-content#FinishReason, #BlockReason.
"""

from typing import Any

from greenroom.messages.completion import FinishReason
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.wire.evidence import in_stream

CONTINUATION = "CONTINUATION"
"""The server wants to be asked again, with the candidate's continuationToken."""

_REASONS: dict[str, FinishReason] = {
    "STOP": "stop", "MAX_TOKENS": "length", CONTINUATION: "length",
    "SAFETY": "content_filter", "RECITATION": "content_filter", "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter", "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter", "IMAGE_SAFETY": "content_filter", "IMAGE_RECITATION": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter", "IMAGE_OTHER": "content_filter",
}  # fmt: skip

_FAILING: dict[str, tuple[bool, str]] = {
    "MALFORMED_FUNCTION_CALL": (True, "server_error"),
    "UNEXPECTED_TOOL_CALL": (True, "server_error"),
    "TOO_MANY_TOOL_CALLS": (True, "server_error"),
    "MALFORMED_RESPONSE": (True, "server_error"),
    "MISSING_THOUGHT_SIGNATURE": (False, "invalid_request_error"),
    "PUP_LIMITED_DISABLED": (False, "permission_error"),
}
"""Of each: whether asking again may end otherwise, and the kind of error in a word that every wire uses."""

_NONE_YET = frozenset({"", "FINISH_REASON_UNSPECIFIED"})
"""The empty value of the enumeration: no reason yet."""

_NO_BLOCK = frozenset({"", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})
"""The same of a prompt's block, in the words of both of Google's APIs."""


def finish_word(given: Any) -> str | None:
    """The finish reason as Google says it; None where there is none yet. Servers may send its number."""
    if type(given) is int:
        return str(given) if given else None
    return given if isinstance(given, str) and given not in _NONE_YET else None


def reason_of(finish: str | None, has_calls: bool) -> FinishReason:
    """In our word. Google ends an answer with function calls with STOP: that is `tool_calls`."""
    if finish is None:
        return "unknown"
    if finish in _FAILING:
        return "error"
    reason = _REASONS.get(finish, "unknown")
    return "tool_calls" if reason == "stop" and has_calls else reason


def failure_of(finish: str, message: Any) -> ErrorEvidence | None:
    """The failure that a finish reason means; None where it ends an answer."""
    if finish not in _FAILING:
        return None
    retryable, kind = _FAILING[finish]
    told = message if isinstance(message, str) and message else f"the answer ended with {finish}"
    evidence = in_stream({"message": told, "code": finish, "type": kind})
    return evidence.model_copy(update={"is_retryable": retryable})


def blocked(feedback: Any) -> ErrorEvidence | None:
    """The prompt was blocked: nothing is generated. As elsewhere a refused prompt is a failure, not an answer."""
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if not isinstance(reason, str) or reason in _NO_BLOCK:
        return None
    message = feedback.get("blockReasonMessage")
    told = message if isinstance(message, str) and message else f"the prompt was blocked: {reason}"
    evidence = in_stream({"message": told, "code": reason, "type": "content_filter"})
    return evidence.model_copy(update={"is_retryable": False})
