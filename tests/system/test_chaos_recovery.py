"""Streams over all wires with recovery on, each with faults of its own: exact, or ended typed, and nothing left.

Drawn from a seed, stream by stream: a stream that was wrong is played again alone. Some hundred by default:

    GREENROOM_CHAOS_STREAMS=10000 GREENROOM_CHAOS_SEED=7 python -m pytest -s tests/system/test_chaos_recovery.py
    GREENROOM_CHAOS_ONLY=4711 GREENROOM_CHAOS_SEED=7 python -m pytest -s tests/system/test_chaos_recovery.py
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from recovery_plan import Plan, plan_of
from recovery_run import (
    HASTY,
    UNGUARDED,
    Desk,
    Findings,
    Run,
    Storm,
    config_of,
    planned_simulator,
    wait_settled,
)

from greenroom import ActorSystem
from greenroom.supervision import root

STREAMS = int(os.environ.get("GREENROOM_CHAOS_STREAMS", "300"))
ONLY = os.environ.get("GREENROOM_CHAOS_ONLY", "")
ROUND = 250
"""Streams to one system and one server."""


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("GREENROOM_CHAOS_SEED") or random.randrange(10_000))


@pytest.fixture(autouse=True)
def _all_may_crash(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(root, "INTENSITY", 10**9)
    # Some answers have an aggregator that can be hit, and some have none.
    monkeypatch.setattr("greenroom.actors.journal.COMPACT_EVERY", 8)
    return


def _rounds(count: int) -> Iterator[range]:
    if ONLY:
        yield range(int(ONLY), int(ONLY) + 1)
        return
    for begin in range(0, count, ROUND):
        yield range(begin, min(begin + ROUND, count))


def _play(plans: list[Plan], findings: Findings, store: Path, storm_seed: int | None = None) -> None:
    desk = Desk()
    # Breakers that open refuse what a plan says must complete: in a calm there are none.
    guard = UNGUARDED if storm_seed is None else HASTY
    with planned_simulator(desk) as simulator:
        with ActorSystem.start(config_of(simulator.base_url, guard, store)) as system:
            run = Run(system, desk, findings, stormy=storm_seed is not None)
            if storm_seed is None:
                run.all(plans)
            else:
                with Storm(system, simulator, storm_seed, findings):
                    run.all(plans)
            findings.wrong += wait_settled(system, simulator)


@pytest.mark.timeout(60 + STREAMS // 4)
@pytest.mark.parametrize("weather", ["calm", "storm"])
def test_every_stream_is_exact_or_ends_typed(weather: str, seed: int, tmp_path: Path) -> None:
    findings = Findings()
    for numbers in _rounds(STREAMS // 2):
        offset = 0 if weather == "calm" or ONLY else 1_000_000
        plans = [plan_of(seed, offset + number) for number in numbers]
        storm = seed * 1000 + numbers.start if weather == "storm" else None
        _play(plans, findings, tmp_path / f"{numbers.start}.db", storm)
    print(f"\nGREENROOM_CHAOS_SEED={seed} {weather}: {findings}")
    shown = "\n".join(findings.wrong[:12])
    assert not findings.wrong, f"GREENROOM_CHAOS_SEED={seed}: {len(findings.wrong)} wrong\n{shown}"
