"""Behaviours 21, 23, 29: what a supervisor can be asked, what it counts, and how many children it may have."""

import gc

import pytest
from stage_of_actors import StageOfActors
from stages import Player, Stage

from greenroom.actors.testkit import settle
from greenroom.supervision.orders import (
    CountChildren,
    DeleteChild,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from greenroom.supervision.spec import Backoff, ChildSpec
from greenroom.supervision.supervisor import Supervisor


def test_b21_an_id_that_is_in_use_is_refused(stage: Stage) -> None:
    """B21 (S child_adm)"""
    stage.open([stage.spec("a", "transient")])
    assert stage.refused(StartChild(stage.spec("a"))).why == "already_started"
    assert stage.refused(DeleteChild("a")).why == "running"
    assert stage.refused(RestartChild("a")).why == "running"
    assert stage.incarnations() == {"a": 1}
    assert stage.ask(TerminateChild("a")) is None
    assert stage.ask(TerminateChild("a")) is None
    assert stage.status() == {"a": "down"}
    assert stage.refused(StartChild(stage.spec("a"))).why == "already_present"
    assert stage.ask(RestartChild("a")) == "a"
    stage.ask(TerminateChild("a"))
    assert stage.ask(DeleteChild("a")) is None
    assert stage.ask(StartChild(stage.spec("a"))) == "a"


@pytest.mark.parametrize("dynamic", [False, True])
def test_b21_a_child_that_is_not_there_is_not_found(stage: Stage, *, dynamic: bool) -> None:
    """B21 (S child_adm; D:707)"""
    stage.open(stage.specs("a"), dynamic=dynamic)
    for message in (TerminateChild("x"), RestartChild("x"), DeleteChild("x")):
        refusal = stage.refused(message)
        assert (refusal.why, refusal.child) == ("not_found", "x")
        assert "x: no child has that id" in str(refusal)


@pytest.mark.parametrize("dynamic", [False, True])
def test_b21_a_terminated_child_is_not_restarted(stage: Stage, *, dynamic: bool) -> None:
    """B21 (S child_adm): a permanent one neither, and its end is not counted"""
    stage.open(stage.specs("ab"), dynamic=dynamic, intensity=0)
    stage.ask(TerminateChild("a"))
    assert stage.status() == ({"b": "running"} if dynamic else {"a": "down", "b": "running"})
    assert stage.end is None


def test_b21_a_temporary_child_that_is_terminated_is_forgotten(stage: Stage) -> None:
    """B21 (S child_adm_simple)"""
    stage.open([stage.spec("a", "temporary")])
    assert stage.ask(TerminateChild("a")) is None
    assert stage.status() == {}


def test_b21_one_that_is_about_to_be_restarted_is_neither_up_nor_down(stage: Stage) -> None:
    """B21 (S child_adm): `restarting`, and terminate_child ends that"""
    stage.open([stage.spec("a", backoff=Backoff(1.0, 1.0, jitter=0))])
    stage.die("a")
    assert stage.status() == {"a": "waiting"}
    assert stage.which()["a"].wait_s == 1.0
    for message in (RestartChild("a"), DeleteChild("a")):
        assert stage.refused(message).why == "restarting"
    assert stage.refused(StartChild(stage.spec("a"))).why == "already_present"
    stage.ask(TerminateChild("a"))
    assert stage.status() == {"a": "down"}
    stage.advance(10)
    assert stage.status() == {"a": "down"}


@pytest.mark.parametrize("dynamic", [False, True])
def test_b23_counts_are_exact(stage: Stage, *, dynamic: bool) -> None:
    """B23 (S count_children)"""
    names = [f"c{n}" for n in range(2000)]
    few, more = stage.specs(names[:1000], "temporary"), stage.specs(names[1000:], "temporary")
    stage.open(few, dynamic=dynamic)
    counts = stage.counts()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (1000, 1000, 0, 1000)
    answers = [stage.call(StartChild(spec)) for spec in more] if not stage.real else _start(stage, more)
    assert all(answer.done() for answer in answers)
    counts = stage.counts()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (2000, 2000, 0, 2000)
    assert list(stage.which()) == names
    _kill_all(stage, names)
    counts = stage.counts()
    assert (counts.specs, counts.active, counts.workers, counts.restarting) == (0, 0, 0, 0)
    assert stage.which() == {}
    assert stage.alive() == set()


def _start(stage: Stage, specs: list[ChildSpec]) -> list:  # type: ignore[type-arg]
    assert isinstance(stage, StageOfActors)
    answers = [stage.top.ask(StartChild(spec), block=False) for spec in specs]
    settle(stage.dispatcher)
    return answers


def _kill_all(stage: Stage, names: list[str]) -> None:
    if not isinstance(stage, StageOfActors):
        for name in names:
            stage.die(name, "killed")
        return
    for info in stage.top.ask(WhichChildren(), timeout=5):
        info.ref.kill()
    stage.settle()
    stage.settle()


@pytest.mark.parametrize("dynamic", [False, True])
def test_b23_restarting_children_are_not_active(stage: Stage, *, dynamic: bool) -> None:
    """B23 (S count_restarting_children)"""
    stage.open(stage.specs("abcde", backoff=Backoff(1.0, 1.0, jitter=0)), dynamic=dynamic)
    for name in "ace":
        stage.die(name)
    counts = stage.counts()
    assert (counts.specs, counts.active, counts.restarting, counts.workers) == (5, 2, 3, 5)
    assert stage.status() == {name: "waiting" if name in "ace" else "running" for name in "abcde"}
    stage.advance(1.0)
    counts = stage.counts()
    assert (counts.specs, counts.active, counts.restarting) == (5, 5, 0)


def test_b23_supervisors_are_counted_apart(actors: StageOfActors) -> None:
    """B23 (S count_children_supervisor): by the type of the spec"""
    sub = ChildSpec("sub", Supervisor, (tuple(actors.specs("ab")),), type="supervisor")
    actors.open([sub, actors.spec("z")])
    counts = actors.counts()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (2, 2, 1, 1)
    assert actors.which()["sub"].type == "supervisor"


@pytest.mark.parametrize("dynamic", [False, True])
def test_b29_no_more_children_than_it_may_have(stage: Stage, *, dynamic: bool) -> None:
    """B29 (D:274)"""
    stage.open(stage.specs("a"), dynamic=dynamic, max_children=2)
    assert stage.ask(StartChild(stage.spec("b", "temporary"))) == "b"
    refusal = stage.refused(StartChild(stage.spec("c")))
    assert (refusal.why, refusal.child) == ("max_children", "c")
    assert list(stage.status()) == ["a", "b"]
    stage.die("b")
    assert stage.ask(StartChild(stage.spec("c"))) == "c"


def test_b29_zero_is_a_bound_too(stage: Stage) -> None:
    """B29 (D:274)"""
    stage.open([], dynamic=True, max_children=0)
    assert stage.refused(StartChild(stage.spec("a"))).why == "max_children"


@pytest.mark.parametrize("dynamic", [False, True])
def test_b29_a_child_that_is_restarting_has_its_place(stage: Stage, *, dynamic: bool) -> None:
    """B29 (D:389, D:402)"""
    stage.open(stage.specs("a", backoff=Backoff(1.0, 1.0, jitter=0)), dynamic=dynamic, max_children=1)
    stage.die("a")
    assert stage.refused(StartChild(stage.spec("b"))).why == "max_children"
    stage.advance(1.0)
    assert stage.status() == {"a": "running"}


def test_b29_one_that_did_not_start_leaves_its_place(stage: Stage) -> None:
    """B29 (D:247): an error gives it back"""
    stage.scripts["a"].then = "fail"
    stage.open([], dynamic=True, max_children=1)
    for _ in range(3):
        assert stage.refused(StartChild(stage.spec("a"))).why == "start_failed"
    assert stage.ask(StartChild(stage.spec("b"))) == "b"


def test_b29_adopted_children_count(actors: StageOfActors) -> None:
    """B29 (D:274): as those of the requests supervisor, which starts its children itself"""
    actors.open([], dynamic=True, max_children=1)
    supervisor = actors.top.find_actor()
    assert supervisor is not None
    assert supervisor.core.has_room()
    actors.ask(StartChild(ChildSpec("a", Player, (actors.scripts["a"],))))
    assert not supervisor.core.has_room()
    assert actors.ask(CountChildren()).active == 1


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("restart", ["permanent", "temporary"])
def test_b23_what_came_and_went_leaves_nothing_behind(
    actors: StageOfActors, restart: str, *, dynamic: bool
) -> None:
    """B23 (S count_children): no timer, no claim, no table grows with those that are gone"""
    actors.open([], dynamic=dynamic, intensity=100)
    for number in range(50):
        name = f"c{number}"
        actors.ask(StartChild(actors.spec(name, restart, backoff=Backoff(1.0, 1.0))))
        if number % 2:
            # A crash is logged with its ref, and pytest keeps what is logged.
            actors.die(name, "killed")
        actors.call(TerminateChild(name))
        actors.call(DeleteChild(name))
    assert actors.which() == {}
    supervisor = actors.top.find_actor()
    assert supervisor is not None
    life = supervisor._life
    tables = (life.children, life.claims, life.watches, life.keyed)
    assert [len(table or ()) for table in tables] == [0, 0, 0, 0]
    tables = (supervisor._cells, supervisor._names, supervisor._holds)
    assert [len(table) for table in tables] == [0, 0, 0]
    assert actors.dispatcher.statistics().timers == 0
    assert actors.dispatcher.live_paths() == ["/probe", "/top"]
    gc.collect()
    assert not [cell for cell in actors.dispatcher._held if cell.path.startswith("/top/")]
