"""What the retry decision sees of a breaker and its retry budget: plain values, at the moment of the look."""

from dataclasses import dataclass
from typing import Literal

BreakerState = Literal["closed", "open", "half_open", "forced_open", "disabled"]


@dataclass(frozen=True, slots=True)
class BreakerView:
    """Of the breaker in front of one (provider, model, endpoint)."""

    state: BreakerState = "closed"
    open_for_s: float = 0.0
    """Seconds until it lets a call through again; 0 where it does now, or where nobody knows."""


@dataclass(frozen=True, slots=True)
class RetryBudgetView:
    """A share of the traffic may be retries, so that retries cannot become the load."""

    left: float
    """Further retries that it allows now; below 1 there is none."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The breaker's answer to `Settle`. None: it has nothing to say of that."""

    breaker: BreakerView | None = None
    retry_budget: RetryBudgetView | None = None
