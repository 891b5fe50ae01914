"""What a breaker remembers of its calls, pure: sums over a sliding window of time, or over the last calls.

Both add and sum in constant time, whatever the traffic. Partial sums in a ring of equal parts of the time, and
a ring of outcomes: as in resilience4j's sliding windows.
"""

from typing import NamedTuple, Protocol

PARTS = 10
"""Of a time window: a call counts for between nine and ten tenths of it."""


class Sums(NamedTuple):
    """Of the calls in a window."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    def failure_rate(self) -> float:
        return self.failed / self.calls if self.calls else 0.0

    def slow_rate(self) -> float:
        return self.slow / self.calls if self.calls else 0.0


class Window(Protocol):
    """Stamps may stand still; they do not go back."""

    def add(self, now_s: float, *, failed: bool, slow: bool) -> bool:
        """One call has ended. False: of those that still count, none failed and none was slow."""

    def sums(self, now_s: float) -> Sums:
        """Of the calls that still count."""


class TimeWindow:
    """The calls of the last `window_s` seconds. Bounded: `PARTS` partial sums."""

    __slots__ = ("_calls", "_failed", "_newest", "_part_s", "_parts", "_slow")

    def __init__(self, window_s: float) -> None:
        self._part_s = window_s / PARTS
        self._parts = [[0, 0, 0] for _ in range(PARTS)]
        self._newest: int | None = None
        """The number of the part that is being filled, counted from the clock's zero."""
        # Invariant: these are the sums over all parts.
        self._calls = self._failed = self._slow = 0

    def add(self, now_s: float, *, failed: bool, slow: bool) -> bool:
        part = self._turn(now_s)
        part[0] += 1
        part[1] += failed
        part[2] += slow
        self._calls += 1
        self._failed += failed
        self._slow += slow
        return self._failed > 0 or self._slow > 0

    def sums(self, now_s: float) -> Sums:
        self._turn(now_s)
        return Sums(self._calls, self._failed, self._slow)

    def _turn(self, now_s: float) -> list[int]:
        """The part of this moment; those that are too old are empty again."""
        number = int(now_s // self._part_s)
        newest = self._newest
        if newest is None:
            self._newest = newest = number
        if number > newest:
            for stale in range(max(newest + 1, number - PARTS + 1), number + 1):
                part = self._parts[stale % PARTS]
                self._calls -= part[0]
                self._failed -= part[1]
                self._slow -= part[2]
                part[:] = (0, 0, 0)
            self._newest = newest = number
        return self._parts[newest % PARTS]


class CountWindow:
    """The last `size` calls. Bounded: that many bytes."""

    __slots__ = ("_at", "_calls", "_failed", "_ring", "_slow")

    def __init__(self, size: int) -> None:
        self._ring = bytearray(size)
        self._at = 0
        self._calls = self._failed = self._slow = 0

    def add(self, now_s: float, *, failed: bool, slow: bool) -> bool:  # noqa: ARG002  (time is nothing here)
        # The two bits of an outcome; of a place that was never filled, zero.
        gone = self._ring[self._at]
        self._failed += failed - (gone & 1)
        self._slow += slow - (gone >> 1)
        self._calls = min(self._calls + 1, len(self._ring))
        self._ring[self._at] = failed | slow << 1
        self._at = (self._at + 1) % len(self._ring)
        return self._failed > 0 or self._slow > 0

    def sums(self, now_s: float) -> Sums:  # noqa: ARG002
        return Sums(self._calls, self._failed, self._slow)
