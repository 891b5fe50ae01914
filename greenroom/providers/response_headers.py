"""What the headers of an answer tell, the same for every wire: when to come back, limits, ids.

Names: https://platform.openai.com/docs/guides/rate-limits, https://docs.anthropic.com/en/api/rate-limits,
Azure's and LiteLLM's (`llm_provider-` before a name that its upstream sent).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from greenroom.messages.failures import NamedLimit

_ALLOWED = re.compile(
    r"^(llm_provider-)?((.*-)?request-id|.*ratelimit-.*|retry-after(-ms)?|x-ms-retry-after-ms|x-should-retry"
    r"|content-type|date|server|openai-processing-ms|cf-ray|x-generation-id|x-ms-region|www-authenticate)$"
)
_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-generation-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-kong-request-id",
)
_LIMIT = re.compile(
    r"^(?:x-|anthropic-)ratelimit-(?:(limit|remaining|reset)-(.+)|(.+)-(limit|remaining|reset))$"
)
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 30 * 86400.0


def lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names in lower case; of a repeated name the last one."""
    return {name.lower(): value for name, value in headers}


def allowed(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may stand in evidence: they help and hold no secret. Values cut to 256 characters."""
    return {name: value[:256] for name, value in headers.items() if _ALLOWED.match(name)}


def provider_request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)


def is_retryable(headers: Mapping[str, str]) -> bool | None:
    """Only where the server said so."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait, the longest that any header names: never earlier than told.

    A date is measured from the answer's own Date header, else from `now` (seconds since 1970 UTC).
    """
    waits: list[float] = []
    for name, value in headers.items():
        plain = name.removeprefix("llm_provider-")
        if plain in ("retry-after-ms", "x-ms-retry-after-ms"):
            waits.append(_number(value) / 1000)
        elif plain == "retry-after":
            seconds = _number(value)
            waits.append(seconds if seconds >= 0 else _until(value, headers.get("date"), now))
    told = [wait for wait in waits if wait >= 0]
    return min(max(told), _LONGEST_S) if told else None


def rate_limits(headers: Mapping[str, str], now: float | None = None) -> tuple[NamedLimit, ...]:
    """One NamedLimit for every limit that the headers name, with what is left of it."""
    fields: dict[str, dict[str, float]] = {}
    for name, value in headers.items():
        found = _LIMIT.match(name.removeprefix("llm_provider-"))
        if not found:
            continue
        limit, what = found[2] or found[3], found[1] or found[4]
        number = _seconds(value, headers.get("date"), now) if what == "reset" else _number(value)
        if number >= 0:
            fields.setdefault(limit, {})["reset_s" if what == "reset" else what] = number
    return tuple(NamedLimit(name=name, **known) for name, known in sorted(fields.items()))


def _seconds(value: str, date: str | None, now: float | None) -> float:
    """`6m0s`, `12ms`, `2.5`, an RFC 3339 instant or an HTTP date, as seconds from the answer; -1 if none."""
    parts = _DURATION.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value.strip():
        return sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    seconds = _number(value)
    return seconds if seconds >= 0 else _until(value, date, now)


def _number(value: str) -> float:
    """-1 where it is no finite number that could be meant."""
    try:
        number = float(value)
    except ValueError:
        return -1.0
    return number if 0 <= number < 1e15 else -1.0


def _until(value: str, date: str | None, now: float | None) -> float:
    then, start = _instant(value), _instant(date) if date else None
    start = now if start is None else start
    return -1.0 if then is None or start is None else max(0.0, then - start)


def _instant(value: str) -> float | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(value).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return None
