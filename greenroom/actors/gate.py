"""A request's one door from its stream actors to its consumer. A plain object, dispatcher thread only.

A batch is either taken whole (journal, checkpoint and channel in one step, with nothing between that can
raise) or not at all: an epoch that is no longer the open one is fenced, a gap in `seq` is a bug of ours and
raises. What was delivered and what the completion will say are therefore the same by construction.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from greenroom.actors.channel import Channel
from greenroom.actors.journal import Journal
from greenroom.actors.merging import content_bytes
from greenroom.actors.ref import Ref
from greenroom.messages.commands import Accepted
from greenroom.messages.deltas import (
    CONTENT,
    Delta,
    StreamReset,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
)
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.retry_state import Checkpoint
from greenroom.messages.stored import Piece

# Past the named tuple's own constructor, which costs twice as much.
_new: Any = tuple.__new__
_FIRST = Checkpoint()


class Commit(Enum):
    TAKEN = "taken"
    FULL = "full"
    """Taken, and the channel wants no more for now: pause the socket."""
    FENCED = "fenced"
    TOO_MUCH = "too_much"
    """Not taken: it would pass max_output_bytes."""


class Gate:
    """See the module. `checkpoint` may be read at any time; it is replaced whole, never changed."""

    __slots__ = (
        "_max_bytes", "_unrepeated_bytes", "aggregator", "channel", "checkpoint", "epoch", "epoch_opened",
        "journal", "producer",
    )  # fmt: skip

    def __init__(self, channel: Channel, max_output_bytes: int) -> None:
        self.channel = channel
        self.journal = Journal()
        self.aggregator: Ref[Any] | None = None
        """Told what the journal compacts; the rest goes to it with the end. At first it is the request's scope,
        which makes one as soon as something was compacted."""
        self.checkpoint = _FIRST
        self.epoch = self.epoch_opened = 0
        """`epoch` may commit now; `epoch_opened` was the last that might, and stays when that is fenced."""
        self.producer: Ref[Any] | None = None
        """The stream actor of the newest attempt."""
        self._max_bytes = max_output_bytes
        self._unrepeated_bytes = 0
        """Arguments of tool calls that no ToolCallCompleted has said again yet."""

    def open_epoch(self, epoch: int) -> None:
        """From now on only this attempt may commit."""
        self.epoch = self.epoch_opened = epoch
        self._unrepeated_bytes = 0

    def restore(self, pieces: Iterable[Piece], checkpoint: Checkpoint) -> None:
        """What an earlier life of this request delivered stands in the journal; nothing is pushed."""
        self.journal.restore(pieces)
        self.checkpoint, self.epoch_opened = checkpoint, checkpoint.epoch

    def fence(self) -> None:
        """From now on nobody may."""
        self.epoch = -1

    # What a gate that parks (parking.py) does otherwise: here everything that was taken is delivered.

    @property
    def taken_seq(self) -> int:
        """The last delta that was taken: the attempt's next one follows it."""
        return self.checkpoint.seq

    def settled(self, then: Callable[[ErrorEvidence | None], object]) -> None:
        """`then(None)` when all that was taken is delivered; with evidence where it cannot be."""
        then(None)

    def unsaved(self, after_seq: int) -> tuple[Checkpoint, tuple[Piece, ...]]:
        """What a store has to be told that holds all up to `after_seq`, and the checkpoint that goes with it."""
        return self.checkpoint, self.journal.pieces(after_seq)

    def saved(self, seq: int) -> None:
        """The store holds all up to there."""

    def refuse(self, evidence: ErrorEvidence) -> None:
        """The store cannot keep what it is told."""

    def mark_sent(self, epoch: int) -> None:
        """The attempt's request may reach the provider from now on."""
        last, seq, total, committed, sent_epoch, response_id, cursor = self.checkpoint
        if epoch > sent_epoch:
            self.checkpoint = _new(Checkpoint, (last, seq, total, committed, epoch, response_id, cursor))

    def delivered_behind(self, epoch: int) -> bool:
        """The consumer has content of a later attempt than this one; with 0, of any."""
        return self.checkpoint.committed_epoch > epoch

    def commit(
        self, epoch: int, deltas: list[Delta], place: tuple[str | None, str | None] | None = None
    ) -> Commit:
        """Deliver these. Raises RuntimeError where they do not follow what was delivered.

        `place`: the response's id and the server's cursor behind these deltas, where the server keeps them.
        """
        if epoch != self.epoch:
            return Commit.FENCED
        seq, total, committed, sent_epoch, response_id, cursor = self.checkpoint[1:]
        first, last, count = deltas[0].seq, deltas[-1].seq, len(deltas)
        if first != seq + 1 or last - first != count - 1:
            text = f"{count} deltas, {first} to {last}, do not follow {seq} (epoch {epoch})"
            raise RuntimeError(text)
        if count == 1 and deltas[0].__class__ is TextDelta:
            size = said = content_bytes(deltas[0])
            unrepeated = self._unrepeated_bytes
        else:
            if deltas[0].__class__ is StreamReset:
                # The bound is one answer's: of the one before nothing stands.
                total = self._unrepeated_bytes = 0
            size = sum(map(content_bytes, deltas))
            said, unrepeated = self._said(deltas, size)
        total += said
        if total > self._max_bytes:
            return Commit.TOO_MUCH
        self._unrepeated_bytes = unrepeated
        if committed != epoch and any(isinstance(delta, CONTENT) for delta in deltas):
            committed = epoch
        if place is not None:
            response_id, cursor = place
        compacted = self.journal.extend(deltas)
        self.checkpoint = _new(
            Checkpoint, (epoch, last, total, committed, sent_epoch, response_id, cursor)
        )  # fmt: skip
        full = self.channel.push(deltas, size)
        if compacted and self.aggregator is not None:
            self.aggregator.tell(Accepted(compacted))
        return Commit.FULL if full else Commit.TAKEN

    def _said(self, deltas: list[Delta], size: int) -> tuple[int, int]:
        """Of `size` bytes those that are new: a completed call repeats what its fragments said before."""
        unrepeated = self._unrepeated_bytes
        for delta in deltas:
            kind = delta.__class__
            if kind is ToolCallDelta:
                unrepeated += content_bytes(delta)
            elif kind is ToolCallCompleted:
                repeated = min(unrepeated, content_bytes(delta))
                unrepeated -= repeated
                size -= repeated
        return size, unrepeated
