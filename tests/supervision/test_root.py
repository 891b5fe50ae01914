"""The root: permanent children, one for one, up to an intensity."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.supervision.root import INTENSITY, PERIOD_S, Permanent, Root

from fake_provider import Boom
from request_path import EventLog


class Child(LoopActor):
    """Answers with its incarnation; dies of a Boom."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @receives(str)
    def on_str(self, _: str) -> tuple[str, int]:
        return self.name, self.incarnation

    @receives(Boom)
    def on_boom(self, boom: Boom) -> None:
        raise boom


class Essential(Child):
    essential = True


class Tree:
    def __init__(self, *kinds: type[LoopActor]) -> None:
        self.clock, self.log = ManualClock(), EventLog()
        self.dispatcher = Dispatcher("tree", self.clock, self.log, slow_handler_s=30)
        self.cells = [self.dispatcher.new_cell(f"/c{n}", "child") for n in range(len(kinds))]
        self.children = tuple(
            Permanent(f"c{n}", kind, (f"c{n}",), cell)
            for n, (kind, cell) in enumerate(zip(kinds, self.cells, strict=True))
        )
        self.dispatcher.start()
        self.root = self.dispatcher.spawn(Root, self.children, path="/")
        self.dispatcher.wait_idle()

    def crash(self, number: int, times: int = 1) -> None:
        for _ in range(times):
            self.cells[number].ref.tell(Boom())
            self.dispatcher.wait_idle()

    def ask(self, number: int) -> Any:
        return self.cells[number].ref.ask("who", timeout=5)


@pytest.fixture
def tree() -> Iterator[Tree]:
    tree = Tree(Child, Child)
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


def test_too_many_crashes_in_the_period_leave_the_child_down_and_the_others_up(tree: Tree) -> None:
    tree.crash(0, INTENSITY)
    assert tree.ask(0) == ("c0", INTENSITY + 1)
    tree.crash(0)
    assert not tree.cells[0].ref.is_alive()
    assert tree.ask(1) == ("c1", 1)
    told = tree.log.of("supervisor.intensity_exceeded")
    assert [(event.child, event.intensity) for event in told] == [("c0", INTENSITY)]
    assert tree.root.is_alive()


def test_crashes_further_apart_than_the_period_do_not_add_up(tree: Tree) -> None:
    for _ in range(3):
        tree.crash(0, INTENSITY)
        tree.clock.advance(PERIOD_S + 0.1)
    assert tree.ask(0) == ("c0", 3 * INTENSITY + 1)


def test_each_child_has_its_own_count(tree: Tree) -> None:
    tree.crash(0, INTENSITY)
    tree.crash(1, INTENSITY)
    assert tree.ask(0)[1] == tree.ask(1)[1] == INTENSITY + 1


def test_with_an_essential_child_the_dispatcher_falls() -> None:
    tree = Tree(Essential, Child)
    died: list[BaseException] = []
    tree.dispatcher.on_death(died.append)
    tree.crash(0, INTENSITY)
    assert tree.dispatcher.is_running
    tree.cells[0].ref.tell(Boom())
    assert tree.dispatcher._thread is not None
    tree.dispatcher._thread.join(5)
    assert not tree.dispatcher.is_running
    assert len(died) == 1


def test_a_stop_restarts_nobody() -> None:
    tree = Tree(Child, Child)
    tree.dispatcher.stop()
    assert tree.log.of("supervisor.child_restarted") == []
