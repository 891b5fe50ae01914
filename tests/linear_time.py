"""One judgement of "linear time" for all decoders: in CPU seconds, which a busy machine does not stretch."""

from collections.abc import Callable

_MANY = 8
"""So much more is asked for the large one. In quadratic time it takes 64 times as long."""
_AT_MOST = 3 * _MANY
_FLOOR_S = 0.02
"""What a small one takes at least is set so high: below it a stray collection of garbage would count."""


def assert_linear(took_s: Callable[[int], float], small: int) -> None:
    """`took_s(n)` does n units of work and returns its CPU seconds (`time.process_time`)."""
    took_s(small)
    one = max(_FLOOR_S, min(took_s(small) for _ in range(3)))
    many = took_s(_MANY * small)
    assert many < _AT_MOST * one, f"{_MANY} times as much took {many / one:.1f} times as long"
