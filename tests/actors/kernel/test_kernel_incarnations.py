"""One cell, several incarnations: the address stays, the mail waits, the older one is fenced."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import ManualClock, Probe, Recorder, settle
from greenroom.messages.signals import AskFailed, Down, Reply, TaskDone

from diary import Diary, Parent


def test_mail_and_control_wait_for_the_first_incarnation(dispatcher: Dispatcher) -> None:
    class Late(Diary):
        @receives(float)
        def on_float(self, cancel: float) -> None:
            self.book.append((cancel, self.name))

    book: list[Any] = []
    cell = dispatcher.new_cell("/late", "late")
    cell.ref.tell(1)
    answer = cell.ref.ask(2, block=False)
    cell.ref.tell_control(0.5)
    settle(dispatcher)
    assert cell.ref.is_alive()
    assert not answer.done()

    ref = dispatcher.spawn(Late, book, cell=cell)

    assert answer.get(timeout=10) == 2
    assert book[2:] == [(0.5, "diary"), (1, "diary"), (2, "diary")]
    assert (ref, cell.incarnation) == (cell.ref, 1)


def test_a_new_incarnation_gets_the_mail_the_old_one_left(dispatcher: Dispatcher, probe: Probe) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/c", "diary")
    ref = dispatcher.spawn(Diary, book, "one", cell=cell)
    probe.watch(ref)
    ref.tell(ValueError("crash"))
    ref.tell(1)
    answer = ref.ask(2, block=False)
    assert probe.expect_down(ref).incarnation == 1
    assert not ref.is_alive()
    book.clear()

    again = dispatcher.spawn(Diary, book, "two", cell=cell)

    # The message that it died of is not delivered again.
    assert answer.get(timeout=10) == 2
    assert book == [("made", "two"), ("start", "two"), (1, "two"), (2, "two")]
    assert (again, cell.incarnation, ref.is_alive()) == (ref, 2, True)


def test_mail_between_incarnations_is_bounded(dispatcher: Dispatcher, recorder: Recorder) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/c", "diary", mailbox_bound=3)
    ref = dispatcher.spawn(Diary, book, cell=cell)
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)  # so that all of this stands in the mailbox at the time of the crash
    ref.tell(ValueError("crash"))
    for n in range(4):
        ref.tell(n)
    gate.set()
    settle(dispatcher)
    ref.tell(99)
    overflowed = ref.ask(100, block=False)

    with pytest.raises(ActorDead, match="no room"):
        overflowed.get(timeout=10)
    assert dispatcher.statistics().dead_letters == {"full": 2}
    book.clear()
    dispatcher.spawn(Diary, book, "two", cell=cell).ask(7)
    assert [entry[0] for entry in book[2:]] == [0, 1, 2, 7]


def test_admissions_that_overflow_between_incarnations_leave_the_count(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary", mailbox_bound=2)
    ref = dispatcher.spawn(Diary, [], cell=cell)
    settle(dispatcher)
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)
    ref.tell(ValueError("crash"))
    for n in (1, 2):
        ref.tell(n)
    assert [ref.admit(n) for n in (3, 4, 5)] == [True, True, False]
    gate.set()
    settle(dispatcher)
    dispatcher.spawn(Diary, [], "two", cell=cell).ask(6)

    assert [ref.admit(n) for n in (7, 8)] == [True, True]


def test_children_are_gone_before_the_next_incarnation_takes_mail(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/p", "parent")
    ref = dispatcher.spawn(Parent, book, "one", cell=cell)
    settle(dispatcher)
    book.clear()

    dispatcher.spawn(Parent, book, "two", cell=cell)
    ref.tell(1)
    settle(dispatcher)

    gone = [("stop", "third"), ("stop", "second"), ("stop", "first")]
    assert book[:6] == [*gone, ("made", "two"), ("start", "two"), (1, "two")]


class Claimant(Diary):
    """Asks for everything that can come back."""

    def __init__(self, book: list[Any], name: str, began: Any = None, gate: Any = None) -> None:
        super().__init__(book, name)
        self.began, self.gate = began, gate

    def on_start(self) -> None:
        if self.incarnation == 1:
            self.began.set()
            assert self.gate.wait(30)
            self.timer(1, 11)
            self.timer(1, 12, control=True)
            self.ask(self.ref, 13, timeout_s=5, tag="ask")
            self.run(self._work(), "task")

    async def _work(self) -> int:
        self.book.append("task ran")
        return 14

    @receives(Reply, AskFailed, TaskDone, Down)
    def on_answer(self, answer: Any) -> None:
        self.book.append(answer)


def test_a_new_incarnation_fences_the_one_before(timed: Dispatcher, clock: ManualClock) -> None:
    book: list[Any] = []
    cell = timed.new_cell("/c", "claimant")
    began, gate = threading.Event(), threading.Event()
    timed.spawn(Claimant, book, "one", began, gate, cell=cell)
    assert began.wait(10)
    cell.ref.tell(1)

    timed.spawn(Claimant, book, "two", cell=cell)
    gate.set()
    clock.advance(10)

    # What was told to the cell is for the new one, what the old one had asked for is for nobody. (13 is its
    # question: that was ordinary mail.)
    book = [entry for entry in book if entry != "task ran"]  # that may be, but nothing comes of it
    assert book == [("made", "one"), ("made", "two"), (1, "two"), (13, "two")]
    assert (timed.statistics().timers, timed.statistics().tasks) == (0, 0)
    assert timed.statistics().dead_letters == {"stale_epoch": 1}  # the answer to 13


def test_an_incarnation_that_was_superseded_before_it_began_never_begins(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/c", "diary")
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)
    dispatcher.spawn(Diary, book, "one", cell=cell)
    dispatcher.spawn(Diary, book, "two", cell=cell)
    gate.set()

    assert cell.ref.ask(1) == 1
    assert book == [("made", "two"), ("start", "two"), (1, "two")]


def test_each_incarnation_a_parent_starts_in_a_cell_has_its_own_down(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    cell = dispatcher.new_cell("/c", "diary")

    class Restarter(LoopActor):
        @receives(str)
        def on_start_one(self, name: str) -> None:
            self.spawn(Diary, [], name, cell=cell)

        @receives(Down)
        def on_down(self, down: Down) -> None:
            probe.ref.tell((down.incarnation, down.reason))

    restarter = dispatcher.spawn(Restarter)
    restarter.tell("one")
    settle(dispatcher)
    restarter.tell("two")  # while the first one lives
    settle(dispatcher)
    cell.ref.tell(ValueError("crash"))
    settle(dispatcher)
    restarter.tell("three")
    settle(dispatcher)
    assert probe.drain() == [(1, "killed"), (2, "failed")]

    restarter.stop()  # the newest one is still its child
    assert not cell.ref.is_alive()


def test_the_incarnation_that_superseded_a_child_is_a_child_too(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary")

    class Restarter(LoopActor):
        @receives(str)
        def on_start_one(self, name: str) -> None:
            self.spawn(Diary, [], name, cell=cell)

    restarter = dispatcher.spawn(Restarter)
    for name in ("one", "two"):
        restarter.tell(name)
        settle(dispatcher)
    restarter.stop()

    assert cell.incarnation == 2
    assert not cell.ref.is_alive()


def test_a_closed_cell_answers_what_waits_and_takes_no_further_incarnation(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    cell = dispatcher.new_cell("/c", "diary")
    waiting = cell.ref.ask(1, block=False)
    probe.watch(cell.ref)

    cell.close()

    assert probe.expect_down(cell.ref).reason == "shutdown"
    with pytest.raises(ActorDead):
        waiting.get(timeout=10)
    with pytest.raises(ActorDead, match="closed"):
        dispatcher.spawn(Diary, [], cell=cell)


def test_a_cell_closed_under_a_living_actor_closes_with_it(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary")
    ref = dispatcher.spawn(Diary, [], cell=cell)
    cell.close()

    assert ref.ask(1) == 1
    ref.stop()
    with pytest.raises(ActorDead):
        dispatcher.spawn(Diary, [], cell=cell)


def test_the_cells_state_survives_a_crash(dispatcher: Dispatcher) -> None:
    class Keeper(LoopActor):
        def on_start(self) -> None:
            self.cell.state = self.cell.state or {"kept": 0}

        @receives(int)
        def on_int(self, number: int) -> int:
            self.cell.state["kept"] += number
            if number < 0:
                raise ValueError
            return int(self.cell.state["kept"])

    cell = dispatcher.new_cell("/keeper", "keeper")
    dispatcher.spawn(Keeper, cell=cell).tell(-1)
    settle(dispatcher)

    assert dispatcher.spawn(Keeper, cell=cell).ask(3) == 2
