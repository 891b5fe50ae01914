"""What `system.tell(request, reply_to=ref)` sends to the service's own actor.

All batches of a stream, one behind the other, are its deltas, each once and in order; their text is the
completion's text. Each is an ask: the next one is sent when the handler has returned. The last one, and no
other, has `completion`, whose `outcome` says how the stream ended: completed, failed or cancelled.
"""

from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict

from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.failures import StreamError, exception_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaBatch:
    """What came since the batch before. Whatever the handler returns is taken as "go on"."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    stream_id: str
    request_id: str
    number: int
    """From 1, without a gap."""
    deltas: tuple[Delta, ...] = field(default=(), repr=False)
    """Empty only in the last batch."""
    completion: "Completion[Any] | None" = field(default=None, repr=False)
    """The one end, in the last batch; of a failed or cancelled stream it has `failure`."""

    @property
    def text(self) -> str:
        """The answer's text in these deltas."""
        return "".join([delta.text for delta in self.deltas])

    @property
    def is_last(self) -> bool:
        return self.completion is not None

    @property
    def error(self) -> StreamError | None:
        """A fresh typed exception where this batch ends a stream that did not complete; else None."""
        end = self.completion
        if end is None or end.failure is None:
            return None
        return exception_of(end.failure, end)
