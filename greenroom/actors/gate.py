"""A request's one door from its stream actors to its consumer. A plain object, dispatcher thread only.

A batch is either taken whole (journal, checkpoint and channel in one step, with nothing between that can
raise) or not at all: an epoch that is no longer the open one is fenced, a gap in `seq` is a bug of ours and
raises. What was delivered and what the completion will say are therefore the same by construction.
"""

from enum import Enum
from typing import Any

from greenroom.actors.channel import Channel
from greenroom.actors.journal import Journal
from greenroom.actors.merging import content_bytes
from greenroom.actors.ref import Ref
from greenroom.messages.commands import Accepted
from greenroom.messages.deltas import CONTENT, Delta
from greenroom.messages.retry_state import Checkpoint


class Commit(Enum):
    TAKEN = "taken"
    FULL = "full"
    """Taken, and the channel wants no more for now: pause the socket."""
    FENCED = "fenced"
    TOO_MUCH = "too_much"
    """Not taken: it would pass max_output_bytes."""


class Gate:
    """See the module. `checkpoint` may be read at any time; it is replaced whole, never changed."""

    __slots__ = ("_max_bytes", "aggregator", "channel", "checkpoint", "epoch", "epoch_opened", "journal")

    def __init__(self, channel: Channel, max_output_bytes: int) -> None:
        self.channel = channel
        self.journal = Journal()
        self.aggregator: Ref[Any] | None = None
        """Told what the journal compacts; the rest goes to it with the end."""
        self.checkpoint = Checkpoint()
        self.epoch = self.epoch_opened = 0
        """`epoch` may commit now; `epoch_opened` was the last that might, and stays when that is fenced."""
        self._max_bytes = max_output_bytes

    def open_epoch(self, epoch: int) -> None:
        """From now on only this attempt may commit."""
        self.epoch = self.epoch_opened = epoch

    def fence(self) -> None:
        """From now on nobody may."""
        self.epoch = -1

    def mark_sent(self, epoch: int) -> None:
        """The attempt's request may reach the provider from now on."""
        if epoch > self.checkpoint.sent_epoch:
            self.checkpoint = self.checkpoint._replace(sent_epoch=epoch)

    @property
    def delivered(self) -> bool:
        """The consumer has content of this request."""
        return self.checkpoint.committed_epoch > 0

    def commit(self, epoch: int, deltas: list[Delta]) -> Commit:
        """Deliver these. Raises RuntimeError where they do not follow what was delivered."""
        if epoch != self.epoch:
            return Commit.FENCED
        before = self.checkpoint
        first, last = deltas[0].seq, deltas[-1].seq
        if first != before.seq + 1 or last - first != len(deltas) - 1:
            text = f"{len(deltas)} deltas, {first} to {last}, do not follow {before.seq} (epoch {epoch})"
            raise RuntimeError(text)
        size = sum(map(content_bytes, deltas))
        total = before.delivered_bytes + size
        if total > self._max_bytes:
            return Commit.TOO_MUCH
        committed = before.committed_epoch
        if committed != epoch and any(isinstance(delta, CONTENT) for delta in deltas):
            committed = epoch
        compacted = self.journal.extend(deltas)
        # Not `_replace`, which costs ten times as much.
        self.checkpoint = Checkpoint(
            epoch, last, total, committed, before.sent_epoch, before.response_id, before.cursor
        )
        self.channel.push(deltas, size)
        if compacted and self.aggregator is not None:
            self.aggregator.tell(Accepted(compacted))
        return Commit.FULL if self.channel.full else Commit.TAKEN
