"""Behaviours 18 to 20, 22: children that are not needed, do not start, or cannot be."""

from typing import Any

import pytest
from stage_of_actors import StageOfActors
from stages import Boom, HowItStarts, Stage, starts

from greenroom.actors.errors import IgnoreStart
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.invalid import InvalidInput
from greenroom.supervision.orders import ChildError, EndedAtStart, RestartChild, StartChild
from greenroom.supervision.spec import ChildSpec, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor


@pytest.mark.parametrize("restart", ["permanent", "transient"])
def test_b18_a_child_that_is_not_needed_keeps_its_spec(stage: Stage, restart: str) -> None:
    """B18 (S sup_start_ignore_child)"""
    stage.scripts["b"].starts = ["ignore"]
    stage.open(stage.specs("abc", restart), intensity=0)
    assert stage.status() == {"a": "running", "b": "down", "c": "running"}
    counts = stage.counts()
    assert (counts.specs, counts.active, counts.workers, counts.restarting) == (3, 2, 3, 0)
    assert stage.ask(RestartChild("b")) == "b"
    assert stage.end is None


def test_b18_a_temporary_one_keeps_nothing(stage: Stage) -> None:
    """B18 (S sup_start_ignore_temporary_child)"""
    stage.scripts["a"].starts = ["ignore"]
    stage.open([stage.spec("a", "temporary"), stage.spec("b")])
    assert stage.status() == {"b": "running"}


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_b18_who_starts_one_that_is_not_needed_gets_none(stage: Stage, restart: str) -> None:
    """B18 (S sup_start_ignore_temporary_child_start_child)"""
    stage.scripts["a"].starts = ["ignore"]
    stage.open([])
    assert stage.ask(StartChild(stage.spec("a", restart))) is None
    assert stage.status() == ({} if restart == "temporary" else {"a": "down"})


@pytest.mark.parametrize("restart", ["permanent", "temporary"])
def test_b18_a_dynamic_supervisor_keeps_nothing_of_it(stage: Stage, restart: str) -> None:
    """B18 (S sup_start_ignore_temporary_child_start_child_simple, and the same of a permanent child)"""
    stage.scripts["a"].starts = ["ignore"]
    stage.open([], dynamic=True, max_children=1)
    assert stage.ask(StartChild(stage.spec("a", restart))) is None
    assert stage.counts().specs == 0
    assert stage.ask(StartChild(stage.spec("b", restart))) == "b"


@pytest.mark.parametrize("dynamic", [False, True])
def test_b18_one_that_is_not_needed_any_more_at_its_restart_stays_down(
    stage: Stage, *, dynamic: bool
) -> None:
    """B18 (S simple_one_for_one_restart_ignore)"""
    stage.scripts["a"].starts = ["up", "ignore"]
    stage.open(stage.specs("ab"), dynamic=dynamic, intensity=1)
    stage.die("a")
    assert stage.status() == ({"b": "running"} if dynamic else {"a": "down", "b": "running"})
    assert stage.end is None


class FailsInConstructor(LoopActor):
    def __init__(self) -> None:
        raise Boom("in the constructor")


class FailsOnStart(LoopActor):
    def on_start(self) -> None:
        raise Boom("in on_start")


class Ignores(LoopActor):
    def __init__(self) -> None:
        raise IgnoreStart


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("how", ["fail", "quit"])
def test_b19_who_starts_one_that_fails_gets_the_error(
    stage: Stage, how: HowItStarts, *, dynamic: bool
) -> None:
    """B19 (S sup_start_child_returns_error; D:247, D:261)"""
    stage.scripts["a"].then = how
    stage.open(stage.specs("b"), dynamic=dynamic, intensity=0)
    refusal = stage.refused(StartChild(stage.spec("a")))
    assert (refusal.why, refusal.child) == ("start_failed", "a")
    assert isinstance(refusal.__cause__, Boom if how == "fail" else EndedAtStart)
    assert stage.status() == {"b": "running"}
    assert stage.end is None


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("cls", [FailsInConstructor, FailsOnStart])
def test_b19_nothing_of_it_is_left(actors: StageOfActors, cls: type[LoopActor], *, dynamic: bool) -> None:
    """B19 (S sup_start_child_returns_error): no actor, no cell, and the id is free"""
    actors.open([], dynamic=dynamic)
    for _ in range(3):
        refusal = actors.refused(StartChild(ChildSpec("a", cls)))
        assert isinstance(refusal.__cause__, Boom)
    assert actors.dispatcher.live_paths() == ["/probe", "/top"]
    supervisor: Any = actors.top.find_actor()
    assert (supervisor._cells, supervisor._names, supervisor._holds) == ({}, {}, {})
    assert actors.ask(StartChild(actors.spec("a"))) == "a"


def test_b19_ignoring_in_the_constructor_is_ignoring(actors: StageOfActors) -> None:
    """B19 (S sup_start_ignore_child): beside the errors of a constructor"""
    actors.open([])
    assert actors.ask(StartChild(ChildSpec("a", Ignores))) is None
    assert actors.recorder.named("actor.failed") == []


def test_b19_a_restart_by_hand_that_fails_leaves_the_spec(stage: Stage) -> None:
    """B19 (S sup_start_child_returns_error): restart_child too"""
    stage.open([stage.spec("a", "transient")], intensity=0)
    stage.die("a", "normal")
    stage.scripts["a"].starts = ["fail"]
    assert stage.refused(RestartChild("a")).why == "start_failed"
    assert stage.status() == {"a": "down"}
    assert stage.ask(RestartChild("a")) == "a"


@pytest.mark.parametrize("how", ["fail", "quit"])
def test_b20_if_one_of_the_first_children_fails_those_before_it_are_stopped(
    stage: Stage, how: HowItStarts
) -> None:
    """B20 (S sup_start_fail, faulty_application_shutdown)"""
    stage.scripts["b"].then = how
    stage.open(stage.specs("abc"))
    died = "failed" if how == "fail" else "normal"
    assert stage.trace() == [*starts("a", "b"), f"stop b {died}", "stop a shutdown"]
    assert stage.end is not None
    reason, error = stage.end
    assert reason == "failed"
    assert isinstance(error, ChildError)
    assert (error.why, error.child) == ("start_failed", "b")
    assert isinstance(error.__cause__, Boom if how == "fail" else EndedAtStart)


def test_b20_the_reason_reaches_who_started_the_supervisor(actors: StageOfActors) -> None:
    """B20 (S sup_start_fail): start_child of a supervisor whose own child fails"""
    actors.scripts["b"].then = "fail"
    actors.open([])
    sub = ChildSpec("sub", Supervisor, (tuple(actors.specs("abc")),), type="supervisor")
    refusal = actors.refused(StartChild(sub))
    assert refusal.why == "start_failed"
    inner = refusal.__cause__
    assert isinstance(inner, ChildError)
    assert inner.child == "b"
    assert isinstance(inner.__cause__, Boom)
    assert actors.dispatcher.live_paths() == ["/probe", "/top"]


def test_b20_a_supervisor_has_started_when_its_children_have(actors: StageOfActors) -> None:
    """B20 (S sup_start_fail): so those behind it wait"""
    actors.scripts["b"].starts = ["hang"]
    sub = ChildSpec("sub", Supervisor, (tuple(actors.specs("ab")),), type="supervisor")
    actors.open([sub, actors.spec("z")])
    assert actors.trace() == starts("sub", "sub/a", "sub/b")
    assert actors.status() == {"sub": "starting", "z": "down"}


@pytest.mark.parametrize(
    "specs",
    [
        [ChildSpec("a", FailsOnStart), ChildSpec("a", FailsOnStart)],
        [ChildSpec("a", FailsOnStart, restart="temporary", significant=True)],
        ["a"],
        [FailsOnStart],
    ],
    ids=["duplicate", "significant", "string", "class"],
)
def test_b22_with_faulty_specs_no_child_is_started(actors: StageOfActors, specs: list[Any]) -> None:
    """B22 (S child_specs, sup_start_map_faulty_specs); every fault by itself: tests/supervision/test_spec.py"""
    actors.open(specs)
    assert actors.trace() == []
    assert actors.end is not None
    reason, error = actors.end
    assert reason == "failed"
    assert isinstance(error, InvalidInput)


def test_b22_a_faulty_spec_is_refused_to_who_asked_and_changes_nothing(actors: StageOfActors) -> None:
    """B22 (S child_specs): start_child with one that does not fit the supervisor"""
    actors.open(actors.specs("a"))
    for faulty in (actors.spec("b", "temporary", significant=True), "b", None):
        with pytest.raises(InvalidInput, match="spec"):
            actors.top.ask(StartChild(faulty), timeout=5)  # type: ignore[arg-type]
    assert actors.status() == {"a": "running"}
    assert actors.incarnations() == {"a": 1}


def test_b22_options_that_are_none_start_nothing(actors: StageOfActors) -> None:
    """B22 (S sup_flags)"""
    cell = actors.dispatcher.spawn(Supervisor, (), {"strategy": "one_for_one"}, path="/top")
    actors.settle()
    assert not cell.is_alive()
    with pytest.raises(InvalidInput, match=r"strategy.*one_for_one, one_for_all, rest_for_one"):
        SupervisorOptions("none_for_all")  # type: ignore[arg-type]
