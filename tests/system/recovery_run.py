"""Runs plans against one simulator and one system, some dozens at a time, and judges each stream."""

import asyncio
import gc
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from recovery_judge import Reader, verdict
from recovery_plan import WIRES, Plan

from greenroom import ActorSystem, BreakerConfig, ChatRequest, ProviderConfig, StreamError, SystemConfig
from greenroom.providers.simulator import Script, Simulator

from crashing import throw

GRACE_S = 4.0
"""A loaded machine with two cores handles a timer this late at the worst."""
AT_ONCE = 48
TOOL = {"name": "f", "parameters": {"type": "object"}}


@dataclass
class Findings:
    """What a run came to."""

    wrong: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    thrown: Counter[str] = field(default_factory=Counter)
    streams: int = 0
    slowest_s: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.streams} streams, slowest {self.slowest_s:.2f} s; ends {dict(self.ends)}; "
            f"recovered by {dict(self.modes)}; thrown {dict(self.thrown)}"
        )


class Desk:
    """What the server says to whom: each plan has a model of its own, and its scripts one after the other."""

    def __init__(self) -> None:
        self._scripts: dict[str, deque[Script]] = {}

    def take_on(self, plan: Plan) -> None:
        self._scripts[plan.model] = deque(plan.scripts)

    def choose(self, model: str) -> Script | None:
        scripts = self._scripts.get(model.removeprefix("models/"))
        if scripts is None:
            return None
        return scripts.popleft() if len(scripts) > 1 else scripts[0]


def planned_simulator(desk: Desk) -> Simulator:
    """One server for all wires, which asks this desk."""
    simulator = Simulator(Script.failing(404))
    simulator._book.choose = desk.choose  # type: ignore[method-assign]
    return simulator


UNGUARDED = BreakerConfig(enabled=False, retry_share=1.0, retry_min_per_s=1000.0)
HASTY = BreakerConfig(min_calls=5, probes=2, open_s=0.1, open_max_s=0.5, patience_s=0.5)


def config_of(base_url: str, breaker: BreakerConfig, store: Path) -> SystemConfig:
    """Each wire is a provider."""
    providers = {
        name: ProviderConfig(
            kind=wire.kind, profile=wire.profile, base_url=base_url, api_key="key", transport=wire.transport
        )
        for name, wire in WIRES.items()
    }
    return SystemConfig(providers=providers, drain_s=0, breaker=breaker, retry_store=store)


class Run:
    """See the module. `stormy`: others than the plans do harm, so nobody need complete."""

    def __init__(self, system: ActorSystem, desk: Desk, findings: Findings, *, stormy: bool = False) -> None:
        self._system, self._desk, self._findings, self._stormy = system, desk, findings, stormy
        self.live: dict[int, Plan] = {}

    def all(self, plans: Iterable[Plan]) -> None:
        """Returns when each has ended, or was given up."""
        asyncio.run(self._all(list(plans)))

    async def _all(self, plans: list[Plan]) -> None:
        free = asyncio.Semaphore(AT_ONCE)

        async def guarded(plan: Plan) -> None:
            async with free:
                self.live[plan.number] = plan
                await self._one(plan)
                del self.live[plan.number]

        async with asyncio.TaskGroup() as group:
            for plan in plans:
                group.create_task(guarded(plan))

    async def _one(self, plan: Plan) -> None:
        self._desk.take_on(plan)
        reader, began_s = Reader(), time.monotonic()
        stream = self._system.stream(request_of(plan))
        within_s = plan.options.deadline_s + GRACE_S
        error: StreamError | None = None
        try:
            await asyncio.wait_for(self._read(plan, stream, reader), within_s)
            end = await asyncio.wait_for(stream, within_s)
        except StreamError as caught:
            error = caught
            if caught.partial is None:
                self._wrong(plan, [f"an error without a partial completion: {caught!r}"])
                return
            end = caught.partial
        except TimeoutError:
            self._wrong(plan, [f"no end within {within_s} s, {reader.count} deltas read"])
            return
        took_s = time.monotonic() - began_s
        wrong = verdict(plan, reader, end, error, crashes=self._stormy or plan.crash is not None)
        if plan.must_complete and not self._stormy and error is not None and not overslept(plan, end):
            wrong.append(f"need not have failed: {error}; {[record_words(each) for each in end.attempts]}")
        self._wrong(plan, wrong)
        self._count(end, error, took_s)

    async def _read(self, plan: Plan, stream: Any, reader: Reader) -> None:
        async for delta in stream:
            if plan.crash is not None and reader.count == plan.crash[1]:
                self._throw(plan, stream.stream_id)
            reader.take(delta)
            if plan.pause_s:
                await asyncio.sleep(plan.pause_s)

    def _throw(self, plan: Plan, stream_id: str) -> None:
        assert plan.crash is not None
        kind = plan.crash[0]
        dispatcher = self._system._dispatcher
        for cell in list(dispatcher._cells):
            if cell.kind == kind and stream_id in cell.path:
                self._findings.thrown[kind] += 1
                dispatcher.call(throw, cell)

    def _wrong(self, plan: Plan, wrong: list[str]) -> None:
        self._findings.wrong += [f"{plan}: {each}" for each in wrong]

    def _count(self, end: Any, error: StreamError | None, took_s: float) -> None:
        found = self._findings
        found.streams += 1
        found.slowest_s = max(found.slowest_s, took_s)
        found.ends[end.outcome if error is None else f"{end.outcome}:{error.error_class}"] += 1
        if error is None:
            found.modes.update(attempt.mode for attempt in end.attempts[1:])


def overslept(plan: Plan, end: Any) -> bool:
    """More attempts ran out of time than the plan makes stall: the machine had too much to do."""
    timeouts = sum(attempt.error_class == "timeout" for attempt in end.attempts)
    return timeouts > sum(fault.startswith("stall") for fault in plan.faults)


def record_words(record: Any) -> str:
    failed = f"{record.error_class} {record.message}"
    return f"{record.epoch} {record.mode} {failed} -> {record.decision} ({record.reason})"


def request_of(plan: Plan) -> ChatRequest:
    tools = [TOOL] if any(said.calls for said in plan.said) else []
    return ChatRequest(
        model=f"{plan.wire}/{plan.model}", messages=f"Go on with {plan.number}.", tools=tools,
        options=plan.options, stream=plan.stream,
    )  # fmt: skip


class Storm:
    """Beside the plans: the server crashes and refuses, shared actors are thrown out. Drawn from a seed."""

    def __init__(self, system: ActorSystem, simulator: Simulator, seed: int, findings: Findings) -> None:
        self._system, self._simulator, self._findings = system, simulator, findings
        self._luck = random.Random(f"storm/{seed}")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._simulator.restart()

    def _run(self) -> None:
        while not self._over.wait(self._luck.uniform(0.02, 0.25)):
            match self._luck.choice(("crash", "refuse", "actor", "actor")):
                case "crash":
                    self._simulator.crash(for_s=self._luck.uniform(0.0, 0.3))
                    self._findings.thrown["server"] += 1
                case "refuse":
                    how = self._luck.choice(("close", "reset", "backlog"))
                    self._simulator.refuse(how, for_s=self._luck.uniform(0.0, 0.3))
                    self._findings.thrown[f"server:{how}"] += 1
                case _:
                    self._throw()

    def _throw(self) -> None:
        dispatcher = self._system._dispatcher
        cells = [cell for cell in list(dispatcher._cells) if cell.kind != "root"]
        cell = self._luck.choice(cells)
        if cell.kind == "requests" and self._luck.random() < 0.8:
            return
        self._findings.thrown[cell.kind] += 1
        if self._luck.random() < 0.5:
            cell.kill()
        else:
            dispatcher.call(throw, cell)


def wait_settled(system: ActorSystem, simulator: Simulator, within_s: float = 6.0) -> list[str]:
    """What of the streams is still there, when all have ended: in the system, and at the server."""
    until_s = time.monotonic() + within_s
    while True:
        gc.collect()
        statistics = system.statistics()
        left = [
            f"{each.provider}: {each.busy} busy, {each.waiting} waiting, {each.connecting} connecting"
            for each in statistics.endpoints
            if each.busy or each.waiting or each.connecting
        ]
        paths = [path for path in system._dispatcher.live_paths() if path.startswith("/requests/")]
        left += [f"actors {paths}"] if paths else []
        left += [f"{statistics.requests.live} live"] if statistics.requests.live else []
        live = system._live
        left += [f"kept {len(live.submitted)} {len(live.jobs)} {len(live.absent)}"] * any(
            (live.submitted, live.jobs, live.absent)
        )
        left += [
            f"breaker of {each.key}: {each.in_flight} in flight, {each.probes_in_flight} probes"
            for each in statistics.breakers.breakers
            if each.in_flight or each.probes_in_flight
        ]
        left += [f"{statistics.breakers.leases} leases"] if statistics.breakers.leases else []
        answering = simulator.statistics().answering
        left += [f"the server still answers {answering}"] if answering else []
        if not left or time.monotonic() > until_s:
            return left
        time.sleep(0.05)
