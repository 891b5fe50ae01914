"""Thousands of streams against every fault at once, while actors are crashed and killed under them.

Each stream must end exactly once, typed, in time, with a prefix of its own text (all of it where it completed),
and nothing may be left. With the reactor, with threads, and on other wires with their pauses. Some seconds long
by default; longer, harder or again:

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
import requests
from chaos_comers import Comers
from chaos_monkey import GRACE_S, OPTIONS, Ledger, Monkey, rules

from greenroom import ActorSystem, ProviderConfig, SystemConfig
from greenroom.actors.channel import Channel
from greenroom.actors.courier import Courier
from greenroom.actors.gate import Gate
from greenroom.actors.job import Job
from greenroom.actors.stream import StreamActor
from greenroom.providers.simulator import Simulator
from greenroom.supervision import Backoff, SupervisorOptions, root
from greenroom.supervision.request_scope import RequestScope

from tests_system import RESIDENTS

SECONDS = {"reactor": 6.0, "requests": 2.5, "wires": 2.5}
if "GREENROOM_CHAOS_S" in os.environ:
    SECONDS = dict.fromkeys(SECONDS, float(os.environ["GREENROOM_CHAOS_S"]))
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


def providers_of(ground: str, base_url: str) -> dict[str, ProviderConfig]:
    """One with few connections, which waits for them, and others with many."""
    few = ProviderConfig(base_url=base_url, max_connections=3, pool_timeout_s=0.3)
    many = ProviderConfig(base_url=base_url, max_connections=60)
    if ground == "reactor":
        return {"a": few, "b": many}
    if ground == "requests":
        session = many.replace(transport="requests", session=requests.Session)
        return {
            "a": few.replace(transport="requests"), "b": many.replace(transport="requests"), "c": session,
        }  # fmt: skip
    kinds = ("anthropic", "openai-responses", "gemini", "gemini-interactions", "ollama")
    wires = {kind: many.replace(kind=kind) for kind in kinds}
    anthropic = wires["anthropic"]
    # Pauses are the work of three of them.
    return wires | {
        "few": few.replace(kind="anthropic"), "blocking": anthropic.replace(transport="requests"),
    }  # fmt: skip


@pytest.mark.parametrize("ground", list(SECONDS))
@pytest.mark.timeout(60 + 3 * max(SECONDS.values()))
def test_chaos(ground: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"\nGREENROOM_CHAOS_SEED={seed}")
    monkeypatch.setattr(root, "INTENSITY", 10**9)
    monkeypatch.setattr(root, "BRANCH_BACKOFF", Backoff(0.01, 0.1, at_once=3))
    monkeypatch.setattr("greenroom.system.ROOT_OPTIONS", SupervisorOptions(intensity=10**9))
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
        providers = providers_of(ground, simulator.base_url)
        config = SystemConfig(providers=providers, drain_s=0, max_streams=200)
        with ActorSystem.start(config) as system:
            seconds = SECONDS[ground]
            for number in range(max(1, round(seconds / ROUND_S))):
                ledgers.append(Ledger())
                _round(system, simulator, ledgers[-1], seed + number, min(seconds, ROUND_S))
    assert not (keepers := _keepers()), keepers


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
    assert statistics.runtime.actors == _at_rest(system), system._dispatcher.live_paths()
    for endpoint in statistics.endpoints:
        assert (endpoint.busy, endpoint.waiting, endpoint.connecting) == (0, 0, 0)
    assert statistics.breakers.leases == 0
    held = [each for each in statistics.breakers.breakers if each.in_flight or each.probes_in_flight]
    assert not held, held
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
        if (statistics.runtime.actors == _at_rest(system) and idle) or time.monotonic() > until_s:
            return statistics
        time.sleep(0.05)


def _at_rest(system: ActorSystem) -> int:
    return RESIDENTS + len(system.config.providers)


def _keepers() -> list[str]:
    """Threads of connections: with their system they are gone."""
    until_s = time.monotonic() + 5
    while True:
        names = [each.name for each in threading.enumerate() if each.name.startswith("LineKeeper")]
        if not names or time.monotonic() > until_s:
            return names
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
