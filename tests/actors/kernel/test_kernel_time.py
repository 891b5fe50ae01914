"""Timers are messages, on the dispatcher's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.actors.claims import Timer
from greenroom.actors.clock import SystemClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import ManualClock, Probe, running_dispatcher, settle
from greenroom.actors.timers import TimerQueue


@dataclass(frozen=True)
class Set:
    delay_s: float
    message: Any
    control: bool = False
    key: str | None = None


class Alarm(LoopActor):
    """Sets timers as told, and reports what comes with the time at which it came."""

    def __init__(self, report_to: Any = None) -> None:
        self._report_to = report_to
        self._last: Any = None

    @receives(Set)
    def on_set(self, order: Set) -> None:
        self._last = self.timer(order.delay_s, order.message, control=order.control, key=order.key)

    @receives(str)
    def on_command(self, command: str) -> None:
        if command == "cancel":
            self._last.cancel()
        else:
            self.exit()

    @receives(int, float)
    def on_due(self, message: float) -> None:
        self._report_to.tell((round(self.clock.now_s(), 6), message))

    @receives(list)
    def on_again(self, chain: list[Any]) -> None:
        self._report_to.tell((round(self.clock.now_s(), 6), len(chain)))
        if chain:
            self.timer(1, chain[1:])


def alarm_and_probe(dispatcher: Dispatcher) -> tuple[Any, Probe]:
    probe = Probe(dispatcher)
    return dispatcher.spawn(Alarm, probe.ref), probe


def test_timers_come_when_they_are_due_and_in_order(timed: Dispatcher, clock: ManualClock) -> None:
    alarm, probe = alarm_and_probe(timed)
    for delay_s in (3, 1, 2, 2.5):
        alarm.tell(Set(delay_s, delay_s))

    clock.advance(2)
    assert probe.drain() == [(1, 1), (2, 2)]
    clock.advance(0.25)
    probe.expect_none()
    clock.advance(10)
    assert probe.drain() == [(2.5, 2.5), (3, 3)]


def test_timers_set_by_timers_come_in_the_same_advance(timed: Dispatcher, clock: ManualClock) -> None:
    alarm, probe = alarm_and_probe(timed)
    alarm.tell(Set(1, [1, 2, 3]))

    clock.advance(3.5)

    assert probe.drain() == [(1, 3), (2, 2), (3, 1)]


def test_a_cancelled_timer_never_comes(timed: Dispatcher, clock: ManualClock) -> None:
    alarm, probe = alarm_and_probe(timed)
    alarm.tell(Set(1, 1))
    alarm.tell("cancel")
    alarm.tell(Set(2, 2))

    clock.advance(5)

    assert probe.drain() == [(2, 2)]
    probe.expect_none()


def test_a_timer_cancelled_after_it_fired_does_not_come_either(timed: Dispatcher, clock: ManualClock) -> None:
    alarm, probe = alarm_and_probe(timed)
    settle(timed)

    def fire_then_cancel() -> None:
        actor = alarm.cell.actor()
        timer = actor.timer(0, 1)
        timer.fire()
        assert len(alarm.cell.mail) == 1
        timer.cancel()

    timed.call(fire_then_cancel)

    probe.expect_none()


def test_a_key_replaces_the_timer_that_has_it(timed: Dispatcher, clock: ManualClock) -> None:
    alarm, probe = alarm_and_probe(timed)
    alarm.tell(Set(1, 1, key="gap"))
    alarm.tell(Set(2, 2, key="gap"))
    alarm.tell(Set(2, 3, key="other"))

    clock.advance(5)

    assert probe.drain() == [(2, 2), (2, 3)]
    assert timed.statistics().timers == 0


def test_timers_die_with_their_incarnation(timed: Dispatcher, clock: ManualClock) -> None:
    probe = Probe(timed)
    cell = timed.new_cell("/alarm", "alarm")
    alarm = timed.spawn(Alarm, probe.ref, cell=cell)
    alarm.tell(Set(1, 1))
    alarm.tell(Set(1, 2, control=True))
    alarm.tell("exit")
    settle(timed)
    timed.spawn(Alarm, probe.ref, cell=cell)

    clock.advance(5)

    probe.expect_none()
    assert timed.statistics().timers == 0


def test_a_control_timer_overtakes_mail(timed: Dispatcher, clock: ManualClock) -> None:
    class Busy(Alarm):
        @receives(bytes)
        def on_bytes(self, _: bytes) -> None:
            self.ref.tell(1)
            self.timer(0, 2.0, control=True).fire()

    probe = Probe(timed)
    timed.spawn(Busy, probe.ref).tell(b"go")
    settle(timed)

    assert [message for _, message in probe.drain()] == [2.0, 1]


def test_the_system_clock_fires_too() -> None:
    with running_dispatcher(clock=SystemClock()) as dispatcher:
        alarm, probe = alarm_and_probe(dispatcher)
        alarm.tell(Set(0.02, 2))
        alarm.tell(Set(0.01, 1))
        alarm.tell(Set(3600, 3))

        first, second = probe.expect(tuple), probe.expect(tuple)

        assert (first[1], second[1]) == (1, 2)
        assert second[0] - first[0] < 5
        assert dispatcher.statistics().timers == 1


def test_time_only_moves_forward() -> None:
    clock = ManualClock(now_s=5)
    wall_s = clock.wall_s()
    clock.advance(2.5)

    assert (clock.now_s(), clock.wall_s() - wall_s) == (7.5, 2.5)
    with pytest.raises(ValueError, match="-1"):
        clock.advance(-1)


class Owner:
    """An incarnation whose cell only collects."""

    claims: Any = None
    ended = False

    def __init__(self) -> None:
        self.cell = self
        self.fired: list[Any] = []

    def post(self, notice: Any) -> None:
        self.fired.append(notice.message)

    def post_control(self, notice: Any, key: Any) -> None:
        raise AssertionError("no control was asked for")


def test_cancelled_timers_do_not_pile_up() -> None:
    queue, owner = TimerQueue(), Owner()
    live = [Timer(owner, n, n) for n in range(100)]
    for timer in live:
        queue.push(timer)
    for n in range(5000):
        timer = Timer(owner, 1e6 + n, n)
        queue.push(timer)
        timer.cancel()

    assert len(queue) == 100
    assert len(queue._heap) <= 2 * 100
    assert queue.next_due_s() == 0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=300))
def test_the_queue_gives_what_is_due_in_order_and_stays_small(entries: list[tuple[int, bool]]) -> None:
    queue, owner = TimerQueue(), Owner()
    expected: list[tuple[int, int]] = []
    for age, (due_s, cancelled) in enumerate(entries):
        timer = Timer(owner, due_s, age)
        queue.push(timer)
        if cancelled:
            timer.cancel()
        else:
            expected.append((due_s, age))

    for now_s in range(52):
        queue.fire_due(now_s)

    assert owner.fired == [age for _, age in sorted(expected)]
    assert queue.next_due_s() is None
