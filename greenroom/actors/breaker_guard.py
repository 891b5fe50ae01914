"""A breaker with what the table has to know of it; leases on it; and what is told of it."""

from dataclasses import dataclass
from typing import Literal

from greenroom.actors.breaker_core import Breaker, Change, NotNow, Permit
from greenroom.actors.retry_budget import RetryBudget
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.commands import Refused
from greenroom.messages.failures import BREAKER_OPEN, ErrorClass, ErrorEvidence


@dataclass(frozen=True, slots=True)
class Changed:
    """To the table's actor: a breaker has changed its state."""

    key: str
    change: Change
    error_class: ErrorClass | None = None
    """Of the failure that did it."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """To the table's actor: a model's breaker was dropped."""

    key: str
    why: Literal["idle", "too_many"]


@dataclass(frozen=True, slots=True)
class RetriesSpent:
    """To the table's actor: the retry budget of an endpoint has nothing left."""

    key: str
    requests: int
    retries: int


News = Changed | Forgotten | RetriesSpent


class Guard:
    """A breaker with what the table has to know of it."""

    __slots__ = ("breaker", "in_flight", "key", "used_s")

    def __init__(self, key: str, breaker: Breaker, now_s: float) -> None:
        self.key, self.breaker, self.used_s = key, breaker, now_s
        self.in_flight = 0

    def droppable(self, now_s: float, idle_s: float) -> bool:
        """Nobody would miss it: its window is empty by now, no open time runs, no hand has set it."""
        state, due_s = self.breaker.state, self.breaker.due_s()
        idle = self.in_flight == 0 and now_s - self.used_s >= idle_s
        return (
            idle and state not in ("forced_open", "disabled") and (due_s is None or now_s >= due_s + idle_s)
        )


class EndpointGuard(Guard):
    """An endpoint's own, and those of its models."""

    __slots__ = ("budget", "models", "rules", "swept_s")

    def __init__(self, key: str, rules: BreakerConfig, breaker: Breaker, now_s: float) -> None:
        super().__init__(key, breaker, now_s)
        self.rules = rules
        self.budget = RetryBudget(rules.retry_share, rules.retry_min_per_s)
        self.models: dict[str, Guard] = {}
        self.swept_s = now_s


class Lease:
    """One attempt that was let through. A permit that was given back already is None."""

    __slots__ = ("at", "model", "model_permit", "permit")

    def __init__(self, at: EndpointGuard, permit: Permit) -> None:
        self.at = at
        self.permit: Permit | None = permit
        self.model: Guard | None = None
        self.model_permit: Permit | None = None


def refused(guard: Guard, why: NotNow) -> Refused:
    """What an attempt is told that may not be sent."""
    sums, wait_s = guard.breaker.sums(0.0) if why.state == "open" else None, why.wait_s
    match why.state:
        case "forced_open":
            text = f"{guard.key} is not asked: its circuit breaker was opened by hand; reset it to go on"
        case "open":
            text = f"{guard.key} is not asked for {wait_s:.1f} s: its circuit breaker is open"
            text += f" ({sums.failed} of the last {sums.calls} calls failed)" if sums and sums.failed else ""
        case _:
            text = f"{guard.key} is not asked: its circuit breaker lets only a few calls through for now"
    evidence = ErrorEvidence(
        kind="refusal", code=BREAKER_OPEN, message=text, retry_after_s=wait_s, is_retryable=wait_s is not None
    )
    return Refused(evidence)
