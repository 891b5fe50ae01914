"""Thousands of streams against every fault at once, while actors are crashed and killed under them.

Each stream must end exactly once, typed, in time, with a prefix of its own text (all of it where it completed),
and nothing may be left. Some seconds long by default; longer, harder or again:

    GREENROOM_CHAOS_S=600 GREENROOM_CHAOS_SEED=7 GREENROOM_CHAOS_SWITCH_S=1e-5 GREENROOM_CHAOS_EVERY_S=0.01 \\
        python -X dev -m pytest tests/system/test_chaos.py -s -p no:logging
"""

import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaos_comers import Comers
from chaos_monkey import GRACE_S, OPTIONS, Ledger, Monkey, rules

from greenroom import ActorSystem, ProviderConfig, SystemConfig
from greenroom.actors.channel import Channel
from greenroom.actors.courier import Courier
from greenroom.actors.gate import Gate
from greenroom.actors.job import Job
from greenroom.actors.stream import StreamActor
from greenroom.providers.simulator import Simulator
from greenroom.supervision import root
from greenroom.supervision.request_scope import RequestScope

SECONDS = float(os.environ.get("GREENROOM_CHAOS_S", "6"))
EVERY_S = float(os.environ.get("GREENROOM_CHAOS_EVERY_S", "0.03"))
"""One actor is hit in this time, on average."""
ROUND_S = 6.0
MORTAL = (StreamActor, RequestScope, Courier, Job, Channel, Gate)


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("GREENROOM_CHAOS_SEED") or random.randrange(10_000))


@pytest.fixture(autouse=True)
def _switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(float(os.environ.get("GREENROOM_CHAOS_SWITCH_S") or before))
    yield
    sys.setswitchinterval(before)


@pytest.mark.timeout(60 + 3 * SECONDS)
def test_chaos(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"\nGREENROOM_CHAOS_SEED={seed}")
    monkeypatch.setattr(root, "INTENSITY", 10**9)
    # Some answers have an aggregator that can be hit, and some have none.
    monkeypatch.setattr("greenroom.actors.journal.COMPACT_EVERY", 8)
    close = Channel.close
    ledgers: list[Ledger] = []

    def counted(channel: Channel, completion: Any, *, anew: bool = False) -> bool:
        closed = close(channel, completion, anew=anew)
        if closed and not anew:  # which cuts a detached handle off, and ends no stream
            ledgers[-1].ended(completion)
        return closed

    monkeypatch.setattr(Channel, "close", counted)
    with Simulator(rules()) as simulator:
        few = ProviderConfig(base_url=simulator.base_url, max_connections=3, pool_timeout_s=0.3)
        many = ProviderConfig(base_url=simulator.base_url, max_connections=60)
        config = SystemConfig(providers={"a": few, "b": many}, drain_s=0, max_streams=200)
        with ActorSystem.start(config) as system:
            for number in range(max(1, round(SECONDS / ROUND_S))):
                ledgers.append(Ledger())
                _round(system, simulator, ledgers[-1], seed + number, min(SECONDS, ROUND_S))


def _round(system: ActorSystem, simulator: Simulator, ledger: Ledger, seed: int, seconds: float) -> None:
    consumers = Comers(system, simulator, ledger, seed)
    monkey = Monkey(system, seed, every_s=EVERY_S)
    consumers.until_s = time.monotonic() + seconds
    threads = [threading.Thread(target=consumers.thread, args=(number,)) for number in range(6)]
    threads += [threading.Thread(target=consumers.loop, args=(number,)) for number in range(3)]
    threads.append(threading.Thread(target=monkey.run, args=(consumers.until_s,)))
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join(max(0.0, consumers.until_s - time.monotonic()) + 15)
    stuck = [thread.name for thread in threads if thread.is_alive()]
    assert not stuck, (stuck, ledger.missing())
    del consumers
    _all_ended(ledger)
    ledger.check()
    statistics = _settled(system)
    left = _left()
    print(len(ledger.begun), dict(ledger.counts), dict(monkey.hits), f"resident {_resident_kib()} KiB", left)
    ledger.ends.clear()
    assert not ledger.wrong, ledger.wrong[:20]
    assert statistics.requests.live == 0
    # root, requests, two connections
    assert statistics.runtime.actors == 4, system._dispatcher.live_paths()
    for endpoint in statistics.endpoints:
        assert (endpoint.busy, endpoint.waiting, endpoint.connecting) == (0, 0, 0)
    assert not left
    assert len(system._live.submitted) == len(system._live.jobs) == len(system._live.absent) == 0


def _resident_kib() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _all_ended(ledger: Ledger) -> None:
    until_s = time.monotonic() + OPTIONS.deadline_s + GRACE_S
    while ledger.missing() and time.monotonic() < until_s:
        gc.collect()
        time.sleep(0.02)


def _settled(system: ActorSystem) -> Any:
    until_s = time.monotonic() + 5
    while True:
        gc.collect()
        statistics = system.statistics()
        idle = all(not (each.busy or each.waiting or each.connecting) for each in statistics.endpoints)
        idle = idle and not system._live.absent
        if (statistics.runtime.actors == 4 and idle) or time.monotonic() > until_s:
            return statistics
        time.sleep(0.05)


def _left() -> Counter[str]:
    """What should be gone, and is not even after some time: by class."""
    until_s = time.monotonic() + 3
    while True:
        gc.collect()
        left = Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, MORTAL))
        if not left or time.monotonic() > until_s:
            return left
        time.sleep(0.05)
