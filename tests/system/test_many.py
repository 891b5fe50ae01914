"""Many streams at once: no cross-talk, and nothing left of them."""

import asyncio
import gc
import hashlib
import random
import threading
import time

import pytest

from greenroom import (
    ActorSystem,
    BreakerConfig,
    ChatRequest,
    Completion,
    StreamError,
    StreamingOptions,
    SystemStatistics,
)
from greenroom.providers.simulator import Cut, ModelRule, Script, Simulator, SimulatorRules, Stall

from tests_system import LIMIT_S, RESIDENTS

COUNT = 1000
LEAKS = 2000


def words_for(number: int) -> str:
    """A text that belongs to this number alone."""
    return " ".join(hashlib.sha256(f"{number}-{part}".encode()).hexdigest() for part in range(4))


@pytest.mark.timeout(180)
def test_a_thousand_requests_do_not_mix(start: object) -> None:
    rules = SimulatorRules(
        by_model=tuple(
            ModelRule(model=f"m{n}", script=Script(text=words_for(n), model=f"m{n}")) for n in range(COUNT)
        )
    )
    with Simulator(rules) as simulator:
        system: ActorSystem = start(simulator.base_url, max_connections=COUNT)  # type: ignore[operator]
        requests = [_request(number) for number in range(COUNT)]
        completions = asyncio.run(_all(system, requests))
        seen = {record.model: record.body for record in simulator.requests}

    for number, (request, completion) in enumerate(zip(requests, completions, strict=True)):
        assert completion.text == words_for(number)
        assert completion.request_id == request.request_id == f"request-{number}"
        assert completion.model == f"m{number}"
        body = seen[f"m{number}"]
        assert body is not None
        assert body["messages"][0]["content"] == f"text {number}"
        assert (body["temperature"], body["seed"]) == (request.temperature, number)


def _request(number: int) -> ChatRequest:
    return ChatRequest(
        model=f"sim/m{number}", messages=f"text {number}", temperature=(number % 200) / 100, seed=number,
        request_id=f"request-{number}",
    )  # fmt: skip


async def _all(system: ActorSystem, requests: list[ChatRequest]) -> list[Completion]:
    async def read(request: ChatRequest) -> Completion:
        stream = system.stream(request)
        text = "".join([delta.text async for delta in stream])
        completion = await stream
        assert completion.text == text
        return completion

    return await asyncio.gather(*map(read, requests))


@pytest.mark.timeout(180)
def test_nothing_is_left_of_two_thousand_streams(start: object) -> None:
    seed = random.Random(2)
    with Simulator() as simulator:
        options = StreamingOptions(content_gap_timeout_s=1.0, backoff_initial_s=0.01, backoff_max_s=0.05)
        # A third of the answers is broken, and half of the others cancelled: no breaker would let that pass.
        more = {"max_connections": 200, "breaker": BreakerConfig(enabled=False)}
        system: ActorSystem = start(simulator.base_url, options, **more)  # type: ignore[operator]
        system.ask(ChatRequest(messages="warm up")).get(timeout=LIMIT_S)
        simulator.set_default(Script(text="one two three", delta_interval_s=0.001))
        threads = set(threading.enumerate())
        outcomes = asyncio.run(_mixed(system, simulator, seed))
        statistics = _settled(system)
        simulator.wait_for(lambda s: s.open_connections <= 200, timeout_s=LIMIT_S)

        assert sum(outcomes.values()) == LEAKS
        assert outcomes["completed"] >= LEAKS / 4
        assert outcomes["cancelled"] >= LEAKS / 8
        assert statistics.requests.live == 0
        assert statistics.endpoints[0].busy == statistics.endpoints[0].waiting == 0
        # root, requests, services, endpoints, the catalogue, the breakers', one connection
        assert statistics.runtime.actors == RESIDENTS + 1
        assert set(threading.enumerate()) <= threads
    gc.collect()


async def _mixed(system: ActorSystem, simulator: Simulator, seed: random.Random) -> dict[str, int]:
    outcomes = {"completed": 0, "failed": 0, "cancelled": 0}
    gate = asyncio.Semaphore(200)

    async def one(number: int) -> None:
        async with gate:
            fate = seed.random()
            if fate < 0.25:
                simulator.enqueue(Script(text="one two three", cut=Cut(after_deltas=2, how="reset")))
            elif fate < 0.35:
                simulator.enqueue(Script(text="one two three", stall=Stall(after_deltas=1)))
            stream = system.stream(ChatRequest(messages=f"number {number}"))
            try:
                async for delta in stream:
                    if number % 4 == 0 and delta.text:
                        stream.cancel()
                    elif number % 4 == 1:
                        # Left in the middle, as a consumer that lost interest does.
                        outcomes["cancelled"] += 1
                        return
                outcomes["completed"] += 1
            except StreamError as error:
                outcomes[error.partial.outcome if error.partial else "lost"] += 1

    await asyncio.gather(*map(one, range(LEAKS)))
    return outcomes


def _settled(system: ActorSystem) -> SystemStatistics:
    end = time.monotonic() + LIMIT_S
    while True:
        statistics = system.statistics()
        if (
            statistics.requests.live == 0
            and statistics.runtime.actors == RESIDENTS + 1
            and not statistics.endpoints[0].busy
        ):
            return statistics
        if time.monotonic() > end:
            return statistics
        time.sleep(0.02)
