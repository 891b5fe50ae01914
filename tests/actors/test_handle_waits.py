"""Waits that are cancelled or time out lose nothing and end nothing; futures of single deltas."""

import asyncio
import gc

import pytest
from test_channel import END, channel, push
from test_merging import text

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.wakes import LoopWaiter

from held_stream import Held, awaited, read
from request_path import WAIT_S, in_thread

# ---- time-outs and cancelled waits end nothing


def test_a_timeout_is_the_builtin_one_and_ends_nothing(held: Held) -> None:
    for timeout in (0, -1, 0.01):
        with pytest.raises(TimeoutError) as caught:
            held.stream.result(timeout=timeout)
        assert type(caught.value) is TimeoutError
        assert "request_id=r" in str(caught.value)
    assert held.scope.told == []
    assert (held.channel._result_waiters, held.channel._closers) == (0, ())
    held.channel.close(END)
    assert held.stream.result(timeout=1e12) is END


def test_an_endless_timeout_is_no_overflow(held: Held) -> None:
    result = in_thread(lambda: held.stream.result(timeout=1e12))
    held.waited_for()
    held.channel.close(END)
    assert result.get() is END


def test_a_cancelled_anext_loses_nothing_and_ends_nothing(held: Held) -> None:
    async def main() -> list[int]:
        cursor = aiter(held.stream)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(cursor), 0.01)
        task = asyncio.ensure_future(anext(cursor))
        await asyncio.sleep(0)
        push(held.channel, 1)
        task.cancel()  # woken and cancelled at once
        with pytest.raises(asyncio.CancelledError):
            await task
        push(held.channel, 2)
        held.channel.close(END)
        return await read(cursor)

    assert asyncio.run(main()) == [1, 2]
    assert held.scope.told == []


def test_a_wake_that_comes_after_its_wait_was_cancelled_takes_no_other_wait_for_it(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel wakes without its lock: what was given up meanwhile must not look awaited for ever."""
    late: list[LoopWaiter] = []

    async def main() -> list[int]:
        busy, patient = aiter(held.stream), aiter(held.stream)

        def keep(waiter: LoopWaiter) -> None:
            late.append(waiter)

        with monkeypatch.context() as patch:
            patch.setattr(LoopWaiter, "wake", keep)
            task = asyncio.ensure_future(anext(busy))
            await asyncio.sleep(0)
            push(held.channel, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await anext(busy)).seq == 1
        tasks = [asyncio.ensure_future(anext(patient))]
        await asyncio.sleep(0)
        tasks.append(asyncio.ensure_future(anext(busy)))
        await asyncio.sleep(0)
        late[0].wake()
        push(held.channel, 2)
        await asyncio.wait(tasks, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        push(held.channel, 3)  # for the one that still waits; the other reads no more
        return sorted([(await asyncio.wait_for(task, WAIT_S)).seq for task in tasks])

    assert asyncio.run(main()) == [2, 3]


def test_of_two_tasks_at_one_cursor_one_gives_up_and_the_other_is_still_woken(held: Held) -> None:
    async def main() -> int:
        cursor = aiter(held.stream)
        gives_up = asyncio.ensure_future(anext(cursor))
        await asyncio.sleep(0)
        stays = asyncio.ensure_future(anext(cursor))  # begins between the cancellation and its consequence
        gives_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gives_up
        push(held.channel, 1)
        return (await asyncio.wait_for(stays, WAIT_S)).seq

    assert asyncio.run(main()) == 1


def test_an_anext_cancelled_while_it_lets_the_loop_run_loses_nothing(held: Held) -> None:
    for seq in range(1, 201):
        held.channel.push([text(seq, block=seq)], 1)
    held.channel.close(END)

    async def main() -> list[int]:
        cursor, got = aiter(held.stream), []
        while True:
            task = asyncio.ensure_future(anext(cursor))
            await asyncio.sleep(0)
            task.cancel()
            try:
                got.append((await task).seq)
            except asyncio.CancelledError:
                continue
            except StopAsyncIteration:
                return got

    assert asyncio.run(main()) == list(range(1, 201))


def test_a_cancelled_await_ends_nothing(held: Held) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(held.stream, 0.01)

    asyncio.run(main())
    assert held.scope.told == []
    assert held.channel._result_waiters == 0


# ---- next_delta


def test_futures_are_served_in_order(held: Held) -> None:
    futures = [held.stream.next_delta() for _ in range(4)]
    push(held.channel, 1, 2)
    push(held.channel, 3)
    held.channel.close(END)
    assert [future.get(timeout=WAIT_S) and future.get().seq for future in futures] == [1, 2, 3, None]
    assert held.stream.next_delta().get(timeout=WAIT_S) is None


def test_futures_from_one_thread_are_in_order_while_another_pushes(dispatcher: Dispatcher) -> None:
    held = Held(dispatcher, channel(items=10**6))

    def push_all() -> None:
        for seq in range(1, 3001):
            push(held.channel, seq)

    pusher = in_thread(push_all)
    futures = [held.stream.next_delta() for _ in range(3000)]
    assert [future.get(timeout=WAIT_S).seq for future in futures] == list(range(1, 3001))
    pusher.get()
    held.channel.close(END)


def test_a_future_can_be_awaited_and_has_callbacks(held: Held) -> None:
    called: list[int] = []
    held.stream.next_delta().add_done_callback(lambda future: called.append(future.get().seq))
    gc.collect()
    push(held.channel, 1)
    assert called == [1]

    async def main() -> int:
        future = held.stream.next_delta()
        in_thread(lambda: push(held.channel, 2)).get()
        return (await asyncio.wait_for(future, WAIT_S)).seq  # type: ignore[no-any-return]

    assert asyncio.run(main()) == 2


def test_a_future_that_timed_out_and_was_dropped_takes_nothing(held: Held) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(held.stream.next_delta(), 0.01)

    asyncio.run(main())
    with pytest.raises(TimeoutError):
        held.stream.next_delta().get(timeout=0)
    gc.collect()
    push(held.channel, 1, 2)
    assert held.stream.next_delta().get(timeout=WAIT_S).seq == 1
    assert held.scope.told == []


def test_a_future_that_timed_out_and_is_kept_can_be_asked_again(held: Held) -> None:
    future = held.stream.next_delta()
    with pytest.raises(TimeoutError):
        future.get(timeout=0)
    push(held.channel, 1)
    assert future.get(timeout=0).seq == 1


def test_a_future_dropped_unread_gives_its_delta_back(held: Held) -> None:
    future = held.stream.next_delta()
    push(held.channel, 1, 2)
    del future
    gc.collect()
    held.channel.close(END)
    assert [delta.seq for delta in held.stream] == [1, 2]


def test_a_wait_cancelled_in_the_moment_of_its_delta_loses_nothing(held: Held) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(awaited(held.stream.next_delta()))
        await asyncio.sleep(0)
        push(held.channel, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    gc.collect()
    held.channel.close(END)
    assert [delta.seq for delta in held.stream] == [1]


def test_futures_that_wait_are_served_before_a_cursor_that_waits_and_nothing_goes_twice(held: Held) -> None:
    cursor = iter(held.stream)
    reader = in_thread(lambda: [next(cursor).seq, next(cursor).seq])
    held.waited_for()
    futures = [held.stream.next_delta() for _ in range(2)]
    push(held.channel, 1, 2, 3)
    push(held.channel, 4)
    assert [future.get(timeout=WAIT_S).seq for future in futures] == [1, 2]
    assert reader.get() == [3, 4]


def test_of_one_consumer_that_asks_for_one_at_a_time_the_order_is_the_streams(held: Held) -> None:
    push(held.channel, *range(1, 9))
    held.channel.close(END)
    cursor = iter(held.stream)
    got = [
        next(cursor).seq if turn % 2 else held.stream.next_delta().get(timeout=WAIT_S).seq
        for turn in range(8)
    ]
    assert got == list(range(1, 9))
