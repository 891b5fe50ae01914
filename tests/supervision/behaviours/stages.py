"""What the behaviours of OTP's and Elixir's suites are played on: a supervisor and children that obey a script.

Two stages with the same means: real actors on a real dispatcher (stage_of_actors.py), and the pure core alone
(stage_of_the_core.py). A test that takes `stage` is played on both.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from greenroom.actors.errors import IgnoreStart
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.supervision.orders import ChildCounts, ChildError, ChildInfo, CountChildren, WhichChildren
from greenroom.supervision.spec import ChildSpec

HowItStarts = Literal["up", "fail", "ignore", "hang", "quit"]
HowItDies = Literal["normal", "shutdown", "failed", "killed"]
ABNORMAL: tuple[HowItDies, ...] = ("failed", "killed")
QUIET: tuple[HowItDies, ...] = ("normal", "shutdown")


class Boom(Exception):
    """What a child fails with."""


@dataclass
class Script:
    """One child's."""

    starts: list[HowItStarts] = field(default_factory=list)
    """Its next starts, the first first."""
    then: HowItStarts = "up"
    """All further ones. hang: it never says that it has started; quit: it ends as normal before it says so."""
    stop_s: float | None = 0.0
    """How long it takes to end in order; None: it does not end."""

    def next_start(self) -> HowItStarts:
        return self.starts.pop(0) if self.starts else self.then


@dataclass(frozen=True)
class Die:
    reason: HowItDies


class Player(LoopActor):
    """A child on the stage of actors."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def on_start(self) -> None:
        how = self.script.next_start()
        if how == "fail":
            raise Boom("it does not start")
        if how == "ignore":
            raise IgnoreStart
        if how in ("hang", "quit"):
            self.start_later()
        if how == "quit":
            self.exit("normal")

    def on_shutdown(self) -> None:
        if self.script.stop_s == 0:
            self.exit("shutdown")
        elif self.script.stop_s is not None:
            self.timer(self.script.stop_s, Die("shutdown"))

    @receives(Die)
    def on_die(self, order: Die) -> None:
        if order.reason == "failed":
            raise Boom("it was told to")
        self.exit(order.reason)

    @receives(str)
    def on_str(self, _: str) -> int:
        return self.incarnation


class Stage(ABC):
    """One supervisor at `/top`, its children, their scripts, and a clock that the test moves."""

    real: bool

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = defaultdict(Script)
        self._seen = 0
        self._alive: set[str] = set()

    def spec(self, name: str, restart: Any = "permanent", **more: Any) -> ChildSpec:
        """A child that obeys `scripts[name]`."""
        return ChildSpec(name, Player, (self.scripts[name],), restart=restart, **more)

    def specs(self, names: Iterable[str], restart: Any = "permanent", **more: Any) -> list[ChildSpec]:
        return [self.spec(name, restart, **more) for name in names]

    @abstractmethod
    def open(self, specs: Iterable[ChildSpec], *, dynamic: bool = False, **options: Any) -> None:
        """The supervisor is started with these; all that follows has happened."""

    @abstractmethod
    def die(self, name: str, how: HowItDies = "failed") -> None:
        """The child, which runs, ends so by itself; all that follows has happened."""

    @abstractmethod
    def advance(self, seconds: float) -> None: ...

    @abstractmethod
    def call(self, message: Any) -> Future[Any]:
        """The message is asked of the supervisor; all that can follow now has happened."""

    @abstractmethod
    def shut(self) -> None:
        """The supervisor is ordered to end, as its own supervisor does it."""

    @property
    @abstractmethod
    def end(self) -> tuple[str, BaseException | None] | None:
        """How the supervisor ended; None while it lives."""

    @abstractmethod
    def lines(self) -> list[str]:
        """`start a`, `stop a failed`: all starts and ends since the beginning, in their order."""

    @abstractmethod
    def told(self, what: str) -> list[Any]:
        """The events `supervisor.<what>`: objects with `child` and the event's other fields."""

    def ask(self, message: Any) -> Any:
        """The answer, which is there at once; a child that was started is its name."""
        future = self.call(message)
        assert future.done(), f"no answer to {message}"
        return self.named(future.get(timeout=0))

    def named(self, answer: Any) -> Any:
        return answer

    def refused(self, message: Any) -> ChildError:
        """The refusal of what is asked."""
        future = self.call(message)
        assert future.done(), f"no answer to {message}"
        return refusal(future)

    def trace(self) -> list[str]:
        """The lines since the last look. No child ever lives twice at a time."""
        new = self.lines()[self._seen :]
        self._seen += len(new)
        for line in new:
            what, name, *_ = line.split()
            assert (what == "stop") == (name in self._alive), f"{line} with {sorted(self._alive)} alive"
            (self._alive.add if what == "start" else self._alive.discard)(name)
        return new

    def which(self) -> dict[str, ChildInfo]:
        return {info.id: info for info in self.ask(WhichChildren())}

    def status(self) -> dict[str, str]:
        """Of every child that has a spec, in the order of their starts."""
        infos = self.which()
        # A child has a ref exactly where it lives.
        assert all((info.ref is None) == (info.status not in ALIVE) for info in infos.values()), infos
        return {name: info.status for name, info in infos.items()}

    def counts(self) -> ChildCounts:
        counts = self.ask(CountChildren())
        assert isinstance(counts, ChildCounts)
        return counts

    def incarnations(self) -> dict[str, int]:
        return {name: info.incarnation for name, info in self.which().items()}

    def alive(self) -> set[str]:
        """Who lives, by the trace."""
        self.trace()
        return self._alive


ALIVE = ("starting", "running", "stopping")


def refusal(future: Future[Any]) -> ChildError:
    try:
        answer = future.get(timeout=0)
    except ChildError as error:
        return error
    raise AssertionError(f"it was not refused: {answer!r}")


def starts(*names: str) -> list[str]:
    return [f"start {name}" for name in names]


def stops(*names: str, how: str = "shutdown") -> list[str]:
    return [f"stop {name} {how}" for name in names]
