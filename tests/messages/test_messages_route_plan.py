"""The order that is drawn by weight."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.route_plan import HopRule, Plan, drawn

weights = st.lists(st.floats(0, 1e6), max_size=8)


@given(weights, st.randoms(use_true_random=False))
def test_every_place_comes_once_and_those_without_weight_last(
    given: list[float], source: random.Random
) -> None:
    order = drawn(given, source.random)
    assert sorted(order) == list(range(len(given)))
    with_none = [place for place in order if given[place] == 0]
    assert with_none == sorted(with_none)
    assert list(order[len(order) - len(with_none) :]) == with_none


def test_the_first_place_is_drawn_in_proportion_and_so_is_each_next_one() -> None:
    draw = random.Random(7).random
    orders = [drawn((6.0, 3.0, 1.0), draw) for _ in range(20_000)]
    first = Counter(order[0] for order in orders)
    second = Counter(order[1] for order in orders if order[0] == 0)
    assert [first[place] / 20_000 for place in range(3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.015)
    assert second[1] / second.total() == pytest.approx(0.75, abs=0.015)


def test_one_generator_gives_one_order() -> None:
    once, again = (drawn([1, 2, 3, 4], random.Random(5).random) for _ in range(2))
    assert once == again


def test_the_first_hop_is_one_that_waits_for_no_failure() -> None:
    plan = Plan("r", (HopRule("a", after=(frozenset({"context_length"}),)), HopRule("b")))
    assert plan.first() == 1
