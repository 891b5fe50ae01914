"""Behaviours 5 to 8: what each restart type makes of each end."""

import pytest
from stage_of_actors import StageOfActors
from stages import ABNORMAL, QUIET, HowItDies, Stage

from greenroom.supervision.orders import DeleteChild, RestartChild, StartChild

EVERY = (*QUIET, *ABNORMAL)


def test_b05_a_permanent_child_is_restarted_whatever_ended_it(stage: Stage) -> None:
    """B5 (S permanent_normal, permanent_shutdown, permanent_abnormal)"""
    stage.open([stage.spec("a")])
    for number, how in enumerate(EVERY, 2):
        stage.trace()
        stage.die("a", how)
        assert stage.trace() == [f"stop a {how}", "start a"]
        assert stage.incarnations() == {"a": number}
        counts = stage.counts()
        assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (1, 1, 0, 1)


@pytest.mark.parametrize("how", EVERY)
def test_b05_every_end_of_a_permanent_child_counts(stage: Stage, how: HowItDies) -> None:
    """B5 (S permanent_*): also a normal one"""
    stage.open([stage.spec("a")], intensity=1)
    stage.die("a", how)
    assert stage.end is None
    stage.die("a", how)
    assert stage.end is not None


def test_b05_its_ref_leads_to_the_next_incarnation(actors: StageOfActors) -> None:
    """B5 (S permanent_*): beyond OTP, where a pid is dead for ever."""
    actors.open([actors.spec("a")])
    ref = actors.ref("a")
    for how in EVERY:
        actors.die("a", how)
    assert actors.ref("a") == ref
    assert ref.is_alive()
    assert ref.ask("who", timeout=5) == 5


@pytest.mark.parametrize("how", QUIET)
def test_b06_a_transient_child_that_ended_in_peace_stays_down(stage: Stage, how: HowItDies) -> None:
    """B6 (S transient_normal, transient_shutdown)"""
    stage.open([stage.spec("a", "transient")], intensity=0)
    stage.die("a", how)
    assert stage.trace() == ["start a", f"stop a {how}"]
    assert stage.status() == {"a": "down"}
    counts = stage.counts()
    assert (counts.specs, counts.active, counts.workers, counts.restarting) == (1, 0, 1, 0)


def test_b06_it_can_be_restarted_by_hand(stage: Stage) -> None:
    """B6 (S transient_normal): restart_child"""
    stage.open([stage.spec("a", "transient"), stage.spec("b")])
    stage.die("a", "normal")
    assert stage.ask(RestartChild("a")) == "a"
    assert stage.status() == {"a": "running", "b": "running"}
    assert stage.refused(RestartChild("a")).why == "running"


def test_b06_a_restart_by_hand_is_not_counted(stage: Stage) -> None:
    """B6 (S transient_normal): the window holds what the supervisor restarted."""
    stage.open([stage.spec("a", "transient")], intensity=1)
    for _ in range(5):
        stage.die("a", "normal")
        stage.ask(RestartChild("a"))
    stage.die("a")
    assert stage.end is None
    assert stage.status() == {"a": "running"}


def test_b06_what_ended_in_peace_can_be_deleted(stage: Stage) -> None:
    """B6 (S transient_normal): delete_child"""
    stage.open([stage.spec("a", "transient")])
    stage.die("a", "normal")
    assert stage.ask(DeleteChild("a")) is None
    assert stage.status() == {}


@pytest.mark.parametrize("how", ABNORMAL)
def test_b07_a_transient_child_that_crashed_is_restarted(stage: Stage, how: HowItDies) -> None:
    """B7 (S transient_abnormal)"""
    stage.open([stage.spec("a", "transient")])
    stage.die("a", how)
    assert stage.trace() == ["start a", f"stop a {how}", "start a"]
    assert stage.status() == {"a": "running"}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("how", EVERY)
def test_b08_a_temporary_child_is_forgotten(stage: Stage, how: HowItDies, *, dynamic: bool) -> None:
    """B8 (S temporary_normal, temporary_shutdown, temporary_abnormal; D:281)"""
    stage.open([stage.spec("a", "temporary")], dynamic=dynamic, intensity=0)
    stage.die("a", how)
    assert stage.trace() == ["start a", f"stop a {how}"]
    assert stage.status() == {}
    assert stage.counts().specs == 0
    assert stage.refused(RestartChild("a")).why == "not_found"
    assert stage.refused(DeleteChild("a")).why == "not_found"


@pytest.mark.parametrize("dynamic", [False, True])
def test_b08_its_id_is_free_at_once(stage: Stage, *, dynamic: bool) -> None:
    """B8 (S temporary_abnormal): another child may have it."""
    stage.open([], dynamic=dynamic)
    for _ in range(3):
        assert stage.ask(StartChild(stage.spec("a", "temporary"))) == "a"
        stage.die("a")
    assert stage.alive() == set()


@pytest.mark.parametrize("how", QUIET)
def test_b08_a_dynamic_transient_child_that_ended_in_peace_is_forgotten(stage: Stage, how: HowItDies) -> None:
    """B8 (D:281): a dynamic supervisor keeps no spec of what is down."""
    stage.open([stage.spec("a", "transient"), stage.spec("b")], dynamic=True, intensity=0)
    stage.die("a", how)
    assert stage.status() == {"b": "running"}


def test_b08_the_mail_of_one_that_is_forgotten_is_told(actors: StageOfActors) -> None:
    """B8 (S temporary_abnormal): nobody comes, so mail does not wait for anybody."""
    actors.open([actors.spec("a", "temporary")])
    ref = actors.ref("a")
    actors.die("a")
    assert not ref.is_alive()
    ref.tell("too late")
    actors.settle()
    assert sum(actors.dispatcher.statistics().dead_letters.values()) == 1
