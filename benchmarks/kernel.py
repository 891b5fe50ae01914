"""What an actor costs: ours on the dispatcher, and Pykka's ThreadingActor, in one run.

    python -m benchmarks.kernel [--quick] [--gate]

Each row is the best of some rounds; ratios travel between machines, figures do not.
`--gate` exits 1 where a gate is missed.
"""

import argparse
import gc
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pykka

from benchmarks.memory import resident_kib
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor

MANY = 2000
IDLE = 10_000


class Tick:
    """The message that is told."""

    __slots__ = ()


class Ours(LoopActor):
    """Counts ticks, echoes asks."""

    left = 0
    done: Any = None

    @receives(Tick)
    def on_tick(self, _: Tick) -> None:
        Ours.left -= 1
        if Ours.left == 0:
            Ours.done.set()

    @receives(int)
    def on_int(self, number: int) -> int:
        return number


class Theirs(pykka.ThreadingActor):
    """The same on a thread."""

    use_daemon_thread = True
    counts = threading.Lock()
    left = 0
    done: Any = None

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, Tick):
            return message
        # Many threads count: unlike ours they need the lock.
        with Theirs.counts:
            Theirs.left -= 1
            if Theirs.left == 0:
                Theirs.done.set()
        return None


@dataclass
class Runtime:
    """How to start, on either side, and which class counts."""

    name: str
    start: Callable[[], Any]
    counter: Any

    def stop(self, refs: Iterable[Any]) -> None:
        """All have ended."""
        for stopped in [ref.stop(block=False) for ref in refs]:
            stopped.get(timeout=120)


@dataclass
class Row:
    """One line of the table; `gate` is judged on ours."""

    what: str
    unit: str
    ours: float
    theirs: float | None
    more_is_better: bool = False
    gate: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than theirs."""
        if not self.theirs or not self.ours:
            return None
        return self.ours / self.theirs if self.more_is_better else self.theirs / self.ours

    @property
    def met(self) -> bool:
        """True if there is no gate, or ours is within it."""
        if self.gate is None:
            return True
        return self.ours >= self.gate if self.more_is_better else self.ours <= self.gate


def tells_per_s(runtime: Runtime, actors: int, tells: int) -> float:
    """Messages a second, from a foreign thread through that many actors in turn, until all are handled."""
    refs = [runtime.start() for _ in range(actors)]
    runtime.counter.left = tells // actors * actors
    runtime.counter.done = threading.Event()
    tick = Tick()
    began_s = time.perf_counter()
    for _ in range(tells // actors):
        for ref in refs:
            ref.tell(tick)
    runtime.counter.done.wait(300)
    elapsed_s = time.perf_counter() - began_s
    runtime.stop(refs)
    return tells // actors * actors / elapsed_s


def start_and_stop_us(runtime: Runtime, actors: int) -> tuple[float, float]:
    """Microseconds an actor: until all have answered an ask, and until all have ended."""
    began_s = time.perf_counter()
    refs = [runtime.start() for _ in range(actors)]
    for answer in [ref.ask(1, block=False) for ref in refs]:
        answer.get(timeout=300)
    started_s = time.perf_counter()
    runtime.stop(refs)
    return (started_s - began_s) / actors * 1e6, (time.perf_counter() - started_s) / actors * 1e6


def ask_us(runtime: Runtime, asks: int) -> tuple[float, float]:
    """p50 and p99 of a blocking ask, in microseconds."""
    ref = runtime.start()
    took = []
    for number in range(asks):
        began_s = time.perf_counter()
        ref.ask(number)
        took.append(time.perf_counter() - began_s)
    runtime.stop([ref])
    cuts = statistics.quantiles(took, n=100)
    return cuts[49] * 1e6, cuts[98] * 1e6


def idle_kib(which: str, actors: int) -> float:
    """KiB an idle actor, measured in a process of its own, where no memory is left over from before."""
    command = [sys.executable, "-m", "benchmarks.kernel", "--idle", which, str(actors)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    return float(done.stdout)


def measure_idle(runtime: Runtime, actors: int) -> float:
    """KiB an actor that has started and handled one message."""
    runtime.start().ask(1)
    gc.collect()
    before = resident_kib()
    refs = [runtime.start() for _ in range(actors)]
    for answer in [ref.ask(1, block=False) for ref in refs]:
        answer.get(timeout=300)
    del answer
    gc.collect()
    return (resident_kib() - before) / len(refs)


def rows(ours: Runtime, theirs: Runtime, rounds: int, scale: int) -> Iterable[Row]:
    """The table, a row at a time."""
    few, many = 200_000 // scale, 400_000 // scale
    one = max(tells_per_s(ours, 1, many) for _ in range(rounds))
    yield Row("tells through 1 actor", "1/s", one, tells_per_s(theirs, 1, few), more_is_better=True)
    through = max(tells_per_s(ours, MANY, many) for _ in range(rounds))
    slow = tells_per_s(theirs, MANY, 20_000)
    yield Row(f"tells through {MANY} actors", "1/s", through, slow, more_is_better=True, gate=400_000)

    mine = [start_and_stop_us(ours, MANY) for _ in range(rounds)]
    other = start_and_stop_us(theirs, MANY)
    yield Row("start, first answer", "us", min(start for start, _ in mine), other[0], gate=50)
    yield Row("stop, and know it", "us", min(stop for _, stop in mine), other[1])

    # In turns, as a round trip between threads depends much on what else the machine does.
    asks = [(ask_us(ours, 10_000 // scale), ask_us(theirs, 10_000 // scale)) for _ in range(rounds)]
    for cut, name in enumerate(("p50", "p99")):
        best = [min(side[cut] for side in sides) for sides in zip(*asks, strict=True)]
        yield Row(f"ask round trip {name}", "us", best[0], best[1])
    yield Row(
        f"idle, of {IDLE} ({MANY} threads)", "KiB", idle_kib("ours", IDLE), idle_kib("theirs", MANY), gate=5
    )


def show(row: Row) -> None:
    """One line."""
    theirs = "-" if row.theirs is None else f"{row.theirs:,.1f}"
    ratio = "-" if row.ratio is None else f"{row.ratio:.1f} x"
    gate = "" if row.gate is None else f"{'>=' if row.more_is_better else '<='} {row.gate:,.0f}"
    verdict = "" if row.gate is None else "ok" if row.met else "MISSED"
    print(f"{row.what:32} {row.unit:>4} {row.ours:>12,.1f} {theirs:>12} {ratio:>9}  {gate:>12} {verdict}")


def main() -> int:
    """Run it; 1 only with --gate and a gate missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures")
    parser.add_argument("--gate", action="store_true", help="exit 1 where a gate is missed")
    parser.add_argument("--idle", nargs=2, metavar=("WHICH", "ACTORS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    dispatcher = Dispatcher()
    dispatcher.start()
    ours = Runtime("greenroom", lambda: dispatcher.spawn(Ours), Ours)
    theirs = Runtime("pykka", Theirs.start, Theirs)
    if options.idle:
        which, actors = options.idle
        print(measure_idle(ours if which == "ours" else theirs, int(actors)))
        return 0
    print(f"{'':32} {'':>4} {'greenroom':>12} {'pykka thread':>12} {'better':>9}  {'gate':>12}")
    met = True
    for row in rows(ours, theirs, rounds=1 if options.quick else 3, scale=4 if options.quick else 1):
        show(row)
        met = met and row.met
    dispatcher.stop()
    return 0 if met or not options.gate else 1


if __name__ == "__main__":
    sys.exit(main())
