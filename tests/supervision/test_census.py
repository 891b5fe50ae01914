"""The census: one frozen picture of the tree, those that wait or are down included."""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import running_dispatcher, settle
from greenroom.messages.census import Census
from greenroom.supervision.census import take_census
from greenroom.supervision.orders import RestartChild, StartChild, TerminateChild, WhichChildren
from greenroom.supervision.spec import Backoff, ChildSpec, Limit, SupervisorOptions
from greenroom.supervision.supervisor import DynamicSupervisor, Supervisor

from crashing import Boom

OPTIONS = SupervisorOptions(intensity=5, period_s=60, backoff=Backoff(1.0, 8.0, at_once=1, jitter=0))


class Leaf(LoopActor):
    @receives(str)
    def on_str(self, _: str) -> None:
        pass

    @receives(Boom)
    def on_boom(self, boom: Boom) -> None:
        raise boom


class Owner(LoopActor):
    """Has a child that no supervisor looks after."""

    def on_start(self) -> None:
        self.spawn(Leaf, name="own")


class Tree:
    def __init__(self, dispatcher: Dispatcher, clock: ManualClock) -> None:
        self.dispatcher, self.clock = dispatcher, clock
        inner = (ChildSpec("x", Leaf), ChildSpec("y", Leaf, restart="transient"))
        specs = (
            ChildSpec("sub", Supervisor, (inner, OPTIONS), type="supervisor"),
            ChildSpec("crowd", DynamicSupervisor, type="supervisor"),
            ChildSpec("owner", Owner),
        )
        self.root = dispatcher.plant(Supervisor, specs)
        settle(dispatcher)

    def cell(self, path: str) -> Any:
        return next(cell for cell in self.dispatcher._cells if cell.path == path)

    def tell(self, path: str, message: Any) -> None:
        self.cell(path).ref.tell(message)
        settle(self.dispatcher)

    def census(self, most: int = 1000) -> Census:
        return take_census(self.dispatcher, most, 5.0)


@pytest.fixture
def tree() -> Iterator[Tree]:
    clock = ManualClock(now_s=100.0)
    with running_dispatcher(clock) as dispatcher:
        yield Tree(dispatcher, clock)


def test_every_actor_stands_behind_its_parent_in_the_order_of_start(tree: Tree) -> None:
    census = tree.census()
    paths = [actor.path for actor in census.actors]
    assert paths == ["/", "/sub", "/sub/x", "/sub/y", "/crowd", "/owner", "/owner/own"]
    assert [actor.parent for actor in census.actors] == [None, "/", "/sub", "/sub", "/", "/", "/owner"]
    assert [actor.children for actor in census.actors] == [3, 2, 0, 0, 0, 1, 0]
    assert census.left_out == 0
    assert [actor.path for actor in census.children("/sub")] == ["/sub/x", "/sub/y"]


def test_says_what_only_the_supervisor_knows(tree: Tree) -> None:
    tree.tell("/sub/x", Boom("first"))
    tree.clock.advance(2)
    sub, x, own = (tree.census().find(path) for path in ("/sub", "/sub/x", "/owner/own"))
    assert sub is not None
    assert sub.window is not None
    assert (sub.window.restarts, sub.window.intensity, sub.window.period_s) == (1, 5, 60)
    assert x is not None
    assert (x.state, x.incarnation, x.restarts, x.restart) == ("running", 2, 1, "permanent")
    assert (x.age_s, x.last_error) == (2.0, "Boom: first")
    assert own is not None
    assert (own.supervised, own.restart, own.kind, own.actor_class) == (False, None, "leaf", "Leaf")


def test_who_waits_or_is_down_is_in_it_though_nobody_lives_there(tree: Tree) -> None:
    tree.tell("/sub/x", Boom("1"))
    tree.tell("/sub/x", Boom("2"))
    tree.cell("/sub").ref.ask(TerminateChild("y"))
    tree.clock.advance(0.25)
    x, y = tree.census().children("/sub")
    assert (x.state, x.wait_s, x.age_s, x.incarnation) == ("waiting", 0.75, None, 2)
    assert (y.state, y.wait_s) == ("down", None)
    waiting = tree.cell("/sub").life.actor._cells["x"].ref
    waiting.tell("later")
    assert tree.census().children("/sub")[0].mailbox == 1


def test_who_was_given_up_is_in_it_too() -> None:
    with running_dispatcher(ManualClock()) as dispatcher:
        spec = ChildSpec("x", Leaf, limit=Limit(0, 60.0))
        root = dispatcher.plant(Supervisor, (spec,))
        cell = root.ask(WhichChildren())[0].ref.cell
        cell.ref.tell(Boom("too often"))
        settle(dispatcher)
        given_up = take_census(dispatcher, 10, 5.0).find("/x")
        assert given_up is not None
        assert (given_up.state, given_up.last_error) == ("down", "Boom: too often")
        assert root.ask(RestartChild("x")).ask("again") is None
        assert [actor.path for actor in take_census(dispatcher, 10, 5.0).actors] == ["/", "/x"]


def test_counts_messages_over_all_incarnations_and_the_most_that_waited(tree: Tree) -> None:
    ref = tree.cell("/sub/x").ref

    def burst() -> None:
        for _ in range(7):
            ref.tell("x")

    tree.dispatcher.call(burst)
    settle(tree.dispatcher)
    tree.tell("/sub/x", Boom("now"))
    tree.tell("/sub/x", "one more")
    x = tree.census().find("/sub/x")
    assert x is not None
    assert x.mailbox_high == 7
    assert x.handled == 9


def test_is_bounded_and_says_what_it_left_out(tree: Tree) -> None:
    crowd = tree.cell("/crowd").ref
    for number in range(50):
        crowd.ask(StartChild(ChildSpec(f"c{number}", Leaf, restart="temporary")))
    census = tree.census(most=20)
    assert len(census.actors) == 20
    assert census.left_out == 57 - 20
    assert f"... and {census.left_out} more" in census.tree()


def test_is_a_value_and_reads_well(tree: Tree) -> None:
    tree.tell("/sub/x", Boom("secretless"))
    census = tree.census()
    assert Census.model_validate_json(census.model_dump_json()) == census
    assert pickle.loads(pickle.dumps(census)) == census  # noqa: S301
    lines = census.tree().splitlines()
    assert lines[0].startswith("/  supervisor  running, incarnation 1, restarts 0/10 in 60 s")
    assert lines[2].startswith("    x  leaf  running, incarnation 2, mail 0")
    assert lines[2].endswith("last error Boom: secretless")
