"""The future: from threads, from any loop, by callback, without harm by cancelling."""

from __future__ import annotations

import asyncio
import gc
import logging
import queue
import sys
import threading
import traceback
import weakref
from typing import Any

import pykka
import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import AskTimeout, WouldDeadlock
from greenroom.actors.future import Future


def failed(error: BaseException) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def test_the_first_answer_counts_and_later_ones_are_ignored() -> None:
    future: Future[int] = Future()
    future.set(1)
    future.set(2)
    future.set_exception(ValueError("late"))

    assert future.get() == 1


def test_an_error_given_in_an_except_block_is_raised_with_its_traceback() -> None:
    future: Future[int] = Future()
    try:
        raise LookupError("where it broke")
    except LookupError:
        future.set_exception()

    with pytest.raises(LookupError, match="where it broke") as caught:
        future.get()
    assert (
        caught.traceback[-1].name
        == test_an_error_given_in_an_except_block_is_raised_with_its_traceback.__name__
    )


def test_raising_an_error_again_and_again_does_not_grow_its_traceback() -> None:
    future = failed(ValueError("once"))
    lengths = set()
    for _ in range(20):
        with pytest.raises(ValueError, match="once") as caught:
            future.get()
        lengths.add(len(traceback.extract_tb(caught.value.__traceback__)))

    assert len(lengths) == 1


def test_a_timeout_is_pykkas_and_the_builtin_one_and_harms_nothing() -> None:
    future: Future[int] = Future()

    with pytest.raises(AskTimeout) as caught:
        future.get(timeout=0.001)
    future.set(3)

    assert isinstance(caught.value, pykka.Timeout)
    assert isinstance(caught.value, TimeoutError)
    assert future.get(timeout=0) == 3


def test_threads_that_wait_all_wake() -> None:
    future: Future[int] = Future()
    got: queue.SimpleQueue[int] = queue.SimpleQueue()
    threads = [threading.Thread(target=lambda: got.put(future.get(timeout=10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    future.set(7)
    for thread in threads:
        thread.join(10)

    assert [got.get_nowait() for _ in threads] == [7] * 8


def _set_at(start: threading.Barrier, future: Future[int], value: int) -> None:
    start.wait()
    future.set(value)


def test_of_many_setters_exactly_one_wins_and_callbacks_run_once() -> None:
    for _ in range(50):
        future: Future[int] = Future()
        seen: list[int] = []
        future.add_done_callback(lambda done, seen=seen: seen.append(done.get()))  # type: ignore[misc]
        start = threading.Barrier(4)
        threads = [threading.Thread(target=_set_at, args=(start, future, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [future.get()]


def test_callbacks_run_when_resolved_or_at_once() -> None:
    future: Future[int] = Future()
    seen: list[str] = []
    removed = seen.append
    future.add_done_callback(lambda _: seen.append("before"))
    future.add_done_callback(removed)  # type: ignore[arg-type]
    future.remove_done_callback(removed)  # type: ignore[arg-type]
    assert seen == []

    future.set(1)
    future.add_done_callback(lambda _: seen.append("after"))

    assert seen == ["before", "after"]


def test_a_callback_that_fails_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    future: Future[int] = Future()
    seen: list[int] = []
    future.add_done_callback(lambda _: 1 // 0)
    future.add_done_callback(lambda done: seen.append(done.get()))

    with caplog.at_level(logging.ERROR, "greenroom.actors"):
        future.set(5)

    assert seen == [5]
    assert "ZeroDivisionError" in caplog.text


async def _resolved_by_a_thread(future: Future[int], value: int) -> int:
    threading.Timer(0.01, future.set, (value,)).start()
    return await future


def test_it_can_be_awaited_from_any_loop() -> None:
    for value in (1, 2):
        assert asyncio.run(_resolved_by_a_thread(Future(), value)) == value


def test_an_error_is_raised_by_await() -> None:
    async def wait() -> None:
        await failed(ValueError("awaited"))

    with pytest.raises(ValueError, match="awaited"):
        asyncio.run(wait())


def test_an_await_that_is_cancelled_or_timed_out_takes_nothing_away() -> None:
    async def main() -> int:
        future: Future[int] = Future()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0.001)
        task = asyncio.ensure_future(future)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert future._callbacks == []  # no waiter is left behind
        threading.Thread(target=future.set, args=(9,)).start()
        return await asyncio.wait_for(future, 10)

    assert asyncio.run(main()) == 9


def test_many_tasks_may_await_one_future() -> None:
    async def main() -> list[int]:
        future: Future[int] = Future()
        waiting = [asyncio.ensure_future(future) for _ in range(5)]
        await asyncio.sleep(0)
        future.set(4)
        return await asyncio.gather(*waiting)

    assert asyncio.run(main()) == [4] * 5


def test_resolving_after_the_waiters_loop_is_closed_raises_nothing() -> None:
    future: Future[int] = Future()
    loop = asyncio.new_event_loop()
    task = loop.create_task(_await(future))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()

    future.set(1)

    assert future.get() == 1


async def _await(future: Future[int]) -> int:
    return await future


def test_derived_futures_can_be_awaited_and_do_not_block_the_loop() -> None:
    async def main() -> tuple[int, list[int], int, list[int]]:
        numbers: Future[Any] = Future()
        other: Future[int] = Future()
        mapped = numbers.map(lambda items: items[0] + 1)
        kept = numbers.filter(lambda item: item > 1)
        total = numbers.reduce(lambda a, b: a + b, 10)
        joined = other.join(mapped)
        assert not joined.done()
        asyncio.get_running_loop().call_later(0.01, numbers.set, [1, 2, 3])
        asyncio.get_running_loop().call_later(0.02, other.set, 5)
        return await mapped, list(await kept), await total, list(await joined)

    assert asyncio.run(main()) == (2, [2, 3], 16, [5, 2])


def test_callbacks_of_derived_futures_run_when_all_parents_are_done() -> None:
    first: Future[int] = Future()
    second: Future[int] = Future()
    seen: list[Any] = []
    first.join(second).add_done_callback(lambda done: seen.append(done.get()))

    second.set(2)
    assert seen == []
    first.set(1)

    assert seen == [[1, 2]]


def test_a_foreign_get_hook_is_awaited_in_an_executor_and_has_no_callbacks() -> None:
    future: Future[int] = Future()
    future.set_get_hook(lambda timeout: threading.get_ident())

    assert asyncio.run(_await(future)) != threading.get_ident()
    with pytest.raises(TypeError, match="get hook"):
        future.add_done_callback(print)


def test_a_join_with_a_future_of_pykkas_can_be_awaited() -> None:
    foreign: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    mine: Future[int] = Future()
    joined = mine.join(foreign)
    mine.set(1)
    foreign.set(2)

    assert asyncio.run(_await(joined)) == [1, 2]  # type: ignore[arg-type,comparison-overlap]


def test_a_blocking_get_on_a_dispatcher_thread_raises_and_says_what_to_do(dispatcher: Dispatcher) -> None:
    pending: Future[int] = Future()
    ready: Future[int] = Future()
    ready.set(3)
    outcome: Future[Any] = Future()

    def on_the_thread() -> None:
        try:
            assert ready.get() == 3  # does not wait, so it may
            pending.get(timeout=1)
        except WouldDeadlock as error:
            outcome.set(str(error))

    dispatcher.call(on_the_thread)

    assert "await the future" in outcome.get(timeout=10)


def test_it_is_small_and_left_without_cycles() -> None:
    future: Future[int] = Future()
    assert sys.getsizeof(future) + sum(sys.getsizeof(v) for v in getattr(future, "__dict__", {})) < 200

    gc.collect()
    gc.disable()
    try:
        failing = failed(ValueError("gone"))
        with pytest.raises(ValueError, match="gone"):
            failing.get()
        gone = weakref.ref(failing)
        del failing
        # pytest's own record of the error may hold frames, but none of them holds the future.
        assert gone() is None
    finally:
        gc.enable()
