"""Behaviours 3, 4, 12, 13, 14: how many restarts are too many, and starts that fail on the way."""

import pytest
from stage_of_actors import StageOfActors
from stages import ABNORMAL, Boom, HowItDies, HowItStarts, Script, Stage, refusal, starts, stops

from greenroom.supervision.orders import ChildError, RestartChild, StartChild, TerminateChild, TooManyRestarts


@pytest.mark.parametrize("how", ABNORMAL)
def test_b03_one_restart_too_many_ends_the_supervisor_and_all_its_children(
    stage: Stage, how: HowItDies
) -> None:
    """B3 (S one_for_one)"""
    stage.open(stage.specs("abc"), intensity=2)
    stage.die("b", how)
    stage.die("b", how)
    assert stage.end is None
    stage.trace()
    stage.die("b", how)
    assert stage.trace() == [f"stop b {how}", *stops("c", "a")]
    assert stage.end is not None
    reason, error = stage.end
    assert reason == "shutdown"
    assert isinstance(error, TooManyRestarts)
    (told,) = stage.told("intensity_exceeded")
    assert (told.child, told.intensity) == ("b", 2)


def test_b03_the_cause_of_the_last_crash_is_told(stage: Stage) -> None:
    """B3 (S one_for_one)"""
    stage.open([stage.spec("a")], intensity=0)
    stage.die("a")
    assert stage.end is not None
    error = stage.end[1]
    assert error is not None
    assert isinstance(error.__cause__, Boom)
    assert "Boom: it was told to" in str(error)


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_b03_deaths_of_different_children_count_together(stage: Stage, strategy: str) -> None:
    """B3 (S one_for_one, one_for_all, rest_for_one): the window is the supervisor's."""
    stage.open(stage.specs("abc"), strategy=strategy, intensity=2)
    stage.die("a")
    stage.die("b")
    assert stage.end is None
    stage.die("c")
    assert stage.end is not None
    assert stage.alive() == set()


def test_b03_a_dynamic_supervisor_ends_as_well(stage: Stage) -> None:
    """B3 (S one_for_one; D:447)"""
    stage.open([*stage.specs("ab"), stage.spec("c", "temporary")], dynamic=True, intensity=2)
    for name in "aba":
        stage.die(name)
    assert stage.end is not None
    assert stage.end[0] == "shutdown"
    assert stage.alive() == set()


def test_b03_what_dies_in_the_same_moment_counts_too(actors: StageOfActors) -> None:
    """B3 (S one_for_one): all at once, not one after the other."""
    actors.open(actors.specs("abcd"), intensity=3)
    for ref in [actors.ref(name) for name in "abcd"]:
        ref.kill()
    actors.settle()
    assert actors.end is not None
    assert actors.alive() == set()


def test_b04_restarts_with_time_between_them_are_no_storm(stage: Stage) -> None:
    """B4 (S multiple_restarts)"""
    stage.open([stage.spec("a")], intensity=1, period_s=1.0)
    for number in range(2, 6):
        stage.die("a")
        assert stage.incarnations() == {"a": number}
        stage.advance(2.1)
    assert stage.end is None


@pytest.mark.parametrize(("gap_s", "ends"), [(1.0, True), (1.001, False), (0.999, True)])
def test_b04_the_period_has_its_last_moment_in_it(stage: Stage, gap_s: float, *, ends: bool) -> None:
    """B4 (S multiple_restarts): OTP's in_period counts what is exactly as old as the period."""
    stage.open([stage.spec("a")], intensity=1, period_s=1.0)
    stage.die("a")
    stage.advance(gap_s)
    stage.die("a")
    assert (stage.end is not None) == ends


def test_b04_the_window_slides(stage: Stage) -> None:
    """B4 (S multiple_restarts): two in any 10 s; it is no bucket that empties."""
    stage.open([stage.spec("a")], intensity=2, period_s=10.0)
    for wait_s in (6.0, 6.0, 6.0, 6.0):
        stage.die("a")
        stage.advance(wait_s)
    assert stage.end is None
    stage.die("a")
    stage.die("a")
    assert stage.end is not None


@pytest.mark.parametrize("restart", ["permanent", "transient"])
@pytest.mark.parametrize("how", ["fail", "quit"])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_b12_attempts_that_fail_use_up_the_intensity(
    stage: Stage, strategy: str, how: HowItStarts, restart: str
) -> None:
    """B12 (S one_for_one_escalation, one_for_all_escalation, rest_for_one_escalation)"""
    stage.open(stage.specs("abc", restart), strategy=strategy, intensity=4)
    stage.trace()
    stage.scripts["b"].then = how
    stage.die("b")
    trace = stage.trace()
    assert trace.count("start b") == 4
    assert stage.end is not None
    assert stage.end[0] == "shutdown"
    assert isinstance(stage.end[1], TooManyRestarts)
    assert stage.alive() == set()
    if strategy == "one_for_one":
        died = "stop b failed" if how == "fail" else "stop b normal"
        assert trace == ["stop b failed", *["start b", died] * 4, *stops("c", "a")]


def test_b12_without_intensity_there_is_no_attempt(stage: Stage) -> None:
    """B12 (S one_for_one_escalation): intensity 0"""
    stage.open(stage.specs("ab"), intensity=0)
    stage.trace()
    stage.die("a")
    assert stage.trace() == ["stop a failed", "stop b shutdown"]
    assert stage.end is not None


@pytest.mark.parametrize("restart", ["permanent", "transient"])
@pytest.mark.parametrize("how", ["fail", "quit"])
def test_b12_a_dynamic_supervisor_escalates_too(stage: Stage, how: HowItStarts, restart: str) -> None:
    """B12 (S simple_one_for_one_escalation; D:447, D:457): a start that ends as normal has failed too"""
    stage.open(stage.specs("ab", restart), dynamic=True, intensity=3)
    stage.scripts["a"].then = how
    stage.die("a")
    assert stage.trace().count("start a") == 1 + 3
    assert stage.end is not None
    assert stage.end[0] == "shutdown"
    assert stage.alive() == set()


def test_b13_a_child_in_a_hot_restart_loop_can_be_terminated(actors: StageOfActors) -> None:
    """B13 (S hanging_restart_loop, hanging_restart_loop_rest_for_one; OTP-9549)"""
    _hot_loop(actors)
    actors.top.ask(TerminateChild("a"), timeout=5)
    actors.settle()
    assert actors.status() == {"a": "down", "b": "running"}
    actors.scripts["a"].then = "up"
    assert actors.ask(RestartChild("a")) == "a"
    assert actors.status() == {"a": "running", "b": "running"}


def test_b13_a_supervisor_with_a_hot_restart_loop_can_be_shut(actors: StageOfActors) -> None:
    """B13 (S hanging_restart_loop, supervisor shutdown)"""
    _hot_loop(actors)
    actors.shut()
    assert actors.end == ("shutdown", None)


def test_b13_a_dynamic_child_in_a_hot_restart_loop_can_be_terminated(actors: StageOfActors) -> None:
    """B13 (S hanging_restart_loop_simple; D:747)"""
    _hot_loop(actors, dynamic=True)
    actors.top.ask(TerminateChild("a"), timeout=5)
    actors.settle()
    assert actors.status() == {"b": "running"}


def _hot_loop(actors: StageOfActors, *, dynamic: bool = False) -> None:
    actors.open(actors.specs("ab"), dynamic=dynamic, intensity=10**9)
    actors.scripts["a"].then = "fail"
    ref = actors.ref("a")
    ref.kill()
    # The supervisor answers while it tries again and again.
    while actors.recorder.named("supervisor.child_exited") == []:
        actors.counts_now()
    assert actors.counts_now().specs == 2


@pytest.mark.parametrize("dynamic", [False, True])
def test_b13_a_restart_that_never_ends_can_be_terminated(stage: Stage, *, dynamic: bool) -> None:
    """B13 (S hanging_restart_loop): the start itself hangs; restated for abandoning, it is shut down or killed"""
    stage.scripts["a"].starts = ["up", "hang"]
    stage.open(stage.specs("ab"), dynamic=dynamic)
    stage.die("a")
    assert stage.status()["a"] == "starting"
    assert stage.ask(TerminateChild("a")) is None
    assert stage.alive() == {"b"}
    assert stage.status() == ({"b": "running"} if dynamic else {"a": "down", "b": "running"})


@pytest.mark.parametrize("dynamic", [False, True])
def test_b13_a_supervisor_with_a_start_that_never_ends_can_be_shut(stage: Stage, *, dynamic: bool) -> None:
    """B13 (S hanging_restart_loop, supervisor shutdown)"""
    stage.scripts["a"].starts = ["up", "hang"]
    stage.open(stage.specs("ab"), dynamic=dynamic)
    stage.die("a")
    stage.shut()
    assert stage.end == ("shutdown", None)
    assert stage.alive() == set()


@pytest.mark.parametrize("dynamic", [False, True])
def test_b13_a_start_that_never_ends_is_waited_for_until_it_is_abandoned(
    stage: Stage, *, dynamic: bool
) -> None:
    """B13 (S hanging_restart_loop; restated for abandoning): no spec is called down while its actor lives"""
    stage.scripts["a"] = Script(["up", "hang"], stop_s=None)
    stage.open(stage.specs("ab", shutdown_s=1.0), dynamic=dynamic)
    stage.die("a")
    asked = stage.call(TerminateChild("a"))
    assert not asked.done()
    assert stage.status() == {"a": "stopping", "b": "running"}
    stage.trace()
    stage.advance(1.0)
    assert stage.trace() == ["stop a killed"]
    assert asked.get(timeout=0) is None
    assert stage.status() == ({"b": "running"} if dynamic else {"a": "down", "b": "running"})


@pytest.mark.parametrize("restart", ["permanent", "temporary"])
def test_b13_a_first_start_that_never_ends_can_be_terminated(stage: Stage, restart: str) -> None:
    """B13 (S hanging_restart_loop): its asker gets an error, who terminated it an answer"""
    stage.scripts["a"] = Script(["hang"], stop_s=0.5)
    stage.open(stage.specs("b"))
    started = stage.call(StartChild(stage.spec("a", restart)))
    ended = stage.call(TerminateChild("a"))
    assert not started.done()
    assert not ended.done()
    stage.advance(0.5)
    assert refusal(started).why == "start_failed"
    assert ended.get(timeout=0) is None
    assert stage.alive() == {"b"}
    assert stage.status() == {"b": "running", **({"a": "down"} if restart == "permanent" else {})}


def test_b13_what_else_is_asked_waits_for_a_restart_and_gets_its_answer(stage: Stage) -> None:
    """B13 (S hanging_restart_loop): no asker hangs where the supervisor ends"""
    stage.scripts["a"].starts = ["up", "hang"]
    stage.open(stage.specs("ab"))
    stage.die("a")
    waits = stage.call(TerminateChild("b"))
    assert not waits.done()
    stage.shut()
    assert waits.done()
    with pytest.raises(ChildError) as caught:
        waits.get(timeout=0)
    assert caught.value.why == "shutting_down"


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("failures", [1, 3])
def test_b14_a_start_that_fails_at_first_succeeds_by_itself(
    stage: Stage, failures: int, *, dynamic: bool
) -> None:
    """B14 (D:435)"""
    stage.open(stage.specs("ab"), dynamic=dynamic)
    stage.scripts["a"].starts = ["fail"] * failures
    stage.trace()
    stage.die("a")
    assert stage.trace() == ["stop a failed", *["start a", "stop a failed"] * failures, *starts("a")]
    assert stage.status() == {"a": "running", "b": "running"}
    (told,) = stage.told("child_restarted")
    assert told.child == "a"
