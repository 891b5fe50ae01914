"""What a stream's own timers tell it."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Tick:
    """Control. A clock may have run out; the handler judges by arrival stamps, not by now."""

    late_is_fine: ClassVar[bool] = True


TICK = Tick()


@dataclass(frozen=True, slots=True)
class BatchDue:
    """The deltas held for batch_interval_s are handed over."""


@dataclass(frozen=True, slots=True)
class Suspected:
    """A clock had run out at `at_s`, unless a read that came in time was still on its way."""

    at_s: float
