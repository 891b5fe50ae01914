"""What a request's scope is told by its own timers."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class DeadlineOver:
    """Control."""


DEADLINE_OVER = DeadlineOver()


@dataclass(frozen=True, slots=True)
class BackOffOver:
    late_is_fine: ClassVar[bool] = True

    epoch: int


@dataclass(frozen=True, slots=True)
class FoldOverdue:
    """The aggregator was asked, and has not answered."""
