"""One stream at a time, over real sockets, in every way of reading it."""

import asyncio
import threading

import pytest

from greenroom import ActorSystem, ChatRequest, StreamCancelled, SystemStopped, TextDelta, UsageDelta
from greenroom.providers.simulator import Script, Simulator, Stall

from tests_system import LIMIT_S, text_of

WORDS = "one two three four five"


def test_for_reads_every_delta_once_and_in_order(system: ActorSystem) -> None:
    deltas = list(system.stream(ChatRequest(messages="Count")))

    assert [delta.seq for delta in deltas] == list(range(1, len(deltas) + 1))
    assert text_of(deltas) == WORDS
    assert len([delta for delta in deltas if isinstance(delta, TextDelta)]) > 1
    assert isinstance(deltas[-1], UsageDelta)


def test_the_completion_says_what_the_deltas_said(system: ActorSystem) -> None:
    stream = system.stream(ChatRequest(messages="Count", request_id="my-id"))
    text = text_of(stream)
    completion = stream.result(timeout=LIMIT_S)

    assert completion.text == text == WORDS
    assert completion.outcome == "completed"
    assert completion.finish_reason == "stop"
    assert completion.usage.output_tokens
    assert completion.usage.source == "provider"
    assert (completion.provider, completion.model_asked) == ("sim", "test-model")
    assert completion.request_id == stream.request_id == "my-id"
    assert [record.decision for record in completion.attempts] == ["completed"]
    assert completion.timings.ttft_s is not None
    assert 0 < completion.timings.ttft_s <= completion.timings.duration_s


def test_async_for_in_a_loop_of_its_own(system: ActorSystem) -> None:
    async def read() -> str:
        return "".join([delta.text async for delta in system.stream(ChatRequest(messages="Count"))])

    assert asyncio.run(read()) == WORDS


def test_await_and_result_need_no_reader(system: ActorSystem) -> None:
    async def wait() -> str:
        return (await system.stream(ChatRequest(messages="Count"))).text

    assert asyncio.run(wait()) == WORDS
    assert system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S).text == WORDS
    assert system.stream(ChatRequest(messages="Count")).text(timeout=LIMIT_S) == WORDS


def test_ask_is_a_future_of_the_completion(system: ActorSystem) -> None:
    async def wait() -> str:
        return (await system.ask(ChatRequest(messages="Count"))).text

    assert system.ask(ChatRequest(messages="Count")).get(timeout=LIMIT_S).text == WORDS
    assert asyncio.run(wait()) == WORDS


def test_next_delta_futures_come_in_order_and_end_with_none(system: ActorSystem) -> None:
    stream = system.stream(ChatRequest(messages="Count"))
    seqs = []
    while (delta := stream.next_delta().get(timeout=LIMIT_S)) is not None:
        seqs.append(delta.seq)

    assert seqs == list(range(1, len(seqs) + 1))
    assert stream.next_delta().get(timeout=LIMIT_S) is None


def test_result_beside_a_reader_in_another_thread(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS * 50, delta_interval_s=0.001))
    stream = system.stream(ChatRequest(messages="Count"))
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend(delta.text for delta in stream))
    reader.start()

    assert stream.result(timeout=LIMIT_S).text == WORDS * 50
    reader.join(LIMIT_S)
    assert "".join(read) == WORDS * 50


def test_a_timeout_ends_nothing(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, first_delta_delay_s=0.3))
    stream = system.stream(ChatRequest(messages="Count"))
    with pytest.raises(TimeoutError, match="the stream goes on"):
        stream.result(timeout=0.01)
    assert stream.result(timeout=LIMIT_S).text == WORDS


def test_a_timed_out_anext_loses_nothing(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, first_delta_delay_s=0.2))

    async def read() -> str:
        cursor = aiter(system.stream(ChatRequest(messages="Count")))
        timeouts = 0
        while True:
            try:
                first = await asyncio.wait_for(anext(cursor), 0.02)
                break
            except TimeoutError:
                timeouts += 1
        assert timeouts
        return first.text + "".join([delta.text async for delta in cursor])

    assert asyncio.run(read()) == WORDS


@pytest.mark.parametrize("way", ["cancel", "break", "with", "handle dropped", "task cancelled"])
def test_letting_go_closes_the_providers_socket(system: ActorSystem, simulator: Simulator, way: str) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2)))
    _let_go(system, way)

    simulator.wait_for(
        lambda s: s.requests and s.requests[0].ended == "client_disconnected", timeout_s=LIMIT_S
    )
    assert simulator.open_connections == 0


def _let_go(system: ActorSystem, way: str) -> None:
    request = ChatRequest(messages="Count")
    if way == "task cancelled":
        asyncio.run(_cancelled_task(system))
        return
    stream = system.stream(request)
    if way == "with":
        with stream:
            next(iter(stream))
    elif way == "cancel":
        cursor = iter(stream)
        first = next(cursor)
        stream.cancel()
        with pytest.raises(StreamCancelled) as caught:
            list(cursor)
        assert caught.value.partial is not None
        assert caught.value.partial.text.startswith(first.text)
        assert caught.value.request_id == stream.request_id
    elif way == "break":
        for _ in stream:
            break
    else:
        assert stream.next_delta().get(timeout=LIMIT_S) is not None
        del stream


async def _cancelled_task(system: ActorSystem) -> None:
    started = asyncio.Event()

    async def read() -> None:
        async for _ in system.stream(ChatRequest(messages="Count")):
            started.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(started.wait(), LIMIT_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_kept_cursor_goes_on_after_a_break(system: ActorSystem) -> None:
    stream = system.stream(ChatRequest(messages="Count"))
    cursor = iter(stream)
    first = next(cursor)
    for delta in cursor:
        rest = [delta.text]
        break

    assert first.text + "".join(rest + [delta.text for delta in cursor]) == WORDS


def test_connections_are_used_again(system: ActorSystem, simulator: Simulator) -> None:
    for _ in range(5):
        system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)

    assert len({record.connection for record in simulator.requests}) == 1
    (endpoint,) = system.statistics().endpoints
    assert (endpoint.busy, endpoint.reused_total) == (0, 4)


def test_stop_drains_then_cancels(simulator: Simulator, start: object) -> None:
    system: ActorSystem = start(simulator.base_url)  # type: ignore[operator]
    simulator.enqueue(
        Script(text=WORDS, delta_interval_s=0.02), Script(text=WORDS, stall=Stall(after_deltas=1))
    )
    short, endless = (system.stream(ChatRequest(messages="Count")) for _ in range(2))
    for stream in (short, endless):
        assert stream.next_delta().get(timeout=LIMIT_S) is not None
    system.stop(drain_s=1.0)

    outcomes = {short.done, endless.done}
    assert outcomes == {True}
    ended = {_outcome(short), _outcome(endless)}
    assert ended == {"completed", "cancelled"}
    with pytest.raises(SystemStopped, match=r"ActorSystem\.start"):
        system.stream(ChatRequest(messages="Count"))


def _outcome(stream: object) -> str:
    try:
        return stream.result(timeout=LIMIT_S).outcome  # type: ignore[attr-defined, no-any-return]
    except StreamCancelled as cancelled:
        return cancelled.partial.outcome if cancelled.partial else "lost"


def test_async_with(simulator: Simulator) -> None:
    from greenroom import ProviderConfig, SystemConfig

    async def run() -> str:
        config = SystemConfig(providers={"sim": ProviderConfig(base_url=simulator.base_url)})
        async with ActorSystem.start(config) as system:
            return (await system.stream(ChatRequest(model="sim/x", messages="Count"))).text

    assert asyncio.run(run()) == WORDS
