"""Numbers and times as headers write them."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH_S = 1e9
"""Where a number of seconds is meant, one this large is no wait of 31 years but a point in time since 1970."""
_EPOCH_MS = 1e12


def number(value: str) -> float:
    """-1 where it is no finite number that could be meant: -1 itself and 2**63 stand for "without limit"."""
    try:
        found = float(value)
    except ValueError:
        return -1.0
    return found if 0 <= found < 1e15 else -1.0


def seconds(value: str, date: str | None, now: float | None) -> float:
    """`6m0s`, `12ms`, `2.5`, seconds or milliseconds since 1970, an RFC 3339 instant or an HTTP date, as
    seconds from the answer; -1 if none. A point in time is measured from `date`, else from `now`.
    """
    parts = _DURATION.findall(value)
    if parts and "".join(size + unit for size, unit in parts) == value.strip():
        return sum(float(size) * _UNIT_S[unit] for size, unit in parts)
    found = number(value)
    if found < _EPOCH_S:
        return found if found >= 0 else until(value, date, now)
    return _from(found / 1000 if found >= _EPOCH_MS else found, date, now)


def until(value: str, date: str | None, now: float | None) -> float:
    """Seconds from the answer to the instant that `value` names, 0 if it has passed; -1 if none."""
    then = instant(value)
    return -1.0 if then is None else _from(then, date, now)


def _from(then: float, date: str | None, now: float | None) -> float:
    start = instant(date) if date else None
    start = now if start is None else start
    return -1.0 if start is None else max(0.0, then - start)


def instant(value: str) -> float | None:
    """Seconds since 1970 of an HTTP date or an RFC 3339 instant; UTC where it names no zone."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return None
