"""One request and its answer on a link: the Wire that a stream holds.

Rules. All of one socket read is told in one WireRead; a read that brings neither head, body nor end (a part
of a head, a chunk's size line) is not told. After the end, and after `abort`, nothing is told. `free` is
called once, after the last WireRead. A Wire that is over does nothing: its link may be serving another.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import httptools

from greenroom.messages.commands import WireEnd, WireHead, WireRead
from greenroom.providers.transport.response import Response
from greenroom.providers.transport.upload import Upload

if TYPE_CHECKING:
    from greenroom.providers.transport.link import ReactorLink

STALE_WITHIN_S = 2.0
"""The server's close crossed our request: then its news is here within a round trip, far below this."""


class Exchange:
    """Implements messages.contracts.Wire."""

    __slots__ = (
        "_began_s", "_deliver", "_epoch", "_feed", "_free", "_head_told", "_link", "_now_s", "_parts",
        "_response", "_reused", "upload",
    )  # fmt: skip

    def __init__(
        self,
        link: "ReactorLink",
        response: Response,
        epoch: int,
        deliver: Callable[[WireRead], None],
        free: Callable[[], None],
    ) -> None:
        self._link: ReactorLink | None = link
        self._response = response
        self._epoch = epoch
        self._deliver = deliver
        self._free = free
        self._now_s = link.clock.now_s
        self._feed = response.feed
        self._parts = response.parts
        self._head_told = False
        self._reused = link.exchanges > 0
        self._began_s = self._now_s() if self._reused else 0.0
        self.upload: Upload | None = None

    def pause(self) -> None:
        """Stop reading the socket. Idempotent."""
        if self._link is not None:
            self._link.pause_reading()

    def resume(self) -> None:
        """Read again. Idempotent."""
        if self._link is not None:
            self._link.resume_reading()

    def abort(self) -> None:
        """Close the socket now; nothing more is told, and `free` has been called. Idempotent."""
        if self._link is not None:
            free = self._free
            self._leave(keep=False)
            free()

    # ---- called by the link

    def received(self, data: memoryview) -> None:
        """A socket read. The hot path is the one of a calm response."""
        now_s = self._now_s()
        response, parts = self._response, self._parts
        if not response.calm:
            response.note(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            response.refuse(error)
        if self._head_told and response.calm and parts:
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            response.out_bytes += len(body)
            if response.out_bytes <= response.max_body_bytes:
                parts.clear()
                self._deliver(WireRead(self._epoch, now_s, body))
                return
            response.out_bytes -= len(body)
        self._tell(now_s, len(data))

    def lost(self, how: str, *, orderly: bool) -> None:
        """The connection is gone; `orderly` where the peer announced it."""
        if self._link is not None:
            self._response.eof(how, orderly=orderly)
            self._tell(self._now_s(), 0)

    def lost_before(self, how: str, unasked: bytes) -> None:
        """There was no connection to write to; `unasked` is what the peer had said before any request."""
        if self._link is not None and unasked:
            self.received(memoryview(unasked))
        self.lost(how, orderly=False)

    # ---- inside

    def _tell(self, now_s: float, read_bytes: int) -> None:
        response = self._response
        data = response.take(read_bytes)
        head = None
        if not self._head_told and response.head is not None:
            head, self._head_told = response.head, True
            self._heed(head)
        if response.end is None:
            if head is not None or data:
                self._deliver(WireRead(self._epoch, now_s, data, head))
            return
        end = self._marked(response.end, now_s)
        deliver, free = self._deliver, self._free
        sent = self.upload is None or self.upload.done
        self._leave(keep=end.clean and response.keep_alive and sent)
        deliver(WireRead(self._epoch, now_s, data, head, end))
        free()

    def _heed(self, head: WireHead) -> None:
        """An error came before the body was sent: nobody would read the rest (RFC 9112, 9.5)."""
        if head.status >= 400 and self.upload is not None and not self.upload.done:
            self.upload.stop()

    def _marked(self, end: WireEnd, now_s: float) -> WireEnd:
        return of_used_link(end, self._response.begun, now_s - self._began_s) if self._reused else end

    def _leave(self, *, keep: bool) -> None:
        link, self._link = self._link, None
        if link is None:
            return
        hint_s = self._response.keep_alive_hint_s
        # The response and its parser hold each other, and we hold what our holder gave us.
        self._response.release()
        del self._feed, self._deliver, self._free
        link.over(keep=keep, keep_alive_hint_s=hint_s)


def of_used_link(end: WireEnd, begun: bool, waited_s: float) -> WireEnd:
    """`end` as it counts on a link that has served before: there a failure means something else.

    `begun`: some of an answer had come. `waited_s` is counted from the request's writing.
    """
    if end.evidence is None:
        return end
    if not begun:
        # Later than this the server had the request, and fell over it.
        patch: dict[str, bool | None] = {"reused_connection": waited_s <= STALE_WITHIN_S}
    else:
        # What spoke HTTP a moment ago may do so again.
        patch = {"is_retryable": None}
    return WireEnd(clean=False, evidence=end.evidence.model_copy(update=patch))
