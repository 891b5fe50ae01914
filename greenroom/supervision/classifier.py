"""The one place that names a failure's class, from the evidence alone. Pure tables; first match wins.

Order: our own evidence (clock, bound, crash, refusal, transport), then the provider's own words
(code and type), then phrases of its message, then the HTTP status.
Sources of codes and phrases: the providers' error pages named in docs/design.md, and recorded bodies.
"""

from greenroom.messages.failures import ErrorClass, ErrorEvidence

_CODES: dict[str, ErrorClass] = {
    "insufficient_quota": "quota",
    "billing_error": "quota",
    "billing_hard_limit_reached": "quota",
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "tokens": "rate_limit",
    "requests": "rate_limit",
    "overloaded_error": "overloaded",
    "insufficient_system_resource": "overloaded",
    "engine_overloaded": "overloaded",
    "invalid_api_key": "credential",
    "authentication_error": "credential",
    "permission_error": "permission",
    "model_not_found": "model_not_found",
    "not_found_error": "model_not_found",
    "context_length_exceeded": "context_length",
    "exceed_context_size_error": "context_length",
    "content_filter": "content_policy",
    "content_policy_violation": "content_policy",
    "unavailable_error": "overloaded",
}

_VAGUE: frozenset[str] = frozenset({"server_error", "api_error", "internal_server_error", "timeout_error"})
"""Words that say less than message and status do: transient, where these say nothing."""

_PHRASES: tuple[tuple[str, ErrorClass], ...] = (
    ("loading model", "model_loading"),
    ("model is loading", "model_loading"),
    ("currently loading", "model_loading"),
    ("no models loaded", "model_not_found"),
    ("retry in", "rate_limit"),  # Google says so of quotas that come back
    ("credit balance", "quota"),
    ("insufficient balance", "quota"),
    ("exceeded your current quota", "quota"),
    ("maximum context length", "context_length"),
    ("context size", "context_length"),
    ("context window", "context_length"),
    ("prompt is too long", "context_length"),
    ("too many tokens", "context_length"),
    ("input tokens exceed", "context_length"),
    ("rate limit", "rate_limit"),
    ("too many requests", "rate_limit"),
    ("api key", "credential"),
    ("security token", "credential"),
    ("overloaded", "overloaded"),
    ("currently unavailable", "overloaded"),
)

_STATUS: dict[int, ErrorClass] = {
    400: "invalid_request",
    401: "credential",
    402: "quota",
    403: "permission",
    404: "model_not_found",
    408: "transient",
    409: "transient",
    413: "invalid_request",
    422: "invalid_request",
    425: "transient",
    429: "rate_limit",
    498: "overloaded",
    500: "transient",
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


def classify(evidence: ErrorEvidence) -> ErrorClass:
    """The class of a failure with this evidence. Total: what nothing matches is `unknown`."""
    own = _own(evidence)
    return own or _by_code(evidence) or _by_phrase(evidence) or _by_status(evidence)


def is_retryable(evidence: ErrorEvidence, error_class: ErrorClass) -> bool:
    """Whether a second try could end otherwise. The provider's explicit word wins."""
    if evidence.is_retryable is not None:
        return evidence.is_retryable
    return error_class in _RETRYABLE


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
            return _transport(evidence)
        case "protocol":
            return "protocol"
        case "http" | "in_stream":
            return None


def _transport(evidence: ErrorEvidence) -> ErrorClass:
    return _TRANSPORT.get(evidence.status or 0, "transient")


def _by_code(evidence: ErrorEvidence) -> ErrorClass | None:
    for word in (evidence.code, evidence.error_type):
        if word is not None and (found := _CODES.get(word.lower())) is not None:
            return _loading(evidence) or found
    return None


def _loading(evidence: ErrorEvidence) -> ErrorClass | None:
    return "model_loading" if "loading model" in evidence.message.lower() else None


def _by_phrase(evidence: ErrorEvidence) -> ErrorClass | None:
    text = f"{evidence.message} {evidence.body}".lower()
    return next((found for phrase, found in _PHRASES if phrase in text), None)


def _by_status(evidence: ErrorEvidence) -> ErrorClass:
    status = evidence.status
    if status is None or status < 400:
        return "transient" if {evidence.code, evidence.error_type} & _VAGUE else "unknown"
    return _STATUS.get(status, "transient" if status >= 500 else "invalid_request")
