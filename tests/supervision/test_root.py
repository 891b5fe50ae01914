"""The tree of a system: what is restarted, what waits, and what falls with what."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.supervision.root import INTENSITY, PERIOD_S, ROOT_OPTIONS, Root, branch
from greenroom.supervision.spec import ChildSpec

from crashing import Boom
from request_path import EventLog


class Child(LoopActor):
    """Answers with its incarnation; dies of a Boom."""

    def __init__(self, name: str, diary: list[str]) -> None:
        super().__init__()
        self.name, self.diary = name, diary

    def on_stop(self) -> None:
        self.diary.append(self.name)

    @receives(str)
    def on_str(self, _: str) -> tuple[str, int]:
        return self.name, self.incarnation

    @receives(Boom)
    def on_boom(self, boom: Boom) -> None:
        raise boom


class Tree:
    """Two in a branch, and one at the root, as the requests supervisor is."""

    def __init__(self) -> None:
        self.clock, self.log, self.diary = ManualClock(), EventLog(), list[str]()
        self.dispatcher = Dispatcher("tree", self.clock, self.log, slow_handler_s=30)
        self.cells = [self.dispatcher.new_cell(f"/c{n}", "child") for n in range(3)]
        specs = [
            ChildSpec(f"c{n}", Child, (f"c{n}", self.diary), cell=cell) for n, cell in enumerate(self.cells)
        ]
        self.dispatcher.start()
        self.root = self.dispatcher.plant(Root, [branch("b", specs[:2]), specs[2]], ROOT_OPTIONS)
        self.dispatcher.wait_idle()

    def crash(self, number: int, times: int = 1) -> None:
        for _ in range(times):
            self.cells[number].ref.tell(Boom())
            self.dispatcher.wait_idle()

    def ask(self, number: int) -> Any:
        return self.cells[number].ref.ask("who", timeout=5)

    def wait_for_death(self) -> None:
        assert self.dispatcher._thread is not None
        self.dispatcher._thread.join(5)
        assert not self.dispatcher.is_running


@pytest.fixture
def tree() -> Iterator[Tree]:
    tree = Tree()
    yield tree
    tree.dispatcher.stop()


def test_a_crash_restarts_that_child_alone_at_the_same_address(tree: Tree) -> None:
    tree.crash(0)
    assert tree.ask(0) == ("c0", 2)
    assert tree.ask(1) == ("c1", 1)
    told = tree.log.of("supervisor.child_restarted")
    assert [(event.child, event.incarnation, event.restarts) for event in told] == [("c0", 2, 1)]


def test_a_killed_child_and_one_that_stopped_by_itself_are_restarted(tree: Tree) -> None:
    tree.cells[0].kill()
    tree.dispatcher.wait_idle()
    tree.cells[0].ref.stop()
    assert tree.ask(0) == ("c0", 3)


def test_mail_waits_for_the_next_incarnation(tree: Tree) -> None:
    tree.cells[0].ref.tell(Boom())
    assert tree.ask(0) == ("c0", 2)


def test_a_crash_loop_in_a_branch_waits_longer_each_time_and_costs_no_other(tree: Tree) -> None:
    tree.crash(0, 5)
    assert tree.ask(0) == ("c0", 6)
    waits = []
    for _ in range(6):
        tree.crash(0)
        assert not tree.cells[0].ref.is_alive()
        waits.append(tree.log.of("supervisor.restart_scheduled")[-1].delay_s)
        tree.clock.advance(waits[-1])
        assert tree.cells[0].ref.is_alive()
    assert waits == sorted(waits)
    assert waits[-1] > 20 * waits[0]
    assert tree.ask(1) == ("c1", 1)


def test_in_a_storm_the_restarts_of_a_branch_are_deferred_and_nobody_falls(tree: Tree) -> None:
    for _ in range(4):
        for number in (0, 1):
            tree.crash(number, 5)
        if not all(cell.ref.is_alive() for cell in tree.cells):
            break
        tree.clock.advance(6)
    tree.crash(0)
    told = tree.log.of("supervisor.restart_scheduled")
    assert told[-1].deferred
    tree.clock.advance(PERIOD_S + 1)
    assert tree.ask(0)[0] == "c0"
    assert tree.ask(1)[0] == "c1"
    assert tree.ask(2) == ("c2", 1)


def test_with_what_the_root_cannot_keep_alive_the_dispatcher_falls(tree: Tree) -> None:
    died: list[BaseException] = []
    tree.dispatcher.on_death(died.append)
    tree.crash(2, INTENSITY)
    assert tree.dispatcher.is_running
    tree.cells[2].ref.tell(Boom())
    tree.wait_for_death()
    assert len(died) == 1
    assert "root" in str(died[0])
    assert len(tree.log.of("supervisor.intensity_exceeded")) == 1


def test_crashes_further_apart_than_the_period_do_not_add_up(tree: Tree) -> None:
    for _ in range(3):
        tree.crash(2, INTENSITY)
        tree.clock.advance(PERIOD_S + 0.1)
    assert tree.ask(2) == ("c2", 3 * INTENSITY + 1)


def test_with_a_killed_root_the_dispatcher_falls(tree: Tree) -> None:
    died: list[BaseException] = []
    tree.dispatcher.on_death(died.append)
    tree.root.kill()
    tree.wait_for_death()
    assert len(died) == 1
    assert "root" in str(died[0])


def test_a_stop_ends_the_tree_in_reverse_order_and_restarts_nobody(tree: Tree) -> None:
    assert tree.dispatcher.stop()
    assert tree.diary == ["c2", "c1", "c0"]
    assert tree.log.of("supervisor.child_restarted") == []
    assert str(tree.dispatcher.down) == "dispatcher 'tree' was stopped"


def test_a_stop_while_a_child_waits_for_its_restart_is_prompt(tree: Tree) -> None:
    tree.crash(0, 6)
    assert tree.dispatcher.stop()
    assert tree.diary == ["c2", "c1"]
