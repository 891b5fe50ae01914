"""Errors inside the chunks of the chat wire: beside `choices`, in `x_groq`, alone, or as a finish reason."""

from typing import Any

from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.wire.evidence import in_stream


def error_in_chunk(chunk: dict[str, Any], event: str) -> ErrorEvidence | None:
    """The error that this event of a 200 stream carries, or None."""
    choices = chunk.get("choices")
    for place in (chunk, chunk.get("x_groq"), *(choices if isinstance(choices, list) else ())):
        if isinstance(place, dict) and place.get("error"):
            return in_stream(place)
    is_error = event == "error" or (event == "message" and not choices and _is_error_alone(chunk))
    return in_stream(chunk) if is_error else None


def _is_error_alone(chunk: dict[str, Any]) -> bool:
    """An error that stands at the top of an event without anything of an answer beside it."""
    base = chunk.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return True  # MiniMax: 0 means success
    if "choices" in chunk or chunk.get("usage"):
        return False
    if chunk.get("object") == "error" or chunk.get("type") == "error" or chunk.get("errors"):
        return True
    told = any(chunk.get(name) for name in ("detail", "message", "error_msg", "error_message"))
    return told and chunk.get("object") is None


def error_of_finish(finish: str) -> ErrorEvidence:
    message = f"the provider ended the answer with finish reason {finish!r}"
    return ErrorEvidence(kind="in_stream", message=message, code=finish, phase="body")
