"""What a stream's own timers tell it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchDue:
    """The deltas held for batch_interval_s are handed over."""


@dataclass(frozen=True, slots=True)
class Suspected:
    """A clock had run out at `at_s`, unless a read that came in time was still on its way."""

    at_s: float
