"""Errors of every wire as evidence: HTTP answers, errors inside a 200 stream, bodies that are no answer.

What is read of an error: its own fields (error_fields.py), what stands beside them (error_details.py), what its
message says in words (told_waits.py, named_limits.py), and the headers (response_headers.py). Of several waits
the longest holds: nobody comes back earlier than told.
"""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

from greenroom.messages.failures import ErrorEvidence, EvidenceKind, NamedLimit
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.value import FrozenMap
from greenroom.providers.response_headers import (
    LONGEST_S,
    allowed,
    is_retryable,
    provider_request_id,
    rate_limits,
    retry_after_s,
)
from greenroom.providers.wire.allowance import CALLS_MAX, Allowance
from greenroom.providers.wire.body_kind import described, kind_of_body
from greenroom.providers.wire.error_details import filters_in, headers_in, limits_in, retryable_in, wait_in
from greenroom.providers.wire.error_fields import MESSAGE_CHARS, error_fields, innermost, tells_error
from greenroom.providers.wire.named_limits import named_limits
from greenroom.providers.wire.told_waits import told_wait_s

__all__ = [
    "error_fields", "http_evidence", "in_stream", "protocol", "tells_error", "too_much", "without_secret",
    "wrong_body",
]  # fmt: skip

_BODY_BYTES = 4096
_DAY_S = 86400.0
_TOO_MANY = 429
_SECRET_CHARS_MIN = 8
_OF_THE_SERVER = (
    "message",
    "body",
    "headers",
    "code",
    "error_type",
    "param",
    "provider_request_id",
    "limits",
)
"""The fields of an evidence that hold a server's words."""


def http_evidence(status: int, headers: dict[str, str], body: bytes, now: float) -> ErrorEvidence:
    """Evidence of an answer that is no 2xx. `headers` has lower-case names."""
    text = body[:_BODY_BYTES].decode("utf-8", "replace")
    given = _json(body)
    fields = error_fields(given)
    message = fields.pop("message", "") or headers.get("x-error-message", "")[:MESSAGE_CHARS]
    if request_id := provider_request_id(headers):
        fields["provider_request_id"] = request_id
    elif ray := headers.get("cf-ray"):
        # The way to the provider has its own id; better than none.
        fields.setdefault("provider_request_id", ray[:200])
    if "error_type" not in fields and (told := headers.get("x-amzn-errortype")):
        fields["error_type"] = told.partition(":")[0][:200]
    facts = _facts(given, message, headers, now, too_many=status == _TOO_MANY)
    return ErrorEvidence(
        kind="http",
        message=_with_filters(message, given) or described(status, headers, text),
        headers=freeze_wire(allowed(headers)),
        body=text,
        phase="head",
        adjust="no_stream_options" if status in (400, 422) and "stream_options" in text else None,
        **facts,
        **fields | {"status": status},
    )


def in_stream(given: Any) -> ErrorEvidence:
    """Evidence of an error that stands in a 200 stream or body, as JSON or as a string."""
    fields = error_fields(given)
    message = fields.pop("message", None) or "the provider sent an error without a message"
    kind: EvidenceKind = "in_stream"
    facts = _facts(given, message, {}, None, too_many=fields.get("status") == _TOO_MANY)
    return ErrorEvidence(
        kind=kind, message=_with_filters(message, given), body=_short(given), phase="body", **facts, **fields
    )


def _facts(
    given: Any, message: str, headers: Mapping[str, str], now: float | None, *, too_many: bool
) -> dict[str, Any]:
    """retry_after_s, limits and is_retryable, from the JSON, the message and the headers."""
    inner = innermost(given)
    headers = headers_in(inner) | dict(headers)
    hit = limits_in(inner) or named_limits(message)
    beside = rate_limits(headers, now)
    waits = [retry_after_s(headers, now)]
    # A day's quota of Google's comes with the wait of its shorter windows: not to be waited for.
    if not (limits_in(inner) and any((limit.window_s or 0) >= _DAY_S for limit in hit)):
        waits += [wait_in(inner, given), told_wait_s(message, now)]
    told = [wait_s for wait_s in waits if wait_s is not None]
    if not told and too_many and not hit:
        told = [limit.reset_s for limit in beside if limit.remaining == 0 and limit.reset_s is not None]
    retryable = is_retryable(headers)
    return {
        "retry_after_s": min(max(told), LONGEST_S) if told else None,
        "limits": _each_once(hit + beside),
        "is_retryable": retryable_in(inner, given) if retryable is None else retryable,
    }


def _each_once(limits: tuple[NamedLimit, ...]) -> tuple[NamedLimit, ...]:
    """Of one name the first: a limit that was hit before the same one told by a header."""
    known: dict[str, NamedLimit] = {}
    for limit in limits:
        known.setdefault(limit.name, limit)
    return tuple(known.values())


def _with_filters(message: str, given: Any) -> str:
    """The message, with the categories that a content filter names beside it."""
    names = [name for name in filters_in(innermost(given)) if name.lower() not in message.lower()]
    return f"{message.rstrip('. ')} ({', '.join(names)})" if message and names else message


def without_secret(evidence: ErrorEvidence, secret: str) -> ErrorEvidence:
    """Some servers repeat the key that they refuse. One of less than 8 characters is a word, and no secret."""
    if len(secret) < _SECRET_CHARS_MIN:
        return evidence
    return evidence.model_copy(
        update={name: _hidden(getattr(evidence, name), secret) for name in _OF_THE_SERVER}
    )


def _hidden(given: Any, secret: str) -> Any:
    if isinstance(given, str):
        return _without_end(given.replace(secret, "(hidden)"), secret)
    if isinstance(given, NamedLimit):
        return given.model_copy(update={"name": _hidden(given.name, secret)})
    if isinstance(given, tuple):
        return tuple(_hidden(each, secret) for each in given)
    if isinstance(given, FrozenMap):
        return FrozenMap({_hidden(name, secret): _hidden(value, secret) for name, value in given.items()})
    return given


def _without_end(text: str, secret: str) -> str:
    """What was cut to its bound inside the key ends with a part of it."""
    for size in range(len(secret) - 1, _SECRET_CHARS_MIN - 1, -1):
        if text.endswith(secret[:size]):
            return text[:-size] + "(hidden)"
    return text


def wrong_body(
    headers: dict[str, str], body: bytes, status: int = 200, wanted: str = "an event stream"
) -> ErrorEvidence:
    """Evidence of a 2xx whose body is neither `wanted` nor a JSON answer."""
    text = body[:_BODY_BYTES].decode("utf-8", "replace")
    got = kind_of_body(headers, text)
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


def _json(body: bytes) -> Any:
    """The body's JSON, also in a `data:` line, in a first line, or cut short; None where there is none."""
    start = body.strip()
    if start.startswith((b"data:", b"event:")):
        start = next((line[5:] for line in start.splitlines() if line.startswith(b"data:")), b"").strip()
    for text in (start, start.partition(b"\n")[0]):
        try:
            return from_json(text, allow_partial="trailing-strings" if text[:1] in (b"{", b"[") else False)
        except ValueError:
            continue
    return None


def _short(value: Any) -> str:
    return to_json(value, inf_nan_mode="constants").decode("utf-8", "replace")[:_BODY_BYTES]
