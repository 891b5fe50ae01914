"""The retry store in memory: of streams that failed in this process. Bounded in count and bytes.

Nothing is copied and nothing written as text: a piece is the delta that was delivered. So what a state costs is
what its answer cost before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from greenroom.actors.merging import content_bytes, json_bytes
from greenroom.messages.request import ChatRequest
from greenroom.messages.stored import (
    Change,
    Drop,
    Piece,
    Progress,
    StoredStream,
    StoreSize,
    StreamFacts,
    Unreadable,
    Write,
)
from greenroom.supervision.stores.cut_pieces import up_to

RECORD_BYTES = 2048
"""About what a state costs beside its request and its answer."""


@dataclass(slots=True)
class _State:
    facts: StreamFacts
    progress: Progress = field(default_factory=Progress)
    pieces: list[Piece] = field(default_factory=list)
    updated_at: float = 0.0
    expires_at: float = 0.0
    live: bool = True
    size_bytes: int = 0

    def stored(self) -> StoredStream:
        return StoredStream(
            self.facts, self.progress, tuple(self.pieces), self.updated_at, self.expires_at, self.live
        )


class MemoryStore:
    """Implements messages.contracts.RetryStore; never raises RetryStoreError."""

    kind = "memory"

    def __init__(self, states_max: int, states_max_bytes: int) -> None:
        self._states: dict[str, _State] = {}
        """In the order of their last change."""
        self._states_max, self._states_max_bytes = states_max, states_max_bytes

    def apply(self, changes: Sequence[Change], *, durable: bool = False) -> tuple[str, ...]:  # noqa: ARG002
        for change in changes:
            state = self._states.pop(change.stream_id, None)
            if isinstance(change, Drop):
                continue
            if state is None:
                if change.facts is None:
                    continue  # it was let go meanwhile
                state = _State(change.facts)
            _write(state, change)
            self._states[change.stream_id] = state
        return self._let_go()

    def _let_go(self) -> tuple[str, ...]:
        size, gone = self.size(), []
        count, total = size.states, size.state_bytes
        for stream_id, state in self._states.items():
            if count <= self._states_max and total <= self._states_max_bytes:
                break
            if not state.live:
                gone.append(stream_id)
                count, total = count - 1, total - state.size_bytes
        for stream_id in gone:
            del self._states[stream_id]
        return tuple(gone)

    def load(self, stream_id: str) -> StoredStream | Unreadable | None:
        state = self._states.get(stream_id)
        return None if state is None else state.stored()

    def states(self) -> Iterator[StoredStream | Unreadable]:
        for state in tuple(self._states.values()):
            if not state.live:
                yield state.stored()

    def expire(self, at: float) -> int:
        over = [each for each, state in self._states.items() if not state.live and state.expires_at <= at]
        for stream_id in over:
            del self._states[stream_id]
        return len(over)

    def size(self) -> StoreSize:
        kept = [state.size_bytes for state in self._states.values() if not state.live]
        return StoreSize(len(kept), sum(kept))

    def close(self) -> None:
        self._states.clear()


def _write(state: _State, change: Write) -> None:
    pieces = state.pieces
    if pieces and pieces[-1].delta.seq > change.after_seq:
        pieces[:] = up_to(change.after_seq, pieces)
    pieces.extend(change.pieces)
    state.progress, state.live = change.progress, change.live
    state.updated_at, state.expires_at = change.updated_at, change.updated_at + change.ttl_s
    content = sum(content_bytes(piece.delta) for piece in pieces)
    state.size_bytes = RECORD_BYTES + content + _request_bytes(state.facts.request)


def _request_bytes(request: ChatRequest) -> int:
    """About: the text of its parts, and its JSON values."""
    parts = [part for message in request.messages for part in message.content]
    texts = sum(len(value) for part in parts for value in part.__dict__.values() if isinstance(value, str))
    return texts + json_bytes(request.extra_body) + sum(json_bytes(tool.parameters) for tool in request.tools)
