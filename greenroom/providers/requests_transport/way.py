"""Where an endpoint's lines go and by what: origin, proxy, bounds, and how a request is addressed there."""

from dataclasses import dataclass

from greenroom.messages.commands import HttpRequest, WireEnd, WireRead
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport.exchange import of_used_link
from greenroom.providers.transport.limits import TransportLimits
from greenroom.providers.transport.origin import Origin
from greenroom.providers.transport.proxies import Proxy
from greenroom.providers.transport.request_form import RequestForm


@dataclass(frozen=True, slots=True)
class Way:
    """Shared by all lines of an endpoint."""

    origin: Origin
    proxy: Proxy | None
    limits: TransportLimits
    form: RequestForm
    """Says whether a request can be one; requests writes it."""

    @property
    def proxies(self) -> dict[str, str]:
        """As `requests` is told of a proxy; its password stands in the pool."""
        if self.proxy is None:
            return {}
        hop = self.proxy.origin
        return {"https" if self.origin.tls else "http": f"{'https' if hop.tls else 'http'}://{hop.name}"}

    def url_of(self, request: HttpRequest) -> str:
        scheme = "https" if self.origin.tls else "http"
        return f"{scheme}://{self.origin.authority}{request.path}"


def dict_of(request: HttpRequest) -> dict[str, str]:
    """The headers as `requests` takes them; one that is given twice is one list (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, value in request.headers:
        known = names.setdefault(name.lower(), name)
        headers[known] = f"{headers[known]}, {value.strip()}" if known in headers else value.strip()
    return headers


def lost_read(
    origin: Origin, now_s: float, epoch: int, reused: bool, body_bytes: int | None, *, by_us: bool
) -> WireRead:
    """The end of an exchange whose connection is gone."""
    side = f"to {origin.name} closed on this side" if by_us else f"closed by {origin.name}"
    begun = body_bytes is not None
    where = f"after {body_bytes:,} body bytes" if begun else "before any answer"
    text = f"connection {side} {where}"
    why = ErrorEvidence(kind="transport", phase="body" if begun else "request", message=text)
    end = WireEnd(False, why)
    return WireRead(epoch, now_s, end=of_used_link(end, begun, 0.0) if reused else end)
