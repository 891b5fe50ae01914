"""A provider's rate limits as its last answer told them: one value, whatever the dialect of its headers.

A header describes the instant at which the provider took the request. Who admits by it takes off what was
admitted since `measured_at`, and takes the smaller of this and its own count.
"""

from typing import Literal

from greenroom.messages.value import Value

RateLimitUnit = Literal["requests", "tokens", "input_tokens", "output_tokens", "other"]
"""tokens: input and output together. other: what is no request or token (images, a share of a plan)."""


class RateLimit(Value):
    """One limit: so many of a unit in a window of time. None where the provider did not say."""

    name: str
    """As the headers name it: `tokens`, `requests-day`, `unified-5h`."""
    unit: RateLimitUnit
    window_s: float | None = None
    """The time in which `limit` may be used: 60 for a limit per minute."""
    pool: str = ""
    """What of the name is neither unit nor window: `priority`, `project`, `uncached`. Pools count apart."""
    limit: float | None = None
    remaining: float | None = None
    resets_in_s: float | None = None
    """Seconds from `measured_at` until all of it is there again. A bucket that refills all the time has room
    for one request long before."""
    utilization: float | None = None
    """The share in use, 0 to 1, where the provider tells that instead of numbers."""
    status: str | None = None
    """The provider's own word (`allowed`, `rejected`)."""


class RateLimits(Value):
    """All that one answer's headers told."""

    windows: tuple[RateLimit, ...] = ()
    query_cost_tokens: float | None = None
    """What the provider charged this request against its token limit (Mistral)."""
    measured_at: float
    """Seconds since 1970 UTC."""
