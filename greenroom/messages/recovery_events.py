"""Events of a request that is tried again, goes on, or goes elsewhere."""

from greenroom.messages.events import StreamEvent


class StreamRetrying(StreamEvent):
    """Another attempt follows one that failed: what failed, how it was classed, what was decided, and why."""

    name = "stream.retrying"
    error_class: str
    message: str
    decision: str
    delay_s: float
    next_epoch: int
    reason: str = ""


class StreamResumedFrom(StreamEvent):
    """An attempt begins that goes on behind what was delivered, or, of mode reset, takes it back."""

    name = "stream.resumed_from"
    mode: str
    seq: int
    """The last delta that was delivered."""


class ProviderKeyRests(StreamEvent):
    """One of a provider's several API keys was refused, and is not used for `rest_s` while others serve."""

    name = "provider.key_rests"
    number: int
    """From 1, in the order of the configuration. Nothing else is told of the key."""
    keys: int
    error_class: str
    rest_s: float


class StreamServerCancel(StreamEvent):
    """A provider that keeps answers was told to stop making one that nobody wants any more."""

    name = "stream.server_cancel"
    status: int | None
    """Of its answer; None: there was none."""
    elapsed_ms: float
    why_not: str = ""


class StreamFailover(StreamEvent):
    """The request goes on at another hop of its route: `provider` and `model` are those of the new one, and
    `epoch` is the attempt that failed."""

    name = "stream.failover"
    from_provider: str
    from_model: str
    error_class: str
    route: str | None = None
    message: str | None = None
    """Of the failure."""
    decision: str = "fall_back"
    """Or reset: the turn starts again, in sight of the consumer."""
    reason: str = ""
    """Why it goes there, and which hops were passed over."""
    delay_s: float = 0.0
    next_epoch: int | None = None
