"""Where greenroom's own time goes: `python -m benchmarks.profile [--streams 1000] [--per-s 20] [--seconds 5]`

CPU of the two threads is read from their clocks, without a profiler. Then the same again under cProfile, which
makes small functions look dearer than they are, and counts a wait for the GIL where it happens (a socket's send):
read shares and call counts, not microseconds.
"""

import argparse
import asyncio
import cProfile
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Any

from benchmarks.case import checked, raise_file_limit
from benchmarks.kinds import open_all
from benchmarks.load import Load
from benchmarks.meter import Meter
from benchmarks.peers import make
from benchmarks.work import WARM_EVENTS, Work, words

_LINES = 40
_WAITS = ("'poll' of", "'get' of '_queue.SimpleQueue'", "'acquire' of", "run_forever")
"""C functions in which a thread has nothing to do."""


@dataclass(frozen=True)
class Spent:
    """Own time and calls of one function."""

    own_s: float
    calls: int


class Profiles:
    """A profiler in every thread that begins while this is on, and in this one."""

    def __init__(self) -> None:
        self.by_thread: dict[str, cProfile.Profile] = {}
        self._before: dict[str, dict[Any, Spent]] = {}

    def here(self, *_: Any) -> None:
        """This thread's is on. As threading's hook it runs at the thread's first event and replaces itself."""
        self.by_thread[threading.current_thread().name] = profile = cProfile.Profile()
        profile.enable()

    def mark(self) -> None:
        """`since` counts from here. (To clear a profiler that runs in another thread is not safe.)"""
        self._before = {name: _spent(profile) for name, profile in self.by_thread.items()}

    def since(self) -> dict[str, dict[Any, Spent]]:
        """By thread, then by code."""
        none = Spent(0.0, 0)
        told = {}
        for name, profile in self.by_thread.items():
            before = self._before.get(name, {})
            told[name] = {
                code: Spent(
                    spent.own_s - before.get(code, none).own_s, spent.calls - before.get(code, none).calls
                )
                for code, spent in _spent(profile).items()
            }
        return told


def _spent(profile: cProfile.Profile) -> dict[Any, Spent]:
    return {
        entry.code: Spent(entry.inlinetime, entry.callcount)
        for entry in profile.getstats()
        if not (isinstance(entry.code, str) and any(wait in entry.code for wait in _WAITS))
    }


async def measured(
    work: Work, on_warm: Callable[[], object], on_begin: Callable[[], object]
) -> dict[str, Any]:
    """The streams of the work; `on_begin` is called when all have begun."""
    peer = make(work)
    await peer.open()
    on_warm()
    warm = Meter(1)
    await peer.read(warm.reader(work.warm_url))
    checked(warm.finish(words(WARM_EVENTS)))
    had = 0

    def begin() -> None:
        nonlocal had
        had = sum(len(reader.texts) for reader in meter.readers)
        on_begin()

    meter = Meter(work.streams, on_all_started=begin)
    await asyncio.gather(*await open_all(peer, meter, work))
    figures = checked(meter.finish(words(work.events)))
    return {**figures, "rest": figures["deltas"] - had}


def thread_clocks() -> dict[str, float]:
    """CPU seconds of each live thread."""
    return {
        thread.name: time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.ident is not None
    }


def by_clock(work: Work) -> None:
    """CPU per delta of each thread, from the first delta of the last stream on, user and system apart."""
    began: dict[str, float] = {}
    times = os.times()

    def begin() -> None:
        nonlocal times
        began.update(thread_clocks())
        times = os.times()

    figures = asyncio.run(measured(work, lambda: None, begin))
    ended, end_times = thread_clocks(), os.times()
    deltas = figures["rest"]
    print(f"{deltas:,} deltas after all streams had begun; µs CPU a delta, their ends included:")
    for name, cpu_s in ended.items():
        print(f"  {name:32} {(cpu_s - began.get(name, 0.0)) / deltas * 1e6:7.2f}")
    for name in ("user", "system"):
        spent_s = getattr(end_times, name) - getattr(times, name)
        print(f"  {'all threads, ' + name:32} {spent_s / deltas * 1e6:7.2f}")


def by_function(work: Work) -> None:
    """Own time by module and by function, for each thread."""
    profiles = Profiles()
    threading.setprofile(profiles.here)
    figures = asyncio.run(measured(work, profiles.here, profiles.mark))
    threading.setprofile(None)
    sys.setprofile(None)
    deltas = figures["rest"]
    for name, spent in profiles.since().items():
        total_s = sum(each.own_s for each in spent.values())
        if total_s / deltas < 1e-6:
            continue
        print(f"\n== {name}: {total_s / deltas * 1e6:.1f} µs a delta under the profiler")
        _show_modules(spent, total_s)
        _show_functions(spent, total_s, deltas)


def _show_modules(spent: dict[Any, Spent], total_s: float) -> None:
    modules: dict[str, float] = defaultdict(float)
    for code, each in spent.items():
        modules[_where(code)[0]] += each.own_s
    print("share  module")
    for module, own_s in sorted(modules.items(), key=lambda item: -item[1])[: _LINES // 2]:
        print(f"{own_s / total_s:6.1%} {module}")


def _show_functions(spent: dict[Any, Spent], total_s: float, deltas: int) -> None:
    print("share  calls a delta  function")
    for code, each in sorted(spent.items(), key=lambda item: -item[1].own_s)[:_LINES]:
        module, name = _where(code)
        print(f"{each.own_s / total_s:6.1%} {each.calls / deltas:14.2f}  {module}: {name}")


def _where(code: CodeType | str) -> tuple[str, str]:
    if isinstance(code, str):
        return "(C)", code
    path = Path(code.co_filename)
    parts = path.parts
    start = parts.index("greenroom") if "greenroom" in parts else max(0, len(parts) - 2)
    return "/".join(parts[start:]), f"{code.co_qualname}:{code.co_firstlineno}"


def main() -> None:
    """Both measurements, in this process."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    options.add_argument("--streams", type=int, default=1000)
    options.add_argument("--per-s", type=int, default=20)
    options.add_argument("--seconds", type=float, default=5.0)
    given = options.parse_args()
    raise_file_limit()
    ramp_s = given.streams / 1250
    with Load() as load:
        work = Work(
            "stream", "greenroom", load.plain().host, streams=given.streams, ramp_s=ramp_s,
            events=int(given.per_s * (given.seconds + ramp_s)), interval_us=1_000_000 // given.per_s,
        )  # fmt: skip
        by_clock(work)
        # Half the rate: the profiler alone would make it fall behind, and then batches are larger than in life.
        by_function(replace(work, interval_us=work.interval_us * 2, events=work.events // 2))


if __name__ == "__main__":
    main()
