"""Where a URL points: host, port, and whether TLS is spoken there."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """One server. `host` is ASCII, without brackets."""

    host: str
    port: int
    tls: bool

    @property
    def name(self) -> str:
        """`host:port`, as people read it."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """The Host header: without the scheme's own port, and without an IPv6 zone."""
        host = _bracketed(self.host.partition("%")[0])
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        address = address_of(self.host)
        return self.host == "localhost" if address is None else address.is_loopback


def origin_of(url: str) -> Origin:
    """Raises ValueError where the URL is not http or https with a host."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("must be an http:// or https:// URL with a host")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    return Origin(host, parts.port or _PORTS[parts.scheme], tls=parts.scheme == "https")


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that `host` is, or None where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
