"""A supervisor with children on a real dispatcher and a manual clock, and a probe beside it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.actors.testkit import ManualClock, Probe, Recorder, running_dispatcher
from greenroom.messages.signals import Down
from greenroom.supervision.orders import ChildInfo, WhichChildren
from greenroom.supervision.spec import ChildSpec, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor


class Boom(Exception):
    """What actors die of."""


class Plan:
    """What the incarnations of one child do: each hook asks it. Held by the test."""

    def __init__(self) -> None:
        self.book: list[Any] = []
        self.failing: dict[str, int] = {}
        """Hook: how many times it still raises."""

    def hook(self, name: str) -> None:
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise Boom(name)


class Worker(LoopActor):
    """Notes what it is told; raises, ends or asks on demand."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        plan.book.append(("made", self.incarnation))
        plan.hook("init")

    def on_start(self) -> None:
        self.plan.hook("on_start")

    def on_stop(self) -> None:
        self.plan.book.append(("stopped", self.incarnation))

    def on_failure(self, *_: Any) -> None:
        self.plan.book.append(("failed", self.incarnation))
        self.plan.hook("on_failure")

    @receives(int)
    def on_int(self, number: int) -> tuple[int, int]:
        self.plan.book.append(number)
        return number, self.incarnation

    @receives(BaseException)
    def on_boom(self, boom: BaseException) -> None:
        raise boom

    @receives(str)
    def on_exit(self, reason: Any) -> None:
        self.exit(reason)


class Watcher(LoopActor):
    """Watches, and notes the Downs."""

    def __init__(self, book: list[Any], ref: Ref[Any], *, through_restarts: bool = False) -> None:
        super().__init__()
        self.book = book
        self.watch(ref, through_restarts=through_restarts)

    @receives(Down)
    def on_down(self, down: Down) -> None:
        self.book.append((down.reason, down.incarnation))


class Stage:
    def __init__(self, dispatcher: Any, clock: ManualClock, events: Recorder) -> None:
        self.dispatcher, self.clock, self.events = dispatcher, clock, events
        self.probe = Probe(dispatcher)
        self.top: Ref[Any]

    def build(self, specs: Iterable[ChildSpec], options: SupervisorOptions | None = None) -> None:
        self.top = self.dispatcher.spawn(Supervisor, specs, options, path="/top")
        self.settle()

    def settle(self) -> None:
        self.dispatcher.wait_idle()

    def infos(self) -> dict[str, ChildInfo]:
        return {info.id: info for info in self.top.ask(WhichChildren(), timeout=5)}

    def ref(self, child: str) -> Ref[Any]:
        return self.infos()[child].ref

    def tell(self, ref: Ref[Any], *messages: Any) -> None:
        for message in messages:
            ref.tell(message)
        self.settle()

    def delays(self) -> list[float]:
        return [event.delay_s for event in self.events.named("supervisor.restart_scheduled")]

    def letters(self, why: str) -> int:
        counted: int = self.dispatcher.statistics().dead_letters.get(why, 0)
        return counted


@contextmanager
def stage() -> Iterator[Stage]:
    clock, events = ManualClock(), Recorder()
    with running_dispatcher(clock=clock, events=events, slow_handler_s=30.0) as dispatcher:
        yield Stage(dispatcher, clock, events)


def worker(name: str = "a", plan: Plan | None = None, **fields: Any) -> ChildSpec:
    return ChildSpec(name, Worker, (plan or Plan(),), **fields)
