"""What several system tests need."""

import time
from collections.abc import Callable, Iterable

from greenroom import Delta

LIMIT_S = 20.0
RESIDENTS = 7
"""Actors of a system without providers: root, services with catalogue, breakers and store, endpoints, requests."""


def text_of(deltas: Iterable[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def wait_until(true: Callable[[], bool], within_s: float = LIMIT_S) -> None:
    """Returns when `true()` is; fails after the limit."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, f"not within {within_s:g} s"
        time.sleep(0.005)
