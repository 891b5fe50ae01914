"""How an answer ended: the response object of its last event, in our words."""

from typing import Any

from greenroom.messages.answer import ChoiceEnd
from greenroom.messages.completion import FinishReason
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.wire.evidence import in_stream

ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
    "response.done": "",
}
"""The events that end an answer, and the status that each stands for where its response tells none."""
_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length", "max_tokens": "length", "length": "length", "content_filter": "content_filter",
}  # fmt: skip
_FAILED = ("failed", "cancelled")
RUNNING = ("queued", "in_progress")


def status_of(response: dict[str, Any], event: str = "") -> str:
    """The response's own status, else the one that the event stands for."""
    status = response.get("status")
    return status if isinstance(status, str) and status else ENDS.get(event, "")


def end_of(response: dict[str, Any], status: str, has_calls: bool, refused: bool) -> ChoiceEnd:
    """`raw` is the status that the response told; an event that told none is a success."""
    raw = response.get("status")
    return ChoiceEnd(
        reason=_reason(response, status, has_calls, refused), raw=raw if isinstance(raw, str) else None
    )


def failure_of(response: dict[str, Any], status: str) -> ErrorEvidence | None:
    """Not None: there is no answer, whatever came of it."""
    error = response.get("error")
    if error and isinstance(error, (dict, str)) and status != "completed":
        return in_stream({"error": error})
    if status not in _FAILED:
        return None
    message = f"the provider says that the response {'failed' if status == 'failed' else 'was cancelled'}"
    return ErrorEvidence(kind="in_stream", message=message, code=status, phase="body")


def _reason(response: dict[str, Any], status: str, has_calls: bool, refused: bool) -> FinishReason:
    if status == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return _INCOMPLETE.get(reason, "unknown") if isinstance(reason, str) else "unknown"
    if status in _FAILED:
        return "error"
    if status not in ("completed", ""):
        return "unknown"
    if has_calls:
        return "tool_calls"
    return "refusal" if refused else "stop"
