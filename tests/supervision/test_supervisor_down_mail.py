"""Mail for a child that is down for good is answered, not kept; a restart that is due keeps it."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead, IgnoreStart
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import Recorder, running_dispatcher, settle
from greenroom.supervision.orders import ChildError, RestartChild, TerminateChild, WhichChildren
from greenroom.supervision.spec import Backoff, ChildSpec, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor

from crashing import Boom


class Child(LoopActor):
    starts: ClassVar[list[str]] = []
    """How the next starts go."""

    def __init__(self) -> None:
        super().__init__()
        how = self.starts.pop(0) if self.starts else "ok"
        if how == "ignore":
            raise IgnoreStart
        if how == "fail":
            raise Boom

    @receives(str)
    def on_str(self, word: str) -> str:
        if word == "end":
            self.exit("normal")
        return word

    @receives(Boom)
    def on_boom(self, boom: Boom) -> None:
        raise boom


class Tree:
    def __init__(self, dispatcher: Dispatcher, log: Recorder, clock: ManualClock) -> None:
        self.dispatcher, self.log, self.clock = dispatcher, log, clock
        cells = [dispatcher.new_cell("/top/" + name, "child") for name in "ab"]
        self.a, self.b = (cell.ref for cell in cells)
        specs = [
            ChildSpec(name, Child, restart="transient", cell=cell)
            for name, cell in zip("ab", cells, strict=True)
        ]
        options = SupervisorOptions("one_for_all", backoff=Backoff(1.0, 2.0, jitter=0))
        self.top = dispatcher.spawn(Supervisor, specs, options, path="/top")
        settle(dispatcher)

    def status(self) -> list[str]:
        return [child.status for child in self.top.ask(WhichChildren(), timeout=5)]

    def is_refused(self, ref: Any) -> bool:
        asked = ref.ask("anybody?", block=False)
        settle(self.dispatcher)
        try:
            return asked.get(timeout=0) != "anybody?"
        except ActorDead:
            return True


@pytest.fixture
def tree() -> Iterator[Tree]:
    clock, log = ManualClock(), Recorder()
    Child.starts = []
    with running_dispatcher(clock=clock, events=log) as dispatcher:
        yield Tree(dispatcher, log, clock)


def test_of_one_that_ended_normally(tree: Tree) -> None:
    assert tree.a.ask("end", timeout=5) == "end"
    assert tree.is_refused(tree.a)
    assert tree.status() == ["down", "running"]
    tree.a.tell("hello")
    settle(tree.dispatcher)
    assert [letter.why for letter in tree.log.named("deadletter")] == ["dead"]


def test_what_waited_when_it_ended(tree: Tree) -> None:
    late = tree.a.ask("end", block=False), tree.a.ask("too late", block=False)
    settle(tree.dispatcher)
    with pytest.raises(ActorDead):
        late[1].get(timeout=0)


def test_of_one_that_was_terminated_until_it_is_restarted(tree: Tree) -> None:
    tree.top.ask(TerminateChild("a"), timeout=5)
    assert tree.is_refused(tree.a)
    assert not tree.a.admit("a request")
    assert tree.top.ask(RestartChild("a"), timeout=5) == tree.a
    assert tree.a.ask("hello", timeout=5) == "hello"


def test_of_one_that_did_not_start_or_was_not_needed(tree: Tree) -> None:
    tree.top.ask(TerminateChild("a"), timeout=5)
    Child.starts = ["fail", "ignore"]
    with pytest.raises(ChildError, match="did not start"):
        tree.top.ask(RestartChild("a"), timeout=5)
    assert tree.is_refused(tree.a)
    tree.top.ask(RestartChild("a"), timeout=5)
    assert tree.is_refused(tree.a)


def test_where_a_restart_is_due_it_waits_for_that(tree: Tree) -> None:
    tree.a.tell(Boom())
    settle(tree.dispatcher)
    asked = [ref.ask("hello", block=False) for ref in (tree.a, tree.b)]
    settle(tree.dispatcher)
    assert tree.status() == ["waiting", "down"]
    assert not any(future.done() for future in asked)
    tree.clock.advance(1.0)
    assert [future.get(timeout=5) for future in asked] == ["hello", "hello"]


def test_a_crash_leaves_no_cycle_behind() -> None:
    """The error's frames end with the kernel's own, which run when the crash is handled, and hold the cell."""
    gc.collect()
    gc.disable()
    try:
        with running_dispatcher(clock=ManualClock()) as dispatcher:
            top = dispatcher.spawn(Supervisor, [ChildSpec("a", Child)], path="/top")
            settle(dispatcher)
            child = top.ask(WhichChildren(), timeout=5)[0].ref
            cell = weakref.ref(child.cell)
            child.tell(Boom())
            settle(dispatcher)
            top.kill()
            del child
            settle(dispatcher)
            dispatcher.call(_nothing)  # or the loop's own frame still knows the last cell
            settle(dispatcher)
            assert cell() is None
    finally:
        gc.enable()


def _nothing() -> None:
    pass
