"""One answer on its way to its Ear: what a socket read brought goes in, a WireRead comes out.

The rules are those of the reactor's Exchange, and so is the parser (`transport.response`): all of one read is
told at once, a read without head, body or end is not told, and after the end nothing is.
"""

import httptools

from greenroom.messages.commands import WireEnd, WireHead, WireRead
from greenroom.messages.contracts import Clock, Ear
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport.exchange import of_used_link
from greenroom.providers.transport.response import Response


class Hearing:
    """Used in one line's thread."""

    __slots__ = ("_began_s", "_clock", "_ear", "_epoch", "_head_told", "_reused", "_sent", "over", "response")

    def __init__(self, response: Response, epoch: int, reused: bool, ear: Ear, clock: Clock) -> None:
        self.response = response
        self._epoch = epoch
        self._reused = reused
        self._ear = ear
        self._clock = clock
        self._began_s = clock.now_s()
        self._head_told = False
        self._sent = False
        self.over = False

    @property
    def refused(self) -> bool:
        """An error's status has come, or the end: nobody would read the rest of the request (RFC 9112, 9.5)."""
        head = self.response.head
        return self.over or (head is not None and head.status >= 400)

    def all_sent(self) -> None:
        """The request was written to its end: the connection may serve another."""
        self._sent = True

    def may_read(self) -> None:
        """Returns when the socket may be read."""
        self._ear.may_read()

    def head(self, head: WireHead) -> None:
        """The head of an answer whose head somebody else has read; its body goes to `take`."""
        self.response.head = head

    def take(self, data: bytes) -> None:
        """What one read of the socket brought."""
        now_s = self._clock.now_s()
        response, view = self.response, memoryview(data)
        if not response.calm:
            response.note(view)
        try:
            response.feed(view)
        except httptools.HttpParserError as error:
            response.refuse(error)
        self._tell(now_s, len(data))

    def lost(self, how: str, *, orderly: bool) -> None:
        """The connection is gone, or the body has ended with it; `orderly` where the peer announced it."""
        if not self.over:
            self.response.eof(how, orderly=orderly)
            self._tell(self._clock.now_s(), 0)

    def fail(self, why: ErrorEvidence) -> None:
        """The answer ends with this evidence, unless it had ended."""
        if not self.over:
            self._finish(self._clock.now_s(), b"", None, WireEnd(clean=False, evidence=why))

    def _tell(self, now_s: float, read_bytes: int) -> None:
        response = self.response
        data = response.take(read_bytes)
        head = None
        if not self._head_told and response.head is not None:
            head, self._head_told = response.head, True
        if response.end is not None:
            self._end(now_s, data, head, response.end)
        elif head is not None or data:
            self._ear.tell(WireRead(self._epoch, now_s, data, head))

    def _end(self, now_s: float, data: bytes, head: WireHead | None, end: WireEnd) -> None:
        if self._reused:
            end = of_used_link(end, self.response.begun, now_s - self._began_s)
        self._finish(now_s, data, head, end)

    def _finish(self, now_s: float, data: bytes, head: WireHead | None, end: WireEnd) -> None:
        self.over = True
        keep = end.clean and self.response.keep_alive and self._sent
        hint_s = self.response.keep_alive_hint_s
        # The response and its parser hold each other.
        self.response.release()
        self._ear.tell(WireRead(self._epoch, now_s, data, head, end), keep, hint_s)
