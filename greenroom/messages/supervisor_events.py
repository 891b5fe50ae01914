"""What supervisors tell: their children's starts, exits and restarts, and their own ends. Rules: `events.py`."""

from greenroom.messages.events import Event


class SupervisorEvent(Event):
    """Common fields of the supervisor family."""

    child: str
    incarnation: int = 0
    """Of the child."""
    restarts: int = 0
    """In the supervisor's window."""
    window_s: float | None = None


class ChildStarted(SupervisorEvent):
    name = "supervisor.child_started"
    ignored: bool = False
    """It said that it is not needed."""


class ChildExited(SupervisorEvent):
    name = "supervisor.child_exited"
    reason: str
    error: str | None = None


class ChildStartFailed(SupervisorEvent):
    name = "supervisor.start_failed"
    error: str


class ChildRestartScheduled(SupervisorEvent):
    name = "supervisor.restart_scheduled"
    delay_s: float
    attempt: int
    """Failures in a row."""
    cause: str
    deferred: bool = False
    """There is no room in the window: the restart waits until there is."""


class ChildRestarted(ChildStarted):
    name = "supervisor.child_restarted"


class ChildKilled(SupervisorEvent):
    """It did not end within its time, and was abandoned."""

    name = "supervisor.child_killed"
    timeout_s: float


class ChildGivenUp(SupervisorEvent):
    """Its own limit is spent: it stays down."""

    name = "supervisor.child_given_up"
    limit: int
    within_s: float


class ChildStateDropped(SupervisorEvent):
    """The next incarnation begins with fresh state."""

    name = "supervisor.state_dropped"
    why: str
    """poisoned: it crashed two in a row; unfit: the check refused it."""
    error: str | None = None


class IntensityExceeded(SupervisorEvent):
    name = "supervisor.intensity_exceeded"
    intensity: int


class AutoShutdown(SupervisorEvent):
    """A significant child has ended by itself, and with it its supervisor."""

    name = "supervisor.auto_shutdown"
    mode: str


class SupervisorShutDown(SupervisorEvent):
    """All its children have ended. `child`: the supervisor itself."""

    name = "supervisor.shutdown"
    reason: str
    escalated: bool = False
    """It ends because of its children: its own supervisor decides what becomes of it."""
    error: str | None = None
