"""The laws of restarts, whatever the exits, strategies and times: intensity, order, back-off, storms, state."""

from typing import Any

import pytest
from core_world import CORES, World, most_in_any_window, spec
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.signals import ExitReason
from greenroom.supervision.family import Family
from greenroom.supervision.member import CALM_S, POISONED_AFTER
from greenroom.supervision.spec import Backoff, Limit, SupervisorOptions

STRATEGIES = st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])
REASONS: st.SearchStrategy[ExitReason] = st.sampled_from(["failed", "killed", "normal"])
EXITS = st.lists(st.tuples(st.integers(0, 3), REASONS, st.sampled_from([0.0, 0.2, 1.0, 6.0])), max_size=30)
"""Which child, how, and how long after the one before."""


def world_of(core_class: Any, count: int, options: SupervisorOptions, **fields: Any) -> World:
    world = World(core_class, [spec(name, **fields) for name in "abcdef"[:count]], options)
    world.begin()
    world.settle()
    world.launches.clear()
    return world


def crash(world: World, number: int, reason: ExitReason) -> str | None:
    up = [name for name, life in world.lives.items() if life.up]
    if not up:
        return None
    child = up[number % len(up)]
    world.ended(child, reason)
    world.settle()
    return child


@pytest.mark.parametrize("core_class", CORES)
@given(exits=EXITS, strategy=STRATEGIES, intensity=st.integers(0, 4))
def test_never_more_than_intensity_restarts_in_any_window(
    core_class: Any, exits: Any, strategy: Any, intensity: int
) -> None:
    world = world_of(core_class, 4, SupervisorOptions(strategy, intensity=intensity, period_s=5.0))
    begun = []
    for number, reason, gap_s in exits:
        world.advance(gap_s)
        before = len(world.launches)
        crash(world, number, reason)
        if len(world.launches) > before:
            begun.append(world.now_s)
    assert most_in_any_window(begun, 5.0) <= intensity
    assert bool(world.left) == (len(begun) < len([v for *_, v in world.judged if v.what != "give_up"]))


@given(exits=EXITS, strategy=STRATEGIES, count=st.integers(1, 5))
def test_stops_are_in_the_reverse_order_of_starts(exits: Any, strategy: Any, count: int) -> None:
    world = world_of(Family, count, SupervisorOptions(strategy, intensity=1000))
    order = list(world.core.members)
    for number, reason, gap_s in exits:
        world.advance(gap_s)
        world.stops.clear()
        world.launches.clear()
        crash(world, number, reason)
        started = [child for _, child, _ in world.launches]
        assert started == sorted(started, key=order.index)
        assert [*reversed(world.stops)] == [each for each in started if each in world.stops]
        assert len(started) == len(world.stops) + 1
    world.stops.clear()
    world.shut()
    assert world.stops == [*reversed(order)]


@pytest.mark.parametrize("core_class", CORES)
@given(
    exits=EXITS,
    min_s=st.floats(0.1, 2),
    spread=st.floats(1, 20),
    jitter=st.floats(0, 1),
    at_once=st.integers(0, 2),
)
def test_back_off_stays_within_its_bounds_and_resets_after_calm(
    core_class: Any, exits: Any, min_s: float, spread: float, jitter: float, at_once: int
) -> None:
    backoff = Backoff(min_s, min_s * spread, jitter=jitter, at_once=at_once)
    options = SupervisorOptions(intensity=1000, backoff=backoff, seed=3)
    world = world_of(core_class, 1, options)
    in_a_row, lived_s = 0, 0.0
    for _, reason, gap_s in exits:
        world.advance(gap_s)
        lived_s = gap_s
        in_a_row = 1 if lived_s >= backoff.calm_s else in_a_row + 1
        crash(world, 0, reason)
        delay_s = world.judged[-1][2].delay_s
        if in_a_row <= at_once:
            assert delay_s == 0
        else:
            full_s = min(backoff.max_s, min_s * backoff.factor ** (in_a_row - at_once - 1))
            assert full_s * (1 - jitter) - 1e-9 <= delay_s <= full_s + 1e-9 <= backoff.max_s + 2e-9
        world.heal()
        assert world.running() == ["a"]


@pytest.mark.parametrize("core_class", CORES)
@given(exits=EXITS, strategy=STRATEGIES, intensity=st.integers(1, 3), waits=st.booleans())
def test_a_deferred_storm_never_exceeds_the_window_and_always_restarts_in_the_end(
    core_class: Any, exits: Any, strategy: Any, intensity: int, waits: bool
) -> None:
    backoff = Backoff(0.5, 4.0) if waits else None
    options = SupervisorOptions(
        strategy, intensity=intensity, period_s=3.0, on_storm="defer", backoff=backoff, seed=5
    )
    world = world_of(core_class, 4, options)
    for number, reason, gap_s in exits:
        world.advance(gap_s)
        world.settle()
        crash(world, number, reason)
    world.heal()
    assert not world.left
    assert sorted(world.running()) == ["a", "b", "c", "d"]
    counted = [at for at, _, verdict in world.judged if verdict.what in ("restart", "wait")]
    assert most_in_any_window(counted, 3.0) <= intensity


@pytest.mark.parametrize("core_class", CORES)
@given(exits=EXITS, strategy=STRATEGIES, restarts=st.integers(0, 3))
def test_an_own_limit_is_never_exceeded_and_costs_no_other(
    core_class: Any, exits: Any, strategy: Any, restarts: int
) -> None:
    limit = Limit(restarts, 2.0)
    world = world_of(core_class, 3, SupervisorOptions(strategy, intensity=1000), limit=limit)
    for number, reason, gap_s in exits:
        world.advance(gap_s)
        crash(world, number, reason)
    for name in "abc":
        counted = [at for at, child, verdict in world.judged if child == name and verdict.what == "restart"]
        given_up = [
            verdict for _, child, verdict in world.judged if child == name and verdict.what == "give_up"
        ]
        assert most_in_any_window(counted, limit.within_s) <= restarts
        assert (name in world.running()) == (not given_up)
    assert not world.left


@pytest.mark.parametrize("core_class", CORES)
@given(exits=EXITS)
def test_state_is_dropped_after_two_crashes_in_a_row_and_never_earlier(core_class: Any, exits: Any) -> None:
    world = world_of(core_class, 1, SupervisorOptions(intensity=1000), state=dict)
    crashes = 0
    for _, reason, gap_s in exits:
        world.advance(gap_s)
        if gap_s >= CALM_S:
            crashes = 0
        # Whoever ends by itself has not died of its state.
        crashes = 0 if reason == "normal" else crashes + 1
        crash(world, 0, reason)
        _, _, fresh = world.launches[-1]
        assert fresh == (crashes == POISONED_AFTER)
        if fresh:
            crashes = 0


@pytest.mark.parametrize("core_class", CORES)
def test_a_start_that_fails_counts_as_a_crash_with_the_state(core_class: Any) -> None:
    world = world_of(core_class, 1, SupervisorOptions(intensity=1000), state=dict)
    world.ended("a", "failed")
    world.ended("a", "failed")
    assert [fresh for *_, fresh in world.launches] == [False, True]
