"""One exchange between two threads: Wire to its holder on the dispatcher thread, Ear to the line in its own.

A read is handed over by one call to the dispatcher, and the calls of all lines are carried by one wake-up of it.
Bounded: one read is on its way, and the line has one more in its hand at most, each of one socket read; while
the wire is paused the line reads no further.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from greenroom.messages.commands import WireRead
from greenroom.messages.contracts import NobodyListens

if TYPE_CHECKING:
    from greenroom.actors.blocking_link import BlockingLink

Told = tuple[WireRead, bool, float | None]
"""A read; with its end whether the line can be used again, and for how long it may rest."""


class BlockingWire:
    """Implements messages.contracts.Wire and Ear. `over` is set on the dispatcher thread, or by `hang_up`."""

    __slots__ = ("_deliver", "_free", "_link", "_news", "_slot", "body_bytes", "epoch", "over", "paused")

    def __init__(
        self,
        link: "BlockingLink",
        epoch: int,
        deliver: Callable[[WireRead], None],
        free: Callable[[], None],
    ) -> None:
        self._link: BlockingLink | None = link
        self.epoch = epoch
        self._deliver = deliver
        self._free = free
        self._news = threading.Condition(threading.Lock())
        self._slot: Told | None = None
        self.paused = self.over = False
        self.body_bytes: int | None = None
        """Taken so far; None before the answer's head."""

    # ---- the holder's, on the dispatcher thread

    def pause(self) -> None:
        """Stop reading the socket: at most the read that is under way still comes, after `resume`. Idempotent."""
        self.paused = True

    def resume(self) -> None:
        """Read again. Idempotent."""
        if self.paused and not self.over:
            self.paused = False
            link = self._link
            with self._news:
                waiting = self._slot is not None
                self._news.notify_all()
            if waiting and link is not None:
                # Not at once, as the caller may be the reader.
                link.post(self.take)

    def abort(self) -> None:
        """Close the socket now; nothing more is told, and `free` has been called. Idempotent."""
        link = self._link
        if link is not None:
            free = self._free
            self._leave()
            link.over(self, keep=False, hint_s=None)
            free()

    def end_with(self, read: WireRead) -> None:
        """The exchange is over with this end, of which the line knows nothing."""
        if self._link is not None:
            self._finish(read, keep=False, hint_s=None)

    def take(self) -> None:
        """Deliver what was handed over."""
        if self.over or self.paused:
            return
        with self._news:
            told, self._slot = self._slot, None
            self._news.notify_all()
        if told is None:
            return
        read, keep, hint_s = told
        if read.head is not None or self.body_bytes is not None:
            self.body_bytes = (self.body_bytes or 0) + len(read.data)
        if read.end is None:
            self._deliver(read)
        else:
            self._finish(read, keep, hint_s)

    # ---- the line's, in its thread

    def may_read(self) -> None:
        """Returns when the socket may be read. Raises NobodyListens."""
        if self.paused or self.over:
            with self._news:
                while self.paused and not self.over:
                    self._news.wait()
            if self.over:
                raise NobodyListens

    def tell(self, read: WireRead, keep: bool = False, keep_alive_hint_s: float | None = None) -> None:
        """Hand a read over, once the one before it was taken. Raises NobodyListens."""
        with self._news:
            while self._slot is not None and not self.over:
                self._news.wait()
            link = self._link
            if self.over or link is None:
                raise NobodyListens
            self._slot = (read, keep, keep_alive_hint_s)
        if not link.post(self.take):
            raise NobodyListens

    # ---- any thread

    def hang_up(self) -> None:
        """The line's thread waits here no longer: the dispatcher, whose this is, hangs or is dead."""
        with self._news:
            self.over = True
            self._news.notify_all()

    # ---- inside

    def _finish(self, read: WireRead, keep: bool, hint_s: float | None) -> None:
        link, deliver, free = self._link, self._deliver, self._free
        assert link is not None
        self._leave()
        link.over(self, keep=keep, hint_s=hint_s)
        deliver(read)
        free()

    def _leave(self) -> None:
        with self._news:
            self.over = True
            self._link = self._slot = None
            self._news.notify_all()
        # They hold what our holder gave us.
        del self._deliver, self._free
