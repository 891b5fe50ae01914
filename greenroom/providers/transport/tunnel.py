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


def tunnel_request(proxy: Proxy, target: Origin) -> bytes:
    """What asks the proxy for a way."""
    name = target.name
    lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", *(f"{n}: {v}" for n, v in proxy.headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def is_open(answer: bytes, proxy: Proxy, target: Origin, max_head_bytes: int) -> bool:
    """The proxy has said yes; False while its answer is not whole. Raises TransportError."""

    def refused(status: int | None, reason: str) -> TransportError:
        return evidence.proxy_refused(proxy.origin, target, status, reason)

    head, blank, rest = answer.partition(b"\r\n\r\n")
    if not blank:
        if len(answer) > max_head_bytes:
            raise refused(None, "its answer does not end")
        return False
    line = _STATUS_LINE.match(head + b"\r\n")
    if line is None:
        raise refused(None, f"it does not speak HTTP: {head[:60].decode('latin-1')!a}")
    if not line[1].startswith(b"2"):
        raise refused(int(line[1]), (line[2] or b"").decode("latin-1"))
    if rest:
        raise refused(None, "it sent more than an answer")
    return True


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
        cast("asyncio.Transport", transport).write(tunnel_request(self._proxy, self._target))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.opened.done():
            return
        self._head += self._buffer[:nbytes]
        try:
            if is_open(self._head, self._proxy, self._target, self._max_head_bytes):
                self.opened.set_result(None)
        except TransportError as error:
            self.opened.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            refused = evidence.proxy_refused(self._proxy.origin, self._target, None, evidence.happened(exc))
            self.opened.set_exception(refused)
