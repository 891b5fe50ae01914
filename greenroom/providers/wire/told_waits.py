"""Waits in the words of a message: the only place where some providers tell them (OpenAI, Groq, Azure, GitHub).

Please try again in 5.289s.     Please try again in 6m0s.     Please retry after 20 seconds.
Please retry in 34.07s.         Please wait 86372 seconds before retrying.
Your quota will reset after 3h22m10s.     You will regain access on 2026-12-01 at 00:00 UTC.
"""

import re

from greenroom.messages.quoted import without_quotes
from greenroom.providers.header_times import instant

_PART = (
    r"\d{1,9}(?:\.\d{1,9})?\s*"
    r"(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|hr|h|days?|d)(?![a-z])"
)
_WAIT = re.compile(
    r"\b(?:try again|retry(?:ing)?|wait(?:ing)?|resets?|available again|come back)"
    r"(?: (?:again|after|in|for|at least|about|approximately|another|your request|the request))* ?~?"
    rf"((?:{_PART}[\s,]*(?:and )?){{1,5}})"
)
_STEP = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+)")
_UNIT_S = (
    ("ms", 0.001),
    ("mil", 0.001),
    ("s", 1.0),
    ("mi", 60.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86400.0),
)
"""By the beginning of the unit's name."""
_DATE = re.compile(r"\b(?:on|until|at) (\d{4}-\d\d-\d\d)(?:[ t]+(?:at )?(\d\d:\d\d(?::\d\d)?))? ?(?:utc|z)\b")


def told_wait_s(message: str, now: float | None = None) -> float | None:
    """The longest wait that the message names, in seconds; None if none. What it quotes does not count."""
    text = without_quotes(message).lower()
    waits = [sum(_seconds(*step) for step in _STEP.findall(found)) for found in _WAIT.findall(text)]
    if now is not None and "access" in text:
        for date, time in _DATE.findall(text):
            then = instant(f"{date}T{time or '00:00'}+00:00")
            if then is not None:
                waits.append(max(0.0, then - now))
    return max(waits) if waits else None


def _seconds(size: str, unit: str) -> float:
    if unit.startswith("mse"):
        return float(size) / 1000
    return float(size) * next((factor for start, factor in _UNIT_S if unit.startswith(start)), 0.0)
