"""The bounds and settings of a transport, each with its reason."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """What one endpoint's connections may cost. Bytes and seconds."""

    max_head_bytes: int = 64 * KIB
    """Of status line and headers with all interim answers, and of bytes that bring no body (trailers, chunk
    extensions). The largest seen from a provider are about 8 KiB."""
    max_headers: int = 512
    """Each is an object of ours; the most seen from a provider are about 60."""
    max_body_bytes: int = 1024 * MIB
    """Of one answer as the codec reads it. The text bound of a request lies far below."""
    max_inflate_ratio: int = 100
    """Body bytes out of each compressed byte; event streams reach 30, a bomb 1,000."""
    inflate_allowance_bytes: int = MIB
    """Free of the ratio, as a short body of one repeated character is no bomb."""
    read_buffer_bytes: int = 256 * KIB
    """One buffer for all connections of a transport: a read is consumed before the next one begins."""
    write_piece_bytes: int = 64 * KIB
    """A body is handed over in pieces, so that an early answer is seen before all of it is sent."""
    tls_handshakes_max: int = 32
    """At once: each holds the loop for about 0.3 ms, so a burst would stand in the way of live streams. Enough
    for 160 a second at a round trip of 0.2 s: a thousand streams begin within `connect_timeout_s`."""
    dns_ttl_s: float = 10.0
    """Long enough for a burst of connections, short enough for a failover by DNS."""
    happy_eyeballs_delay_s: float = 0.25
    """RFC 8305's recommendation."""
    tcp_keepalive_idle_s: int = 30
    """Below the 60 s after which common NATs and load balancers forget a silent connection."""
    tcp_keepalive_interval_s: int = 10
    tcp_keepalive_probes: int = 4
