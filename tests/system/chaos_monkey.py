"""What throws things at a running system for `test_chaos.py`: scripts with faults, consumers, crashes."""

import asyncio
import contextlib
import pickle
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenroom import ActorSystem, ChatRequest, Completion, Stream, StreamError, StreamingOptions, Told
from greenroom.providers.simulator import (
    Cut,
    HttpAnswer,
    ModelRule,
    Script,
    Simulator,
    SimulatorRules,
    Stall,
)
from greenroom.providers.simulator import StreamError as ErrorInStream

from crashing import throw

OPTIONS = StreamingOptions(
    deadline_s=2.5, content_gap_timeout_s=0.6, first_content_timeout_s=0.8, backoff_initial_s=0.01,
    backoff_max_s=0.05, connect_timeout_s=1.0, max_buffer_bytes=2048, high_watermark_items=4,
    detach_grace_s=0.4,
)  # fmt: skip
GRACE_S = 2.0
"""A loaded machine with two cores handles a timer this late at the worst."""
FLAWS: dict[str, dict[str, Any]] = {
    "well": {},
    "slow": {"delta_interval_s": 0.004},
    "drip": {"delta_interval_s": 0.02, "first_delta_delay_s": 0.05},
    "fin": {"cut": Cut(after_deltas=7)},
    "reset": {"cut": Cut(after_deltas=5, how="reset")},
    "end": {"cut": Cut(after_deltas=9, how="end")},
    "bytes": {"cut": Cut(after_bytes=700)},
    "nothing": {"cut": Cut(before_answer=True)},
    "stall": {"stall": Stall(after_deltas=3)},
    "mute": {"stall": Stall(after_deltas=0)},
    "pause": {"stall": Stall(after_deltas=4, for_s=0.2)},
    "inside": {"stream_error": ErrorInStream(after_deltas=6)},
    "once": {"close_connection": True},
    "whole": {"ignore_stream": True},
}
BROKEN = {
    "page": Script(answer=HttpAnswer(status=200, body="<html><body>hello</body></html>")),
    "busy": Script.failing(503),
    "limit": Script.failing(429, retry_after_s=0.05),
    "key": Script.failing(401),
}
PAUSED = "turn"
"""Where the wire has pauses: half of the answer, a pause, and the rest for whoever asks again."""


def text_of(kind: str) -> str:
    """The whole answer of this kind; no other kind's begins so."""
    return " ".join(f"{kind}{number}" for number in range(40))


def halves() -> tuple[str, str]:
    """Of the answer with a pause."""
    whole = text_of(PAUSED)
    middle = whole.index(f"{PAUSED}20")
    return whole[:middle], whole[middle:]


def texts_of(kind: str) -> tuple[str, ...]:
    """All that may be said as the whole. Who is asked again before anything came begins with the rest."""
    return (text_of(kind), halves()[1]) if kind == PAUSED else (text_of(kind),)


def turns(luck: random.Random) -> list[Script]:
    """What comes before the rest: pauses, with nothing said too, and what may go wrong behind them."""
    flaw = luck.choice([*FLAWS.values(), {}, {}])
    paused = Script(text=halves()[0], finish_reason="pause_turn", **flaw)
    silent = Script(finish_reason="pause_turn")
    behind = [luck.choice([silent, *BROKEN.values()])] if luck.random() < 0.5 else []
    return [*([silent] if luck.random() < 0.2 else []), paused, *behind]


def rules() -> SimulatorRules:
    scripts = {kind: Script(text=text_of(kind), **flaw) for kind, flaw in FLAWS.items()} | BROKEN
    scripts[PAUSED] = Script(text=halves()[1], delta_interval_s=0.001)
    by_model = tuple(ModelRule(model=f"{kind}-*", script=script) for kind, script in scripts.items())
    return SimulatorRules(by_model=by_model)


@dataclass
class Ledger:
    """What became of every stream."""

    begun: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    ends: dict[str, list[tuple[float, Completion[Any]]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def ended(self, completion: Completion[Any]) -> None:
        ends = self.ends.setdefault(completion.stream_id, [])
        # A stream that was detached hands its one end on, from channel to channel.
        if not any(end is completion for _, end in ends):
            ends.append((time.monotonic(), completion))

    def missing(self) -> list[str]:
        return [stream_id for stream_id in list(self.begun) if stream_id not in self.ends]

    def check(self) -> None:
        for stream_id, began_s in self.begun.items():
            ends = self.ends.get(stream_id, [])
            if len(ends) != 1:
                self.wrong.append(f"{stream_id} ({self.kinds[stream_id]}) ended {len(ends)} times")
                continue
            at_s, end = ends[0]
            self.counts[
                end.outcome if end.failure is None else f"{end.outcome}:{end.failure.error_class}"
            ] += 1
            if at_s - began_s > OPTIONS.deadline_s + GRACE_S:
                self.wrong.append(f"{stream_id} ({self.kinds[stream_id]}) took {at_s - began_s:.2f} s")
            if (end.outcome == "completed") != (end.failure is None):
                self.wrong.append(f"{stream_id} ended as {end.outcome} with {end.failure!r}")
            self.look(stream_id, end.text, whole=end.outcome == "completed")

    def look(self, stream_id: str, text: str, *, whole: bool) -> None:
        """A prefix of what its script says; all of it where the stream completed."""
        said = texts_of(self.kinds[stream_id])
        if (text not in said) if whole else not any(each.startswith(text) for each in said):
            self.wrong.append(f"{stream_id} ({self.kinds[stream_id]}, whole={whole}) said {text!r}")


class Reading:
    """One reader's text, checked delta by delta for order and gaps."""

    def __init__(self, ledger: Ledger, stream: Stream[Any] | Told) -> None:
        self._ledger, self.stream_id = ledger, stream.stream_id
        self._taken: list[tuple[int, str]] = []

    @property
    def text(self) -> str:
        return "".join(text for _, text in self._taken)

    @property
    def seq(self) -> int:
        """Of the last delta taken."""
        return self._taken[-1][0] if self._taken else 0

    def take(self, delta: Any) -> None:
        first = delta.seq if delta.first_seq is None else delta.first_seq
        if first != self.seq + 1:
            self._ledger.wrong.append(f"{self.stream_id}: {first} where {self.seq + 1} was due")
        self._taken.append((delta.seq, delta.text))

    def back(self, luck: random.Random) -> None:
        """Some of the last deltas were not seen after all."""
        del self._taken[luck.randint(0, len(self._taken)) :]

    def over(self, *, whole: bool) -> None:
        self._ledger.look(self.stream_id, self.text, whole=whole)


class Consumers:
    """Threads and loops that read in every way there is, until `stop`."""

    def __init__(self, system: ActorSystem, simulator: Simulator, ledger: Ledger, seed: int) -> None:
        self.system, self.simulator, self.ledger, self.seed = system, simulator, ledger, seed
        self.until_s = 0.0
        self._providers = sorted(system.config.providers)
        self._number = 0
        self._lock = threading.Lock()

    def request(self, luck: random.Random) -> tuple[ChatRequest, str]:
        provider = luck.choice(self._providers)
        pauses = [PAUSED] * 12 if self.system.config.providers[provider].kind == "anthropic" else []
        kind = luck.choice([*FLAWS, *FLAWS, *BROKEN, *pauses, "well", "well", "well", "slow"])
        with self._lock:
            self._number += 1
            # Another round's scripts may wait in the simulator's queue under a number alone.
            name = f"{kind}-{self.seed}-{self._number}"
        if luck.random() < 0.2:
            self.simulator.enqueue(
                luck.choice([*BROKEN.values(), Script(cut=Cut(before_answer=True))]), model=name
            )
        if kind == PAUSED:
            self.simulator.enqueue(*turns(luck), model=name)
        # Looked up first, some: a list that does not have these names is an end as any other.
        options = OPTIONS.replace(validate_model=luck.random() < 0.1)
        return ChatRequest(model=f"{provider}/{name}", messages="go", options=options), kind

    def begin(self, luck: random.Random) -> Stream[Any]:
        request, kind = self.request(luck)
        began_s = time.monotonic()
        stream = self.system.stream(request)
        self.note(stream.stream_id, kind, began_s)
        if luck.random() < 0.1:
            stream.cancel()
        return stream

    def note(self, stream_id: str, kind: str, began_s: float) -> None:
        self.ledger.kinds[stream_id] = kind
        self.ledger.begun[stream_id] = began_s

    def ways(self) -> list[Callable[[Stream[Any], random.Random], None]]:
        return [self._read, self._read, self._futures, self._result, self._drop, self._chain]

    def thread(self, number: int) -> None:
        luck, ways = random.Random(self.seed * 1000 + number), self.ways()
        while time.monotonic() < self.until_s:
            try:
                luck.choice(ways)(self.begin(luck), luck)
            except StreamError as error:
                _check_error(error, self.ledger)
            except Exception as error:
                self.ledger.wrong.append(f"thread {number}: {error!r}")

    def _read(self, stream: Stream[Any], luck: random.Random) -> None:
        reading, leave = Reading(self.ledger, stream), luck.random()
        whole = False
        try:
            for count, delta in enumerate(stream):
                reading.take(delta)
                if leave < 0.2 and count > leave * 50:
                    return
                if leave > 0.9 and count > (leave - 0.9) * 100:
                    stream.cancel()
            whole = True
        finally:
            reading.over(whole=whole)

    def _futures(self, stream: Stream[Any], luck: random.Random) -> None:
        reading, whole = Reading(self.ledger, stream), False
        try:
            while not whole:
                try:
                    delta = stream.next_delta().get(timeout=luck.choice([0.0001, 0.002, 5]))
                except TimeoutError:
                    continue
                if delta is None:
                    whole = True
                else:
                    reading.take(delta)
        finally:
            reading.over(whole=whole)

    def _result(self, stream: Stream[Any], luck: random.Random) -> None:
        with contextlib.suppress(TimeoutError):
            stream.result(timeout=luck.choice([0.0, 0.001, 10]))
        if luck.random() < 0.5:
            self.ledger.look(stream.stream_id, stream.result(timeout=10).text, whole=True)

    def _drop(self, stream: Stream[Any], luck: random.Random) -> None:
        time.sleep(luck.random() * 0.01)
        if luck.random() < 0.5:
            next(iter(stream), None)

    def _chain(self, stream: Stream[Any], luck: random.Random) -> None:
        """Callback after callback, in whatever thread it comes."""
        reading, over = Reading(self.ledger, stream), threading.Event()
        ended: list[bool] = []

        def took(future: Any) -> None:
            try:
                delta = future.get(timeout=0)
            except StreamError:
                delta = None
            else:
                ended.append(delta is None)
            if delta is None:
                over.set()
                return
            reading.take(delta)
            stream.next_delta().add_done_callback(took)

        stream.next_delta().add_done_callback(took)
        if not over.wait(OPTIONS.deadline_s + GRACE_S):
            self.ledger.wrong.append(f"{stream.stream_id}: a chain of callbacks broke off")
        reading.over(whole=bool(ended) and ended[-1])

    def loop(self, number: int) -> None:
        asyncio.run(self._main(random.Random(self.seed * 1000 + 500 + number)))

    async def _main(self, luck: random.Random) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(self._coroutine(random.Random(luck.random() + number)))

    async def _coroutine(self, luck: random.Random) -> None:
        ways = [self._aread, self._aread, self._impatient, self._afutures, self._await, self._cancelled]
        while time.monotonic() < self.until_s:
            try:
                await luck.choice(ways)(self.begin(luck), luck)
            except StreamError as error:
                _check_error(error, self.ledger)
            except Exception as error:
                self.ledger.wrong.append(f"coroutine: {error!r}")

    async def _aread(self, stream: Stream[Any], luck: random.Random) -> None:
        reading, leave, whole = Reading(self.ledger, stream), luck.random(), False
        try:
            async for delta in stream:
                reading.take(delta)
                if leave < 0.2 and luck.random() < 0.1:
                    return
            whole = True
        finally:
            reading.over(whole=whole)

    async def _impatient(self, stream: Stream[Any], luck: random.Random) -> None:
        reading, whole, cursor = Reading(self.ledger, stream), False, aiter(stream)
        try:
            while not whole:
                try:
                    reading.take(await asyncio.wait_for(anext(cursor), luck.choice([0.0005, 0.005, 5])))
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    whole = True
        finally:
            reading.over(whole=whole)

    async def _afutures(self, stream: Stream[Any], luck: random.Random) -> None:
        reading, whole = Reading(self.ledger, stream), False
        try:
            while not whole:
                try:
                    delta = await asyncio.wait_for(stream.next_delta(), luck.choice([0.0005, 0.005, 5]))
                except TimeoutError:
                    continue
                whole = delta is None
                if delta is not None:
                    reading.take(delta)
        finally:
            reading.over(whole=whole)

    async def _await(self, stream: Stream[Any], luck: random.Random) -> None:
        if luck.random() < 0.3:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_wait(stream), 0.01)
        self.ledger.look(stream.stream_id, (await stream).text, whole=True)

    async def _cancelled(self, stream: Stream[Any], luck: random.Random) -> None:
        task = asyncio.create_task(self._aread(stream, random.Random(1)))
        await asyncio.sleep(luck.random() * 0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _wait(stream: Stream[Any]) -> None:
    await stream


def _check_error(error: StreamError, ledger: Ledger) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
    if type(again) is not type(error) or str(again) != str(error) or error.request_id not in str(error):
        ledger.wrong.append(f"{error!r} is {again!r} after pickling")


class Monkey:
    """Crashes and kills actors of every kind, from outside and through no hook of the product's."""

    def __init__(self, system: ActorSystem, seed: int, every_s: float) -> None:
        self._dispatcher = system._dispatcher
        self._luck, self._every_s = random.Random(seed), every_s
        self.hits: Counter[str] = Counter()

    def run(self, until_s: float) -> None:
        while time.monotonic() < until_s:
            time.sleep(self._luck.random() * 2 * self._every_s)
            cells = [cell for cell in list(self._dispatcher._cells) if cell.kind != "root"]
            cell = self._luck.choice(cells)
            if cell.kind in ("requests", "connection", "circuit_breaker") and self._luck.random() < 0.7:
                continue
            self.hits[cell.kind] += 1
            # A killed courier has no hook in which it could tell the end that it was told.
            if self._luck.random() < 0.5 and cell.kind != "courier":
                cell.kill()
            else:
                self._dispatcher.call(throw, cell)
