"""Which proxy stands between us and an endpoint: the configured one, else the environment's."""

import base64
import ipaddress
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from greenroom.providers.transport.origin import Origin, address_of, origin_of


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization` is a secret."""

    origin: Origin
    authorization: str | None = field(default=None, repr=False)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("Proxy-Authorization", self.authorization),) if self.authorization else ()


def proxy_for(target: Origin, configured: str | None) -> Proxy | None:
    """The proxy to reach `target` by, or None for the direct way. Raises ValueError for one of another kind.

    The environment's proxies are never used for the machine itself: a local model server behind a company's
    proxy cannot be reached.
    """
    if configured is not None:
        return _proxy_of(configured)
    if target.is_loopback:
        return None
    known = urllib.request.getproxies()
    url = known.get("https" if target.tls else "http") or known.get("all")
    return None if not url or _is_exempt(target, known) else _proxy_of(url)


def _proxy_of(url: str) -> Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    shown = f"{parts.scheme}://{parts.hostname or ''}"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"the proxy {shown!r} is not an http:// or https:// one; others are not supported")
    authorization = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(user.encode()).decode('ascii')}"
    return Proxy(origin_of(parts.geturl()), authorization)


def _is_exempt(target: Origin, known: Mapping[str, str]) -> bool:
    if urllib.request.proxy_bypass(target.name):
        return True
    address = address_of(target.host)
    entries = [entry.strip() for entry in known.get("no", "").split(",")]
    return address is not None and any(_contains(entry, address) for entry in entries)


def _contains(network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
