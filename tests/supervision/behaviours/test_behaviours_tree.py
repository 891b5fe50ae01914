"""Behaviour 26: a tree, and what becomes of a supervisor that gave up."""

import pytest
from stage_of_actors import StageOfActors
from stages import starts

from greenroom.supervision.orders import StartChild, WhichChildren
from greenroom.supervision.spec import ChildSpec, Restart, SupervisorOptions
from greenroom.supervision.supervisor import DynamicSupervisor, Supervisor


def leaf(actors: StageOfActors, name: str, restart: Restart = "permanent", intensity: int = 0) -> ChildSpec:
    specs = tuple(actors.specs([f"{name}1", f"{name}2"]))
    options = SupervisorOptions(intensity=intensity)
    return ChildSpec(name, Supervisor, (specs, options), restart=restart, type="supervisor")


def test_b26_a_leaf_that_gave_up_is_restarted_with_its_static_children(actors: StageOfActors) -> None:
    """B26 (S tree)"""
    actors.open([leaf(actors, "x"), leaf(actors, "y"), actors.spec("z")])
    sub = actors.ref("x")
    sub.ask(StartChild(actors.spec("later")), timeout=5)
    assert actors.trace() == starts("x", "x/x1", "x/x2", "y", "y/y1", "y/y2", "z", "x/later")
    actors.die("x/x2")
    assert actors.trace() == [
        "stop x/x2 failed", "stop x/later shutdown", "stop x/x1 shutdown", "stop x shutdown",
        *starts("x", "x/x1", "x/x2"),
    ]  # fmt: skip
    assert actors.ref("x") == sub
    assert [info.id for info in sub.ask(WhichChildren(), timeout=5)] == ["x1", "x2"]
    assert actors.incarnations() == {"x": 2, "y": 1, "z": 1}


def test_b26_dynamic_children_are_lost_with_their_supervisor(actors: StageOfActors) -> None:
    """B26 (S tree): the next one begins empty, and what it had is not left behind"""
    dynamic = ChildSpec("d", DynamicSupervisor, ((), SupervisorOptions(intensity=0)), type="supervisor")
    actors.open([dynamic])
    sub = actors.ref("d")
    for name in "abc":
        sub.ask(StartChild(actors.spec(name)), timeout=5)
    actors.die("d/b")
    assert actors.incarnations() == {"d": 2}
    assert sub.ask(WhichChildren(), timeout=5) == ()
    assert actors.alive() == {"d"}
    assert sub.ask(StartChild(actors.spec("a")), timeout=5).is_alive()


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_b26_one_that_gave_up_and_is_not_permanent_stays_down(
    actors: StageOfActors, restart: Restart
) -> None:
    """B26 (S tree; sup_princ.md): it ended as shutdown, which is no crash"""
    actors.open([leaf(actors, "x", restart), actors.spec("z")])
    actors.die("x/x1")
    assert actors.status() == ({"x": "down"} if restart == "transient" else {}) | {"z": "running"}
    assert actors.end is None


def test_b26_escalation_goes_up_level_by_level(actors: StageOfActors) -> None:
    """B26 (S tree): intensities multiply, and at the top all ends"""
    middle = ChildSpec(
        "m",
        Supervisor,
        ((leaf(actors, "x", intensity=1),), SupervisorOptions(intensity=1)),
        type="supervisor",
    )
    actors.open([middle], intensity=1)
    deaths = 0
    while actors.end is None:
        actors.die("m/x/x1")
        deaths += 1
        assert deaths <= 8
    assert deaths == 2 * 2 * 2
    assert actors.end[0] == "shutdown"
    assert actors.alive() == set()


def test_b26_a_supervisor_that_crashes_takes_its_children_with_it(actors: StageOfActors) -> None:
    """B26 (S tree): a bug in a supervisor, or a kill, is an exit like any other"""
    actors.open([leaf(actors, "x"), actors.spec("z")])
    actors.trace()
    actors.die("x", "killed")
    trace = actors.trace()
    assert sorted(trace[:3]) == ["stop x killed", "stop x/x1 shutdown", "stop x/x2 shutdown"]
    assert trace[3:] == starts("x", "x/x1", "x/x2")
    assert actors.incarnations() == {"x": 2, "z": 1}


def test_b26_the_whole_tree_stops_from_its_leaves(actors: StageOfActors) -> None:
    """B26 (S tree): depth first, in reverse"""
    actors.open([leaf(actors, "x"), leaf(actors, "y")])
    actors.trace()
    actors.shut()
    names = ["y/y2", "y/y1", "y", "x/x2", "x/x1", "x"]
    assert actors.trace() == [f"stop {name} shutdown" for name in names]
    assert actors.end == ("shutdown", None)
