"""What the world is told of circuit breakers and of the retry budget beside them."""

from greenroom.messages.events import Event
from greenroom.messages.views import BreakerState


class BreakerEvent(Event):
    """Common fields of the breaker family."""

    key: str
    """`provider` for a whole endpoint, `provider/model` for one model there."""


class BreakerOpened(BreakerEvent):
    """None passes for `open_s`, or longer where the provider asks for it meanwhile."""

    name = "breaker.opened"
    cause: str
    """failures, slow, or probes (half open for too long)."""
    open_s: float
    failure_rate: float | None = None
    slow_rate: float | None = None
    error_class: str | None = None
    """Of the failure that was counted last."""


class BreakerHalfOpen(BreakerEvent):
    """A few may try."""

    name = "breaker.half_open"
    permits: int
    refused: int = 0
    """Attempts that were refused while it was open."""


class BreakerClosed(BreakerEvent):
    """Those that tried fared well: all pass."""

    name = "breaker.closed"
    refused: int = 0
    """Attempts that were refused while it was half open."""


class BreakerSet(BreakerEvent):
    """Somebody set it by hand."""

    name = "breaker.set"
    state: BreakerState


class BreakerForgotten(BreakerEvent):
    """A model's breaker was dropped; what it had counted is gone."""

    name = "breaker.forgotten"
    why: str
    """idle or too_many."""


class BreakerRetriesSpent(BreakerEvent):
    """The share of traffic that may be retries is used up. Told at most once in its window."""

    name = "breaker.retries_spent"
    requests: int
    retries: int
