"""Timers for thousands of paced streams: those due in the same millisecond share one timer of the loop.

Invariant: a slot holds only alarms that will ring, and a slot without any has no timer. So what a client that
has left was waiting for is let go at once, not when it would have been due.
"""

import asyncio
from collections.abc import Callable
from math import ceil

_SLOTS_PER_S = 1000


class Alarm:
    """One call to come. `cancel` drops it, and what it holds, at once."""

    __slots__ = ("_pacer", "_slot", "callback")

    def __init__(self, callback: Callable[[], None], pacer: "Pacer | None" = None, slot: int = 0) -> None:
        self.callback: Callable[[], None] | None = callback
        self._pacer, self._slot = pacer, slot

    def cancel(self) -> None:
        """The call will not come. Does no harm after it came."""
        self.callback = None
        pacer, self._pacer = self._pacer, None
        if pacer is not None:
            pacer.drop(self, self._slot)


class _Slot:
    __slots__ = ("alarms", "timer")

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.timer = timer
        self.alarms: dict[Alarm, None] = {}
        """In the order in which they were armed."""


class Pacer:
    """Calls back at a time, never early, up to 2 ms late where the loop is free. The loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float]) -> None:
        self._loop = loop
        self.now_s = now_s
        self._slots: dict[int, _Slot] = {}

    @property
    def waiting(self) -> int:
        """Alarms that will ring."""
        return sum(len(slot.alarms) for slot in self._slots.values())

    def at(self, due_s: float, callback: Callable[[], None]) -> Alarm:
        """Arm a call for this time of `now_s`."""
        number = ceil(due_s * _SLOTS_PER_S)
        alarm = Alarm(callback, self, number)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = _Slot(self._timer(number))
        slot.alarms[alarm] = None
        return alarm

    def soon(self, callback: Callable[[], None]) -> Alarm:
        """Arm a call for the loop's next turn, after whatever else is ready."""
        alarm = Alarm(callback)
        self._loop.call_soon(_ring, alarm)
        return alarm

    def drop(self, alarm: Alarm, number: int) -> None:
        """Forget an alarm; for Alarm.cancel alone."""
        slot = self._slots.get(number)
        if slot is not None and alarm in slot.alarms:
            del slot.alarms[alarm]
            if not slot.alarms:
                slot.timer.cancel()
                del self._slots[number]

    def _timer(self, number: int) -> asyncio.TimerHandle:
        return self._loop.call_later(max(0.0, number / _SLOTS_PER_S - self.now_s()), self._fire, number)

    def _fire(self, number: int) -> None:
        # A loop's timer may run a little early by its own, coarser clock.
        if number / _SLOTS_PER_S > self.now_s():
            self._slots[number].timer = self._timer(number)
            return
        for alarm in self._slots.pop(number).alarms:
            _ring(alarm)


def _ring(alarm: Alarm) -> None:
    if alarm.callback is not None:
        alarm.callback()
