"""Events of the retry store, and of streams that are taken up again."""

from greenroom.messages.events import Event, StreamEvent


class StoreEvent(Event):
    """Common fields of what is told of the retry store."""


class StoreEvicted(StoreEvent):
    """States were let go before their time, for the store's bounds."""

    name = "store.evicted"
    states: int
    oldest: str
    """The stream whose state went first."""
    states_max: int


class StoreExpired(StoreEvent):
    """The time of these states was over."""

    name = "store.expired"
    states: int


class StoreFailed(StoreEvent):
    """Nothing can be written; told once, until `store.restored`. Streams live on."""

    name = "store.failed"
    error_type: str
    error: str


class StoreRestored(StoreEvent):
    """What could not be written is written."""

    name = "store.restored"
    failures: int
    """Writes that failed since the start."""


class StreamTakenUp(StreamEvent):
    """A stream goes on that had failed, or whose process had ended."""

    name = "stream.taken_up"
    seq: int
    """The last delta that was delivered before."""
    age_s: float
    """Since its last change."""
