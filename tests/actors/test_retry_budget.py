"""The retry budget: a share of traffic, and a floor. Behaviours of Finagle's RetryBudgetTest where named."""

from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.retry_budget import WINDOW_S, RetryBudget


def spent_by(budget: RetryBudget, now_s: float) -> int:
    """Retries until none is left."""
    count = 0
    while budget.view(now_s).left >= 1:
        budget.spend(now_s)
        count += 1
    return count


def test_a_share_of_the_requests_may_be_tried_again() -> None:
    """`tryWithdraw` after deposits: percentCanRetry of them."""
    budget = RetryBudget(0.1, 0.0)
    assert budget.view(0.0).left == 0
    for _ in range(100):
        budget.request(0.0)
    assert spent_by(budget, 0.0) == 10


def test_with_little_traffic_a_few_a_second_may() -> None:
    """minRetriesPerSec, for the whole of the window."""
    assert spent_by(RetryBudget(0.1, 2.0), 0.0) == 2 * WINDOW_S


def test_nothing_may_where_both_are_none() -> None:
    """RetryBudget.Empty."""
    budget = RetryBudget(0.0, 0.0)
    budget.request(0.0)
    assert budget.view(0.0).left == 0


def test_what_was_spent_comes_back_when_it_is_old() -> None:
    """Deposits and withdrawals older than the ttl do not count."""
    budget = RetryBudget(0.1, 1.0)
    assert spent_by(budget, 100.0) == 10
    assert budget.view(105.0).left == 0
    assert budget.view(100.0 + WINDOW_S).left == 10


def test_the_world_is_told_once_in_a_window_that_nothing_is_left() -> None:
    budget = RetryBudget(0.0, 0.0)
    told = [at_s for at_s in range(0, 40, 2) if budget.refuse(float(at_s))]
    assert told == [0, 10, 20, 30]
    assert budget.refused_total == 20


@given(st.floats(0, 1), st.floats(0, 5), st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60))
def test_retries_are_never_more_than_the_share_and_the_floor(
    share: float, floor_per_s: float, steps: list[tuple[float, bool]]
) -> None:
    budget, now_s = RetryBudget(share, floor_per_s), 0.0
    for step_s, retry in steps:
        now_s += step_s
        if not retry:
            budget.request(now_s)
        elif budget.view(now_s).left >= 1:
            budget.spend(now_s)
            requests, retries = budget.traffic(now_s)
            assert retries <= share * requests + floor_per_s * WINDOW_S + 1e-9
