"""Behaviours 15, 16, 17, 28: how long a child may take to end, and what becomes of one that does not.

Restated for abandoning: Python cannot kill. Who does not end in time is fenced: it counts as ended, what it had
asked for is cancelled, what it sends is not heard, and `actor.zombie` says so.
"""

import threading

import pytest
from stage_of_actors import StageOfActors, stage_of_actors
from stages import Stage, stops

from greenroom.actors.errors import ActorDead
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.supervision.orders import RestartChild, TerminateChild
from greenroom.supervision.spec import ChildSpec


def test_b15_who_does_not_end_in_time_is_abandoned_and_the_others_end_in_order(stage: Stage) -> None:
    """B15 (S sup_stop_timeout; restated for abandoning)"""
    stage.scripts["b"].stop_s = 200.0
    stage.open(stage.specs("abc", shutdown_s=1.0))
    stage.trace()
    stage.shut()
    assert stage.trace() == stops("c")
    stage.advance(0.99)
    assert stage.trace() == []
    stage.advance(0.02)
    assert stage.trace() == ["stop b killed", "stop a shutdown"]
    assert stage.end == ("shutdown", None)
    (told,) = stage.told("child_killed")
    assert (told.child, told.timeout_s) == ("b", 1.0)


def test_b15_who_ends_in_time_is_not_killed(stage: Stage) -> None:
    """B15 (S sup_stop_timeout): its edge, and no late order for the one that follows"""
    stage.scripts["a"].stop_s = 0.9
    stage.open([stage.spec("a", shutdown_s=1.0)])
    stage.call(TerminateChild("a"))
    stage.advance(0.95)
    assert stage.status() == {"a": "down"}
    stage.scripts["a"].stop_s = None
    assert stage.ask(RestartChild("a")) == "a"
    stage.advance(10)
    assert stage.status() == {"a": "running"}
    assert stage.told("child_killed") == []


def test_b15_five_seconds_unless_said_otherwise(stage: Stage) -> None:
    """B15 (S sup_stop_timeout): a worker's default"""
    stage.scripts["a"].stop_s = None
    stage.open([stage.spec("a")])
    stage.shut()
    stage.advance(4.99)
    assert stage.end is None
    stage.advance(0.02)
    assert stage.end == ("shutdown", None)


class Sleeper(LoopActor):
    """Does not end when told to, and goes on to send."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def on_shutdown(self) -> None:
        self.timer(30.0, "late")

    @receives(str)
    def on_str(self, text: str) -> None:
        self.heard.append(text)


def test_b15_the_abandoned_one_is_fenced_and_reported(actors: StageOfActors) -> None:
    """B15 (S sup_stop_timeout; restated for abandoning): its timers, its mail, its asks"""
    heard: list[str] = []
    actors.open([ChildSpec("a", Sleeper, (heard,), shutdown_s=1.0), actors.spec("b")])
    ref = actors.ref("a")
    actors.call(TerminateChild("a"))
    actors.advance(1.0)
    assert not ref.is_alive()
    (zombie,) = actors.recorder.named("actor.zombie")
    assert (zombie.actor, zombie.incarnation) == ("/top/a", 1)
    assert actors.dispatcher.statistics().zombies == 1
    actors.advance(100.0)
    assert heard == []
    actors.shut()
    with pytest.raises(ActorDead):
        ref.ask("are you there?", timeout=5)
    assert heard == []


class Stuck(LoopActor):
    """Its handler does not come back until the test lets it."""

    def __init__(self, entered: threading.Event, leave: threading.Event) -> None:
        super().__init__()
        self.entered, self.leave = entered, leave

    @receives(str)
    def on_str(self, _: str) -> str:
        self.entered.set()
        self.leave.wait(20)
        return "too late"


def test_b15_one_whose_handler_is_stuck_is_given_up_by_the_watchdog() -> None:
    """B15 (S sup_stop_timeout; restated for abandoning): the asker is answered while the handler still runs"""
    entered, leave = threading.Event(), threading.Event()
    with stage_of_actors(slow_handler_s=0.02) as actors:
        actors.open([ChildSpec("a", Stuck, (entered, leave))])
        ref = actors.ref("a")
        answer = ref.ask("work", block=False)
        try:
            assert entered.wait(5)
            ref.kill()
            with pytest.raises(ActorDead):
                answer.get(timeout=10)
        finally:
            leave.set()
        actors.settle()
        assert actors.status() == {"a": "running"}
        assert actors.incarnations() == {"a": 2}


def test_b16_brutal_kill_waits_for_nobody(stage: Stage) -> None:
    """B16 (S sup_stop_brutal_kill; restated for abandoning): shutdown_s 0"""
    stage.scripts["a"].stop_s = stage.scripts["c"].stop_s = None
    stage.open([stage.spec("a", shutdown_s=0), stage.spec("b"), stage.spec("c", shutdown_s=0)])
    stage.trace()
    stage.shut()
    assert stage.trace() == ["stop c killed", "stop b shutdown", "stop a killed"]
    assert stage.end == ("shutdown", None)
    assert stage.told("child_killed") == []


def test_b16_infinity_waits_as_long_as_it_takes(stage: Stage) -> None:
    """B16 (S sup_stop_infinity): shutdown_s None"""
    stage.scripts["a"].stop_s = 86_400.0
    stage.open([stage.spec("a", shutdown_s=None), stage.spec("b")])
    stage.trace()
    stage.shut()
    stage.advance(86_399.0)
    assert stage.end is None
    assert stage.status() == {"a": "stopping", "b": "down"}
    stage.advance(2.0)
    assert stage.trace() == stops("b", "a")
    assert stage.end == ("shutdown", None)


def test_b16_infinity_is_what_a_supervisor_gets(stage: Stage) -> None:
    """B16 (S sup_stop_infinity): the default of the type"""
    assert stage.spec("a", type="supervisor").shutdown_s is None
    assert stage.spec("a").shutdown_s == 5.0


def test_b17_dynamic_children_stop_all_at_once(stage: Stage) -> None:
    """B17 (S simple_one_for_one_shutdown; the third is restated for abandoning)"""
    for name, stop_s in (("a", 1.0), ("b", 1.0), ("c", 5.0)):
        stage.scripts[name].stop_s = stop_s
    stage.open(stage.specs("abc", shutdown_s=2.0), dynamic=True)
    stage.trace()
    stage.shut()
    assert set(stage.status().values()) == {"stopping"}
    stage.advance(1.0)
    assert sorted(stage.trace()) == stops("a", "b")
    stage.advance(0.99)
    assert stage.end is None
    stage.advance(0.02)
    assert stage.trace() == ["stop c killed"]
    assert stage.end == ("shutdown", None)


def test_b17_a_thousand_that_need_a_second_need_one_second_together(stage: Stage) -> None:
    """B17 (S simple_one_for_one_shutdown)"""
    names = [f"c{n}" for n in range(1000)]
    for name in names:
        stage.scripts[name].stop_s = 1.0
    stage.open(stage.specs(names), dynamic=True)
    stage.shut()
    assert stage.end is None
    stage.advance(1.0)
    assert stage.end == ("shutdown", None)
    assert stage.told("child_killed") == []


def test_b17_each_has_its_own_time_from_when_it_was_ordered_to_stop(stage: Stage) -> None:
    """B17 (S simple_one_for_one_shutdown; restated for abandoning): times that differ, and one ordered before"""
    for name in "abcd":
        stage.scripts[name].stop_s = None
    times = {"a": 2.0, "b": 3.0, "c": 3.0, "d": 2.5}
    stage.open([stage.spec(name, shutdown_s=time_s) for name, time_s in times.items()], dynamic=True)
    stage.call(TerminateChild("d"))
    stage.advance(1.0)
    stage.trace()
    stage.shut()
    stage.advance(1.5)
    assert stage.trace() == ["stop d killed"]
    stage.advance(0.5)
    assert stage.trace() == ["stop a killed"]
    stage.advance(1.0)
    assert stage.trace() == ["stop b killed", "stop c killed"]
    assert stage.end == ("shutdown", None)


class Naughty(LoopActor):
    """Cuts itself off from its supervisor, as an Erlang process does with unlink, and does not end in order."""

    @receives(str)
    def on_str(self, _: str) -> None:
        self._life.parent = None

    def on_shutdown(self) -> None:
        pass


@pytest.mark.parametrize("dynamic", [False, True])
def test_b28_a_child_that_cuts_itself_off_does_not_hang_its_supervisor(
    actors: StageOfActors, *, dynamic: bool
) -> None:
    """B28 (S child_unlink; restated for abandoning)"""
    actors.open([ChildSpec("a", Naughty, shutdown_s=1.0), actors.spec("b")], dynamic=dynamic)
    actors.ref("a").ask("unlink", timeout=5)
    actors.call(TerminateChild("a"))
    actors.advance(1.0)
    assert "a" not in actors.alive()
    assert actors.status() == ({"b": "running"} if dynamic else {"a": "down", "b": "running"})
    actors.shut()
    assert actors.end == ("shutdown", None)


class Leaver(LoopActor):
    """Is dead before its supervisor's order has come to it."""

    def on_shutdown(self) -> None:
        self.ref.kill()
        self.exit("normal")


@pytest.mark.parametrize("dynamic", [False, True])
def test_b28_a_child_that_dies_while_it_is_stopped_is_no_crash(
    actors: StageOfActors, *, dynamic: bool
) -> None:
    """B28 (S child_unlink): whatever its end says, it was ordered"""
    actors.open([ChildSpec("a", Leaver), ChildSpec("b", Leaver)], dynamic=dynamic, intensity=0)
    actors.ask(TerminateChild("a"))
    assert "a" not in actors.alive()
    actors.shut()
    assert actors.end == ("shutdown", None)


def test_b28_a_child_that_died_just_before_the_order_does_not_hang_it(actors: StageOfActors) -> None:
    """B28 (S child_unlink): its exit and the order cross"""
    actors.open(actors.specs("ab"))
    for ref in (actors.ref("a"), actors.ref("b")):
        ref.kill()
    actors.shut()
    assert actors.end == ("shutdown", None)
