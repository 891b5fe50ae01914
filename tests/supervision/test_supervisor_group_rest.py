"""One of a group will not come back: the others, stopped for its restart, are started without it."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import running_dispatcher, settle
from greenroom.supervision.orders import TerminateChild, WhichChildren
from greenroom.supervision.spec import Backoff, ChildSpec, Limit, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor

from crashing import Boom


class Child(LoopActor):
    broken: ClassVar[set[str]] = set()

    def __init__(self, name: str) -> None:
        super().__init__()
        if name in self.broken:
            raise Boom

    @receives(Boom)
    def on_boom(self, boom: Boom) -> None:
        raise boom


class Tree:
    def __init__(self, dispatcher: Dispatcher, options: SupervisorOptions, limit: Limit | None) -> None:
        self.dispatcher = dispatcher
        specs = [ChildSpec(name, Child, (name,), limit=limit if name == "b" else None) for name in "abc"]
        self.top = dispatcher.spawn(Supervisor, specs, options, path="/top")
        settle(dispatcher)

    def crash(self, name: str) -> None:
        refs = {child.id: child.ref for child in self.top.ask(WhichChildren(), timeout=5)}
        refs[name].tell(Boom())
        settle(self.dispatcher)

    def status(self) -> dict[str, str]:
        settle(self.dispatcher)
        return {child.id: child.status for child in self.top.ask(WhichChildren(), timeout=5)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def dispatcher(clock: ManualClock) -> Iterator[Any]:
    Child.broken.clear()
    with running_dispatcher(clock=clock) as dispatcher:
        yield dispatcher


def test_terminated_while_it_waits_for_its_back_off(dispatcher: Dispatcher, clock: ManualClock) -> None:
    tree = Tree(dispatcher, SupervisorOptions("one_for_all", backoff=Backoff(5.0, 30.0, jitter=0)), None)
    tree.crash("b")
    assert tree.status() == {"a": "down", "b": "waiting", "c": "down"}
    tree.top.ask(TerminateChild("b"), timeout=5)
    assert tree.status() == {"a": "running", "b": "down", "c": "running"}
    clock.advance(60)
    assert tree.status() == {"a": "running", "b": "down", "c": "running"}


def test_only_those_behind_it_under_rest_for_one(dispatcher: Dispatcher) -> None:
    tree = Tree(dispatcher, SupervisorOptions("rest_for_one", backoff=Backoff(5.0, 30.0, jitter=0)), None)
    tree.top.ask(TerminateChild("a"), timeout=5)
    tree.crash("b")
    tree.top.ask(TerminateChild("b"), timeout=5)
    assert tree.status() == {"a": "down", "b": "down", "c": "running"}


def test_given_up_in_the_middle_of_a_restart(dispatcher: Dispatcher) -> None:
    tree = Tree(dispatcher, SupervisorOptions("one_for_all"), Limit(1, 60.0))
    Child.broken.add("b")
    tree.crash("a")
    assert tree.status() == {"a": "running", "b": "down", "c": "running"}


def test_given_up_at_its_own_end_it_starts_nobody(dispatcher: Dispatcher) -> None:
    tree = Tree(dispatcher, SupervisorOptions("one_for_all"), Limit(1, 60.0))
    tree.crash("b")
    tree.top.ask(TerminateChild("c"), timeout=5)
    tree.crash("b")
    assert tree.status() == {"a": "running", "b": "down", "c": "down"}
