"""The bounds of a simulator."""

from pydantic import Field

from greenroom.messages.value import Input

_MIB = 1024 * 1024


class SimulatorLimits(Input):
    """Bounds that a client can run into, and bounds of what is remembered."""

    max_head_bytes: int = Field(default=64 * 1024, ge=256)
    """Request line and headers; beyond it 431."""
    max_body_bytes: int = Field(default=16 * _MIB, ge=0)
    """Request body; beyond it 413."""
    max_connections: int = Field(default=10_000, ge=1)
    """Open at once; one more is answered with 503 and closed."""
    idle_s: float = Field(default=75.0, gt=0)
    """A connection on which nothing happens for so long is closed."""
    max_records: int = Field(default=10_000, ge=1)
    """Requests remembered; the oldest are forgotten first."""
    max_recorded_bytes: int = Field(default=64 * _MIB, ge=0)
    """Request bodies remembered, all together."""
