"""Behaviours 24, 25: what many children cost, and what is kept of them. Times: benchmarks/supervision.py."""

import gc
import sys
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from stage_of_actors import StageOfActors
from stage_of_the_core import StageOfTheCore
from stages import Boom

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.supervision.orders import StartChild, TerminateChild
from greenroom.supervision.spec import ChildSpec, Restart

SMALL, TIMES = 250, 8


def lines_run(act: Callable[[], object]) -> int:
    """How many lines of Python that takes: a count that no busy machine stretches."""
    total = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal total
        total += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return total


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("bound", [None, 10**6])
def test_b24_starts_and_stops_are_linear(bound: int | None, *, dynamic: bool) -> None:
    """B24 (S scale_start_stop_many_children): by the lines that the core runs"""

    def lines(many: int) -> int:
        stage = StageOfTheCore()
        specs = stage.specs([f"c{n}" for n in range(many)], "temporary")
        stage.open([], dynamic=dynamic, max_children=bound)

        def play() -> None:
            for spec in specs:
                stage.call(StartChild(spec))
            for spec in specs[::2]:
                stage.call(TerminateChild(spec.id))
            stage.shut()

        found = lines_run(play)
        assert stage.end == ("shutdown", None)
        return found

    assert lines(SMALL * TIMES) < 1.1 * TIMES * lines(SMALL)


@pytest.mark.parametrize("dynamic", [False, True])
def test_b24_restarts_do_not_cost_more_among_many(*, dynamic: bool) -> None:
    """B24 (S scale_start_stop_many_children): one_for_one among 250 or 2,000"""

    def lines(many: int) -> int:
        stage = StageOfTheCore()
        stage.open(stage.specs([f"c{n}" for n in range(many)]), dynamic=dynamic, intensity=10**6)
        return lines_run(lambda: [stage.die(f"c{n}") for n in range(100)])

    assert lines(SMALL * TIMES) < 1.1 * lines(SMALL)


class Large:
    """What nobody wants to be kept."""


class Taker(LoopActor):
    """Looks at its argument and lets it go."""

    def __init__(self, *given: Large, fails: bool = False) -> None:
        super().__init__()
        if fails:
            raise Boom("it does not start")
        self.had = len(given)

    @receives(str)
    def on_str(self, _: str) -> int:
        return self.had


def taker(restart: Restart, large: Large, **kwargs: Any) -> ChildSpec:
    return ChildSpec("a", Taker, (large,), kwargs, restart=restart)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("when", ["at first", "later"])
def test_b25_nothing_is_kept_of_what_a_temporary_child_was_started_with(
    actors: StageOfActors, when: str, *, dynamic: bool
) -> None:
    """B25 (S do_not_save_start_parameters_for_temporary_children, simple_one_for_one_corruption)"""
    large = Large()
    gone = weakref.ref(large)
    actors.open([taker("temporary", large)] if when == "at first" else [], dynamic=dynamic)
    if when == "later":
        actors.ask(StartChild(taker("temporary", large)))
    del large
    assert actors.ref("a").ask("how many?", timeout=5) == 1
    gc.collect()
    assert gone() is None
    assert actors.status() == {"a": "running"}


@pytest.mark.parametrize("restart", ["permanent", "transient"])
def test_b25_what_may_be_restarted_keeps_its_arguments(actors: StageOfActors, restart: Restart) -> None:
    """B25 (S do_not_save_start_parameters_for_temporary_children): the other half"""
    actors.open([taker(restart, Large())])
    gc.collect()
    actors.die("a", "killed")
    assert actors.ref("a").ask("how many?", timeout=5) == 1


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("restart", ["permanent", "temporary"])
def test_b25_nothing_is_kept_of_a_child_that_did_not_start(
    actors: StageOfActors, restart: Restart, *, dynamic: bool
) -> None:
    """B25 (S do_not_save_child_specs_for_temporary_children)"""
    large = Large()
    gone = weakref.ref(large)
    actors.open([], dynamic=dynamic)
    assert actors.refused(StartChild(taker(restart, large, fails=True))).why == "start_failed"
    actors.counts()
    del large
    gc.collect()
    assert gone() is None
