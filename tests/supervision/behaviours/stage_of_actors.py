"""The stage with real actors: a `Supervisor` on a dispatcher, its clock moved by hand. See stages.py."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stages import Die, HowItDies, Stage

from greenroom.actors.future import Future
from greenroom.actors.ref import Ref
from greenroom.actors.testkit import ManualClock, Probe, Recorder, leak_check, running_dispatcher, settle
from greenroom.messages.events import ActorStarted, ActorStopped
from greenroom.messages.signals import Down, ShutDown
from greenroom.supervision.orders import ChildCounts, CountChildren, WhichChildren
from greenroom.supervision.spec import ChildSpec, SupervisorOptions
from greenroom.supervision.supervisor import DynamicSupervisor, Supervisor

TOP = "/top"


class StageOfActors(Stage):
    """See the module."""

    real = True

    def __init__(self, dispatcher: Any, clock: ManualClock, recorder: Recorder) -> None:
        super().__init__()
        self.dispatcher, self.clock, self.recorder = dispatcher, clock, recorder
        self.probe = Probe(dispatcher)
        self.top: Ref[Any]
        self._downs: list[Down] = []

    def open(self, specs: Iterable[ChildSpec], *, dynamic: bool = False, **options: Any) -> None:
        self.raise_curtain(specs, dynamic=dynamic, **options)
        self.settle()

    def raise_curtain(self, specs: Iterable[ChildSpec], *, dynamic: bool = False, **options: Any) -> None:
        """As `open`, without waiting for what follows."""
        cls = DynamicSupervisor if dynamic else Supervisor
        self.top = self.dispatcher.spawn(cls, tuple(specs), SupervisorOptions(**options), path=TOP)
        self.probe.watch(self.top)

    def settle(self) -> None:
        settle(self.dispatcher)

    def ref(self, path: str) -> Ref[Any]:
        """Of a child; `sub/a`: of a child of its own."""
        ref = self.top
        for name in path.split("/"):
            ref = next(info.ref for info in ref.ask(WhichChildren(), timeout=5) if info.id == name)
        return ref

    def counts_now(self) -> ChildCounts:
        """As `counts`, also where there is never peace."""
        counts: ChildCounts = self.top.ask(CountChildren(), timeout=5)
        return counts

    def die(self, name: str, how: HowItDies = "failed") -> None:
        ref = self.ref(name)
        if how == "killed":
            ref.kill()
        else:
            ref.tell(Die(how))
        self.settle()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    def call(self, message: Any) -> Future[Any]:
        future = self.top.ask(message, block=False)
        self.settle()
        return future

    def named(self, answer: Any) -> Any:
        return answer.path.rsplit("/", 1)[-1] if isinstance(answer, Ref) else answer

    def shut(self) -> None:
        cell: Any = self.top.cell
        cell.post_control(ShutDown(cell.incarnation), ShutDown)
        self.settle()

    @property
    def end(self) -> tuple[str, BaseException | None] | None:
        self._downs += [down for down in self.probe.drain() if down.ref == self.top]
        assert len(self._downs) <= 1, "more than one Down for one watch"
        if not self._downs:
            return None
        left = [path for path in self.dispatcher.live_paths() if path.startswith(TOP)]
        assert not left, f"the supervisor has ended and left {left}"
        return self._downs[0].reason, self._downs[0].error

    def lines(self) -> list[str]:
        found = []
        for event in list(self.recorder.events):
            if isinstance(event, ActorStarted | ActorStopped) and event.actor.startswith(f"{TOP}/"):
                name = event.actor.removeprefix(f"{TOP}/")
                up = isinstance(event, ActorStarted)
                found.append(f"start {name}" if up else f"stop {name} {event.reason}")
        return found

    def told(self, what: str) -> list[Any]:
        return self.recorder.named(f"supervisor.{what}")


@contextmanager
def stage_of_actors(slow_handler_s: float = 30.0) -> Iterator[StageOfActors]:
    """The stage; afterwards nothing is left of it."""
    with leak_check():
        clock, recorder = ManualClock(), Recorder()
        with running_dispatcher(clock, recorder, slow_handler_s=slow_handler_s) as dispatcher:
            yield StageOfActors(dispatcher, clock, recorder)
