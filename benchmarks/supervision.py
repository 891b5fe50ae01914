"""What supervision costs: starts and stops by the hundred thousand, a restart, a watch.

    python -m benchmarks.supervision [--quick] [--gate]

A kernel's spawn and stop, without any supervisor, stands beside: ratios travel between machines, figures do
not. Each row is the best of some rounds. `--gate` exits 1 where a gate is missed. Gates are judged by CPU time,
which is wall time where the machine does nothing else: the interpreter runs one thread at a time.
"""

import argparse
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.messages.signals import Down, ShutDown
from greenroom.supervision.orders import CountChildren, StartChild, WhichChildren
from greenroom.supervision.spec import ChildSpec, SupervisorOptions
from greenroom.supervision.supervisor import DynamicSupervisor, Supervisor

WAIT_S = 600.0
LINEAR_WITHIN = 10.0
"""OTP's own case (scale_start_stop_many_children) allows as much."""
START_STOP_PER_S = 10_000
RESTART_US = 200.0


class Child(LoopActor):
    """Counts ticks, dies when told to."""

    ticks = 0

    @receives(int)
    def on_int(self, number: int) -> int:
        Child.ticks += 1
        return number

    @receives(str)
    def on_str(self, _: str) -> None:
        self.exit("normal")


class Witness(LoopActor):
    """Sets the event when all that it watches have ended."""

    def __init__(self, refs: Iterable[Ref[Any]], over: threading.Event) -> None:
        super().__init__()
        self.refs, self.over = list(refs), over

    def on_start(self) -> None:
        for ref in self.refs:
            self.watch(ref)

    @receives(Down)
    def on_down(self, _: Down) -> None:
        self.refs.pop()
        if not self.refs:
            self.over.set()


@dataclass
class Row:
    """One line of the table."""

    what: str
    unit: str
    value: float
    gate: float | None = None
    more_is_better: bool = False

    @property
    def met(self) -> bool:
        """True if there is no gate, or the value is within it."""
        if self.gate is None:
            return True
        return self.value >= self.gate if self.more_is_better else self.value <= self.gate

    def show(self) -> None:
        """One line."""
        gate = "" if self.gate is None else f"{'>=' if self.more_is_better else '<='} {self.gate:,.0f}"
        verdict = "" if self.gate is None else "ok" if self.met else "MISSED"
        print(f"{self.what:52} {self.unit:>6} {self.value:>12,.1f}  {gate:>10} {verdict}", flush=True)


class Stopwatch:
    """Wall time, and the CPU time of the whole process."""

    def __init__(self) -> None:
        gc.collect()
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def lap(self) -> tuple[float, float]:
        """Seconds of either since the last lap."""
        wall_s, cpu_s = self._wall_s, self._cpu_s
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()
        return self._wall_s - wall_s, self._cpu_s - cpu_s


def ended(dispatcher: Dispatcher, refs: Iterable[Ref[Any]]) -> threading.Event:
    """Set when all of them have."""
    over = threading.Event()
    dispatcher.spawn(Witness, refs, over)
    return over


def kernel_us(dispatcher: Dispatcher, many: int) -> tuple[float, float]:
    """Spawn and stop without a supervisor: microseconds of wall time, and of CPU, for each actor."""
    watch = Stopwatch()
    refs = [dispatcher.spawn(Child) for _ in range(many)]
    for answer in [ref.ask(1, block=False) for ref in refs]:
        answer.get(timeout=WAIT_S)
    for stopped in [ref.stop(block=False) for ref in refs]:
        stopped.get(timeout=WAIT_S)
    wall_s, cpu_s = watch.lap()
    return wall_s / many * 1e6, cpu_s / many * 1e6


@dataclass
class Crowd:
    """Microseconds for each of `many` dynamic children."""

    many: int
    start_us: float
    stop_us: float
    cpu_us: float

    @property
    def both_us(self) -> float:
        """Start and stop."""
        return self.start_us + self.stop_us


def crowd(dispatcher: Dispatcher, many: int) -> Crowd:
    """They are started one by one, by asks, and stopped with their supervisor."""
    top = dispatcher.spawn(DynamicSupervisor, (), SupervisorOptions(), path="/top")
    over = ended(dispatcher, [top])
    watch = Stopwatch()
    answers: list[Future[Any]] = [
        top.ask(StartChild(ChildSpec(f"c{n}", Child, restart="temporary")), block=False) for n in range(many)
    ]
    for answer in answers:
        answer.get(timeout=WAIT_S)
    start_s, start_cpu_s = watch.lap()
    count = top.ask(CountChildren(), timeout=WAIT_S).active
    if count != many:
        raise SystemExit(f"wrong: {count} of {many} children are active")
    del answers, answer
    watch = Stopwatch()
    end(top)
    over.wait(WAIT_S)
    stop_s, stop_cpu_s = watch.lap()
    if dispatcher.statistics().timers:
        raise SystemExit("wrong: timers were left behind")
    return Crowd(many, start_s / many * 1e6, stop_s / many * 1e6, (start_cpu_s + stop_cpu_s) / many * 1e6)


def end(top: Ref[Any]) -> None:
    """The supervisor is ordered to end, as its own supervisor does it."""
    cell: Any = top.cell
    cell.post_control(ShutDown(cell.incarnation), ShutDown)


def restart_us(dispatcher: Dispatcher, times: int, children: int = 100) -> float:
    """CPU microseconds from a child's exit to its next incarnation's first answer, all threads together."""
    specs = [ChildSpec(f"c{n}", Child) for n in range(children)]
    top = dispatcher.spawn(Supervisor, specs, SupervisorOptions(intensity=10**9), path="/top")
    dispatcher.wait_idle(WAIT_S)
    refs = [info.ref for info in top.ask(WhichChildren(), timeout=WAIT_S)]
    for ref in refs:
        ref.ask(1, timeout=WAIT_S)
    watch = Stopwatch()
    for _ in range(times // children):
        for ref in refs:
            ref.tell("die")
        for answer in [ref.ask(1, block=False) for ref in refs]:
            answer.get(timeout=WAIT_S)
    _, cpu_s = watch.lap()
    restarts: int = sum(info.restarts for info in top.ask(WhichChildren(), timeout=WAIT_S))
    over = ended(dispatcher, [top])
    end(top)
    over.wait(WAIT_S)
    if restarts != times // children * children:
        raise SystemExit(f"wrong: {restarts} restarts")
    return cpu_s / restarts * 1e6


def tell_us(dispatcher: Dispatcher, watchers: int, tells: int) -> float:
    """CPU microseconds of a message to an actor that so many watch."""
    ref = dispatcher.spawn(Child)
    ref.ask(1, timeout=WAIT_S)
    events = [ended(dispatcher, [ref]) for _ in range(watchers)]
    dispatcher.wait_idle(WAIT_S)
    watch = Stopwatch()
    for number in range(tells):
        ref.tell(number)
    ref.ask(1, timeout=WAIT_S)
    _, cpu_s = watch.lap()
    ref.stop(timeout=WAIT_S)
    for event in events:
        if not event.wait(WAIT_S):
            raise SystemExit("wrong: a watcher was not told")
    return cpu_s / tells * 1e6


def best(rounds: int, measure: Callable[[], float]) -> float:
    """The least of them."""
    return min(measure() for _ in range(rounds))


def rows(dispatcher: Dispatcher, sizes: tuple[int, ...], rounds: int) -> Iterator[Row]:
    """The table, a row at a time."""
    wall_us, cpu_us = min(kernel_us(dispatcher, sizes[0]) for _ in range(rounds))
    yield Row(f"kernel alone: spawn and stop of {sizes[0]:,}", "1/s", 1e6 / wall_us)
    yield Row("kernel alone: CPU of one", "us", cpu_us)
    crowds = []
    for many in sizes:
        # A small crowd is over so fast that the machine's other work would decide.
        one = min((crowd(dispatcher, many) for _ in range(rounds)), key=lambda each: each.both_us)
        crowds.append(one)
        yield Row(f"{many:,} dynamic children: start", "1/s", 1e6 / one.start_us)
        yield Row(f"{many:,} dynamic children: stop", "1/s", 1e6 / one.stop_us)
        yield Row(f"{many:,} dynamic children: start and stop", "1/s", 1e6 / one.both_us)
        text = f"{many:,}: the same, by a second of CPU"
        yield Row(text, "1/s", 1e6 / one.cpu_us, START_STOP_PER_S, more_is_better=True)
    ratio = crowds[-1].both_us / crowds[0].both_us
    yield Row(f"one of {sizes[-1]:,} beside one of {sizes[0]:,}", "x", ratio, LINEAR_WITHIN)
    yield Row(f"one of {sizes[-1]:,} beside the kernel alone, CPU", "x", crowds[-1].cpu_us / cpu_us)
    times = sizes[0] * 2
    restart = best(rounds, lambda: restart_us(dispatcher, times))
    yield Row("restart of one child, CPU", "us", restart, RESTART_US)
    alone = best(rounds, lambda: tell_us(dispatcher, 0, sizes[0] * 20))
    watched = best(rounds, lambda: tell_us(dispatcher, 1000, sizes[0] * 20))
    yield Row("a message to an actor, CPU", "us", alone)
    yield Row("a message to an actor that 1,000 watch, CPU", "us", watched)


def main() -> int:
    """Run it; 1 only with --gate and a gate missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures")
    parser.add_argument("--gate", action="store_true", help="exit 1 where a gate is missed")
    options = parser.parse_args()
    sizes = (1000, 10_000) if options.quick else (1000, 10_000, 100_000)
    # A handler that stops a hundred thousand children takes longer than the watchdog's tenth of a second.
    dispatcher = Dispatcher(slow_handler_s=WAIT_S)
    dispatcher.start()
    met = True
    for row in rows(dispatcher, sizes, rounds=3):
        row.show()
        met = met and row.met
    dispatcher.stop()
    return 0 if met or not options.gate else 1


if __name__ == "__main__":
    sys.exit(main())
