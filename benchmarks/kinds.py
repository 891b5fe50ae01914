"""What a case does with its peer: one coroutine a kind of work, each returns the figures of its case."""

import asyncio
import gc
import http.client
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.memory import resident_kib
from benchmarks.meter import Meter
from benchmarks.work import Work, as_base, words

CANCELS = 200
_CANCEL_GAP_S = 0.01
_CLOSE_TIMEOUT_S = 5.0
_SETTLE_S = 1.0
_LONG_ROUNDS = 3


async def open_all(peer: Any, meter: Meter, work: Work) -> "list[asyncio.Task[None]]":
    """A task for every stream, begun evenly over the ramp."""
    began_s = time.monotonic()
    tasks = []
    for number in range(work.streams):
        wait_s = began_s + work.ramp_s * number / work.streams - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        tasks.append(asyncio.create_task(peer.read(meter.reader(work.url))))
    return tasks


async def stream(peer: Any, work: Work) -> dict[str, Any]:
    """All streams to their end."""
    meter = Meter(work.streams)
    await asyncio.gather(*await open_all(peer, meter, work))
    return meter.finish(words(work.events))


async def short(peer: Any, work: Work) -> dict[str, Any]:
    """`streams` consumers that each send `rounds` requests, one after the other. A first one does not count."""

    async def consumer(meter: Meter, rounds: int) -> None:
        for _ in range(rounds):
            await peer.read(meter.reader(work.url))

    warm = Meter(work.streams)
    await asyncio.gather(*(consumer(warm, 1) for _ in range(work.streams)))
    meter = Meter(work.streams * work.rounds)
    await asyncio.gather(*(consumer(meter, work.rounds) for _ in range(work.streams)))
    return meter.finish(words(work.events))


async def long(peer: Any, work: Work) -> dict[str, Any]:
    """CPU per delta of one long stream, and of the same number of deltas in streams of a thousand.

    What a stream costs without its deltas is measured with streams of one, and taken off both.
    """
    each: dict[str, list[float]] = {"one_us": [], "thousand_us": []}
    count = work.events // 1000
    for _ in range(_LONG_ROUNDS):
        alone_s = await _cpu_of(peer, work, 1, count) / count
        thousand_s = await _cpu_of(peer, work, 1000, count)
        long_s = await _cpu_of(peer, work, work.events, 1)
        each["thousand_us"].append((thousand_s / count - alone_s) / 999 * 1e6)
        each["one_us"].append((long_s - alone_s) / (work.events - 1) * 1e6)
    figures: dict[str, Any] = {name: statistics.median(values) for name, values in each.items()}
    return {**figures, "wrong": None, "wall_s": 0.0}


async def _cpu_of(peer: Any, work: Work, events: int, rounds: int) -> float:
    gc.collect()
    url, expected, cpu_s = work.url_of(events), words(events), 0.0
    for _ in range(rounds):
        meter = Meter(1)
        await peer.read(meter.reader(url))
        figures = meter.finish(expected)
        if figures["wrong"]:
            raise SystemExit(f"wrong: {figures['wrong']}")
        cpu_s += figures["cpu_s"]
    return cpu_s


async def _all_started(peer: Any, work: Work, meter: Meter) -> "list[asyncio.Task[None]]":
    """Returns when every stream has had its first delta. Raises what a stream raised before."""
    tasks = await open_all(peer, meter, work)
    while not meter.all_started:
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(0.01)
    return tasks


async def hold(peer: Any, work: Work) -> dict[str, Any]:
    """Memory of streams that are open and have had one delta."""
    gc.collect()
    meter, before_kib = Meter(work.streams), resident_kib()
    tasks = await _all_started(peer, work, meter)
    await asyncio.sleep(_SETTLE_S)
    gc.collect()
    grown_kib = resident_kib() - before_kib
    ended = sum(task.done() for task in tasks)
    wrong = f"{ended} of {work.streams} streams ended" if ended else None
    return {"kib": grown_kib / work.streams, "wrong": wrong, "wall_s": 0.0}


async def latency(peer: Any, work: Work) -> dict[str, Any]:
    """From the server's send to the consumer's hands, of every delta after all streams have begun."""
    taken_ns: list[int] = []

    def take(text: str) -> None:
        taken_ns.append(time.monotonic_ns() - int(text))

    skipped = 0

    def begin() -> None:
        nonlocal skipped
        skipped = len(taken_ns)

    meter = Meter(work.streams, on_all_started=begin, append=take)
    began_s = time.monotonic()
    await asyncio.gather(*await open_all(peer, meter, work))
    wall_s = time.monotonic() - began_s
    expected = work.streams * work.events
    wrong = None if len(taken_ns) == expected else f"{len(taken_ns)} of {expected} deltas"
    return {**_cuts(taken_ns[skipped:]), "wrong": wrong, "wall_s": wall_s}


async def cancel(peer: Any, work: Work) -> dict[str, Any]:
    """From cancel to the close that the server sees, while the other streams go on."""
    meter = Meter(work.streams, named=True)
    tasks = await _all_started(peer, work, meter)
    asked_ns: dict[str, int] = {}
    for reader in meter.readers[:: max(1, work.streams // CANCELS)]:
        asked_ns[reader.name] = time.monotonic_ns()
        peer.cancel(reader)
        await asyncio.sleep(_CANCEL_GAP_S)
    seen_ns = await _closed(work, asked_ns)
    missing = len(asked_ns) - len(seen_ns)
    alive = sum(not task.done() for task in tasks)
    wrong = f"{missing} of {len(asked_ns)} cancelled streams were not closed" if missing else None
    if alive != work.streams - len(asked_ns):
        wrong = f"{alive} streams are live after {len(asked_ns)} of {work.streams} were cancelled"
    for task in tasks:
        # Looked at, or asyncio reports them as never retrieved.
        if task.done() and not task.cancelled():
            task.exception()
    took_ns = [seen_ns[name] - at_ns for name, at_ns in asked_ns.items() if name in seen_ns]
    return {**_cuts(took_ns), "wrong": wrong, "wall_s": 0.0}


async def _closed(work: Work, asked_ns: dict[str, int]) -> dict[str, int]:
    """When the server saw each of them close; some are missing if it has not within the time."""
    until_s = time.monotonic() + _CLOSE_TIMEOUT_S
    while True:
        told = await asyncio.to_thread(_fetch_closed, work)
        # An older time is of another case's stream of that name.
        seen_ns = {name: told[name] for name, at_ns in asked_ns.items() if told.get(name, 0) >= at_ns}
        if len(seen_ns) == len(asked_ns) or time.monotonic() > until_s:
            return seen_ns
        await asyncio.sleep(0.1)


def _fetch_closed(work: Work) -> dict[str, int]:
    connection = http.client.HTTPConnection(*as_base(work.url)[:2], timeout=10)
    connection.request("GET", "/closed")
    told: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return told


def _cuts(took_ns: list[int]) -> dict[str, float]:
    cuts = statistics.quantiles(took_ns, n=100) if len(took_ns) > 1 else [0.0] * 99
    return {"p50_ms": cuts[49] / 1e6, "p99_ms": cuts[98] / 1e6}


KINDS: dict[str, Callable[[Any, Work], Awaitable[dict[str, Any]]]] = {
    "stream": stream, "short": short, "long": long, "hold": hold, "latency": latency, "cancel": cancel,
}  # fmt: skip

__all__ = ["CANCELS", "KINDS"]
