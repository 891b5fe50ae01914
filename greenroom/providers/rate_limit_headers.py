"""Rate-limit headers of every dialect as one value.

Read by their pattern, not from a list of names:

    x-ratelimit-remaining-tokens-minute     what, then of what (OpenAI, Azure, xAI, Groq, Cerebras, Mistral)
    anthropic-ratelimit-input-tokens-reset  of what, then what
    x-ratelimit-reset, ratelimit-limit      requests, where nothing else is said
    RateLimit: "api";r=489;t=189            the IETF drafts, with RateLimit-Policy: "api";q=500;w=300
    ratelimitbysize-query-cost              what this request was charged (Mistral)

The words behind it are a unit, a window and, in what is left, a pool. `llm_provider-` before a name is LiteLLM's
mark for what its upstream sent.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from greenroom.messages.rate_limits import RateLimit, RateLimits, RateLimitUnit
from greenroom.providers.header_times import number, seconds

_NAME = re.compile(
    r"^(?:llm_provider-)?(?:x-)?(?:(anthropic)-)?"
    r"(?:(rate-?limit(?:bysize)?|tokenlimit)(?:-(.+))?|(?<=anthropic-)((?:priority|fast)-.+))$"
)
_WHAT = {
    "limit": "limit", "remaining": "remaining", "reset": "resets_in_s", "renewalperiod": "window_s",
    "status": "status", "utilization": "utilization",
}  # fmt: skip
_WINDOW_S = {
    "second": 1.0, "seconds": 1.0, "sec": 1.0, "minute": 60.0, "minutes": 60.0, "min": 60.0, "hour": 3600.0,
    "hours": 3600.0, "day": 86400.0, "days": 86400.0, "daily": 86400.0, "month": 30 * 86400.0,
    "monthly": 30 * 86400.0,
}  # fmt: skip
_SHORT_WINDOW = re.compile(r"^(\d{1,4})(s|m|h|d)$")
_SHORT_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FIRST = re.compile(r"[,;]")
_POLICY = re.compile(r"(?:^|[,\s])(\d{1,15})\s*;\s*w=(\d{1,9})")
_REQUESTS = frozenset({"requests", "request", "req", "reqs"})
_TOKENS = frozenset({"tokens", "token"})
_INPUT = frozenset({"input", "prompt"})
_OUTPUT = frozenset({"output", "completion", "generated"})
_UNITS: dict[str, RateLimitUnit] = {
    "requests": "requests",
    "tokens": "tokens",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}
_ANTHROPIC_S = 60.0
"""Its documentation states every limit without a window in the name per minute."""
_WINDOWS_MAX = 64
_VALUE_CHARS = 1024
_RESET_MAX_S = 366 * 86400.0


def rate_limits_of(
    headers: Iterable[tuple[str, str]], window_s: Mapping[str, float], now: float | None
) -> RateLimits | None:
    """What an answer's headers, names in lower case, told of the provider's limits; None if nothing.

    `window_s` has the window, by unit, that this server means where a name has none: a fact of its profile.
    `now` is the time of the answer, in seconds since 1970 UTC.
    """
    pairs = tuple(headers)
    if not any("limit" in name for name, _ in pairs):
        return None
    seen = _Seen(next((value for name, value in pairs if name == "date"), None), now)
    for name, value in pairs:
        if "limit" in name or "anthropic-" in name:
            seen.take(name, value[:_VALUE_CHARS])
    windows = seen.windows(window_s)
    if not windows and seen.query_cost is None:
        return None
    return RateLimits(windows=windows, query_cost_tokens=seen.query_cost, measured_at=now or 0.0)


class _Seen:
    """The limits of one answer while its headers are read."""

    __slots__ = ("_date", "_known", "_now", "query_cost")

    def __init__(self, date: str | None, now: float | None) -> None:
        self._date, self._now = date, now
        self._known: dict[str, dict[str, Any]] = {}
        self.query_cost: float | None = None

    def take(self, name: str, value: str) -> None:
        header = header_of(name)
        if header is None:
            return
        if header.what == "draft":
            self._drafted(value)
        elif header.what == "cost":
            self.query_cost = number(value) if number(value) >= 0 else self.query_cost
        elif said := self._said(header.what, value):
            known = self._known.setdefault(header.limit, {})
            known.update({**header.meaning, **said, **_window_kept(known)})

    def _said(self, what: str, value: str) -> dict[str, Any]:
        if what == "status":
            return {"status": value[:64]}
        if what == "resets_in_s":
            wait_s = seconds(value, self._date, self._now)
            return {what: wait_s} if 0 <= wait_s <= _RESET_MAX_S else {}
        size = number(_FIRST.split(value, maxsplit=1)[0])
        if size < 0 or (what == "window_s" and not size):
            return {}
        # An older draft's "100, 100;w=60": the limit, then the policies; the one of this limit has its window.
        for policy, window in _POLICY.findall(value) if ";" in value else ():
            if float(policy) == size:
                return {what: size, "window_s": float(window)}
        return {what: size}

    def _drafted(self, value: str) -> None:
        """A value of the IETF drafts' structured RateLimit and RateLimit-Policy."""
        if value.lstrip().startswith(("limit=", "remaining=", "reset=")):
            value = value.replace(",", ";")
        for item in re.findall(r'(?:"[^"]*"|[^",])+', value)[:_WINDOWS_MAX]:
            names = re.findall(r'"([^"]*)"', re.sub(r'\w+="[^"]*"', "", item))
            told = dict(re.findall(r"(?:^|[;\s])(\w{1,12})=\"?([\w.-]{1,32})", item))
            policy = names[-1] if names else "default"
            known = self._known.setdefault(policy, {"unit": "requests"})
            if "qu" in told:
                known["unit"] = _UNITS.get(told["qu"].replace("-", "_"), "other")
            known["pool"] = "" if policy == "default" else policy
            for field, keys in _DRAFTED.items():
                size = next((number(told[key]) for key in keys if key in told), -1.0)
                if size >= 0:
                    known[field] = size

    def windows(self, window_s: Mapping[str, float]) -> tuple[RateLimit, ...]:
        told = []
        for name, known in sorted(self._known.items())[:_WINDOWS_MAX]:
            if not known.keys() & _TOLD:
                continue
            if known.get("window_s") is None:
                known["window_s"] = _usual(known.get("unit", "other"), window_s)
            told.append(RateLimit(name=name, **known))
        return tuple(told)


_DRAFTED = {
    "limit": ("q", "limit"),
    "remaining": ("r", "remaining"),
    "resets_in_s": ("t", "reset"),
    "window_s": ("w",),
}
_TOLD = frozenset({"limit", "remaining", "resets_in_s", "utilization", "status"})


class Header(NamedTuple):
    """What a header's name means."""

    what: str
    """A field of RateLimit, `cost`, or `draft`: the IETF drafts' structured value."""
    limit: str = ""
    meaning: Mapping[str, Any] = MappingProxyType({})


@lru_cache(maxsize=512)
def header_of(name: str) -> Header | None:
    """What a header of this name tells of a limit, or None. The names of a server are always the same few."""
    found = _NAME.match(name)
    if not found:
        return None
    family, rest = found[2] or "", found[3] or found[4]
    if rest is None or (family == "ratelimit" and rest == "policy"):
        return Header("draft")
    words = re.split(r"[-_]", rest)
    if words[-2:] == ["query", "cost"]:
        return Header("cost")
    if words[0] in _WHAT:
        what, of = _WHAT[words[0]], words[1:]
    elif words[-1] in _WHAT:
        what, of = _WHAT[words[-1]], words[:-1]
    else:
        return None
    default = "tokens" if family in ("tokenlimit", "ratelimitbysize") else "requests"
    return Header(what, "-".join(of) or default, MappingProxyType(meaning(of, default, bool(found[1]))))


def meaning(words: list[str], default: str, per_minute: bool = False) -> dict[str, Any]:
    """Unit, window and pool in the words of a limit's name."""
    window_s, left, units = None, list[str](), set[str]()
    times = 1.0
    for word in words:
        if word in _WINDOW_S:
            window_s = times * _WINDOW_S[word]
        elif short := _SHORT_WINDOW.match(word):
            window_s = float(short[1]) * _SHORT_S[short[2]]
        elif word.isdecimal():
            times = float(word[:6]) or 1.0
        elif word in _REQUESTS or word in _TOKENS:
            units.add(word)
        elif word != "per":
            left.append(word)
    unit: RateLimitUnit = "other"
    if units & _TOKENS:
        unit = _tokens(left)
    elif units or (not left and default == "requests"):
        unit = "requests"
    elif not left:
        unit = "tokens"
    if window_s is None and per_minute and unit != "other":
        window_s = _ANTHROPIC_S
    return {"unit": unit, "window_s": window_s, "pool": "-".join(left)}


def _tokens(left: list[str]) -> RateLimitUnit:
    """Which tokens; the words that say so are taken out of `left`."""
    kinds: tuple[tuple[RateLimitUnit, frozenset[str]], ...] = (
        ("input_tokens", _INPUT),
        ("output_tokens", _OUTPUT),
    )
    for unit, words in kinds:
        if words & set(left):
            left[:] = [word for word in left if word not in words]
            return unit
    return "tokens"


def _usual(unit: str, window_s: Mapping[str, float]) -> float | None:
    return window_s.get(unit) or (window_s.get("tokens") if unit.endswith("_tokens") else None)


def _window_kept(known: dict[str, Any]) -> dict[str, Any]:
    """A window that a value told is not taken back by a name that has none."""
    return {"window_s": known["window_s"]} if known.get("window_s") is not None else {}
