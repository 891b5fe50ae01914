"""The gate of a request whose deltas are delivered when a store holds them (durability="before_deliver").

    stream --commit--> parked --saved(seq)--> journal, checkpoint, channel
                         '-- fence, refuse --> dropped: never delivered

What is parked is bounded: from `max_buffer_bytes` on the socket is not read. An attempt's end is told when nothing
of it is parked any more. Dispatcher thread only.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from greenroom.actors.channel import Channel
from greenroom.actors.clocks import too_large
from greenroom.actors.gate import Commit, Gate
from greenroom.actors.journal import Journal
from greenroom.actors.merging import OVERHEAD_BYTES, content_bytes
from greenroom.messages.commands import AttemptOver, WireEnd, WireRead
from greenroom.messages.deltas import CONTENT, Delta
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.options import StreamingOptions
from greenroom.messages.retry_state import Checkpoint
from greenroom.messages.stored import Piece

_STOPPED = ErrorEvidence(kind="refusal", code="stopped", message="stopped before the store had all of it")
"""Of an attempt whose answer had ended: without this it would count as completed."""


@dataclass(frozen=True, slots=True)
class _Batch:
    epoch: int
    deltas: list[Delta]
    size_bytes: int
    place: tuple[str | None, str | None] | None

    @property
    def last_seq(self) -> int:
        return self.deltas[-1].seq


def unkept(over: AttemptOver, evidence: ErrorEvidence) -> AttemptOver:
    """The attempt, of which not all could be delivered."""
    return over._replace(outcome="failed", evidence=evidence)


class ParkingGate(Gate):
    """See the module. `due` is called for every batch that is parked: the store is to be told."""

    __slots__ = (
        "_cap_bytes",
        "_due",
        "_held_back",
        "_options",
        "_parked",
        "_parked_bytes",
        "_refusal",
        "_then",
    )

    def __init__(self, channel: Channel, options: StreamingOptions, due: Callable[[], None]) -> None:
        super().__init__(channel, options.max_output_bytes)
        self._options, self._due = options, due
        self._cap_bytes = options.max_buffer_bytes
        self._parked: deque[_Batch] = deque()
        self._parked_bytes = 0
        self._held_back = False
        self._refusal: ErrorEvidence | None = None
        self._then: Callable[[ErrorEvidence | None], object] | None = None

    # ---- the attempt

    def open_epoch(self, epoch: int) -> None:
        super().open_epoch(epoch)
        self._then = None
        if self._refusal is not None:
            super().fence()

    def commit(
        self, epoch: int, deltas: list[Delta], place: tuple[str | None, str | None] | None = None
    ) -> Commit:
        """Park these. Raises RuntimeError where they do not follow what was taken."""
        if epoch != self.epoch:
            return Commit.FENCED
        first, last, count = deltas[0].seq, deltas[-1].seq, len(deltas)
        if first != self.taken_seq + 1 or last - first != count - 1:
            text = f"{count} deltas, {first} to {last}, do not follow {self.taken_seq} (epoch {epoch})"
            raise RuntimeError(text)
        size_bytes = sum(map(content_bytes, deltas)) + OVERHEAD_BYTES * count
        self._parked.append(_Batch(epoch, deltas, size_bytes, place))
        self._parked_bytes += size_bytes
        self._due()
        # A channel that was filled by what was delivered meanwhile is full for the next batch.
        self._held_back = self._parked_bytes >= self._cap_bytes
        return Commit.FULL if self._held_back or self.channel.full else Commit.TAKEN

    @property
    def taken_seq(self) -> int:
        return self._parked[-1].last_seq if self._parked else self.checkpoint.seq

    def settled(self, then: Callable[[ErrorEvidence | None], object]) -> None:
        if self._parked:
            self._then = then
        else:
            then(self._refusal)

    def fence(self) -> None:
        super().fence()
        self._drop_parked()

    # ---- the store

    def unsaved(self, after_seq: int) -> tuple[Checkpoint, tuple[Piece, ...]]:
        merged, checkpoint = Journal(), self.checkpoint
        for batch in self._parked:
            if batch.last_seq > after_seq:
                merged.extend(batch.deltas)
                committed = any(isinstance(delta, CONTENT) for delta in batch.deltas)
                checkpoint = checkpoint._replace(
                    epoch=batch.epoch, delivered_bytes=checkpoint.delivered_bytes + batch.size_bytes,
                    committed_epoch=batch.epoch if committed else checkpoint.committed_epoch,
                )  # fmt: skip
                if batch.place is not None:
                    checkpoint = checkpoint._replace(response_id=batch.place[0], cursor=batch.place[1])
        return checkpoint._replace(seq=self.taken_seq), merged.pieces(after_seq)

    def saved(self, seq: int) -> None:
        """What is parked up to there is delivered."""
        while self._parked and self._parked[0].last_seq <= seq:
            batch = self._parked.popleft()
            self._parked_bytes -= batch.size_bytes
            if super().commit(batch.epoch, batch.deltas, batch.place) is Commit.TOO_MUCH:
                self.refuse(too_large(self._options))
                return
        if not self._parked:
            self._settle()
        if self._held_back and self._parked_bytes < self._cap_bytes and not self.channel.full:
            self._held_back = False
            self.channel.demand()

    def refuse(self, evidence: ErrorEvidence) -> None:
        """Nothing more is delivered: the attempt ends with this evidence, and so does any further one."""
        if self._refusal is None:
            self._refusal = evidence
            ended = self._then is not None
            self.fence()
            if self.producer is not None and not ended:
                # As if its wire had broken: the stream may be waiting for anything.
                end = WireEnd(clean=False, evidence=evidence)
                self.producer.tell(WireRead(self.epoch_opened, 0.0, end=end))

    def _drop_parked(self) -> None:
        lost = _STOPPED if self._parked else None
        self._parked.clear()
        self._parked_bytes = 0
        self._settle(lost)

    def _settle(self, lost: ErrorEvidence | None = None) -> None:
        """`lost`: why not all that was taken is delivered, beside a refusal of the store."""
        then, self._then = self._then, None
        if then is not None:
            then(self._refusal or lost)
