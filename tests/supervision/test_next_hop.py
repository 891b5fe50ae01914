"""Which hop comes next: the table, and what holds whatever fails."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.route_plan import HopRule, Plan
from greenroom.supervision.routes import (
    Look,
    NextHop,
    NoHop,
    RouteState,
    begun,
    failed,
    moved,
    next_hop,
)

BUSY, LONG, WRONG = "overloaded", "context_length", "invalid_request"
TABLE = frozenset({BUSY, "rate_limit", "credential"})


def rule(name: str, *after: str, **fields: Any) -> HopRule:
    return HopRule(name, TABLE, (frozenset(after),) if after else (), **fields)


ABC = Plan("r", (rule("a"), rule("b"), rule("c")))


def look(open_s: dict[int, float] | None = None, **changes: Any) -> Look:
    return Look(**{"now_s": 100.0, "deadline_left_s": 60.0, "open_s": (open_s or {}).get, **changes})


def fail(
    plan: Plan, state: RouteState, error_class: str = BUSY, looked: Look | None = None, **known: Any
) -> tuple[RouteState, NextHop | NoHop]:
    """The hop at its turn fails; the state after the step to the next one, if there is one."""
    state = failed(state, **{"hopeless": False, "again_at_s": 0.0, **known})
    found = next_hop(plan, state, error_class, looked or look())
    return (moved(state, found.place) if isinstance(found, NextHop) else state), found


def way(plan: Plan, error_class: str = BUSY, **changes: Any) -> list[int]:
    """The hops that are asked where each fails like that."""
    state, found = begun(plan), None
    places = [state.at]
    while not isinstance(found, NoHop):
        state, found = fail(plan, state, error_class, **changes)
        if isinstance(found, NextHop):
            places.append(found.place)
    return places


def test_hops_are_asked_in_their_order_each_once() -> None:
    assert way(ABC) == [0, 1, 2]


def test_a_class_that_is_not_in_the_table_leads_nowhere() -> None:
    _, found = fail(ABC, begun(ABC), WRONG)
    assert found == NoHop("route r does not lead on after invalid_request")


def test_a_hop_for_a_class_is_asked_after_that_class_alone() -> None:
    plan = Plan("r", (rule("first", LONG), rule("a"), rule("large", LONG, WRONG), rule("b")))
    assert begun(plan).at == 1
    assert way(plan) == [1, 3]
    assert way(plan, LONG) == [1, 0, 2]
    assert way(plan, WRONG) == [1, 2]


def test_a_hop_within_such_a_hop_has_both_conditions() -> None:
    inner = HopRule("x", TABLE, (frozenset({LONG, BUSY}), frozenset({LONG})))
    plan = Plan("r", (rule("a"), inner))
    assert way(plan, BUSY) == [0]
    assert way(plan, LONG) == [0, 1]


def test_the_next_hop_waits_for_nobody() -> None:
    _, found = fail(ABC, begun(ABC), again_at_s=1e9, looked=look(backoff_s=8.0))
    assert found == NextHop(1, 0.0)


def test_a_hop_whose_breaker_is_open_is_passed_over_and_it_is_said() -> None:
    _, found = fail(ABC, begun(ABC), looked=look({1: 12.0}))
    assert found == NextHop(2, 0.0, ("b is not asked: its breaker is open for 12 s",))
    _, none = fail(ABC, begun(ABC), looked=look({1: 12.0, 2: 3.0}))
    assert none == NoHop(
        "route r has no further hop; b is not asked: its breaker is open for 12 s; "
        "c is not asked: its breaker is open for 3 s"
    )


def test_hops_that_could_not_take_the_request_are_named_at_the_end() -> None:
    plan = Plan("r", (rule("a"),), unfit=("b", "c"))
    _, found = fail(plan, begun(plan))
    assert found == NoHop(
        "route r has no further hop; b cannot take this request; c cannot take this request"
    )


def test_a_second_round_goes_to_whoever_is_ready_first() -> None:
    plan = Plan("r", ABC.hops, rounds=2)
    state = begun(plan)
    for again_at_s in (140.0, 105.0):
        state, _ = fail(plan, state, again_at_s=again_at_s)
    state, found = fail(plan, state, again_at_s=120.0, looked=look(backoff_s=2.0))
    assert found == NextHop(1, 5.0)
    state, found = fail(plan, state, again_at_s=130.0, looked=look(backoff_s=2.0))
    assert found == NextHop(2, 20.0)


def test_a_second_round_waits_at_least_the_back_off() -> None:
    plan = Plan("r", (rule("a"),), rounds=3)
    state, found = fail(plan, begun(plan), looked=look(backoff_s=2.0))
    assert found == NextHop(0, 2.0)
    state, _ = fail(plan, state)
    _, found = fail(plan, state)
    assert found == NoHop("route r has no further hop")


def test_a_wait_that_does_not_fit_the_deadline_is_not_waited() -> None:
    plan = Plan("r", (rule("a"), rule("b")), rounds=2)
    state, _ = fail(plan, begun(plan), again_at_s=170.0)
    _, found = fail(plan, state, again_at_s=103.0)
    assert found == NextHop(1, 3.0, ("a is not asked: its wait of 70 s would pass the deadline",))


def test_what_no_second_try_mends_is_not_asked_in_a_second_round() -> None:
    plan = Plan("r", (rule("a"), rule("b")), rounds=2)
    state, _ = fail(plan, begun(plan), "credential", hopeless=True)
    state, found = fail(plan, state)
    assert found == NextHop(1, 0.0)


def test_a_breaker_that_closes_before_the_wait_is_over_is_no_hindrance() -> None:
    plan = Plan("r", (rule("a"), rule("b")), rounds=2)
    state, _ = fail(plan, begun(plan), again_at_s=110.0)
    _, found = fail(plan, state, again_at_s=150.0, looked=look({0: 9.0}))
    assert found == NextHop(0, 10.0)


classes = st.sampled_from([BUSY, "rate_limit", "credential", LONG, WRONG])
rules = st.builds(
    HopRule, name=st.sampled_from("abc"), leads_on=st.frozensets(classes),
    after=st.lists(st.frozensets(classes, min_size=1), max_size=2).map(tuple),
)  # fmt: skip
plans = st.builds(
    Plan,
    route=st.just("r"),
    hops=st.lists(rules, min_size=1, max_size=6).map(tuple),
    rounds=st.integers(1, 3),
).filter(lambda plan: any(not hop.after for hop in plan.hops))
troubles = st.lists(
    st.tuples(
        classes, st.booleans(), st.floats(0, 200), st.dictionaries(st.integers(0, 5), st.floats(0.1, 99)),
        st.floats(0, 50),
    ),
    min_size=20, max_size=20,
)  # fmt: skip


@pytest.mark.parametrize("patience_s", [1.0, 1e6])
@given(plan=plans, troubles=troubles)
def test_whatever_fails_the_way_ends_and_nobody_is_asked_too_often(
    patience_s: float, plan: Plan, troubles: list[Any]
) -> None:
    state = begun(plan)
    hopeless = set()
    for error_class, never, again_at_s, open_s, backoff_s in troubles:
        if never:
            hopeless.add(state.at)
        looked = look(open_s, deadline_left_s=patience_s, backoff_s=backoff_s)
        before = state
        state, found = fail(plan, state, error_class, looked, hopeless=never, again_at_s=again_at_s)
        if isinstance(found, NoHop):
            assert "route r" in found.why
            return
        turns = [hop.turns for hop in before.hops]
        hop = plan.hops[found.place]
        assert turns[found.place] < plan.rounds
        assert found.place not in hopeless
        assert all(error_class in some for some in hop.after)
        assert hop.after or error_class in plan.hops[before.at].leads_on
        assert 0 <= found.wait_s < patience_s
        assert found.wait_s == 0 or turns[found.place] > 0
        assert open_s.get(found.place, 0.0) <= found.wait_s
        assert sum(hop.turns for hop in state.hops) == sum(turns) + 1
    raise AssertionError(f"more than {len(plan.hops) * plan.rounds} turns")
