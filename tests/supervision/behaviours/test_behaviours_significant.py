"""Behaviour 27: supervisors that end with their significant children."""

import pytest
from stage_of_actors import StageOfActors
from stages import ABNORMAL, QUIET, HowItDies, Stage, starts, stops

from greenroom.supervision.orders import RestartChild, StartChild, TerminateChild
from greenroom.supervision.spec import Backoff, ChildSpec, Restart, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor


@pytest.mark.parametrize("how", QUIET)
@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_b27_with_any_the_first_one_that_ends_ends_all(stage: Stage, restart: str, how: HowItDies) -> None:
    """B27 (S significant_transient, significant_temporary): any_significant"""
    specs = [stage.spec("a"), *stage.specs("bc", restart, significant=True), stage.spec("d")]
    stage.open(specs, auto_shutdown="any_significant", intensity=0)
    stage.trace()
    stage.die("b", how)
    assert stage.trace() == [f"stop b {how}", *stops("d", "c", "a")]
    assert stage.end == ("shutdown", None)
    (told,) = stage.told("auto_shutdown")
    assert (told.child, told.mode) == ("b", "any_significant")


@pytest.mark.parametrize("how", QUIET)
@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_b27_with_all_the_last_one_that_ends_ends_all(stage: Stage, restart: str, how: HowItDies) -> None:
    """B27 (S significant_transient, significant_temporary): all_significant"""
    specs = [stage.spec("a"), *stage.specs("bc", restart, significant=True), stage.spec("d")]
    stage.open(specs, auto_shutdown="all_significant", intensity=0)
    stage.die("c", how)
    assert stage.end is None
    stage.trace()
    stage.die("b", how)
    assert stage.trace() == [f"stop b {how}", *stops("d", "a")]
    assert stage.end == ("shutdown", None)


@pytest.mark.parametrize("how", ABNORMAL)
@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_b27_a_transient_one_that_crashes_is_restarted(stage: Stage, mode: str, how: HowItDies) -> None:
    """B27 (S significant_transient): a crash is no end by itself"""
    stage.open([stage.spec("a", "transient", significant=True)], auto_shutdown=mode)
    stage.die("a", how)
    assert stage.end is None
    assert stage.status() == {"a": "running"}


@pytest.mark.parametrize("how", ABNORMAL)
@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_b27_a_temporary_one_that_crashes_ends_all(stage: Stage, mode: str, how: HowItDies) -> None:
    """B27 (S significant_temporary): whatever its end says"""
    stage.open([stage.spec("a", "temporary", significant=True), stage.spec("b")], auto_shutdown=mode)
    stage.die("a", how)
    assert stage.end == ("shutdown", None)


@pytest.mark.parametrize("restart", ["transient", "temporary"])
@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_b27_what_the_supervisor_stops_does_not_count(stage: Stage, mode: str, restart: str) -> None:
    """B27 (S significant_*): terminate_child"""
    stage.open([stage.spec("a", restart, significant=True), stage.spec("b")], auto_shutdown=mode)
    stage.ask(TerminateChild("a"))
    assert stage.end is None
    assert stage.status()["b"] == "running"


def test_b27_with_all_one_that_was_terminated_is_not_waited_for(stage: Stage) -> None:
    """B27 (S significant_transient): one by terminate_child, the last by itself"""
    stage.open(stage.specs("ab", "transient", significant=True), auto_shutdown="all_significant")
    stage.ask(TerminateChild("a"))
    stage.die("b", "normal")
    assert stage.end == ("shutdown", None)


def test_b27_with_all_one_that_came_back_is_waited_for(stage: Stage) -> None:
    """B27 (S significant_transient): restart_child makes it one of them again"""
    stage.open(stage.specs("ab", "transient", significant=True), auto_shutdown="all_significant")
    stage.die("a", "normal")
    stage.ask(RestartChild("a"))
    stage.die("b", "normal")
    assert stage.end is None
    stage.die("a", "normal")
    assert stage.end == ("shutdown", None)


def test_b27_with_all_one_that_waits_for_its_restart_is_waited_for(stage: Stage) -> None:
    """B27 (S significant_transient): it has no actor, and has not ended"""
    waits = stage.spec("a", "transient", significant=True, backoff=Backoff(1.0, 1.0, jitter=0))
    stage.open([waits, stage.spec("b", "transient", significant=True)], auto_shutdown="all_significant")
    stage.die("a")
    stage.die("b", "normal")
    assert stage.end is None
    stage.advance(1.0)
    assert stage.status() == {"a": "running", "b": "down"}
    stage.die("a", "normal")
    assert stage.end == ("shutdown", None)


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_b27_a_bystander_that_falls_with_its_group_does_not_count(
    stage: Stage, strategy: str, mode: str
) -> None:
    """B27 (S significant_bystander)"""
    specs = [
        stage.spec("a"), stage.spec("b", "temporary", significant=True),
        stage.spec("c", "transient", significant=True),
    ]  # fmt: skip
    stage.open(specs, strategy=strategy, auto_shutdown=mode)
    stage.trace()
    stage.die("a")
    assert stage.trace() == ["stop a failed", *stops("c", "b"), *starts("a", "c")]
    assert stage.end is None
    assert stage.status() == {"a": "running", "c": "running"}


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_b27_others_come_and_go_as_ever(stage: Stage, mode: str) -> None:
    """B27 (S nonsignificant_temporary): children that are not significant"""
    specs = [stage.spec("a", "transient", significant=True), *stage.specs("bc", "temporary")]
    stage.open(specs, auto_shutdown=mode)
    stage.die("b", "normal")
    stage.die("c")
    assert stage.end is None


def test_b27_without_significant_children_there_is_no_end(stage: Stage) -> None:
    """B27 (S nonsignificant_temporary, nonsignificant_transient): nobody of whom all could have ended"""
    stage.open(stage.specs("ab", "temporary"), auto_shutdown="all_significant")
    stage.die("a")
    stage.die("b")
    assert stage.end is None


@pytest.mark.parametrize("dynamic", [False, True])
def test_b27_one_that_is_not_needed_has_not_ended(stage: Stage, *, dynamic: bool) -> None:
    """B27 (S significant_*): ignore is no end by itself"""
    stage.scripts["a"].starts = ["ignore"]
    stage.open([stage.spec("b")], dynamic=dynamic, auto_shutdown="any_significant")
    assert stage.ask(StartChild(stage.spec("a", "transient", significant=True))) is None
    assert stage.end is None


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_b27_a_dynamic_supervisor_ends_with_its_significant_children(stage: Stage, mode: str) -> None:
    """B27 (S significant_simple): simple_one_for_one"""
    stage.open(
        [*stage.specs("ab", "transient", significant=True), stage.spec("c")],
        dynamic=True, auto_shutdown=mode,
    )  # fmt: skip
    stage.die("a", "normal")
    assert (stage.end is not None) == (mode == "any_significant")
    if stage.end is None:
        stage.die("b", "normal")
    assert stage.end == ("shutdown", None)
    assert stage.alive() == set()


@pytest.mark.parametrize("restart", ["transient", "permanent"])
def test_b27_the_one_above_sees_a_shutdown(actors: StageOfActors, restart: Restart) -> None:
    """B27 (S significant_escalation): a transient supervisor stays down then, a permanent one comes back"""
    specs = (actors.spec("work", "temporary", significant=True), actors.spec("other"))
    options = SupervisorOptions(auto_shutdown="any_significant")
    actors.open([ChildSpec("sub", Supervisor, (specs, options), restart=restart, type="supervisor")])
    actors.trace()
    actors.die("sub/work", "normal")
    ended = ["stop sub/work normal", "stop sub/other shutdown", "stop sub shutdown"]
    if restart == "transient":
        assert actors.trace() == ended
        assert actors.status() == {"sub": "down"}
    else:
        assert actors.trace() == [*ended, *starts("sub", "sub/work", "sub/other")]
        assert actors.incarnations() == {"sub": 2}
