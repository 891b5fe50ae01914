"""A requests.Session that trusts whom the other transport trusts, and takes the same proxy."""

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from greenroom.providers.transport.proxies import Proxy


class _Adapter(HTTPAdapter):
    """`context` alone says whom to trust: requests' own bundle is not added to it."""

    def __init__(self, proxy: Proxy | None, context: ssl.SSLContext | None) -> None:
        self._proxy, self._context = proxy, context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        return super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        trusted = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        return super().proxy_manager_for(proxy, **kwargs, **trusted)

    def proxy_headers(self, _proxy: Any) -> dict[str, str]:
        return dict(self._proxy.headers) if self._proxy is not None else {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to load: the context verifies."""


def session_for(proxy: Proxy | None, context: ssl.SSLContext | None) -> requests.Session:
    """Without redirects of its own doing, .netrc, cookies of before, or the environment's proxies."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    if proxy is not None:
        scheme = "https" if proxy.origin.tls else "http"
        url = f"{scheme}://{proxy.origin.name}"
        session.proxies = {"http": url, "https": url}
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(proxy, context))
    return session
