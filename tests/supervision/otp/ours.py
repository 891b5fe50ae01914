"""The same case on our own supervisors: a dispatcher with a manual clock, and records as the oracle's."""

from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any

from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead
from greenroom.actors.future import Future
from greenroom.messages.events import ActorStopped, Event
from greenroom.messages.invalid import InvalidInput
from greenroom.supervision.orders import (
    ChildError,
    CountChildren,
    DeleteChild,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)

from otp.cases import TOP, Action, Burst, Case, Command, Kill, Path, Plan, Quit, Reason, Stop
from otp.traced import Die, Planned, TracedLeaf, TracedSupervisor, World, spec_of, sup_args

ASK_S = 10.0
REST_S = 60.0
"""In a long run a full garbage collection may fall into a turn, and take seconds on a busy machine."""
TIMERS_MAX = 1000
"""No case needs more of them to come to rest."""


class Ours:
    """One dispatcher for many cases. Made by `running`."""

    def __init__(self, dispatcher: Dispatcher, clock: ManualClock, sink: "_Sink") -> None:
        self._dispatcher, self._clock, self._sink = dispatcher, clock, sink

    def run(self, case: Case) -> list[Any]:
        """The records of the case, as the oracle's; up to where a start was broken off (BREAK_OFF)."""
        world = self._sink.world = World(case.plans)
        top = self._dispatcher.spawn(TracedSupervisor, *sup_args(world, TOP, case.top), path="/top")
        self._rest()
        records = [self._record(world, self._start_answer(world, top), top)]
        for action in case.script:
            asked = self._act(world, action, top)
            self._rest()
            given = _given(action, asked)
            if world.broke_off:
                break
            records.append(self._record(world, given, top))
        top.kill()
        self._rest()
        return records

    def _start_answer(self, world: World, top: Any) -> str:
        if top.is_alive():
            return "ok"
        return "ignored" if world.events[-1][:3] == ["start", "top", "ignore"] else "start_failed"

    def _rest(self) -> None:
        # Nothing is under way, and nothing waits for the clock.
        self._dispatcher.wait_idle(REST_S)
        for _ in range(TIMERS_MAX):
            due_s = self._dispatcher.next_due_s()
            if due_s is None:
                return
            self._clock.advance(max(0.0, due_s - self._clock.now_s()))
        raise AssertionError("the tree does not come to rest: it waits for one time after another")

    # -- actions: an answer, a future of one, or for a burst a list of them

    def _act(self, world: World, action: Action, top: Any) -> Any:
        match action:
            case Plan(path, outcomes):
                world.plans[path] = list(outcomes)
                return "ok"
            case Kill(path, reason):
                return self._to_living(world, path, _mortals(reason), lambda cell: _kill(cell, reason))
            case Quit(path, reason):
                return self._to_living(world, path, TracedSupervisor, lambda cell: cell.ref.tell(Die(reason)))
            case Command(sup):
                return self._to_living(world, sup, TracedSupervisor, lambda cell: _asked(world, cell, action))
            case Burst(sup, parts):
                return self._to_living(
                    world, sup, TracedSupervisor, lambda cell: self._burst(world, cell, parts)
                )
            case Stop():
                # From above: the control message that a parent would send.
                shut = self._dispatcher.call
                return self._to_living(world, TOP, TracedSupervisor, lambda cell: shut(_shut_down, cell))
        raise AssertionError(action)

    def _to_living(self, world: World, path: Path, kinds: Any, do: Any) -> Any:
        cell = world.cells.get(path)
        if cell is None or not isinstance(cell.actor(), kinds):
            return "absent"
        done = do(cell)
        return done if isinstance(done, (Future, list)) else "ok"

    def _burst(self, world: World, sup_cell: Any, parts: tuple[Kill | Command, ...]) -> list[Any]:
        given: Future[list[Any]] = Future()
        living = {path for path, cell in world.cells.items() if cell.actor() is not None}

        def all_at_once() -> None:
            # In one call on the dispatcher thread: the supervisor has no turn before all of it is in its mail.
            answers: list[Any] = []
            for part in parts:
                if isinstance(part, Command):
                    answers.append(_asked(world, sup_cell, part))
                elif part.path in living and isinstance(
                    world.cells[part.path].actor(), _mortals(part.reason)
                ):
                    living.discard(part.path)
                    _die_now(world.cells[part.path].life, part.reason)
                    answers.append("ok")
                else:
                    answers.append("absent")
            given.set(answers)

        self._dispatcher.call(all_at_once)
        return given.get(timeout=ASK_S)

    # -- what there is

    def _record(self, world: World, answer: Any, top: Any) -> list[Any]:
        events, world.events = world.events, []
        return [answer, events, list(self._walk("top", top))]

    def _walk(self, path: str, ref: Any) -> Iterator[list[Any]]:
        if not ref.is_alive():
            return
        children = ref.ask(WhichChildren(), timeout=ASK_S)
        counts = ref.ask(CountChildren(), timeout=ASK_S)
        shown = [[child.id, child.status, child.type] for child in children]
        yield [path, shown, [counts.specs, counts.active, counts.supervisors, counts.workers]]
        for child in children:
            if child.type == "supervisor" and child.status == "running":
                yield from self._walk(f"{path}/{child.id}", child.ref)


def _asked(world: World, cell: Any, command: Command) -> Future[Any]:
    if isinstance(command.child, str):
        kinds = {"terminate": TerminateChild, "restart": RestartChild, "delete": DeleteChild}
        message: Any = kinds[command.what](command.child)
    else:
        message = StartChild(spec_of(world, command.sup, command.child))
    answer: Future[Any] = cell.ref.ask(message, block=False)
    return answer


def _given(action: Action, asked: Any) -> Any:
    if isinstance(action, Burst) and isinstance(asked, list):
        return [_given(part, one) for part, one in zip(action.parts, asked, strict=True)]
    if isinstance(asked, str):
        return asked
    assert isinstance(action, Command)
    try:
        answer = asked.get(timeout=0)
    except ChildError as error:
        return "died" if error.why == "shutting_down" else error.why
    except InvalidInput:
        return "invalid"
    except ActorDead:
        return "died"
    except FutureTimeout:
        return "unanswered"  # and will not be: all is quiet
    return "ignored" if answer is None and action.what in ("start", "restart") else "ok"


def _mortals(reason: Reason) -> tuple[type, ...]:
    return (TracedLeaf, TracedSupervisor) if reason == "kill" else (TracedLeaf,)


def _kill(cell: Any, reason: Reason) -> None:
    if reason == "kill":
        cell.kill()
    else:
        cell.ref.tell(Die(reason))


def _die_now(life: Any, reason: Reason) -> None:
    if reason == "crash":
        life.fail(Planned("burst"), "tell")
        life.end()
    else:
        life.end("killed" if reason == "kill" else reason)


def _shut_down(cell: Any) -> None:
    cell.life.actor.on_shutdown()
    cell.kick()


class _Sink:
    """Passes events on to the world of the present case."""

    world: World

    def wants(self, name: str) -> bool:
        return name == ActorStopped.name

    def emit(self, event: Event) -> None:
        if isinstance(event, ActorStopped) and hasattr(self, "world"):
            self.world.stopped(event)


@contextmanager
def running() -> Iterator[Ours]:
    """For cases to run in; stopped after the block."""
    clock, sink = ManualClock(), _Sink()
    dispatcher = Dispatcher("ours", clock, sink, slow_handler_s=30)
    dispatcher.start()
    try:
        yield Ours(dispatcher, clock, sink)
    finally:
        assert dispatcher.stop(), "stuck in a handler"
