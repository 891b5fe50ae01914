"""Whatever dies, and in whatever moment: no lease on a breaker outlives its request.

What happens in one moment is put down while the dispatcher is held back, so that all of it meets in the next
turns; and a trap strikes in the middle of somebody's turn, when that tells an event.
"""

import threading
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.actors.breaker_table import Breakers
from greenroom.messages import BreakerConfig
from greenroom.messages.commands import Cancel
from greenroom.supervision import root
from greenroom.supervision.spec import SupervisorOptions

import request_path
from crashing import throw
from fake_provider import FakeWire, refused
from request_path import PATIENT, WAIT_S, EventLog, Rig, Started

HASTY = BreakerConfig(
    min_calls=2, probes=1, open_s=1.0, open_jitter=0.0, retry_share=1.0, retry_min_per_s=1000.0
)
AGAIN = PATIENT.replace(max_reconnect_attempts=4, on_cut="reset", backoff_initial_s=0.5, deadline_s=20.0)


class TrapLog(EventLog):
    """Strikes in the turn in which one of the next events is told."""

    def __init__(self) -> None:
        super().__init__()
        self.traps: list[tuple[int, Any]] = []

    def emit(self, event: Any) -> None:
        super().emit(event)
        due = [trap for at, trap in self.traps if at <= len(self.events)]
        self.traps = [each for each in self.traps if each[0] > len(self.events)]
        for strike in due:
            strike()


class StormRig(Rig):
    """Waits for nobody while its dispatcher is held back."""

    held: threading.Event | None = None

    def settle(self) -> None:
        if self.held is None:
            super().settle()

    def hold_back(self) -> None:
        if self.held is None:
            self.held = threading.Event()
            self.dispatcher.call(self.held.wait, WAIT_S)

    def go_on(self) -> None:
        held, self.held = self.held, None
        if held is not None:
            held.set()
        self.settle()


class Storm:
    """What may happen, each chosen by a number."""

    def __init__(self) -> None:
        self.log = TrapLog()
        self.rig: StormRig = StormRig(log=self.log)
        self.rig.start()
        self.table = Breakers({"fake": HASTY}, Random(1).random, lambda _: None)

    # ---- requests

    def begin(self, _: int, **changes: Any) -> None:
        def guard(started: Started) -> None:
            started.job.breakers = self.table

        self.rig.begin(changes.pop("options", AGAIN), before=guard, **changes)

    def begin_in_a_hurry(self, number: int) -> None:
        self.begin(number, options=AGAIN.replace(deadline_s=0.7))

    def begin_parked(self, number: int) -> None:
        self.begin(number, durability="before_deliver", parked=lambda: None)

    def cancel(self, number: int) -> None:
        if self.rig.started:
            self.rig.started[number % len(self.rig.started)].cell.ref.tell_control(Cancel())

    def store_saves(self, number: int) -> None:
        for started in self.rig.started[-1 - number :]:
            gate = started.job.gate
            self.rig.dispatcher.call(lambda gate=gate: gate.saved(gate.taken_seq))

    def store_refuses(self, number: int) -> None:
        if self.rig.started:
            gate = self.rig.started[number % len(self.rig.started)].job.gate
            self.rig.dispatcher.call(gate.refuse, refused("the store is full").evidence)

    # ---- the provider

    def _wire(self, number: int) -> FakeWire | None:
        live = [wire for wire in list(self.rig.transport.wires) if not wire.over]
        return live[number % len(live)] if live else None

    def head(self, number: int) -> None:
        if (wire := self._wire(number)) is not None:
            wire.head().send("t a")

    def busy(self, number: int) -> None:
        if (wire := self._wire(number)) is not None:
            wire.head(503).end()

    def done(self, number: int) -> None:
        if (wire := self._wire(number)) is not None:
            wire.send("done").end()

    def cut(self, number: int) -> None:
        if (wire := self._wire(number)) is not None:
            wire.cut(reused=number % 2 == 0)

    def refuse(self, _: int) -> None:
        self.rig.transport.failures.append(refused())

    def slow_connects(self, _: int) -> None:
        if self.rig.transport.held is None:
            self.rig.transport.held = []

    def let_connect(self, _: int) -> None:
        self.rig.transport.let_connect()

    # ---- our own

    def _cell(self, number: int) -> Any:
        cells = [cell for cell in list(self.rig.dispatcher._cells) if cell.kind != "root"]
        return cells[number % len(cells)]

    def kill(self, number: int) -> None:
        self._cell(number).kill()

    def throw(self, number: int) -> None:
        self.rig.dispatcher.call(throw, self._cell(number))

    def trap(self, number: int) -> None:
        cell = self._cell(number)
        strike = cell.kill if number % 2 else partial(throw, cell)
        self.log.traps.append((len(self.log.events) + 1 + number % 5, strike))

    # ---- the end

    def over(self) -> None:
        """Every request has its end, and the dispatcher rests."""
        self.rig.go_on()
        self.log.traps.clear()
        self.let_connect(0)
        for started in self.rig.started:
            started.cell.ref.tell_control(Cancel())
        for _ in range(4):
            self.rig.advance(10.0)


HAPPENINGS = [
    Storm.begin, Storm.begin, Storm.begin_in_a_hurry, Storm.begin_parked, Storm.cancel, Storm.store_saves,
    Storm.store_refuses, Storm.head, Storm.busy, Storm.done, Storm.cut, Storm.refuse, Storm.slow_connects,
    Storm.let_connect, Storm.kill, Storm.throw, Storm.trap, Storm.trap,
]  # fmt: skip
MOMENTS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 20)), min_size=1, max_size=8),
        st.sampled_from((0.0, 0.0, 0.5, 1.0)),
    ),
    max_size=12,
)
"""What happens at once, and the time that passes behind it."""


@settings(max_examples=max(200, settings().max_examples))
@given(MOMENTS)
def test_no_lease_outlives_its_request(moments: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(root, "INTENSITY", 10**9)
        patch.setattr(request_path, "ROOT_OPTIONS", SupervisorOptions(intensity=10**9))
        storm = Storm()
        rig = storm.rig
        try:
            for happenings, passes_s in moments:
                rig.hold_back()
                for happens, number in happenings:
                    happens(storm, number)
                rig.go_on()
                if passes_s:
                    rig.advance(passes_s)
            storm.over()
            for started in rig.started:
                assert len(started.channel.ends) == 1
            assert storm.table.leases == 0
            for guard in storm.table.guards():
                assert (guard.key, guard.in_flight, guard.breaker.probes_out) == (guard.key, 0, 0)
        finally:
            rig.held = None
            rig.stop()
