"""What `system.recoverable()` tells: streams that failed or whose process ended, and whether they can go on."""

from typing import Literal

from pydantic import Field

from greenroom.messages.failures import Failure
from greenroom.messages.retry_state import ResumeMode
from greenroom.messages.value import Value


class RecoverableStream(Value):
    """One state of the retry store. `system.recover(stream_id)` takes it up."""

    stream_id: str
    request_id: str
    provider: str
    model: str
    outcome: Literal["failed", "interrupted"]
    """interrupted: its process ended under it, killed or shut down."""
    failure: Failure | None = None
    """How it failed."""
    delivered_seq: int
    """The last delta that is known to have been delivered."""
    delivered_text: str = Field(repr=False)
    """The text of the first choice so far."""
    attempts: int
    """Attempts that had ended."""
    started_at: float
    """Seconds since 1970 UTC."""
    updated_at: float
    """Its last change that was stored."""
    age_s: float
    """Seconds since then."""
    expires_at: float
    """When the store forgets it."""
    can_go_on: bool
    mode: ResumeMode | None = None
    """The way on that would be taken first; None where there is none."""
    why: str
    """Why it can or cannot go on, in words."""
