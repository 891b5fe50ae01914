"""Where a store lives and what it can be asked. One in a file has a thread of its own: its calls block."""

from dataclasses import dataclass, field
from typing import Any

from greenroom.actors.pykka_compat import BlockingActor
from greenroom.messages.contracts import RetryStore
from greenroom.messages.stored import Change


@dataclass(frozen=True, slots=True)
class Apply:
    """Answer: the ids of those that were let go for the bounds, and what the store holds now."""

    changes: tuple[Change, ...] = field(repr=False)
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """Answer: the StoredStream, Unreadable, or None."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class ListStates:
    """Answer: a tuple of all that do not run."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Answer: how many went, and what the store holds now."""

    at: float


@dataclass(frozen=True, slots=True)
class Measure:
    """Answer: what the store holds."""


@dataclass(frozen=True, slots=True)
class Close:
    """The store is closed."""


def obey(store: RetryStore, message: Any) -> Any:
    """The answer. Raises RetryStoreError."""
    match message:
        case Apply(changes, durable):
            return store.apply(changes, durable=durable), store.size()
        case Load(stream_id):
            return store.load(stream_id)
        case ListStates():
            return tuple(store.states())
        case Expire(at):
            return store.expire(at), store.size()
        case Measure():
            return store.size()
        case Close():
            return store.close()
        case _:
            raise TypeError(f"a retry store is not asked with a {type(message).__name__}")


class StoreHome(BlockingActor):
    """A store's thread. Mail is bounded by who asks: one write under way, and one ask for each caller."""

    def __init__(self, store: RetryStore) -> None:
        super().__init__()
        self._store = store

    def on_receive(self, message: Any) -> Any:
        return obey(self._store, message)
