"""How an endpoint is reached: connections, HTTP/1.1, and bounds. Starts no actor."""

from greenroom.providers.transport.evidence import CERTIFICATE
from greenroom.providers.transport.limits import TransportLimits
from greenroom.providers.transport.link import ReactorLink
from greenroom.providers.transport.reactor import ReactorTransport
from greenroom.providers.transport.trust import BundleError, check_bundle

__all__ = [
    "CERTIFICATE",
    "BundleError",
    "ReactorLink",
    "ReactorTransport",
    "TransportLimits",
    "check_bundle",
]
