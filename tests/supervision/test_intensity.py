"""At most so many restarts in any window of the period."""

from hypothesis import given
from hypothesis import strategies as st

from greenroom.supervision.intensity import Window


def test_counts_inside_the_period_and_forgets_what_is_older() -> None:
    window = Window(2, 10.0)
    assert window.add(0.0)
    assert window.add(1.0)
    assert not window.add(10.0)
    assert window.count(10.0) == 2
    assert window.add(10.1)
    assert window.count(10.1) == 2


def test_no_restart_at_all() -> None:
    assert not Window(0, 10.0).add(5.0)


def test_says_when_there_is_room_again() -> None:
    window = Window(1, 10.0)
    assert window.room_in_s(3.0) == 0
    window.add(3.0)
    room_in_s = window.room_in_s(5.0)
    assert not window.add(5.0)
    assert window.add(5.0 + room_in_s)


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(0, 5), st.integers(1, 20))
def test_never_more_than_allowed_in_any_window(gaps: list[int], intensity: int, period_s: int) -> None:
    now_s, window, started = 0, Window(intensity, period_s), []
    for gap_s in gaps:
        now_s += gap_s
        if window.add(now_s):
            started.append(now_s)
    for start_s in started:
        assert sum(1 for at in started if start_s <= at <= start_s + period_s) <= intensity
