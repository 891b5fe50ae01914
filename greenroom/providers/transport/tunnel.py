"""CONNECT: a way through an HTTP proxy, as an asyncio protocol that hands its transport over afterwards."""

import asyncio
import re
from typing import cast

from greenroom.messages.contracts import TransportError
from greenroom.providers.transport import evidence
from greenroom.providers.transport.origin import Origin
from greenroom.providers.transport.outcome import outcome
from greenroom.providers.transport.proxies import Proxy

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")


class Tunnel(asyncio.BufferedProtocol):
    """Asks as soon as it is connected; `opened` is done when the proxy said yes, or raises TransportError."""

    def __init__(self, proxy: Proxy, target: Origin, buffer: memoryview, max_head_bytes: int) -> None:
        self._proxy = proxy
        self._target = target
        self._max_head_bytes = max_head_bytes
        self._head = b""
        self._buffer = buffer
        self.opened = outcome()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        name = self._target.name
        lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", *(f"{n}: {v}" for n, v in self._proxy.headers)]
        cast("asyncio.Transport", transport).write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.opened.done():
            return
        self._head += self._buffer[:nbytes]
        head, blank, rest = self._head.partition(b"\r\n\r\n")
        if not blank:
            if len(self._head) > self._max_head_bytes:
                self._refuse(None, "its answer does not end")
            return
        line = _STATUS_LINE.match(head + b"\r\n")
        if line is None:
            self._refuse(None, f"it does not speak HTTP: {head[:60].decode('latin-1')!a}")
        elif not line[1].startswith(b"2"):
            self._refuse(int(line[1]), (line[2] or b"").decode("latin-1"))
        elif rest:
            self._refuse(None, "it sent more than an answer")
        else:
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self._refuse(None, evidence.happened(exc))

    def _refuse(self, status: int | None, reason: str) -> None:
        error: TransportError = evidence.proxy_refused(self._proxy.origin, self._target, status, reason)
        self.opened.set_exception(error)
