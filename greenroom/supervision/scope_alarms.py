"""Timers of a request's scope."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class DeadlineOver:
    """Control."""


@dataclass(frozen=True, slots=True)
class BackOffOver:
    """The wait behind this attempt is over."""

    late_is_fine: ClassVar[bool] = True
    epoch: int
