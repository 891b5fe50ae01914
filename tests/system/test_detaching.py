"""A consumer goes and comes back, over real sockets."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    ChatRequest,
    InvalidInput,
    ReplayRefused,
    Stream,
    StreamDetached,
    StreamingOptions,
    StreamInUse,
    SystemStopped,
    UnknownStream,
)
from greenroom.providers.simulator import Script, Simulator, Stall

from tests_system import LIMIT_S, text_of, wait_until

WORDS = "one two three four five"
Start = Callable[..., ActorSystem]


def test_it_goes_on_where_it_was_left_and_completes_meanwhile(
    system: ActorSystem, simulator: Simulator
) -> None:
    simulator.enqueue(Script(text=WORDS, delta_interval_s=0.01))
    stream = system.stream(ChatRequest(messages="Count"))
    cursor = iter(stream)
    first = next(cursor)
    stream.detach()
    del cursor
    stream_id = stream.stream_id
    del stream
    gc.collect()
    simulator.wait_for(lambda s: s.requests[0].ended is not None, timeout_s=LIMIT_S)
    again = system.attach(stream_id)
    assert first.text + text_of(again) == WORDS
    assert again.result(timeout=LIMIT_S).text == WORDS
    assert (again.request_id, again.provider, again.model) == (
        again.result().request_id, "sim", "test-model",
    )  # fmt: skip


@pytest.mark.parametrize("breaks", [1, 3, 10])
def test_a_client_that_reconnects_with_its_last_id_has_each_delta_once(
    system: ActorSystem, simulator: Simulator, breaks: int
) -> None:
    """As a browser does: it names the last event that it saw, which is older than what was sent to it."""
    simulator.enqueue(Script(text=WORDS * 30, delta_interval_s=0.001))
    stream: Stream[Any] = system.stream(ChatRequest(messages="Count"))
    stream_id, seen, got = stream.stream_id, 0, ""
    for _ in range(breaks):
        cursor = iter(stream)
        for place, delta in enumerate(cursor):
            if place >= 5:
                break
            if place < 3:  # the other two are lost on their way to the browser
                got, seen = got + delta.text, delta.seq
        stream.detach()
        stream = system.attach(stream_id, after_seq=seen)
    assert got + text_of(stream) == WORDS * 30


def test_many_threads_detach_and_attach_many_streams(system: ActorSystem, simulator: Simulator) -> None:
    simulator.set_default(Script(text=WORDS * 20, chunk_size=4))
    texts: list[str] = []

    def come_and_go() -> None:
        stream: Stream[Any] = system.stream(ChatRequest(messages="Count"))
        text, over = "", False
        while not over:
            cursor = iter(stream)
            for _ in range(20):
                delta = next(cursor, None)
                over = delta is None
                text += "" if delta is None else delta.text
            stream.detach()
            stream = system.attach(stream.stream_id)
        texts.append(text)

    threads = [threading.Thread(target=come_and_go) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert texts == [WORDS * 20] * 20
    assert system._live.absent == {}


def test_in_asyncio_where_the_task_of_the_consumer_is_cancelled(
    system: ActorSystem, simulator: Simulator
) -> None:
    simulator.enqueue(Script(text=WORDS * 5, delta_interval_s=0.01))

    got: list[str] = []

    async def serve(stream: Stream[Any], some: asyncio.Event) -> None:
        cursor = aiter(stream)
        try:
            async for delta in cursor:
                got.append(delta.text)
                some.set()
        finally:
            stream.detach()

    async def main() -> str:
        stream = system.stream(ChatRequest(messages="Count"))
        some = asyncio.Event()
        task = asyncio.create_task(serve(stream, some))
        await asyncio.wait_for(some.wait(), LIMIT_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        again = system.attach(stream.stream_id)
        return "".join(got) + "".join([delta.text async for delta in again])

    assert asyncio.run(main()) == WORDS * 5


def test_the_former_handle_raises_and_a_waiting_reader_is_woken(
    system: ActorSystem, simulator: Simulator
) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2)))
    stream = system.stream(ChatRequest(messages="Count"))
    caught: list[BaseException] = []

    def read() -> None:
        try:
            text_of(stream)
        except StreamDetached as error:
            caught.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    wait_until(lambda: bool(stream._channel._waiters))
    stream.detach()
    reader.join(LIMIT_S)
    assert len(caught) == 1
    again = system.attach(stream.stream_id)
    stream.detach()
    with pytest.raises(StreamDetached, match=r"system\.attach"):
        stream.result(timeout=0)
    assert not again.detached
    simulator.wait_for(lambda s: bool(s.requests), timeout_s=LIMIT_S)
    assert not simulator.requests[0].ended
    again.cancel()


def test_nobody_comes_within_the_grace(simulator: Simulator, start: Start) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2)))
    system = start(simulator.base_url, StreamingOptions(detach_grace_s=0.1))
    stream = system.stream(ChatRequest(messages="Count"))
    stream.next_delta().get(timeout=LIMIT_S)
    stream.detach()
    simulator.wait_for(lambda s: s.requests[0].ended == "client_disconnected", timeout_s=LIMIT_S)
    with pytest.raises(UnknownStream, match="send the request again"):
        system.attach(stream.stream_id)


def test_what_cannot_be_attached(simulator: Simulator, start: Start) -> None:
    simulator.set_default(Script(text=WORDS * 100))
    system = start(simulator.base_url, StreamingOptions(max_replay_bytes=100))
    stream = system.stream(ChatRequest(messages="Count"))
    with pytest.raises(StreamInUse):
        system.attach(stream.stream_id)
    with pytest.raises(UnknownStream, match="'no such'"):
        system.attach("no such")
    text_of(stream)
    stream.detach()
    for wrong in (-1, True, "5", 1.0):
        with pytest.raises(InvalidInput, match=r"^after_seq"):
            system.attach(stream.stream_id, after_seq=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"^after_seq = 10000000: must be at most"):
        system.attach(stream.stream_id, after_seq=10_000_000)
    with pytest.raises(InvalidInput, match=r"^stream_id"):
        system.attach(stream)  # type: ignore[arg-type]
    with pytest.raises(ReplayRefused) as caught:
        system.attach(stream.stream_id, after_seq=0)
    again = system.attach(stream.stream_id, after_seq=caught.value.earliest_after_seq)
    assert (WORDS * 100).endswith(text_of(again))
    again.detach()
    system.stop(drain_s=0)
    with pytest.raises(SystemStopped):
        system.attach(stream.stream_id)
    again.detach()


def test_on_the_dispatcher_thread_itself(system: ActorSystem) -> None:
    told = threading.Event()
    got: list[Any] = []

    def come_and_go(_: Any) -> None:
        try:
            stream.detach()
            got.append(system.attach(stream.stream_id))
        finally:
            told.set()

    stream = system.stream(ChatRequest(messages="Count"))
    first = stream.next_delta()
    first.add_done_callback(come_and_go)
    assert told.wait(LIMIT_S)
    delta = first.get(timeout=LIMIT_S)
    assert delta is not None
    assert delta.text + text_of(got[0]) == WORDS


def test_stop_drains_a_detached_stream_too(simulator: Simulator, start: Start) -> None:
    simulator.enqueue(Script(text=WORDS, delta_interval_s=0.02))
    system = start(simulator.base_url)
    stream = system.stream(ChatRequest(messages="Count"))
    stream.next_delta().get(timeout=LIMIT_S)
    stream.detach()
    system.stop(drain_s=LIMIT_S)
    assert simulator.requests[0].ended == "completed"
