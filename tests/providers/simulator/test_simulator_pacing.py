"""The pacer: rings in order, never early, and keeps nothing of what was cancelled."""

import asyncio
import gc
import weakref

from simulator_client import chat, dial, raw_request, read_until

from greenroom.providers.simulator import Script, Simulator, Stall
from greenroom.providers.simulator.pacing import Pacer


class ManualLoop:
    """As much of a loop as the pacer uses: timers that ring when they are told."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[tuple[float, asyncio.TimerHandle]] = []
        self.real = asyncio.new_event_loop()

    def call_later(self, delay_s: float, callback: object, *args: object) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now_s + delay_s, callback, args, self.real)  # type: ignore[arg-type]
        self.timers.append((self.now_s + delay_s, handle))
        return handle

    def advance_to(self, now_s: float) -> None:
        self.now_s = now_s
        due = [timer for timer in self.timers if timer[0] <= now_s]
        self.timers = [timer for timer in self.timers if timer[0] > now_s]
        for _, handle in sorted(due, key=lambda timer: timer[0]):
            if not handle.cancelled():
                handle._run()

    @property
    def armed(self) -> int:
        return sum(not handle.cancelled() for _, handle in self.timers)


def made() -> tuple[ManualLoop, Pacer]:
    loop = ManualLoop()
    loop.real.close()
    return loop, Pacer(loop, lambda: loop.now_s)  # type: ignore[arg-type]


def test_alarms_of_a_millisecond_share_a_timer_and_ring_in_order() -> None:
    loop, pacer = made()
    rung: list[int] = []
    for number in range(3):
        pacer.at(1.0001, lambda number=number: rung.append(number))  # type: ignore[misc]
    assert (loop.armed, pacer.waiting) == (1, 3)
    loop.advance_to(1.0)
    assert rung == []
    loop.advance_to(1.001)
    assert (rung, pacer.waiting) == ([0, 1, 2], 0)


def test_a_cancelled_alarm_is_forgotten_at_once_and_its_timer_with_the_last() -> None:
    loop, pacer = made()
    rung: list[str] = []
    first, second = (pacer.at(60.0, lambda: rung.append("x")) for _ in range(2))
    first.cancel()
    assert (loop.armed, pacer.waiting) == (1, 1)
    second.cancel()
    second.cancel()
    assert (loop.armed, pacer.waiting) == (0, 0)
    loop.advance_to(100.0)
    assert rung == []


def test_an_alarm_may_cancel_another_of_its_own_millisecond() -> None:
    loop, pacer = made()
    rung: list[str] = []
    pacer.at(1.0, lambda: other.cancel())  # noqa: PLW0108  (it is made below)
    other = pacer.at(1.0, lambda: rung.append("x"))
    loop.advance_to(1.0)
    assert rung == []


def test_nothing_waits_for_a_client_that_has_left() -> None:
    with Simulator(Script(text="a b", delta_interval_s=3600, stall=Stall(for_s=3600))) as simulator:
        for _ in range(20):
            with dial(simulator) as sock:
                sock.sendall(raw_request(chat()))
                read_until(sock, b'"role"')
        simulator.wait_until_idle()
        assert simulator._host is not None
        pacer = weakref.ref(simulator._host.pacer)
        simulator.wait_for(lambda _: (p := pacer()) is not None and p.waiting == 0)
        gc.collect()
        assert simulator.statistics().client_disconnected == 20
