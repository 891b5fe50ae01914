"""Clocks. All time of the library comes from one of these; `ManualClock` moves only when told to."""

import threading
import time
import weakref
from typing import Protocol

WALL_START_S = 1_750_000_000.0


class SystemClock:
    """The machine's clock."""

    def now_s(self) -> float:
        """Monotonic seconds; only differences mean anything."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()


class Sleeper(Protocol):
    """Who waits for a manual clock: a dispatcher with its timers."""

    def next_due_s(self) -> float | None:
        """When its next timer is due; None where there is none. Any thread."""

    def run_due(self) -> None:
        """Fire what is due now, and wait until all that follows from it has been handled."""


class ManualClock:
    """A clock for tests. `advance` fires timers in the order in which they are due.

    Any thread but a dispatcher's may advance it; one at a time.
    """

    def __init__(self, now_s: float = 0.0, wall_s: float = WALL_START_S) -> None:
        self._now_s = now_s
        self._wall_offset_s = wall_s - now_s
        self._sleepers: weakref.WeakSet[Sleeper] = weakref.WeakSet()
        self._advancing = threading.RLock()

    def now_s(self) -> float:
        """The seconds it was told, plus all advances."""
        return self._now_s

    def wall_s(self) -> float:
        """The wall clock, which moves with it."""
        return self._now_s + self._wall_offset_s

    def attach(self, sleeper: Sleeper) -> None:
        """From now on `advance` runs the sleeper's timers."""
        self._sleepers.add(sleeper)

    def advance(self, seconds: float) -> None:
        """Time has moved on by `seconds`; what was due meanwhile has happened, each at its time.

        Timers that are set by what happens count too. Raises ValueError for a negative number.
        """
        if seconds < 0:
            raise ValueError(f"time only moves forward, not by {seconds!r}")
        with self._advancing:
            end_s = self._now_s + seconds
            while (due := self._earliest()) is not None and due[0] <= end_s:
                self._now_s = max(self._now_s, due[0])
                due[1].run_due()
            self._now_s = end_s

    def _earliest(self) -> tuple[float, Sleeper] | None:
        dues = [
            (due_s, sleeper)
            for sleeper in list(self._sleepers)
            if (due_s := sleeper.next_due_s()) is not None
        ]
        return min(dues, key=lambda due: due[0], default=None)
