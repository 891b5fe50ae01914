"""Exponential, capped, jitter only shortens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.options import StreamingOptions
from greenroom.supervision.backoff import backoff_s

OPTIONS = StreamingOptions(backoff_initial_s=0.5, backoff_factor=2, backoff_max_s=10, backoff_jitter=0.2)


@pytest.mark.parametrize(("retry", "delay_s"), [(1, 0.5), (2, 1), (3, 2), (5, 8), (6, 10), (100, 10)])
def test_without_luck_it_doubles_up_to_the_cap(retry: int, delay_s: float) -> None:
    assert backoff_s(retry, OPTIONS, 0.0) == delay_s


def test_jitter_takes_at_most_its_share() -> None:
    assert backoff_s(6, OPTIONS, 0.999999) == pytest.approx(8)


@given(
    st.integers(1, 10_000), st.floats(0, 100), st.floats(0, 1000), st.floats(1, 1e300), st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_bounds(
    retry: int, initial_s: float, more_s: float, factor: float, jitter: float, random: float
) -> None:
    options = StreamingOptions(
        backoff_initial_s=initial_s,
        backoff_max_s=initial_s + more_s,
        backoff_factor=factor,
        backoff_jitter=jitter,
    )
    delay_s = backoff_s(retry, options, random)
    assert 0 <= delay_s <= options.backoff_max_s
    assert delay_s >= initial_s * (1 - jitter) * 0.999
    assert backoff_s(retry + 1, options, random) >= delay_s
