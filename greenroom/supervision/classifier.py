"""The one place that names a failure's class, from the evidence alone. Pure tables; first match wins.

Order:
  1  our own evidence: clock, bound, crash, refusal, transport
  2  a quota that does not come back while the request waits: Google's per day
  3  the provider's code, then its type (error_codes.py)
  4  phrases of its message, where the status allows them (error_phrases.py)
  5  the HTTP status; where none was told, a vague code (`server_error`)
Two kinds of codes are looked through: a server that is loading says so beside "unavailable" (llama.cpp), and a
key that was revoked is told beside "permission denied" (Google).
"""

from greenroom.messages.failures import ErrorClass, ErrorEvidence
from greenroom.supervision.error_codes import CODES, RESAMPLED, VAGUE, plain
from greenroom.supervision.error_phrases import by_phrase

_DAY_S = 86400.0
_PAYMENT_REQUIRED = 402

_STATUS: dict[int, ErrorClass] = {
    400: "invalid_request",
    401: "credential",
    402: "quota",
    403: "permission",
    404: "model_not_found",
    408: "transient",
    409: "transient",
    410: "model_not_found",
    413: "invalid_request",
    422: "invalid_request",
    424: "transient",
    425: "transient",
    429: "rate_limit",
    451: "permission",
    498: "overloaded",
    499: "transient",
    500: "transient",
    501: "invalid_request",
    502: "transient",
    503: "overloaded",
    504: "transient",
    529: "overloaded",
}

_REFUSALS: dict[str, ErrorClass] = {
    "model_not_found": "model_not_found", "shutdown": "shutdown", "unsendable": "invalid_request",
}  # fmt: skip

_TRANSPORT: dict[int, ErrorClass] = {401: "credential", 407: "credential", 403: "permission"}
"""By status: a proxy refused, or an api_key callable failed."""

_BOUNDS: dict[str, ErrorClass] = {
    "max_output_bytes": "output_limit",
    "max_pause_s": "slow_consumer",
    "max_event_bytes": "output_limit",
    "max_head_bytes": "protocol",
    "max_headers": "protocol",
    "max_inflate_ratio": "protocol",
}

_RETRYABLE: frozenset[ErrorClass] = frozenset(
    {"transient", "rate_limit", "overloaded", "model_loading", "timeout", "protocol", "bug"}
)

_NEARER: dict[ErrorClass, ErrorClass] = {"overloaded": "model_loading", "permission": "credential"}
"""Beside a code of the first class a phrase of the second is nearer to the cause."""


def classify(evidence: ErrorEvidence) -> ErrorClass:
    """The class of a failure with this evidence. Total: what nothing matches is `unknown`."""
    own = _own(evidence)
    return own or _by_day(evidence) or _by_code(evidence) or _by_phrase(evidence) or _by_status(evidence)


def is_retryable(evidence: ErrorEvidence, error_class: ErrorClass) -> bool:
    """Whether a second try could end otherwise. The provider's explicit word wins."""
    if evidence.is_retryable is not None:
        return evidence.is_retryable
    if too_large_alone(evidence):
        return False
    return error_class in _RETRYABLE or plain(evidence.code or "") in RESAMPLED


def too_large_alone(evidence: ErrorEvidence) -> bool:
    """This one request asks for more than a whole window has: no wait makes room for it."""
    return any(
        limit.exceeded and limit.limit is not None and (limit.requested or 0.0) > limit.limit
        for limit in evidence.limits
    )


def _own(evidence: ErrorEvidence) -> ErrorClass | None:
    match evidence.kind:
        case "clock" | "bound":
            return _BOUNDS.get(
                evidence.clock or "", "timeout" if evidence.kind == "clock" else "output_limit"
            )
        case "crash":
            return "bug"
        case "refusal":
            return _REFUSALS.get(evidence.code or "", "refused")
        case "transport":
            return _TRANSPORT.get(evidence.status or 0, "transient")
        case "protocol":
            return "protocol"
        case "http" | "in_stream":
            return None


def _by_day(evidence: ErrorEvidence) -> ErrorClass | None:
    """A day's limit was hit, and no word on when to come back: it is used up."""
    spent = any(limit.exceeded and (limit.window_s or 0) >= _DAY_S for limit in evidence.limits)
    return "quota" if spent and evidence.retry_after_s is None else None


def _by_code(evidence: ErrorEvidence) -> ErrorClass | None:
    for word in (evidence.code, evidence.error_type):
        found = CODES.get(plain(word)) if word is not None else None
        nearer = _NEARER.get(found) if found is not None else None
        if nearer is not None and _by_phrase(evidence) == nearer:
            return nearer
        if found is not None:
            return found
    return None


def _by_phrase(evidence: ErrorEvidence) -> ErrorClass | None:
    status = evidence.status if evidence.status is not None and evidence.status >= 400 else None
    if status is None and _vague(evidence) == "invalid_request":
        status = 400
    return by_phrase(evidence.message, status, evidence.retry_after_s is not None)


def _by_status(evidence: ErrorEvidence) -> ErrorClass:
    status = evidence.status
    if status is None or status < 400:
        return _vague(evidence) or "unknown"
    if status == _PAYMENT_REQUIRED and evidence.retry_after_s is not None:
        return "rate_limit"  # of what is in flight: it comes back (OpenRouter)
    return _STATUS.get(status, "transient" if status >= 500 else "invalid_request")


def _vague(evidence: ErrorEvidence) -> ErrorClass | None:
    words = (evidence.code, evidence.error_type)
    return next((VAGUE[plain(word)] for word in words if word is not None and plain(word) in VAGUE), None)
