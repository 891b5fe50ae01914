"""requests and urllib3 on one connection of ours: an adapter with one pool, and connections that know their line.

urllib3 writes the request; the answer is read by the line (`StrictResponse.begin`), by the parser and within
the bounds of the reactor. So what http.client would let through, or would read without a bound, never gets there.
"""

import functools
import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Protocol

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from greenroom.messages.commands import WireHead
from greenroom.providers.transport.limits import TransportLimits
from greenroom.providers.transport.origin import Origin
from greenroom.providers.transport.proxies import Proxy


class OfLine(Protocol):
    """What a connection asks of its line."""

    def dialling(self) -> None: ...
    def reached(self, sock: socket.socket) -> None: ...
    def tunnel(self, sock: Any) -> None: ...
    def write(self, sock: Any, data: Any) -> None: ...
    def hear_head(self, sock: Any) -> WireHead: ...


class LineAdapter(HTTPAdapter):
    """Sends on the line's own connection, and nowhere else; never twice."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._pool = pool

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Our own context says whom we trust; requests would add its own authorities to it."""

    def close(self) -> None:
        self._pool.close()


def pool_of(
    line: OfLine, origin: Origin, proxy: Proxy | None, context: ssl.SSLContext | None, limits: TransportLimits
) -> HTTPConnectionPool:
    """A pool for one connection, which is the line's."""
    more: dict[str, Any] = {"maxsize": 1, "socket_options": _socket_options(limits)}
    scheme = "https" if origin.tls else "http"
    if proxy is not None:
        hop = proxy.origin
        url = f"{'https' if hop.tls else 'http'}://{hop.name}"
        if hop.tls:
            more["proxy_ssl_context"] = context
        if origin.tls:
            more["ssl_context"] = context
        manager = urllib3.ProxyManager(url, proxy_headers=dict(proxy.headers), **more)
        pool = manager.connection_from_host(origin.host, origin.port, scheme)
    elif origin.tls:
        pool = urllib3.HTTPSConnectionPool(origin.host, origin.port, ssl_context=context, **more)
    else:
        pool = urllib3.HTTPConnectionPool(origin.host, origin.port, **more)
    kind = SecureConnection if issubclass(pool.ConnectionCls, HTTPSConnection) else PlainConnection
    pool.ConnectionCls = functools.partial(kind, line)  # type: ignore[assignment]
    return pool


def _socket_options(limits: TransportLimits) -> list[tuple[int, int, int]]:
    """As the reactor's: small writes leave at once, a peer that is silently gone is noticed."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    settings = {
        "TCP_KEEPIDLE": limits.tcp_keepalive_idle_s,
        "TCP_KEEPALIVE": limits.tcp_keepalive_idle_s,
        "TCP_KEEPINTVL": limits.tcp_keepalive_interval_s,
        "TCP_KEEPCNT": limits.tcp_keepalive_probes,
    }
    known = ((getattr(socket, name, None), value) for name, value in settings.items())
    return options + [(socket.IPPROTO_TCP, option, value) for option, value in known if option is not None]


class _OnLine(HTTPConnection):
    """Over urllib3's own: connects once, and leaves the socket's reads and writes to the line."""

    def __init__(self, line: OfLine, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._line = line
        self.response_class = functools.partial(StrictResponse, line)  # type: ignore[assignment]

    @property
    def is_connected(self) -> bool:
        """The line watches its connection while it rests; urllib3 takes a TLS session ticket for a loss."""
        return self.sock is not None

    def connect(self) -> None:
        self._line.dialling()
        super().connect()

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        try:
            self._line.reached(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _tunnel(self) -> None:
        self._line.tunnel(self.sock)

    def send(self, data: Any) -> None:
        self._line.write(self.sock, data)


class PlainConnection(_OnLine):
    """To an http:// server, or to the proxy in front of one."""


class SecureConnection(_OnLine, HTTPSConnection):
    """To an https:// server."""


class StrictResponse(http.client.HTTPResponse):
    """As http.client sees it an answer without body: the body is the line's to read."""

    def __init__(self, line: OfLine, sock: Any, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self._line, self._sock = line, sock

    def begin(self) -> None:
        head = self._line.hear_head(self._sock)
        self.status = self.code = head.status
        self.reason, self.version = "", 11
        self.headers = self.msg = _message(dict(head.headers))
        self.chunked, self.chunk_left, self.length = False, None, None
        # Or http.client would close the socket under the reader.
        self.will_close = False


def _message(headers: Mapping[str, str]) -> http.client.HTTPMessage:
    message = http.client.HTTPMessage()
    for name, value in headers.items():
        # What urllib3 would make of a body's framing is not its business here.
        if name not in {"content-length", "transfer-encoding", "location", "set-cookie"}:
            message[name] = value
    return message
