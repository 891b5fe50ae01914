"""Errors of every wire as evidence: HTTP answers, errors inside a 200 stream, bodies that are no answer.

The error stands under `error` (an object, a string, a number; xAI puts `code` beside a string; Gemini wraps
it in an array), at top level (Mistral, Cerebras, older vLLM), as `detail` (FastAPI), or not at all.
"""

import re
from typing import Any

from pydantic_core import from_json, to_json

from greenroom.messages.failures import ErrorEvidence, EvidenceKind, NamedLimit
from greenroom.messages.frozen import freeze_wire
from greenroom.providers.response_headers import (
    allowed,
    is_retryable,
    provider_request_id,
    rate_limits,
    retry_after_s,
)
from greenroom.providers.wire.allowance import CALLS_MAX, Allowance

_BODY_BYTES = 4096
_MESSAGES = ("message", "detail", "error_msg", "error_message", "status_msg", "msg", "title")
_MESSAGE_CHARS = 1000
_LIMIT = r"(?P<limit>\d{1,15})"
_USED = r"(?P<used>\d{1,15})"
_LIMITS = (
    ("context_tokens", rf"context length (?:is|of) {_LIMIT}(?:[^?]*?requested (?:about )?{_USED})?"),
    ("context_tokens", rf"\({_USED} tokens\) exceeds the available context size \({_LIMIT}"),
    ("tokens", rf"tokens per (?:minute|day)[^:]*: Limit {_LIMIT}(?:, Used {_USED})?"),
    ("requests", rf"requests per (?:minute|day)[^:]*: Limit {_LIMIT}(?:, Used {_USED})?"),
)
"""How providers word the limit that was hit (OpenAI, OpenRouter, vLLM; llama.cpp; Groq)."""


def http_evidence(status: int, headers: dict[str, str], body: bytes, now: float) -> ErrorEvidence:
    """Evidence of an answer that is no 2xx. `headers` has lower-case names."""
    text = body[:_BODY_BYTES].decode("utf-8", "replace")
    fields = error_fields(_json(body))
    message = fields.pop("message", None) or _describe(status, headers, text)
    named = _named_limits(message)
    if request_id := provider_request_id(headers):
        fields["provider_request_id"] = request_id
    return ErrorEvidence(
        kind="http",
        message=message,
        headers=freeze_wire(allowed(headers)),
        body=text,
        is_retryable=is_retryable(headers),
        retry_after_s=retry_after_s(headers, now),
        limits=named + rate_limits(headers, now),
        phase="head",
        adjust="no_stream_options" if status in (400, 422) and "stream_options" in text else None,
        **fields | {"status": status},
    )


def without_secret(evidence: ErrorEvidence, secret: str) -> ErrorEvidence:
    """Some servers repeat the key that they refuse."""
    if secret not in evidence.body and secret not in evidence.message:
        return evidence
    hidden = {name: getattr(evidence, name).replace(secret, "(hidden)") for name in ("body", "message")}
    return evidence.model_copy(update=hidden)


def wrong_body(
    headers: dict[str, str], body: bytes, status: int = 200, wanted: str = "an event stream"
) -> ErrorEvidence:
    """Evidence of a 2xx whose body is neither `wanted` nor a JSON answer."""
    text = body[:_BODY_BYTES].decode("utf-8", "replace")
    got = _kind_of_body(headers, text)
    message = f"got {got}, not {wanted}: is base_url right?"
    return ErrorEvidence(
        kind="protocol",
        message=message,
        status=status,
        headers=freeze_wire(allowed(headers)),
        body=text,
        # What is no API at all will be none a second later; nobody need pay for asking it again.
        is_retryable=False if got.startswith("HTML") else None,
        phase="body",
    )


def tells_error(given: Any) -> bool:
    """JSON in which a server tells an error, not some other server's JSON."""
    return bool(error_fields(given).get("message")) or (isinstance(given, dict) and "error" in given)


def in_stream(given: Any) -> ErrorEvidence:
    fields = error_fields(given)
    message = fields.pop("message", None) or "the provider sent an error without a message"
    kind: EvidenceKind = "in_stream"
    body = _short(given)
    return ErrorEvidence(
        kind=kind, message=message, body=body, limits=_named_limits(message), phase="body", **fields
    )


def too_much(allowance: Allowance) -> ErrorEvidence:
    message = (
        f"what must be kept of the answer until its end (tool calls, reasoning details) is larger than "
        f"max_output_bytes ({allowance.limit} bytes)"
    )
    if allowance.calls_left < 0:
        message = f"the answer has more than {CALLS_MAX} tool calls"
    return ErrorEvidence(kind="bound", clock="max_output_bytes", message=message, phase="body")


def protocol(message: str, body: str = "") -> ErrorEvidence:
    return ErrorEvidence(kind="protocol", message=message, body=body[:_BODY_BYTES], phase="body")


def error_fields(given: Any) -> dict[str, Any]:
    """message, code, error_type, param, status and request id, those that an error's JSON tells."""
    if isinstance(given, list):
        given = given[0] if given else None
    if isinstance(given, str):
        return {"message": given[:_MESSAGE_CHARS]}
    if not isinstance(given, dict):
        return {}
    inner = _innermost(given)
    told = {
        "message": _first(inner, *_MESSAGES, "error") or _first(given, *_MESSAGES),
        "code": _word(inner.get("code")) or _word(inner.get("error_code")) or _word(given.get("code")),
        "error_type": _word(inner.get("type")) or _text(inner.get("status")),
        "param": _word(inner.get("param")),
        "provider_request_id": _word(given.get("request_id")),
        "status": _status(inner, given),
    }
    metadata = inner.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("raw"), str) and told["message"]:
        told["message"] = f"{told['message']}: {metadata['raw']}"[:_MESSAGE_CHARS]
    return {name: value for name, value in told.items() if value is not None and value != ""}


def _innermost(given: dict[str, Any]) -> dict[str, Any]:
    """The object that tells the error: under `error` (twice in some gateways), `errors`, `base_resp`, or here."""
    for _ in range(3):
        for name in ("error", "errors", "base_resp"):
            inner = given.get(name)
            if isinstance(inner, list) and inner and name != "base_resp":
                inner = inner[0]
            if isinstance(inner, dict) and inner:
                given = inner
                break
        else:
            break
    return given


def _first(given: dict[str, Any], *names: str) -> str:
    for name in names:
        value = given.get(name)
        if isinstance(value, str) and value:
            return value[:_MESSAGE_CHARS]
        if isinstance(value, (list, dict)) and value:
            return _validation(value) or _short(value)[:_MESSAGE_CHARS]
        if isinstance(value, (int, float)) and value:
            return f"error {value}"
    return ""


def _validation(detail: Any) -> str:
    """FastAPI's 422: a list of {loc, msg}."""
    faults = detail if isinstance(detail, list) else [detail]
    told = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        if isinstance(fault.get("loc"), list)
        else fault["msg"]
        for fault in faults
        if isinstance(fault, dict) and isinstance(fault.get("msg"), str)
    ]
    return "; ".join(told)[:_MESSAGE_CHARS]


def _status(*places: dict[str, Any]) -> int | None:
    """An HTTP status inside the JSON (Groq's status_code, OpenRouter's and LiteLLM's code)."""
    for place in places:
        for name in ("status_code", "status", "code"):
            value = place.get(name)
            number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) == 3 else value
            if type(number) is int and 400 <= number <= 599:
                return number
    return None


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return value[:200] or None
    return str(value) if type(value) in (int, float) else None


def _named_limits(message: str) -> tuple[NamedLimit, ...]:
    for name, pattern in _LIMITS:
        if found := re.search(pattern, message):
            used = found.groupdict().get("used")
            return (NamedLimit(name=name, limit=float(found["limit"]), used=float(used) if used else None),)
    return ()


def _describe(status: int, headers: dict[str, str], text: str) -> str:
    got = _kind_of_body(headers, text)
    if 300 <= status < 400:
        place = _place(headers.get("location", ""))
        return f"HTTP {status}: the server redirects{place}, which is not followed; set base_url to the new place"
    return f"HTTP {status} with {got}"


def _place(location: str) -> str:
    """Where a redirect leads; without what may be a secret: user, query and fragment."""
    parts = re.match(r"((?:https?:)?//)?(?:[^/?#@\s]*@)?([^?#\s\x00-\x1f]{1,200})", location)
    return f" to {(parts[1] or '') + parts[2]}" if parts else ""


def _kind_of_body(headers: dict[str, str], text: str) -> str:
    start = text.lstrip()[:200]
    if not start:
        return "an empty body"
    if start[:1] == "<" or "html" in headers.get("content-type", ""):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
        return f"HTML ({' '.join(title[1].split())[:80]})" if title and title[1] else "HTML"
    return f"this text: {' '.join(start.split())}"


def _json(body: bytes) -> Any:
    """The body's JSON, also where it stands in a `data:` line; None where there is none."""
    start = body.strip()
    if start.startswith((b"data:", b"event:")):
        start = next((line[5:] for line in start.splitlines() if line.startswith(b"data:")), b"")
    try:
        return from_json(start)
    except ValueError:
        return None


def _short(value: Any) -> str:
    return to_json(value, inf_nan_mode="constants").decode("utf-8", "replace")[:_BODY_BYTES]
