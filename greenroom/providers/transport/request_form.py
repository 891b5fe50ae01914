"""An HttpRequest as HTTP/1.1 bytes. Nothing that a caller gives can add a line or a second request."""

import re
from dataclasses import dataclass, field

from greenroom.messages.commands import HttpRequest

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!-~]*")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OURS = frozenset({"content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What every request of a connection has in common."""

    authority: str
    target_prefix: str = ""
    """`http://host:port` where a plain HTTP proxy stands between."""
    extra: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Headers for the proxy."""

    def head_of(self, request: HttpRequest) -> bytes:
        """Request line and headers. Raises ValueError, which never shows a header's value."""
        if _TOKEN.fullmatch(request.method) is None:
            raise ValueError(f"not an HTTP method: {request.method!r}")
        if _TARGET.fullmatch(request.path) is None:
            raise ValueError(
                f"not a request path: {request.path!r}; it begins with / and is percent-encoded ASCII"
            )
        given = {name.lower() for name, _ in request.headers}
        lines = [f"{request.method} {self.target_prefix}{request.path} HTTP/1.1"]
        if "host" not in given:
            lines.append(f"Host: {self.authority}")
        lines += [_line(name, value) for name, value in (*request.headers, *self.extra)]
        if "accept-encoding" not in given:
            # Compression would hold deltas back in the server's buffer, and saves nothing worth it.
            lines.append("Accept-Encoding: identity")
        if "connection" not in given:
            lines.append("Connection: keep-alive")
        if request.body or request.method not in {"GET", "HEAD", "DELETE"}:
            lines.append(f"Content-Length: {len(request.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _line(name: str, value: str) -> str:
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"not a header name: {name!r}")
    if name.lower() in _OURS:
        raise ValueError(f"header {name!r} is the transport's own; it follows from the body")
    if _VALUE.fullmatch(value) is None:
        raise ValueError(
            f"the value of header {name!r} holds a line break, a control or a non-Latin-1 character"
        )
    return f"{name}: {value.strip()}"
