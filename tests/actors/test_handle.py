"""What the caller holds: cursors and results, from threads and loops; and letting go of them."""

import asyncio
import copy
import gc
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from test_channel import END, channel, push
from test_merging import text

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import WouldDeadlock
from greenroom.actors.handle import AsyncCursor, Cursor, completion_future
from greenroom.messages.commands import Cancel, ReaderGone
from greenroom.messages.completion import Completion
from greenroom.messages.failures import RateLimited, StreamCancelled

from held_stream import CANCELLED, FAILED, Held, awaited, read
from request_path import WAIT_S, in_thread

# ---- reading


def test_for_reads_to_the_end(held: Held) -> None:
    result = in_thread(lambda: [delta.seq for delta in held.stream])
    held.waited_for()
    push(held.channel, 1, 2)
    push(held.channel, 3)
    held.channel.close(END)
    assert result.get() == [1, 2, 3]
    assert held.stream.done
    assert held.scope.told == []


def test_async_for_reads_to_the_end(held: Held) -> None:
    async def main() -> list[int]:
        task = asyncio.ensure_future(read(aiter(held.stream)))
        await asyncio.sleep(0)
        in_thread(lambda: push(held.channel, 1, 2)).get()
        await asyncio.sleep(0)
        in_thread(lambda: held.channel.close(END)).get()
        return await asyncio.wait_for(task, WAIT_S)

    assert asyncio.run(main()) == [1, 2]


@pytest.mark.parametrize(("end", "kind"), [(FAILED, RateLimited), (CANCELLED, StreamCancelled)])
def test_every_way_of_reading_raises_the_typed_error_after_the_last_delta(
    held: Held, end: Completion[Any], kind: type[Exception]
) -> None:
    push(held.channel, 1)
    held.channel.close(end)
    cursor = iter(held.stream)
    assert next(cursor).seq == 1
    raised = []
    for attempt in (
        lambda: next(cursor), held.stream.result, lambda: asyncio.run(awaited(held.stream)),
        lambda: held.stream.next_delta().get(timeout=WAIT_S), lambda: asyncio.run(read(aiter(held.stream))),
        lambda: completion_future(held.channel, held.dispatcher, "r_1").get(timeout=WAIT_S), lambda: next(cursor),
    ):  # fmt: skip
        with pytest.raises(kind) as caught:
            attempt()
        raised.append(caught.value)
    assert len({id(error) for error in raised}) == len(raised), "a fresh instance each time"
    for error in raised:
        assert error.partial is end  # type: ignore[attr-defined]
        assert type(pickle.loads(pickle.dumps(error))) is kind  # noqa: S301  (our own)


def test_a_failed_stream_can_be_read_by_several_cursors_together(held: Held) -> None:
    results = [in_thread(lambda: [delta.seq for delta in held.stream]) for _ in range(3)]
    held.waited_for()
    push(held.channel, *range(1, 31))
    held.channel.close(END)
    assert sorted(seq for result in results for seq in result.get()) == list(range(1, 31))


def test_two_loops_and_a_thread_share_one_stream(dispatcher: Dispatcher) -> None:
    held = Held(dispatcher, channel(items=10**6))

    def in_loop() -> list[int]:
        return asyncio.run(read(aiter(held.stream)))

    results = [in_thread(in_loop), in_thread(in_loop), in_thread(lambda: [d.seq for d in held.stream])]
    held.waited_for()
    for seq in range(1, 501):
        push(held.channel, seq)
    held.channel.close(END)
    parts = [result.get() for result in results]
    assert all(part == sorted(part) for part in parts)
    assert sorted(seq for part in parts for seq in part) == list(range(1, 501))


def test_ten_thousand_deltas_cross_to_another_loop_in_order(dispatcher: Dispatcher) -> None:
    held = Held(dispatcher, channel(items=10**6))
    got: list[int] = []

    async def main() -> None:
        got.extend([delta.seq async for delta in held.stream])

    result = in_thread(lambda: asyncio.run(main()))
    held.waited_for()
    for seq in range(1, 10_001):
        push(held.channel, seq)
    held.channel.close(END)
    result.get()
    assert got == list(range(1, 10_001))


def test_a_reader_that_never_waits_lets_its_loop_run(held: Held) -> None:
    for seq in range(1, 1001):
        held.channel.push([text(seq, block=seq)], 1)
    held.channel.close(END)
    ran = 0

    async def other() -> None:
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    async def main() -> None:
        task = asyncio.ensure_future(other())
        await asyncio.sleep(0)
        assert len(await read(aiter(held.stream))) == 1000
        task.cancel()

    asyncio.run(main())
    assert ran >= 10


def test_results_in_threads_and_loops(held: Held) -> None:
    async def main() -> Any:
        return await held.stream

    results = [
        in_thread(held.stream.result),
        in_thread(lambda: asyncio.run(main())),
        in_thread(held.stream.text),
    ]
    future = completion_future(held.channel, held.dispatcher, "r_1")
    held.waited_for()
    held.channel.close(END)
    assert [result.get() for result in results] == [END, END, ""]
    assert future.get(timeout=WAIT_S) is END
    assert held.stream.result(timeout=0) is END
    assert asyncio.run(main()) is END
    assert held.channel._result_waiters == 0


# ---- letting go


def test_dropping_the_handle_cancels(held: Held) -> None:
    del held.stream
    gc.collect()
    held.scope.wait_for(Cancel("consumer_gone"))


def test_dropping_the_handle_of_an_ended_stream_tells_nobody(held: Held) -> None:
    held.channel.close(END)
    cursor = iter(held.stream)
    del cursor, held.stream
    gc.collect()
    in_thread(lambda: held.dispatcher.from_finalizer(held.scope, "mark")).get()  # type: ignore[arg-type]
    held.scope.wait_for("mark")


def test_breaking_out_of_a_loop_tells_that_a_reader_has_gone(held: Held) -> None:
    push(held.channel, 1, 2)
    for _ in held.stream:
        break
    held.scope.wait_for(ReaderGone())


def test_breaking_out_of_an_async_loop_tells_it_too(held: Held) -> None:
    push(held.channel, 1, 2)

    async def main() -> None:
        async for _ in held.stream:
            break

    asyncio.run(main())
    held.scope.wait_for(ReaderGone())


def test_a_cursor_keeps_the_handle(held: Held) -> None:
    cursor = iter(held.stream)
    held.stream = None
    gc.collect()
    push(held.channel, 1)
    assert next(cursor).seq == 1
    assert held.scope.told == []
    del cursor
    held.scope.wait_for(ReaderGone(), Cancel("consumer_gone"))


def test_a_pending_future_keeps_the_handle(held: Held) -> None:
    future = held.stream.next_delta()
    held.stream = None
    gc.collect()
    assert held.scope.told == []
    push(held.channel, 1)
    assert future.get(timeout=0).seq == 1
    del future
    gc.collect()
    held.scope.wait_for(Cancel("consumer_gone"))


def test_leaving_with_cancels_and_leaving_it_after_the_end_does_not(held: Held) -> None:
    with held.stream:
        assert held.scope.told == []
    assert held.scope.told == [Cancel("caller")]

    async def main() -> None:
        async with held.stream:
            held.channel.close(END)

    asyncio.run(main())
    assert held.scope.told == [Cancel("caller")]


def test_a_cancelled_task_lets_its_cursor_go(held: Held) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(read(aiter(held.stream)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    gc.collect()
    held.scope.wait_for(ReaderGone())


def test_a_closed_loop_cancels_the_stream(held: Held) -> None:
    loop = asyncio.new_event_loop()
    cursor = aiter(held.stream)
    pending = loop.create_task(read(cursor))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    push(held.channel, 1)
    assert held.scope.told == [Cancel("loop_closed")]
    push(held.channel, 2)
    # The test's own: the task is left pending on purpose.
    pending._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine: Any = pending.get_coro()
    coroutine.close()


# ---- where blocking is refused


@pytest.mark.parametrize("block", [
    lambda stream: stream.result(), lambda stream: next(iter(stream)), lambda stream: stream.text(),
    lambda stream: stream.next_delta().get(),
])  # fmt: skip
def test_blocking_on_the_dispatcher_thread_is_refused(held: Held, block: Callable[[Any], Any]) -> None:
    raised: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            block(held.stream)
        except BaseException as error:
            raised.append(error)
        done.set()

    held.dispatcher.call(work)
    assert done.wait(WAIT_S)
    assert isinstance(raised[0], WouldDeadlock)


def test_what_is_there_can_be_read_on_the_dispatcher_thread(held: Held) -> None:
    push(held.channel, 1)
    held.channel.close(END)
    got: list[Any] = []
    done = threading.Event()

    def work() -> None:
        got.extend([next(iter(held.stream)).seq, held.stream.result()])
        done.set()

    held.dispatcher.call(work)
    assert done.wait(WAIT_S)
    assert got == [1, END]


def test_blocking_beside_a_running_loop_elsewhere_is_fine(held: Held) -> None:
    held.channel.close(END)

    async def notebook() -> Any:
        return held.stream.result(timeout=0)

    assert asyncio.run(notebook()) is END


def test_repr_says_what_it_is(held: Held) -> None:
    assert repr(held.stream) == "<Stream s of p/m: streaming>"
    held.channel.close(END)
    assert repr(held.stream) == "<Stream s of p/m: completed>"
    assert isinstance(iter(held.stream), Cursor)
    assert isinstance(aiter(held.stream), AsyncCursor)


def test_a_handle_is_not_copied(held: Held) -> None:
    for thing in (held.stream, iter(held.stream)):
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                copied(thing)
