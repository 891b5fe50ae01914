"""How an endpoint is reached: connections, HTTP/1.1, and bounds. Starts no actor."""

from greenroom.providers.transport.evidence import CERTIFICATE
from greenroom.providers.transport.limits import TransportLimits
from greenroom.providers.transport.link import ReactorLink
from greenroom.providers.transport.reactor import ReactorTransport

__all__ = ["CERTIFICATE", "ReactorLink", "ReactorTransport", "TransportLimits"]
