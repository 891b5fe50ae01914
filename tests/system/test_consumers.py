"""Many consumers at once: of one stream, and of one system, in threads and loops of their own."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from greenroom import ActorSystem, ChatRequest, Delta, Stream, StreamingOptions
from greenroom.providers.simulator import Script, Simulator

from tests_system import LIMIT_S, text_of

WORDS = "one two three four five "
Start = Callable[..., ActorSystem]


async def read(stream: Stream[Any]) -> list[Delta]:
    return [delta async for delta in stream]


def by_futures(stream: Stream[Any]) -> list[Delta]:
    got: list[Delta] = []
    while (delta := stream.next_delta().get(timeout=LIMIT_S)) is not None:
        got.append(delta)
    return got


def all_at_once(*work: Callable[[], Any]) -> list[Any]:
    """What each returned, in a thread of its own."""
    found: dict[int, Any] = {}

    def run(place: int) -> None:
        found[place] = work[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    return [found[place] for place in range(len(work))]


def test_loops_threads_and_futures_share_one_stream(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS * 200, delta_interval_s=0.0005))
    stream = system.stream(ChatRequest(messages="Count"))
    parts = all_at_once(
        lambda: asyncio.run(read(stream)), lambda: asyncio.run(read(stream)), lambda: list(stream),
        lambda: list(stream), lambda: by_futures(stream),
    )  # fmt: skip
    for part in parts:
        assert [delta.seq for delta in part] == sorted(delta.seq for delta in part)
    deltas = sorted((delta for part in parts for delta in part), key=lambda delta: delta.seq)
    assert text_of(deltas) == WORDS * 200 == stream.result(timeout=LIMIT_S).text


def test_every_loop_and_thread_its_own_streams(system: ActorSystem, simulator: Simulator) -> None:
    simulator.set_default(Script(text=WORDS * 10, chunk_size=5))

    async def ten() -> list[str]:
        streams = [system.stream(ChatRequest(messages="Count")) for _ in range(10)]
        return [text_of(part) for part in await asyncio.gather(*map(read, streams))]

    def five() -> list[str]:
        return [text_of(system.stream(ChatRequest(messages="Count"))) for _ in range(5)]

    found = all_at_once(*[lambda: asyncio.run(ten())] * 4, *[five] * 4)
    assert [text for texts in found for text in texts] == [WORDS * 10] * 60


def test_results_in_a_loop_and_a_thread_beside_a_reader_that_is_slow(
    simulator: Simulator, start: Start
) -> None:
    """While somebody waits for the whole, a full buffer pauses nothing; the reader still gets each delta once."""
    simulator.enqueue(Script(text=WORDS * 2000))
    system = start(simulator.base_url, StreamingOptions(max_buffer_bytes=2048, max_pause_s=0.5))
    stream = system.stream(ChatRequest(messages="Count"))
    cursor = iter(stream)
    first = next(cursor)

    async def wait() -> str:
        return (await stream).text

    texts = all_at_once(lambda: asyncio.run(wait()), lambda: stream.result(timeout=LIMIT_S).text)
    assert texts == [WORDS * 2000] * 2
    assert first.text + text_of(cursor) == WORDS * 2000


def test_a_drain_lets_every_kind_of_consumer_come_to_its_end(simulator: Simulator, start: Start) -> None:
    simulator.set_default(Script(text=WORDS * 3, delta_interval_s=0.005))
    system = start(simulator.base_url)
    streams = [system.stream(ChatRequest(messages="Count")) for _ in range(3)]
    asked = system.ask(ChatRequest(messages="Count"))
    first = [stream.next_delta().get(timeout=LIMIT_S) for stream in streams]
    *texts, _ = all_at_once(
        lambda: text_of(asyncio.run(read(streams[0]))), lambda: text_of(streams[1]),
        lambda: text_of(by_futures(streams[2])), lambda: system.stop(drain_s=LIMIT_S),
    )  # fmt: skip
    assert [(head.text if head else "") + rest for head, rest in zip(first, texts, strict=True)] == [
        WORDS * 3
    ] * 3
    assert asked.get(timeout=LIMIT_S).text == WORDS * 3
