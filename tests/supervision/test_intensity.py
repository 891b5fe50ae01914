"""At most so many restarts in any window of the period."""

from hypothesis import given
from hypothesis import strategies as st

from greenroom.supervision.intensity import add_restart


def test_counts_inside_the_period_and_forgets_what_is_older() -> None:
    restarts, allowed = add_restart((), 0.0, 2, 10.0)
    assert allowed
    restarts, allowed = add_restart(restarts, 1.0, 2, 10.0)
    assert allowed
    assert add_restart(restarts, 10.0, 2, 10.0) == ((0.0, 1.0, 10.0), False)
    assert add_restart(restarts, 10.1, 2, 10.0) == ((1.0, 10.1), True)


def test_no_restart_at_all() -> None:
    assert add_restart((), 5.0, 0, 10.0) == ((5.0,), False)


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(0, 5), st.integers(1, 20))
def test_never_more_than_allowed_in_any_window(gaps: list[int], intensity: int, period_s: int) -> None:
    now_s, restarts, started = 0, (), []
    for gap_s in gaps:
        now_s += gap_s
        restarts, allowed = add_restart(restarts, now_s, intensity, period_s)  # type: ignore[assignment]
        if not allowed:
            break
        started.append(now_s)
        assert len(restarts) <= intensity
    for start_s in started:
        assert sum(1 for at in started if start_s <= at <= start_s + period_s) <= max(intensity, 0)
