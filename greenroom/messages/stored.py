"""A request's state as a retry store keeps it, and the changes that a store is told.

A store never sees a key or a header: a record has the request, what was delivered, and how the attempts went.
It names its provider; address and credentials are those of the process that takes the stream up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from greenroom.messages.deltas import Delta
from greenroom.messages.failures import Failure
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import AttemptRecord, Checkpoint
from greenroom.messages.value import EMPTY_MAP, Value

NOTHING_DELIVERED = Checkpoint()


class Piece(NamedTuple):
    """What was delivered: one delta, or several of one text that were merged."""

    delta: Delta
    lengths: Sequence[int] | None = None
    """Of the deltas that were merged, in characters: so that it can be cut at any of them. None: it is one."""


class StreamFacts(Value):
    """What stays as it is all through a request's life."""

    stream_id: str
    request_id: str
    request: ChatRequest
    options: StreamingOptions
    """The request's own, or those that it got from its provider or system."""
    provider: str
    model: str
    """As that provider knows it."""
    kind: str
    """The wire."""
    started_at: float
    """Seconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What changes. `checkpoint` and the pieces belong together: they are written in one step."""

    checkpoint: Checkpoint = NOTHING_DELIVERED
    attempts: tuple[AttemptRecord, ...] = ()
    model_answered: str | None = None
    failure: Failure | None = None
    """How it ended; None: it runs, or its process ended under it."""
    at: tuple[str, str] | None = None
    """Provider and model that were asked last, of a request to a route; None: those of the facts."""


@dataclass(frozen=True, slots=True)
class Write:
    """One stream's newest state. `live` states expire never and are never let go for a bound."""

    stream_id: str
    facts: StreamFacts | None = field(repr=False)
    """With its first write; None: they stand in the store."""
    progress: Progress = field(repr=False)
    after_seq: int
    """`pieces` take the place of all that stood behind this delta."""
    pieces: tuple[Piece, ...] = field(repr=False)
    updated_at: float
    ttl_s: float
    live: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """The stream is forgotten. Unknown ids are fine."""

    stream_id: str


Change = Write | Drop


@dataclass(frozen=True, slots=True)
class StoredStream:
    """All that a store has of one stream."""

    facts: StreamFacts = field(repr=False)
    progress: Progress = field(repr=False)
    pieces: tuple[Piece, ...] = field(repr=False)
    updated_at: float
    expires_at: float
    live: bool

    @property
    def place(self) -> tuple[str, str]:
        """Provider and model that were asked last."""
        return self.progress.at or (self.facts.provider, self.facts.model)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A state that stands in the store and cannot be read, and why."""

    stream_id: str
    why: str
    updated_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class StoreSize:
    """What a store holds of streams that do not run now."""

    states: int
    state_bytes: int


def without_echoes(failure: Failure) -> Failure:
    """The failure without what the provider sent along: an answer's headers and body may repeat a key."""
    evidence = failure.evidence
    if evidence is None:
        return failure
    bare = evidence.model_copy(update={"headers": EMPTY_MAP, "body": ""})
    return failure.model_copy(update={"evidence": bare})
