"""One connection: the asyncio protocol that reads into a shared buffer and serves one exchange at a time.

Everything runs on the loop that made the connection. Reading goes on while the link is idle, so that a server
which closes it is seen at once; bytes that nobody asked for end it.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from greenroom.messages.commands import HttpRequest, WireRead
from greenroom.messages.contracts import Clock
from greenroom.providers.transport.evidence import happened
from greenroom.providers.transport.exchange import Exchange
from greenroom.providers.transport.last_words import read_last_words
from greenroom.providers.transport.limits import TransportLimits
from greenroom.providers.transport.request_form import RequestForm
from greenroom.providers.transport.response import Response
from greenroom.providers.transport.upload import Upload

_UNASKED_BYTES_MAX = 64


class ReactorLink(asyncio.BufferedProtocol):
    """Implements messages.contracts.Link."""

    __slots__ = (
        "__weakref__", "_buffer", "_exchange", "_form", "_limits", "_paused", "_transport", "_unasked",
        "clock", "exchanges", "idle_limit_s", "on_close", "peer", "reusable",
    )  # fmt: skip

    def __init__(
        self, peer: str, form: RequestForm, buffer: memoryview, limits: TransportLimits, clock: Clock
    ) -> None:
        self.peer = peer
        self.clock = clock
        self._form = form
        self._buffer = buffer
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._paused = False
        self._unasked = b""
        self.reusable = False
        """True while connected, until the server or an exchange says otherwise."""
        self.exchanges = 0
        """How many were served to their end."""
        self.idle_limit_s: float | None = None
        """The server closes the idle link after this long; None where it did not say."""
        self.on_close: Callable[[], None] | None = None
        """Called once when the connection is lost, for whatever reason."""

    def exchange(
        self, request: HttpRequest, epoch: int, deliver: Callable[[WireRead], None], free: Callable[[], None]
    ) -> Exchange:
        """The request is being written; the answer goes to `deliver`, never before this returns.

        On a link that was lost meanwhile the answer is a WireEnd that says so. Raises ValueError where the
        request cannot be one (nothing was sent, the link is as before), RuntimeError while another is served.
        """
        if self._exchange is not None:
            raise RuntimeError("a link serves one exchange at a time")
        head = self._form.head_of(request)
        exchange = Exchange(self, Response(self.peer, request.method, self._limits), epoch, deliver, free)
        if self._transport is None or self._unasked:
            asyncio.get_running_loop().call_soon(self._lost_before, exchange)
            return exchange
        self._exchange = exchange
        if len(request.body) <= self._limits.write_piece_bytes:
            self._transport.write(head + request.body)
        else:
            self._transport.write(head)
            exchange.upload = Upload(self._transport, request.body, self._limits.write_piece_bytes)
            exchange.upload.pump()
        return exchange

    def close(self) -> None:
        """Close the socket. A live exchange is told. Idempotent."""
        if self._exchange is not None:
            self._exchange.lost(f"connection to {self.peer} closed on this side", orderly=False)
        self._shut()

    # ---- for the exchange

    def over(self, *, keep: bool, keep_alive_hint_s: float | None) -> None:
        """The exchange ended; the link rests, or closes."""
        self._exchange = None
        self.exchanges += 1
        if keep_alive_hint_s is not None:
            # A request sent at the server's last moment would meet its close: leave a margin.
            self.idle_limit_s = max(keep_alive_hint_s - 1.0, keep_alive_hint_s / 2)
        if keep and self.reusable:
            self.resume_reading()
        else:
            self._shut()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    # ---- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, but behave as them.
        self._transport = cast("asyncio.Transport", transport)
        self.reusable = True

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        # Invariant: what was read is consumed before the loop reads again, on any connection.
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._exchange is not None:
            self._exchange.received(self._buffer[:nbytes])
        else:
            if not self.exchanges:
                # A server of another protocol greets first: whoever asks is told how.
                self._unasked = bytes(self._buffer[: min(nbytes, _UNASKED_BYTES_MAX)])
            self._shut()

    def eof_received(self) -> None:
        self.reusable = False
        if self._exchange is not None:
            self._exchange.lost(f"connection closed by {self.peer}", orderly=True)
        self._shut()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if self._exchange is not None and exc is not None and self._transport is not None:
            read_last_words(self._transport, self._buffer, self._last_read)
        if self._exchange is not None:
            self._exchange.lost(f"{happened(exc)} by {self.peer}", orderly=False)
        self._transport = None
        if self.on_close is not None:
            on_close, self.on_close = self.on_close, None
            on_close()

    def pause_writing(self) -> None:
        if self._exchange is not None and self._exchange.upload is not None:
            self._exchange.upload.paused = True

    def resume_writing(self) -> None:
        if self._exchange is not None and self._exchange.upload is not None:
            self._exchange.upload.paused = False
            self._exchange.upload.pump()

    # ---- inside

    def _shut(self) -> None:
        self.reusable = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

    def _last_read(self, read_bytes: int) -> None:
        if self._exchange is not None:
            self._exchange.received(self._buffer[:read_bytes])

    def _lost_before(self, exchange: Exchange) -> None:
        exchange.lost_before(f"connection closed by {self.peer}", self._unasked)
