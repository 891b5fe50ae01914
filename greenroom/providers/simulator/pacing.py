"""Timers for thousands of paced streams: those due in the same millisecond share one timer of the loop."""

import asyncio
from collections.abc import Callable
from math import ceil

_SLOTS_PER_S = 1000


class Alarm:
    """One call to come. `cancel` drops what it holds at once."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """The call will not come. Does no harm after it came."""
        self.callback = None


class Pacer:
    """Calls back at a time, never early, up to 2 ms late where the loop is free. The loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float]) -> None:
        self._loop = loop
        self.now_s = now_s
        self._slots: dict[int, list[Alarm]] = {}

    def at(self, due_s: float, callback: Callable[[], None]) -> Alarm:
        """Arm a call for this time of `now_s`."""
        alarm = Alarm(callback)
        slot = ceil(due_s * _SLOTS_PER_S)
        waiting = self._slots.get(slot)
        if waiting is None:
            self._slots[slot] = [alarm]
            self._loop.call_later(max(0.0, slot / _SLOTS_PER_S - self.now_s()), self._fire, slot)
        else:
            waiting.append(alarm)
        return alarm

    def soon(self, callback: Callable[[], None]) -> Alarm:
        """Arm a call for the loop's next turn, after whatever else is ready."""
        alarm = Alarm(callback)
        self._loop.call_soon(_ring, alarm)
        return alarm

    def _fire(self, slot: int) -> None:
        # A loop's timer may run a little early by its own, coarser clock.
        if (early_s := slot / _SLOTS_PER_S - self.now_s()) > 0:
            self._loop.call_later(early_s, self._fire, slot)
            return
        for alarm in self._slots.pop(slot):
            _ring(alarm)


def _ring(alarm: Alarm) -> None:
    if alarm.callback is not None:
        alarm.callback()
