"""The timers of one dispatcher: a heap, and one wake-up armed for the earliest of them."""

import heapq
import itertools

from greenroom.actors.claims import Timer

_COMPACT_FROM = 64
"""Below this many entries cancelled timers are left to come up by themselves."""


class TimerQueue:
    """Timers by due time, then by age. Dispatcher thread only, but for `next_due_s`."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._ages = itertools.count()
        self._compact_at = _COMPACT_FROM

    def __len__(self) -> int:
        return sum(1 for _, _, timer in self._heap if timer.owner is not None)

    def push(self, timer: Timer) -> bool:
        """The timer is waited for. True if it is now the earliest: the wake-up must be armed again."""
        if len(self._heap) >= self._compact_at:
            self._compact()
        heapq.heappush(self._heap, (timer.due_s, next(self._ages), timer))
        return self._heap[0][2] is timer

    def next_due_s(self) -> float | None:
        """When the earliest is due; None without one. Forgets cancelled ones that stand before it."""
        while self._heap:
            due_s, _, timer = self._heap[0]
            if timer.owner is not None:
                return due_s
            heapq.heappop(self._heap)
        return None

    def fire_due(self, now_s: float) -> None:
        """Every timer due at `now_s` has sent its message, in order."""
        while (due_s := self.next_due_s()) is not None and due_s <= now_s:
            heapq.heappop(self._heap)[2].fire()

    def _compact(self) -> None:
        # Bound: the heap holds at most twice as many as ever were alive at once, or _COMPACT_FROM.
        self._heap = [entry for entry in self._heap if entry[2].owner is not None]
        heapq.heapify(self._heap)
        self._compact_at = max(_COMPACT_FROM, 2 * len(self._heap))
