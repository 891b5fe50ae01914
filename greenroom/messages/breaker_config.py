"""When a circuit breaker opens, for how long, and how it comes back; and the retry budget.

Where numbers come from: windows, rates, minimum calls and permits are resilience4j's notions
(https://resilience4j.readme.io/docs/circuitbreaker), with numbers for calls that cost seconds and cents; the
share of traffic that may be retries is Finagle's (https://twitter.github.io/finagle/guide/Clients.html#retries).
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from greenroom.messages.invalid import InvalidInput
from greenroom.messages.value import Input


class BreakerConfig(Input):
    """One provider's breakers: one for the endpoint as a whole, one for each model there."""

    enabled: bool = True
    """False: nothing is refused, nothing counted. The retry budget holds all the same."""
    window: Literal["time", "count"] = "time"
    """Rates are of the calls of the last `window_s` seconds, or of the last `window_calls` calls."""
    window_s: float = Field(default=60.0, ge=1, le=3600)
    window_calls: int = Field(default=100, ge=1, le=10_000)
    min_calls: int = Field(default=10, ge=1, le=10_000)
    """With fewer calls in the window no rate is known, and nothing opens."""
    failure_rate: float = Field(default=0.5, gt=0, le=1)
    """At this share of failed calls it opens."""
    slow_rate: float = Field(default=0.8, gt=0, le=1)
    """At this share of slow calls it opens."""
    slow_ttft_s: float | None = Field(default=None, gt=0)
    """A call whose first content came later is slow. None: none is, as reasoning may take minutes."""
    slow_tokens_per_s: float | None = Field(default=None, gt=0)
    """A call that generated fewer output tokens a second is slow. None: none is."""
    patience_s: float = Field(default=10.0, ge=0)
    """A clock of ours that ran out counts as a failure only where it was at least so long: that a caller is in
    a hurry says nothing of the provider."""
    probes: int = Field(default=3, ge=1, le=1000)
    """Half open, so many calls are let through, and judged together."""
    open_s: float = Field(default=5.0, gt=0)
    """How long it stays open the first time; a longer Retry-After wins."""
    open_factor: float = Field(default=2.0, ge=1, le=100)
    """Each time that it opens again before it was closed for as long as it had been open."""
    open_max_s: float = Field(default=120.0, gt=0)
    """No open time of ours is longer; a provider's Retry-After may be, up to an hour."""
    open_jitter: float = Field(default=0.2, ge=0, le=1)
    """Share of the open time that is random: 0.2 gives 80 to 100 % of it."""
    half_open_max_s: float = Field(default=600.0, gt=0)
    """Half open for longer without a verdict, it opens again."""
    models_max: int = Field(default=256, ge=1, le=10_000)
    """Models of one provider with a breaker of their own; of more, the one longest unused is dropped."""
    retry_share: float = Field(default=0.1, ge=0, le=1)
    """Retries to this provider may be so large a share of its requests of the last 10 s ..."""
    retry_min_per_s: float = Field(default=10.0, ge=0)
    """... and so many a second beside that, for times of little traffic."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.open_s > self.open_max_s:
            raise InvalidInput.at("open_s", f"must be at most open_max_s ({self.open_max_s:g})", self.open_s)
        if self.window == "count" and self.min_calls > self.window_calls:
            text = f"must be at most window_calls ({self.window_calls}), or nothing ever opens"
            raise InvalidInput.at("min_calls", text, self.min_calls)
        return self
