"""TLS between a transport and a protocol: to each of them it looks like the other.

Our own, not the loop's, for four reasons. The loops differ in how they end a stream: asyncio takes a missing
close_notify for a proper end, uvloop does not. Both throw away an answer that came when writing failed. Both
hold buffers of their own for each connection, where ours share one. And TLS within TLS (a proxy reached by
https) works alike everywhere.

    made --shake--> shaking --handshake done--> open --close_notify or loss--> over
                        '-------- failed ---------------------------------------^

`shaken` tells the outcome of the handshake. The protocol above is told `connection_made` when it is done, and
`connection_lost` only if it was told that.
"""

import asyncio
import ssl
from collections import deque
from typing import Any, cast

from greenroom.providers.transport.last_words import read_last_words
from greenroom.providers.transport.outcome import outcome

_EARLY_BYTES_MAX = 65536
_MORE, _DRY, _ENDED = object(), object(), object()
"""Of a read: the buffer is full, nothing is left, close_notify came."""


class TlsPipe(asyncio.Transport, asyncio.BufferedProtocol):
    """One connection's. `buffer` is the one that the protocol above reads from too; all may share it."""

    __slots__ = (
        "_aborted", "_above", "_backlog", "_below", "_buffer", "_incoming", "_outgoing", "_paused",
        "_server_name", "_tls", "_told", "shaken",
    )  # fmt: skip

    def __init__(self, server_name: str, above: asyncio.BufferedProtocol, buffer: memoryview) -> None:
        super().__init__()
        self._server_name = server_name
        self._above = above
        self._buffer = buffer
        self._below: asyncio.Transport | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._backlog: deque[bytes | memoryview] = deque()
        self._paused = self._told = self._aborted = False
        self.shaken = outcome()

    def shake(self, context: ssl.SSLContext) -> None:
        """The handshake is under way; await `shaken`, which raises OSError (ssl.SSLError is one)."""
        if not self.shaken.done():
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=self._server_name)
            self._go_on_shaking(self._tls)

    # ---- a protocol, to the transport below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._incoming.write(self._buffer[:nbytes])
        if self._told:
            self._read()
        elif self._tls is not None:
            self._go_on_shaking(self._tls)
        elif self._incoming.pending > _EARLY_BYTES_MAX:
            self._fail(ConnectionAbortedError("the server speaks before it is asked"))

    def eof_received(self) -> None:
        """TCP ended. Where TLS had not, that is a loss and no end: somebody may have cut it."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._told and self._below is not None and not self._aborted:
            # What came before the loss is handed up, also what waited for the end of a pause.
            self._paused = False
            if exc is not None:
                read_last_words(self._below, self._buffer, self.buffer_updated)
            self._read()
        self._below = None
        if not self.shaken.done():
            self.shaken.set_exception(exc or ConnectionAbortedError("the server closed the connection"))
        if self._told:
            self._told = False
            self._above.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._told:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        if self._told:
            self._above.resume_writing()

    # ---- a transport, to the protocol above

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._backlog.append(data if isinstance(data, memoryview) else bytes(data))
        self._write()

    def pause_reading(self) -> None:
        self._paused = True
        if self._below is not None:
            self._below.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        if self._below is not None:
            self._below.resume_reading()
            # What was decrypted or received before the pause; not at once, as the caller may be its reader.
            asyncio.get_running_loop().call_soon(self._read)

    def is_closing(self) -> bool:
        return self._below is None or self._below.is_closing()

    def abort(self) -> None:
        self._aborted = True
        if self._below is not None:
            self._below.abort()

    def close(self) -> None:
        self.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._above = cast("asyncio.BufferedProtocol", protocol)

    def get_write_buffer_size(self) -> int:
        return 0 if self._below is None else self._below.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of TLS only: the socket below carries bytes that nobody above could read."""
        return self._tls if name == "ssl_object" else default

    # ---- inside

    def _go_on_shaking(self, tls: ssl.SSLObject) -> None:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except (OSError, ValueError) as error:
            self._flush()
            self._fail(error if isinstance(error, OSError) else ConnectionAbortedError(str(error)))
            return
        self._flush()
        if self.shaken.done():
            return
        self._told = True
        self._above.connection_made(self)
        self.shaken.set_result(None)
        self._read()

    def _fail(self, error: OSError) -> None:
        if not self.shaken.done():
            self.shaken.set_exception(error)
        if self._below is not None:
            # Not abort: the alert that says why goes out first.
            self._below.close()

    def _read(self) -> None:
        """Hand up what can be decrypted: all of one socket read at once, as far as the buffer holds it."""
        tls, verdict = self._tls, _MORE
        while tls is not None and self._told and verdict is _MORE and not (self._paused or self._aborted):
            have, verdict = self._decrypt(tls)
            if have:
                self._above.buffer_updated(have)
        if isinstance(verdict, ssl.SSLError):
            self._break(verdict)
        elif verdict is _ENDED and self._told and not self._aborted:
            self._above.eof_received()
        elif self._backlog:
            self._write()
        elif self._outgoing.pending:
            self._flush()

    def _decrypt(self, tls: ssl.SSLObject) -> tuple[int, object]:
        """Bytes put into the buffer, and what comes after them."""
        have, size, buffer, incoming = 0, len(self._buffer), self._buffer, self._incoming
        try:
            while have < size:
                # Asking first costs less than the exception that says there is nothing.
                if not incoming.pending and not tls.pending():
                    return have, _DRY
                got = tls.read(size - have, buffer[have:])
                if not got:
                    return have, _ENDED
                have += cast("int", got)
        except ssl.SSLWantReadError:
            return have, _DRY
        except ssl.SSLError as error:
            return have, error
        return have, _MORE

    def _write(self) -> None:
        tls, backlog = self._tls, self._backlog
        if tls is None or not self._told:
            return
        try:
            while backlog:
                data = backlog[0]
                wrote = tls.write(data)
                if wrote == len(data):
                    backlog.popleft()
                else:
                    backlog[0] = memoryview(data)[wrote:]
        except ssl.SSLWantReadError:
            pass  # the next read goes on with it
        except ssl.SSLError as error:
            # Later, as the caller is in the middle of something.
            asyncio.get_running_loop().call_soon(self._break, error)
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self._below is not None and not self._below.is_closing():
            self._below.write(self._outgoing.read())

    def _break(self, error: ssl.SSLError) -> None:
        """What came is no TLS: the protocol above has lost its connection."""
        if self._told:
            self._told = False
            self._above.connection_lost(error)
        self.abort()
