"""What a supervisor's pure core orders, and what its callers may say to it. Core: family.py, crowd.py."""

from dataclasses import dataclass, field
from typing import Any, Literal, Self

from greenroom.messages.invalid import GreenroomError
from greenroom.messages.signals import ExitReason
from greenroom.supervision.spec import ChildSpec, ChildType, Restart, check_is_spec, check_is_text

Status = Literal["starting", "running", "ended", "restarting", "waiting", "stopping", "down"]
"""ended: its exit is noted and not dealt with yet; restarting: a start failed or others must stop first;
waiting: for its back-off, or for room in the window; down: it has a spec and no actor."""
ALIVE: frozenset[str] = frozenset({"starting", "running", "stopping"})
STANDING = ALIVE | {"ended"}
"""What commands find running: as in OTP, an exit counts when it is dealt with, in its turn with the commands."""
Refusal = Literal[
    "already_started", "already_present", "running", "restarting", "not_found", "start_failed", "max_children",
    "shutting_down",
]  # fmt: skip
_WORDS: dict[str, str] = {
    "already_started": "a child of that id runs already",
    "already_present": "a child of that id is down, or about to be restarted: use RestartChild or DeleteChild",
    "running": "the child runs: TerminateChild ends it",
    "restarting": "the child is about to be restarted: TerminateChild ends that",
    "not_found": "no child has that id",
    "start_failed": "the child did not start",
    "max_children": "the supervisor has as many children as it may (max_children)",
    "shutting_down": "the supervisor is shutting down",
}


class ChildError(GreenroomError):
    """What was asked of a supervisor cannot be done. It has changed nothing."""

    def __init__(self, why: Refusal, child: str) -> None:
        self.why = why
        self.child = child
        super().__init__(why, child)

    def __str__(self) -> str:
        cause = self.__cause__
        return f"{self.child}: {_WORDS[self.why]}" + (f": {type(cause).__name__}: {cause}" if cause else "")

    def because(self, cause: BaseException | None) -> Self:
        """The same, with its cause."""
        self.__cause__ = cause
        return self


class TooManyRestarts(Exception):  # noqa: N818  (reads as what happened)
    """More restarts than `intensity` within the period: the supervisor has stopped its children and itself."""


class EndedAtStart(Exception):  # noqa: N818
    """A child ended before its start was over, without an error."""


# -- what can be asked of a supervisor: messages for `ref.ask`, `self.ask`


@dataclass(frozen=True, slots=True)
class StartChild:
    """Start it behind the others. Answers its ref, or None where it said that it is not needed."""

    spec: ChildSpec

    def __post_init__(self) -> None:
        check_is_spec(self.spec, "StartChild", "spec")


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """Stop it. Its spec is kept, unless it is temporary. Answers None."""

    id: str

    def __post_init__(self) -> None:
        check_is_text(self.id, "TerminateChild", "id")


@dataclass(frozen=True, slots=True)
class RestartChild:
    """Start one that is down. Answers as StartChild does."""

    id: str

    def __post_init__(self) -> None:
        check_is_text(self.id, "RestartChild", "id")


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Forget the spec of one that is down. Answers None."""

    id: str

    def __post_init__(self) -> None:
        check_is_text(self.id, "DeleteChild", "id")


@dataclass(frozen=True, slots=True)
class WhichChildren:
    """Answers a tuple of ChildInfo, in the order of their start."""


@dataclass(frozen=True, slots=True)
class CountChildren:
    """Answers ChildCounts."""


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """One child, as its supervisor sees it."""

    id: str
    ref: Any
    """None where it is down."""
    status: Status
    type: ChildType
    restart: Restart
    incarnation: int
    restarts: int
    """Since it was first started."""
    wait_s: float | None = None
    """How long until it is started again, where it is waiting."""


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """As OTP's count_children, and those that are restarting or waiting."""

    specs: int = 0
    active: int = 0
    supervisors: int = 0
    workers: int = 0
    restarting: int = 0


# -- what the core orders


@dataclass(frozen=True, slots=True)
class Launch:
    """Start it. `fresh`: its kept state has crashed it twice, and is made anew."""

    id: str
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """End this incarnation, in order; say so if it takes longer than `within_s`."""

    id: str
    within_s: float | None


@dataclass(frozen=True, slots=True)
class Kill:
    """Abandon it. `overdue`: it had its time."""

    id: str
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """Say so when this time has passed."""

    id: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Unwake:
    """No wake is wanted any more."""

    id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """No incarnation will follow. `given_up`: it crashed too often; its spec."""

    id: str
    given_up: ChildSpec | None = None


@dataclass(frozen=True, slots=True)
class LieIdle:
    """It is down, and nobody but a command will start it: mail for it is refused until then."""

    id: str


@dataclass(frozen=True, slots=True)
class Tell:
    """An event of the supervisor family."""

    what: str
    child: str
    facts: dict[str, Any] = field(default_factory=dict)


def everything(_: str) -> bool:
    """Every event is wanted."""
    return True


@dataclass(frozen=True, slots=True)
class Answer:
    """To who asked. `child`: the answer is that child's ref."""

    token: Any
    child: str | None = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """All children have started: the start of the supervisor is over."""


@dataclass(frozen=True, slots=True)
class Leave:
    """All children have ended: the supervisor ends."""

    reason: ExitReason
    error: BaseException | None = None


Order = Launch | Stop | Kill | Wake | Unwake | Forget | LieIdle | Tell | Answer | Ready | Leave
