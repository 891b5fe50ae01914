"""Sliding windows. Named behind each test: the one of resilience4j's whose behaviour it holds.

SlidingTimeWindowMetricsTest and FixedSizeSlidingWindowMetricsTest are in resilience4j-core;
CircuitBreakerMetricsTest is in resilience4j-circuitbreaker. Theirs has
parts of a second; ours has ten, whatever the window.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.breaker_window import PARTS, CountWindow, Sums, TimeWindow, Window

OUTCOMES = {
    "ok": (False, False), "failed": (True, False), "slow": (False, True), "slow and failed": (True, True),
}  # fmt: skip
kinds = st.sampled_from(sorted(OUTCOMES))


def windows() -> list[Window]:
    return [TimeWindow(5.0), CountWindow(5)]


def fill(window: Window, at_s: float, *outcomes: str) -> Sums:
    for outcome in outcomes:
        failed, slow = OUTCOMES[outcome]
        window.add(at_s, failed=failed, slow=slow)
    return window.sums(at_s)


@pytest.mark.parametrize("window", windows())
def test_a_fresh_window_is_empty_and_has_no_rate(window: Window) -> None:
    """checkInitialBucketCreation, of both kinds of window."""
    assert window.sums(0.0) == (0, 0, 0)
    assert window.sums(0.0).failure_rate() == window.sums(0.0).slow_rate() == 0.0


@pytest.mark.parametrize(
    ("outcome", "sums"),
    [("ok", (1, 0, 0)), ("failed", (1, 1, 0)), ("slow", (1, 0, 1)), ("slow and failed", (1, 1, 1))],
)
def test_one_call_is_counted_as_what_it_was(outcome: str, sums: Sums) -> None:
    """testRecordSuccess, testRecordError, testRecordSlowSuccess."""
    for window in windows():
        assert fill(window, 0.0, outcome) == sums


@pytest.mark.parametrize("window", windows())
def test_slow_ones_count_whether_or_not_they_failed(window: Window) -> None:
    """testSlowCallsPercentage."""
    sums = fill(window, 0.0, "slow", "slow and failed", "ok", "ok", "ok")
    assert sums == (5, 1, 2)
    assert sums.slow_rate() == 0.4


def test_calls_leave_a_time_window_when_they_are_too_old() -> None:
    """shouldClearSlidingTimeWindowMetrics."""
    window = TimeWindow(5.0)
    assert fill(window, 100.0, "failed").failure_rate() == 1.0
    assert fill(window, 100.1, "ok").failure_rate() == 0.5
    assert fill(window, 100.8, "ok") == (3, 1, 0)
    assert window.sums(104.4) == (3, 1, 0)
    assert window.sums(105.8) == (0, 0, 0)
    assert fill(window, 105.9, "ok") == (1, 0, 0)


def test_a_time_window_slides_part_by_part() -> None:
    """testSlidingTimeWindowMetrics."""
    window = TimeWindow(5.0)
    seen = [fill(window, 100.0 + second, "failed" if second in (0, 3) else "ok") for second in range(7)]
    assert [sums.calls for sums in seen] == [1, 2, 3, 4, 5, 5, 5]
    assert [sums.failed for sums in seen] == [1, 1, 1, 2, 2, 1, 1]
    assert fill(window, 200.0, "ok") == (1, 0, 0)


def test_the_oldest_call_leaves_a_count_window_that_is_full() -> None:
    """testSlidingWindowMetrics, testSlidingWindowMetricsWithSlowCalls."""
    window = CountWindow(4)
    assert fill(window, 0.0, "failed", "ok", "ok", "ok").failure_rate() == 0.25
    assert fill(window, 0.0, "ok") == (4, 0, 0)
    two = CountWindow(2)
    assert fill(two, 0.0, "slow and failed", "slow") == (2, 1, 2)
    assert fill(two, 0.0, "ok") == (2, 0, 1)
    assert fill(two, 0.0, "ok") == (2, 0, 0)


def test_of_twelve_calls_a_window_of_ten_knows_the_last_ten() -> None:
    """testCircuitBreakerMetrics (CircuitBreakerMetricsTest)."""
    window = CountWindow(10)
    fill(window, 0.0, "ok", "ok", "failed", "failed", *["failed"] * 4)
    assert fill(window, 0.0, *["ok"] * 4).failure_rate() == 0.6
    assert fill(window, 0.0, *["ok"] * 3).failure_rate() == 0.3


@given(st.integers(1, 8), st.lists(kinds, max_size=40))
def test_a_count_window_is_the_sum_of_the_last_calls(size: int, outcomes: list[str]) -> None:
    window = CountWindow(size)
    fill(window, 0.0, *outcomes)
    last = [OUTCOMES[outcome] for outcome in outcomes[-size:]]
    assert window.sums(0.0) == (len(last), sum(f for f, _ in last), sum(s for _, s in last))


@given(
    st.sampled_from([1.0, 10.0, 60.0]),
    st.lists(st.tuples(st.floats(0, 30), kinds), max_size=40),
    st.floats(0, 100),
)
def test_a_time_window_holds_all_of_nine_tenths_and_nothing_older_than_itself(
    window_s: float, steps: list[tuple[float, str]], start_s: float
) -> None:
    window, now_s = TimeWindow(window_s), start_s
    calls: list[tuple[float, tuple[bool, bool]]] = []
    for step_s, outcome in steps:
        now_s += step_s
        calls.append((now_s, OUTCOMES[outcome]))
        told = window.add(now_s, failed=OUTCOMES[outcome][0], slow=OUTCOMES[outcome][1])
        sums = window.sums(now_s)
        assert told is (sums.failed > 0 or sums.slow > 0)
    sure = [both for at_s, both in calls if now_s - at_s < window_s * (PARTS - 1) / PARTS - 1e-6]
    most = [both for at_s, both in calls if now_s - at_s <= window_s + 1e-6]
    got = window.sums(now_s)
    for at in range(2):
        assert sum(both[at] for both in sure) <= got[at + 1] <= sum(both[at] for both in most)
    assert len(sure) <= got.calls <= len(most)


def test_a_clock_that_stands_still_or_slips_a_little_loses_no_call() -> None:
    window = TimeWindow(10.0)
    fill(window, 50.0, "ok", "failed")
    assert fill(window, 49.0, "failed") == (3, 2, 0)
