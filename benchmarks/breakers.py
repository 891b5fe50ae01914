"""What circuit breaker, retry budget and the one decision cost a request; and what asking an actor would.

    python -m benchmarks.breakers [--requests 10000] [--gate]

Each row is the best of some rounds, CPU of the process. `--gate` exits 1 where breaker and decision together
pass 30 µs a request. What whole requests pay: `python -m benchmarks.streams --only short`.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.breaker_table import Breakers
from greenroom.actors.channel import Channel
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.job import Hop, Job
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.stream_lease import leave_to_send
from greenroom.messages.answer import Answer
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.commands import AttemptOver, Granted, Reserve, Settle
from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.usage import Usage
from greenroom.messages.views import Settled
from greenroom.supervision.attempts import Situation, after_failure
from greenroom.supervision.leases import note_decision, settle

GATE_US = 30.0
ROUNDS = 5
ANSWER = Answer(usage=Usage(input_tokens=10, output_tokens=100, source="provider"))
BUSY = ErrorEvidence(kind="http", status=503, message="busy", retry_after_s=1.0)


def table(*, enabled: bool) -> Breakers:
    """With limits that nothing here reaches."""
    rules = BreakerConfig(
        enabled=enabled, min_calls=10_000, slow_ttft_s=60, slow_tokens_per_s=1, retry_share=1
    )
    return Breakers({"p": rules}, Random(1).random, lambda _: None)


def job(number: int, breakers: Breakers | None) -> Job:
    options = StreamingOptions()
    unused: Any = None
    request = ChatRequest(model="p/m", messages="hi")
    hop = Hop(
        request=request, options=options, codec=unused, connection=unused, api_keys=ApiKeys(), headers=(),
        target=Target("p", "openai-chat", "m", base_url="https://api.example/v1"), adjust=lambda _: None,
    )  # fmt: skip
    made = Job(
        stream_id=f"s{number}", request_id=f"r{number}", request=request, options=options,
        channel=Channel(options), hop=hop, started_s=100.0, started_at=0.0, breakers=breakers,
    )  # fmt: skip
    made.gate.open_epoch(1)
    return made


def cpu_us(work: Callable[[], None], requests: int) -> float:
    """Microseconds of CPU a request."""
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) / requests * 1e6


def completed(jobs: list[Job]) -> None:
    """Asked for, granted, ended well, settled."""
    now_s = 100.0
    for each in jobs:
        now_s += 0.001
        leave_to_send(each, 1, now_s)
        over = AttemptOver(1, "completed", ANSWER, sent=True, first_content_s=1.0, written_s=0.1)
        settle(each, over, now_s)


def retried(jobs: list[Job]) -> None:
    """Asked for, granted, failed, settled, decided, and noted that it is tried again."""
    now_s = 100.0
    for each in jobs:
        now_s += 0.001
        leave_to_send(each, 1, now_s)
        over = AttemptOver(1, "failed", evidence=BUSY, sent=True, written_s=0.1)
        told = settle(each, over, now_s)
        situation = Situation(
            retries=0, delivered=False, deadline_left_s=500.0, breaker=told.breaker,
            retry_budget=told.retry_budget,
        )  # fmt: skip
        note_decision(each, after_failure(BUSY, situation, each.options), now_s)


class Keeper(LoopActor):
    """The same table behind a mailbox: what it would be to ask an actor."""

    def __init__(self, breakers: Breakers) -> None:
        super().__init__()
        self._breakers = breakers

    @receives(tuple)
    def on_told(self, told: tuple[Any, Reserve | Settle]) -> None:
        holder, said = told
        now_s, table = self.clock.now_s(), self._breakers
        holder.tell(table.reserve(said, now_s) if isinstance(said, Reserve) else table.settle(said, now_s))


class Asker(LoopActor):
    """One request after the other."""

    def __init__(self, keeper: Any, requests: int, done: threading.Event) -> None:
        super().__init__()
        self._keeper, self._left, self._done = keeper, requests, done
        self._place = Target("p", "openai-chat", "m", base_url="https://api.example/v1").place

    def on_start(self) -> None:
        self._keeper.tell((self.ref, Reserve(f"s{self._left}", 1, self._place)))

    @receives(Granted)
    def on_granted(self, _: Granted) -> None:
        report = Settle(f"s{self._left}", 1, self._place, "paused", True, ttft_s=1.0)
        self._keeper.tell((self.ref, report))

    @receives(Settled)
    def on_settled(self, _: Settled) -> None:
        self._left -= 1
        if self._left:
            self.on_start()
        else:
            self._done.set()


def by_mail(requests: int) -> float:
    """Four messages and as many turns a request."""
    dispatcher, done = Dispatcher("breakers"), threading.Event()
    dispatcher.start()
    keeper = dispatcher.spawn(Keeper, table(enabled=True), path="/keeper")
    began_s = time.process_time()
    dispatcher.spawn(Asker, keeper, requests, done, path="/asker")
    done.wait(60)
    took_s = time.process_time() - began_s
    dispatcher.stop()
    return took_s / requests * 1e6


def best(work: Callable[[list[Job]], None], requests: int, *, enabled: bool | None) -> float:
    """Of some rounds, each with fresh requests; `enabled` None: without any table."""
    figures = []
    for _ in range(ROUNDS):
        breakers = None if enabled is None else table(enabled=enabled)
        jobs = [job(number, breakers) for number in range(requests)]
        figures.append(cpu_us(lambda given=jobs: work(given), requests))  # type: ignore[misc]
    return min(figures)


def main(arguments: list[str] | None = None) -> int:
    """Prints a row for each case. 1 where the gate is asked for and missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breakers")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--gate", action="store_true")
    given = parser.parse_args(arguments)
    rows = {
        "a request that completes, no breaker": best(completed, given.requests, enabled=None),
        "a request that completes, breaker off": best(completed, given.requests, enabled=False),
        "a request that completes": best(completed, given.requests, enabled=True),
        "a failed attempt and its decision, no breaker": best(retried, given.requests, enabled=None),
        "a failed attempt and its decision": best(retried, given.requests, enabled=True),
        "asked and settled by mail, for comparison": min(by_mail(given.requests) for _ in range(ROUNDS)),
    }
    for name, figure in rows.items():
        print(f"{name:48} {figure:6.1f} µs")
    dearest = max(rows["a request that completes"], rows["a failed attempt and its decision"])
    kept = dearest <= GATE_US
    print(
        f"breaker and decision together: {dearest:.1f} µs of {GATE_US:g} µs: {'kept' if kept else 'MISSED'}"
    )
    return 1 if given.gate and not kept else 0


if __name__ == "__main__":
    sys.exit(main())
