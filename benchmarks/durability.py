"""What a delta costs with each durability: CPU of the service's process, the load server being another.

    python -m benchmarks.durability [--streams 200] [--rate 20] [--seconds 4] [--repeat 3] [--gate]

The cases take turns in each repeat: `memory` is the default (the store in memory is told nothing while a stream
runs), `interval` and `before_deliver` have a SQLite file in a fresh folder; of the latter also how long a delta
was parked. Checkpointing with the store in memory is the gate's swap of one tuple and the look at it: too little
to be seen between two systems, so it is timed alone, and told as a share of a delta. `--gate` exits 1 above 3 %.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import Load
from greenroom import (
    ActorSystem,
    ChatRequest,
    ProviderConfig,
    RetryStoreConfig,
    StreamingOptions,
    SystemConfig,
)
from greenroom.actors.channel import Channel
from greenroom.actors.gate import Gate
from greenroom.actors.parking import ParkingGate
from greenroom.messages.retry_state import Checkpoint

CASES = ("memory", "interval", "before_deliver")
WARM_S = 2.5
GATE_SHARE = 0.03
"""Checkpointing costs at most 3 % of the CPU of a delta with the store in memory."""


@dataclass(frozen=True)
class Asked:
    """The work of every case."""

    streams: int
    rate: float
    seconds: float
    warm_s: float


@dataclass(frozen=True)
class Told:
    """One case of one repeat."""

    cpu_us: float
    """Of the process, a delta."""
    deltas: int
    wait_ms: float | None = None
    """Median time in which a delta was parked."""


class Wait:
    """How long batches are parked."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []
        self._parked: dict[tuple[int, int], float] = {}

    def watch(self) -> Callable[[], None]:
        """ParkingGate is listened to; returns what ends that."""
        commit, saved = ParkingGate.commit, ParkingGate.saved

        def timed_commit(gate: ParkingGate, epoch: int, deltas: Any, *more: Any) -> Any:
            self._parked[id(gate), deltas[-1].seq] = time.perf_counter()
            return commit(gate, epoch, deltas, *more)

        def timed_saved(gate: ParkingGate, seq: int) -> None:
            began_s = self._parked.pop((id(gate), seq), None)
            if began_s is not None:
                self.waits_s.append(time.perf_counter() - began_s)
            saved(gate, seq)

        ParkingGate.commit, ParkingGate.saved = timed_commit, timed_saved  # type: ignore[method-assign,assignment]

        def restore() -> None:
            ParkingGate.commit, ParkingGate.saved = commit, saved  # type: ignore[method-assign]

        return restore


def config_of(case: str, url: str, folder: Path, asked: Asked) -> SystemConfig:
    """A system as a service starts it."""
    file = {"path": folder / f"{case}.db"} if case in ("interval", "before_deliver") else {}
    durability: Any = case if file else None
    return SystemConfig(
        providers={"load": ProviderConfig(base_url=url, max_connections=asked.streams)},
        retry_store=RetryStoreConfig(**file),
        options=StreamingOptions(durability=durability), drain_s=0,
    )  # fmt: skip


async def read_all(system: ActorSystem, asked: Asked) -> tuple[int, float]:
    """Deltas and CPU seconds of the time in which every stream runs."""
    count = 0
    deltas = 0

    async def read() -> None:
        nonlocal count, deltas
        first = True
        async for _ in system.stream(ChatRequest(model="load/m", messages="hi")):
            deltas += 1
            if first:
                count, first = count + 1, False

    tasks = [asyncio.create_task(read()) for _ in range(asked.streams)]
    while count < asked.streams:  # noqa: ASYNC110  (looking costs nothing in the window)
        await asyncio.sleep(0.01)
    # Past the first flushes: they write the requests, and load what writes JSON.
    await asyncio.sleep(asked.warm_s)
    began, cpu_s = deltas, time.process_time()
    await asyncio.sleep(asked.seconds)
    told = deltas - began, time.process_time() - cpu_s
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return told


def run_case(case: str, host: str, asked: Asked) -> Told:
    """One case, in a system of its own."""
    events = int(asked.rate * (asked.seconds + 30))
    url = f"{host}/s/{events}/{int(1e6 / asked.rate)}/v1"
    wait = Wait()
    restore = wait.watch() if case == "before_deliver" else None
    try:
        with tempfile.TemporaryDirectory(prefix="greenroom-durability-") as folder:
            with ActorSystem.start(config_of(case, url, Path(folder), asked)) as system:
                deltas, cpu_s = asyncio.run(read_all(system, asked))
    finally:
        if restore is not None:
            restore()
    waits = statistics.median(wait.waits_s) * 1000 if wait.waits_s else None
    return Told(cpu_s / max(deltas, 1) * 1e6, deltas, waits)


def checkpoint_us() -> float:
    """What the gate does for a checkpoint at each commit, and the stream at each read: the best of some rounds."""
    gate = Gate(Channel(StreamingOptions()), 1 << 30)
    new: Any = tuple.__new__
    rounds, number = [], 20_000
    for _ in range(7):
        began_s = time.perf_counter()
        for _ in range(number):
            seq, total, committed, sent_epoch, response_id, cursor = gate.checkpoint[1:]
            gate.checkpoint = new(Checkpoint, (1, seq, total, committed, sent_epoch, response_id, cursor))
            gate.taken_seq  # noqa: B018
        rounds.append(time.perf_counter() - began_s)
    return min(rounds) / number * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--warm", type=float, default=WARM_S)
    parser.add_argument("--gate", action="store_true")
    given = parser.parse_args()
    asked = Asked(given.streams, given.rate, given.seconds, given.warm)
    told: dict[str, list[Told]] = {case: [] for case in CASES}
    with Load() as load:
        host = load.plain().host
        for number in range(given.repeat):
            for case in CASES:
                told[case].append(run_case(case, host, asked))
                last = told[case][-1]
                print(f"{number + 1}/{given.repeat} {case}: {last.cpu_us:.2f} us a delta", file=sys.stderr)
    print(f"{asked.streams} streams x {asked.rate:g}/s, {asked.seconds:g} s, median of {given.repeat}")
    print(f"{'durability':<16}{'us a delta':>12}{'to memory':>12}{'parked ms':>12}")
    usual = statistics.median(each.cpu_us for each in told["memory"])
    for case in CASES:
        cost = statistics.median(each.cpu_us for each in told[case])
        waits = [each.wait_ms for each in told[case] if each.wait_ms is not None]
        parked = f"{statistics.median(waits):12.2f}" if waits else ""
        print(f"{case:<16}{cost:12.2f}{cost / usual:12.2f}{parked}")
    share = checkpoint_us() / usual
    print(f"checkpoint alone: {checkpoint_us():.3f} us, {share:.2%} of a delta (gate {GATE_SHARE:.0%})")
    return int(given.gate and share > GATE_SHARE)


if __name__ == "__main__":
    sys.exit(main())
