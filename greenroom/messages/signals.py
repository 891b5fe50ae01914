"""What the kernel itself says to actors. Plain slots dataclasses: they are made on the hot path.

`Down`, `Reply`, `AskFailed` and `TaskDone` arrive as mail, so they never overtake what was sent before them.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

ExitReason = Literal["normal", "shutdown", "killed", "failed"]
"""Why an actor ended: by itself or on request, with its parent or the system, abandoned, or by a failure."""


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids that travel in an envelope and are bound for structlog while its message is handled."""

    request_id: str | None = None
    stream_id: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Down:
    """The watched incarnation has ended. Sent once a watch, after the last message it sent."""

    ref: Any
    reason: ExitReason
    error: BaseException | None = None
    incarnation: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """The incarnation of a child is up, told to the parent that asked for it; before any Down of it.

    `ignored`: it said that it is not needed (`IgnoreStart`), and ends as `normal`.
    """

    ref: Any
    incarnation: int
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class ShutDown:
    """Control, from a supervisor to that incarnation of a child: end, in order and soon."""

    late_is_fine: ClassVar[bool] = True

    incarnation: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the asked actor answered to `self.ask(..., tag=tag)`."""

    tag: Any
    value: Any


@dataclass(frozen=True, slots=True)
class AskFailed:
    """The ask of that tag failed: it timed out, the asked actor died, or it answered with an error."""

    tag: Any
    error: BaseException


@dataclass(frozen=True, slots=True)
class TaskDone:
    """The coroutine of `self.run(..., tag)` has ended; `error` is None where it returned."""

    tag: Any
    value: Any = None
    error: BaseException | None = None
