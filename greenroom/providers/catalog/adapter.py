"""A requests.Session that trusts whom the other transport trusts, takes the same proxy, and ends in time."""

import contextlib
import socket
import ssl
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from greenroom.providers.transport.proxies import Proxy


class Cutter:
    """After `after_s` every watched socket is shut down, whatever its thread waits for there.

    The timeouts of requests are for each read: a server that drips its head byte by byte would pass them for
    hours.
    """

    def __init__(self, after_s: float) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._over = False
        self._timer = threading.Timer(after_s, self.cut)
        self._timer.name, self._timer.daemon = "greenroom-model-list", True
        self._timer.start()

    def watch(self, connected: socket.socket) -> socket.socket:
        """The same socket. A copy is kept, as TLS takes the first one over."""
        with self._lock:
            self._sockets.append(connected.dup())
            if self._over:
                _shut_down(self._sockets[-1])
        return connected

    def cut(self) -> None:
        """Every watched socket is shut down now, and those that are watched later at once. Any thread."""
        with self._lock:
            self._over = True
            for watched in self._sockets:
                _shut_down(watched)

    def close(self) -> None:
        """Nothing is watched any more."""
        self._timer.cancel()
        with self._lock:
            for watched in self._sockets:
                watched.close()
            self._sockets.clear()


def _shut_down(watched: socket.socket) -> None:
    with contextlib.suppress(OSError):
        watched.shutdown(socket.SHUT_RDWR)


def _pools(cutter: Cutter) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, with connections whose sockets are watched."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return cutter.watch(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return cutter.watch(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Adapter(HTTPAdapter):
    """`context` alone says whom to trust: requests' own bundle is not added to it."""

    def __init__(self, proxy: Proxy | None, context: ssl.SSLContext | None, cutter: Cutter) -> None:
        self._proxy, self._context, self._cutter = proxy, context, cutter
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = _pools(self._cutter)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        trusted = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        manager: Any = super().proxy_manager_for(proxy, **kwargs, **trusted)
        manager.pool_classes_by_scheme = _pools(self._cutter)
        return manager

    def proxy_headers(self, _proxy: Any) -> dict[str, str]:
        return dict(self._proxy.headers) if self._proxy is not None else {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to load: the context verifies."""


def session_for(proxy: Proxy | None, context: ssl.SSLContext | None, cutter: Cutter) -> requests.Session:
    """Without redirects of its own doing, .netrc, cookies of before, or the environment's proxies."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    if proxy is not None:
        scheme = "https" if proxy.origin.tls else "http"
        url = f"{scheme}://{proxy.origin.name}"
        session.proxies = {"http": url, "https": url}
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(proxy, context, cutter))
    return session
