"""What stands beside an error's message: waits, limits, reasons, headers of the server behind a gateway.

google.rpc details: https://cloud.google.com/apis/design/errors#error_details (RetryInfo, QuotaFailure, ErrorInfo).
"""

import re
from typing import Any

from greenroom.messages.failures import NamedLimit

_WINDOW_S = (("persecond", 1.0), ("perminute", 60.0), ("perhour", 3600.0), ("perday", 86400.0))
_RETRY_FIELDS = (
    ("retry_after", 1.0), ("retry_after_seconds", 1.0), ("retryAfter", 1.0), ("retry_after_ms", 0.001),
    ("estimated_time", 1.0), ("resets_in_seconds", 1.0),
)  # fmt: skip
"""`estimated_time`: Hugging Face's, of a model that is being loaded."""
_NAMED_MAX = 16


def details_of(inner: dict[str, Any]) -> list[dict[str, Any]]:
    """The typed details of a google.rpc error."""
    details = inner.get("details")
    return [each for each in details[:64] if isinstance(each, dict)] if isinstance(details, list) else []


def reason_of(details: list[dict[str, Any]]) -> str | None:
    """ErrorInfo's reason, such as API_KEY_INVALID."""
    for detail in details:
        reason = detail.get("reason")
        if _is(detail, "ErrorInfo") and isinstance(reason, str) and reason:
            return reason[:200]
    return None


def wait_in(inner: dict[str, Any], given: Any) -> float | None:
    """The longest wait in seconds that the JSON names in a field of its own."""
    waits = [_duration(detail.get("retryDelay")) for detail in details_of(inner) if _is(detail, "RetryInfo")]
    metadata = inner.get("metadata")
    for place in (inner, given, metadata):
        if isinstance(place, dict):
            for name, factor in _RETRY_FIELDS:
                wait_s = _amount(place.get(name))
                waits.append(None if wait_s is None else wait_s * factor)
    told = [wait_s for wait_s in waits if wait_s is not None]
    return max(told) if told else None


def limits_in(inner: dict[str, Any]) -> tuple[NamedLimit, ...]:
    """The limits that the JSON says were hit: llama.cpp's context size, Google's quotas."""
    limit, used = _amount(inner.get("n_ctx")), _amount(inner.get("n_prompt_tokens"))
    if limit is not None and used is not None:
        return (NamedLimit(name="context_tokens", limit=limit, used=used, exceeded=True),)
    found: list[NamedLimit | None] = []
    for detail in details_of(inner):
        if _is(detail, "QuotaFailure"):
            violations = detail.get("violations")
            told = violations[:_NAMED_MAX] if isinstance(violations, list) else []
            found += [
                _quota(each.get("quotaId") or each.get("quotaMetric"), each.get("quotaValue"))
                for each in told
                if isinstance(each, dict)
            ]
        elif _is(detail, "ErrorInfo") and isinstance(detail.get("metadata"), dict):
            about = detail["metadata"]
            found.append(_quota(about.get("quota_limit"), about.get("quota_limit_value")))
    named: dict[str, NamedLimit] = {}
    for quota in found:
        if quota is not None:
            named.setdefault(quota.name, quota)
    return tuple(named.values())


def retryable_in(inner: dict[str, Any], given: Any) -> bool | None:
    """Where the JSON says so (Cloudflare's `retryable`)."""
    for place in (inner, given):
        for name in ("retryable", "is_retryable", "isRetryable"):
            if isinstance(place, dict) and isinstance(place.get(name), bool):
                return bool(place[name])
    return None


def headers_in(inner: dict[str, Any]) -> dict[str, str]:
    """The headers that a gateway passes on in its JSON (OpenRouter's `metadata.headers`)."""
    metadata = inner.get("metadata")
    headers = metadata.get("headers") if isinstance(metadata, dict) else None
    if not isinstance(headers, dict):
        return {}
    return {str(name).lower()[:100]: str(value)[:256] for name, value in list(headers.items())[:64]}


def filters_in(inner: dict[str, Any]) -> list[str]:
    """The categories for which a content filter stopped a prompt: Azure's, OpenRouter's moderation."""
    behind, metadata = inner.get("innererror"), inner.get("metadata")
    result = behind.get("content_filter_result") if isinstance(behind, dict) else None
    found = []
    if isinstance(result, dict):
        found = [
            name for name, each in result.items() if isinstance(each, dict) and each.get("filtered") is True
        ]
    reasons = metadata.get("reasons") if isinstance(metadata, dict) else None
    if isinstance(reasons, list):
        found += [reason for reason in reasons if isinstance(reason, str)]
    return [str(name)[:40] for name in found[:_NAMED_MAX]]


def _quota(name: Any, value: Any) -> NamedLimit | None:
    if not isinstance(name, str) or not name:
        return None
    plain = re.sub(r"[^a-z]", "", name.lower())
    window_s = next((length for word, length in _WINDOW_S if word in plain), None)
    return NamedLimit(name=name[:200], limit=_amount(value), window_s=window_s, exceeded=True)


def _is(detail: dict[str, Any], kind: str) -> bool:
    return str(detail.get("@type", "")).endswith(f"google.rpc.{kind}")


def _duration(value: Any) -> float | None:
    """`"34.4s"`, or protobuf's seconds and nanos."""
    if isinstance(value, dict):
        parts = (_amount(value.get("seconds")) or 0.0, _amount(value.get("nanos")) or 0.0)
        return parts[0] + parts[1] / 1e9
    return _amount(value.removesuffix("s")) if isinstance(value, str) else None


def _amount(value: Any) -> float | None:
    """A number that is no bool and could be meant, also one in a string."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,15}(\.\d{1,15})?", value):
        return float(value)
    if type(value) in (int, float) and 0 <= value < 1e15:
        return float(value)
    return None
