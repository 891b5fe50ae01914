"""What stands in a channel's place while nobody reads: a detached stream's deltas are only counted here.

The journal has them. `limit_bytes` is what a consumer that comes back will find waiting at most; from there on
the socket is not read until it comes. Dispatcher thread.
"""

import itertools
from typing import Any

from greenroom.actors.channel import Channel
from greenroom.messages.deltas import Delta
from greenroom.messages.options import StreamingOptions


class Away(Channel):
    """Takes what its request delivers, and its end; nobody reads from it."""

    __slots__ = ("_limit_bytes", "_looks")

    def __init__(self, options: StreamingOptions, before: Channel, unread_bytes: int) -> None:
        self._looks = itertools.count()
        super().__init__(options)
        self._limit_bytes = max(options.max_buffer_bytes, options.max_replay_bytes)
        self._back_bytes = unread_bytes
        self._full = unread_bytes >= self._limit_bytes
        self.demand = before.demand
        self.generation = before.generation + 1

    def push(self, deltas: list[Delta], content_bytes: int) -> bool:  # noqa: ARG002
        """Counted; the gate has put them into the journal. True: that is enough for now."""
        # Without what a delta costs beside its content: the journal merges them.
        self._back_bytes += content_bytes
        self._full = self._back_bytes >= self._limit_bytes
        return self._full

    @property
    def reads(self) -> Any:
        """Another at every look, as of a reader that moves: who is away is not slow. The grace bounds it."""
        return next(self._looks)

    @reads.setter
    def reads(self, _: int) -> None:
        """The base counts; here nobody reads."""
