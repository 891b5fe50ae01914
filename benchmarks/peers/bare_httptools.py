"""llhttp under a BufferedProtocol on uvloop: what a hand-written client of one server costs."""

import asyncio
import json
import ssl
from typing import Any

import httptools

from benchmarks.meter import Reader
from benchmarks.work import Work, as_base, request_bytes

_SHARED = bytearray(256 * 1024)
"""One read buffer for all connections: what is in it is parsed before the next read."""
_VIEW = memoryview(_SHARED)


class _Connection(asyncio.BufferedProtocol):
    def __init__(self, reader: Reader, url: str) -> None:
        self._reader, self._url = reader, url
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._transport: Any = None
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(request_bytes(self._url, self._reader.model))

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002
        return _SHARED

    def buffer_updated(self, nbytes: int) -> None:
        self._parser.feed_data(_VIEW[:nbytes])

    def on_body(self, data: bytes) -> None:
        if self._body:
            data = self._body + data
        *events, self._body = data.split(b"\n\n")
        for event in events:
            if not event.startswith(b"data: ") or event == b"data: [DONE]":
                continue
            choices = json.loads(event[6:])["choices"]
            text = choices[0]["delta"].get("content") if choices else None
            if text:
                self._reader.append(text)

    def on_message_complete(self) -> None:
        self._reader.ended()
        self.over.set_result(None)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("closed before the end"))

    def abort(self) -> None:
        """The socket is closed now."""
        self.over.cancel()
        self._transport.abort()


class Peer:
    """A connection per stream."""

    def __init__(self, work: Work) -> None:
        self._tls = ssl.create_default_context(cafile=work.ca_file) if work.ca_file else None
        self._live: dict[Reader, _Connection] = {}

    async def open(self) -> None:
        """Nothing to prepare."""

    async def read(self, reader: Reader) -> None:
        """One connection, one request, until its end."""
        host, port, _ = as_base(reader.url)
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(
            lambda: _Connection(reader, reader.url), host, port, ssl=self._tls
        )
        self._live[reader] = protocol
        await protocol.over
        del self._live[reader]

    def cancel(self, reader: Reader) -> None:
        """Aborts the connection."""
        self._live[reader].abort()
