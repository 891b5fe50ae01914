"""Ten thousand streams, half of them cancelled, dropped, timed out or cut at random places: nothing is left.

Every one ends once; what was delivered is what its completion says, and a part of what the server had to say.
"""

import asyncio
import contextlib
import gc
import json
import os
import random
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_server import WORDS, words_of

from greenroom import (
    ActorSystem,
    BreakerConfig,
    ChatRequest,
    Completion,
    ProviderConfig,
    RetryStoreConfig,
    Stream,
    StreamError,
    StreamingOptions,
    SystemConfig,
)

from tests_system import LIMIT_S, RESIDENTS, wait_until

STREAMS = 10_000
AT_ONCE = 500
GROWN_OBJECTS_MAX = 500
"""Of the second half over the first; one object kept of each stream would be 5,000."""
GROWN_BYTES_MAX = 16 * 1024 * 1024
"""3 KiB a stream; a live one costs some 15."""
OPTIONS = StreamingOptions(
    first_content_timeout_s=2,
    local_first_content_timeout_s=2,
    content_gap_timeout_s=2,
    max_reconnect_attempts=0,
)
HURRIED = OPTIONS.replace(deadline_s=0.03)
WELL = ("quick", "paced")
FAULTS = {
    "fin": {"transient"}, "reset": {"transient"}, "inside": {"transient"}, "junk": {"protocol"},
    "stall": {"timeout"}, "busy": {"overloaded"},
}  # fmt: skip
FATES = ("cancel", "drop", "leave", "hurry", "wait", "shun")
"""Of the consumer: cancels, drops the cursor, is cancelled itself, has a short deadline, gives up waiting for
the result and cancels, never reads."""


class EndLog:
    """An EventSink that counts how often each stream ended."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()

    def wants(self, name: str) -> bool:
        return name in {"stream.completed", "stream.failed", "stream.cancelled"}

    def emit(self, event: Any) -> None:
        self.ends[event.stream_id] += 1


@pytest.fixture
def port() -> Iterator[int]:
    command = [sys.executable, str(Path(__file__).parent / "faulty_server.py")]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdin is not None
    yield int(server.stdout.readline())
    server.stdin.close()
    server.stdout.close()
    server.wait(LIMIT_S)


@pytest.mark.timeout(180)
def test_ten_thousand_streams_half_of_them_broken_leave_nothing(port: int) -> None:
    log, luck = EndLog(), random.Random(10_000)
    provider = ProviderConfig(
        base_url=f"http://127.0.0.1:{port}/v1",
        max_connections=AT_ONCE,
        keep_alive_s=0.5,
        options=OPTIONS,
        breaker=BreakerConfig(enabled=False),
    )
    config = SystemConfig(providers={"far": provider}, drain_s=0, retry_store=RetryStoreConfig(states_max=0))
    with ActorSystem.start(config, events=log) as system:
        crowd = Crowd(system, log)
        # What is made once, is made here: loaded modules, caches, the arenas of the allocator.
        crowd.run(STREAMS // 10, luck)
        check_nothing_lives(system, port)
        crowd.check_ends()
        crowd.outcomes.clear()
        threads = set(threading.enumerate())
        halves = []
        for _ in range(2):
            crowd.run(STREAMS // 2, luck)
            check_nothing_lives(system, port)
            crowd.check_ends()
            halves.append(measured())
        assert set(threading.enumerate()) <= threads
        assert crowd.wrong == []
        assert sum(crowd.outcomes[end] for end in ("completed", "failed", "cancelled")) == STREAMS
        assert crowd.outcomes["completed"] > STREAMS * 0.45
        assert all(crowd.outcomes[f"fate:{fate}"] for fate in FATES)
    (objects, memory), (objects_then, memory_then) = halves
    assert objects_then - objects < GROWN_OBJECTS_MAX
    assert memory_then - memory < GROWN_BYTES_MAX


def check_nothing_lives(system: ActorSystem, port: int) -> None:
    """Only the actors that always live, no timer, no task, no connection: idle ones are closed in time."""

    def endpoint() -> Any:
        return system.statistics().endpoints[0]

    wait_until(lambda: system.statistics().requests.live == 0)
    wait_until(lambda: (endpoint().busy, endpoint().waiting, endpoint().connecting) == (0, 0, 0))
    wait_until(lambda: endpoint().idle == 0)
    # root, requests, services, endpoints, the catalogue, the breakers', one connection
    wait_until(lambda: system._dispatcher.statistics().actors == RESIDENTS + 1)
    wait_until(lambda: system._dispatcher.statistics().timers == 1)  # the store's, which sweeps
    # Cancelled timers wait in the heap, bounded by those that were alive at once; here they would be noise.
    system._dispatcher.call(system._dispatcher._timers._compact)
    system._dispatcher.wait_idle(LIMIT_S)
    assert system._dispatcher.statistics().tasks == 0
    wait_until(lambda: counts(port)["open"] == 1)


def counts(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT_S) as answer:
        told: dict[str, int] = json.load(answer)
    return told


def measured() -> tuple[int, int]:
    """Objects that the collector knows, and resident bytes (0 where there is no /proc)."""
    gc.collect()
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        resident = 0
    return len(gc.get_objects()), resident


class Crowd:
    """Consumers of all kinds. `wrong` says what was not as promised."""

    def __init__(self, system: ActorSystem, log: EndLog) -> None:
        self.system, self.log = system, log
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._number = 0
        self._begun: list[str] = []

    def run(self, count: int, luck: random.Random) -> None:
        asyncio.run(self._all(count, luck))

    def check_ends(self) -> None:
        """All that began have ended, once."""
        assert len(self._begun) == len(set(self._begun))
        assert self.log.ends == Counter(self._begun)
        self.log.ends.clear()
        self._begun.clear()

    async def _all(self, count: int, luck: random.Random) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(seed: float) -> None:
            async with gate:
                await self._one(random.Random(seed))

        await asyncio.gather(*(one(luck.random()) for _ in range(count)))

    async def _one(self, luck: random.Random) -> None:
        self._number += 1
        number, place, fate = self._number, luck.randrange(WORDS), ""
        kind = luck.choice(WELL)
        if luck.random() < 0.5:
            if luck.random() < 0.5:
                kind = luck.choice(list(FAULTS))
            else:
                kind, fate = "paced", luck.choice(FATES)
        model = f"far/{kind}-{place}-{number}"
        request = ChatRequest(model=model, messages="go", options=HURRIED if fate == "hurry" else OPTIONS)
        stream = self.system.stream(request)
        read: list[str] = []
        with contextlib.suppress(StreamError, asyncio.CancelledError, TimeoutError):
            await self._consume(stream, fate, place, read)
        await self._check(stream, kind, fate, "".join(read), "".join(words_of(number)))

    async def _consume(self, stream: Stream[Any], fate: str, place: int, read: list[str]) -> None:
        if fate == "leave":
            task = asyncio.create_task(self._read(stream, "", place, read))
            await asyncio.sleep(place * 0.004)
            task.cancel()
            await task
        elif fate == "wait":
            waiting = asyncio.ensure_future(self._result(stream))
            await asyncio.wait_for(waiting, place * 0.004)
        elif fate == "shun":
            await asyncio.sleep(place * 0.004)
        else:
            await self._read(stream, fate, place, read)

    async def _read(self, stream: Stream[Any], fate: str, place: int, read: list[str]) -> None:
        due = 1
        async for delta in stream:
            if (delta.first_seq or delta.seq) != due:
                self.wrong.append(f"{stream.stream_id}: {delta} where {due} was due")
            due = delta.seq + 1
            read.append(delta.text)
            if len(read) > place and fate == "cancel":
                stream.cancel()
            elif len(read) > place and fate == "drop":
                return

    async def _result(self, stream: Stream[Any]) -> Completion[Any]:
        return await stream

    async def _check(self, stream: Stream[Any], kind: str, fate: str, read: str, text: str) -> None:
        if fate in ("wait", "shun"):
            stream.cancel()
        elif fate in ("drop", "leave"):
            # Who waits for the result reads on: only without a waiter has the last reader gone.
            async with asyncio.timeout(LIMIT_S):
                while not stream.done:  # noqa: ASYNC110  (to wait for an end is to be a waiter)
                    await asyncio.sleep(0.005)
        try:
            end = await asyncio.wait_for(self._result(stream), LIMIT_S)
        except StreamError as error:
            if error.partial is None:
                self.wrong.append(f"{stream.stream_id} ({kind}, {fate}): {error!r} without what was received")
                return
            end = error.partial
        error_class = None if end.failure is None else end.failure.error_class
        allowed: set[Any] = {None} | ({"cancelled", "timeout"} if fate else set())
        if kind in FAULTS:
            allowed = FAULTS[kind]
        if error_class not in allowed:
            self.wrong.append(f"{stream.stream_id} ({kind}, {fate}) ended as {end.failure}")
        if not text.startswith(end.text) or (error_class is None and end.text != text):
            self.wrong.append(f"{stream.stream_id} ({kind}, {fate}): {end.text!r} of {text!r}")
        if not end.text.startswith(read) or (error_class != "cancelled" and not fate and end.text != read):
            self.wrong.append(f"{stream.stream_id} ({kind}, {fate}): {read!r} read of {end.text!r}")
        self._begun.append(stream.stream_id)
        self.outcomes[end.outcome] += 1
        if fate:
            self.outcomes[f"fate:{fate}"] += 0 if error_class is None else 1
