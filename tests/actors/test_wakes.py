"""Waking across threads and loops: coalesced, never lost, and a closed loop is noticed."""

import asyncio
import gc
import threading
import time
import weakref
from typing import Any

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.wakes import LoopWaiter, ThreadWaiter, WakeHub, WakeHubs


def test_a_thread_waiter_is_woken_and_stays_woken() -> None:
    waiter = ThreadWaiter()
    assert not waiter.wait(0)
    waiter.wake()
    waiter.wake()
    assert waiter.wait(5)


def test_one_crossing_for_a_burst() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        hub, futures = WakeHub(loop), [loop.create_future() for _ in range(100)]
        crossings = []
        crossing = loop.call_soon_threadsafe

        def counted(*args: Any, **kwargs: Any) -> Any:
            crossings.append(args)
            return crossing(*args, **kwargs)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign,assignment]
        thread = threading.Thread(target=lambda: [hub.wake(future) for future in futures])
        thread.start()
        thread.join()
        await asyncio.wait_for(asyncio.gather(*futures), 5)
        assert len(crossings) == 1

    asyncio.run(main())


def test_no_wake_is_lost_under_contention() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        hub, futures = WakeHub(loop), [loop.create_future() for _ in range(4000)]
        taken: list[list[bool]] = []
        threads = [
            threading.Thread(
                target=lambda part=futures[n::4]: taken.append([hub.wake(future) for future in part])
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(asyncio.gather(*futures), 5)
        for thread in threads:
            thread.join()
        assert taken == [[True] * 1000] * 4

    asyncio.run(main())


def test_a_future_that_was_cancelled_meanwhile_is_passed_over() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        hub, gone, here = WakeHub(loop), loop.create_future(), loop.create_future()
        gone.cancel()
        assert hub.wake(gone)
        assert hub.wake(here)
        await asyncio.wait_for(here, 5)

    asyncio.run(main())


def test_a_closed_loop_is_noticed() -> None:
    loop = asyncio.new_event_loop()
    hub = WakeHub(loop)
    future: asyncio.Future[None] = loop.create_future()
    loop.close()
    assert not hub.wake(future)


def test_a_loop_closed_with_a_wake_on_its_way_is_noticed_too() -> None:
    loop = asyncio.new_event_loop()
    hub = WakeHub(loop)
    assert hub.wake(loop.create_future())
    loop.close()
    lost: list[bool] = []
    LoopWaiter(hub, loop.create_future(), lambda: lost.append(True)).wake()
    assert lost == [True]


def test_one_hub_a_loop_gone_with_its_loop() -> None:
    hubs, loop, other = WakeHubs(), asyncio.new_event_loop(), asyncio.new_event_loop()
    assert hubs.of(loop) is hubs.of(loop)
    assert hubs.of(loop) is not hubs.of(other)
    gone = weakref.ref(hubs.of(loop))
    loop.close()
    other.close()
    del loop
    gc.collect()
    assert gone() is None


class CountingLoop:
    """Stands for a consumer's loop in another thread: counts what crosses, and can be closed."""

    def __init__(self) -> None:
        self.crossed: list[Any] = []
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def call_soon_threadsafe(self, drain: Any) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.crossed.append(drain)


class Waited:
    """Stands for an asyncio future."""

    def __init__(self) -> None:
        self.woken = False

    def done(self) -> bool:
        return self.woken

    def set_result(self, _: None) -> None:
        self.woken = True


def test_what_a_pass_makes_ready_crosses_once_at_its_end() -> None:
    dispatcher = Dispatcher()
    dispatcher.start()
    try:
        hubs, loop = WakeHubs(dispatcher), CountingLoop()
        hub, futures = hubs.of(loop), [Waited() for _ in range(50)]  # type: ignore[arg-type]
        during: list[int] = []

        def wake_all() -> None:
            for future in futures:
                assert hub.wake(future)  # type: ignore[arg-type]
            during.append(len(loop.crossed))

        dispatcher.call(wake_all)
        dispatcher.wait_idle()
        assert during == [0]
        assert len(loop.crossed) == 1
        loop.crossed[0]()
        assert all(future.woken for future in futures)
    finally:
        dispatcher.stop()


def test_a_loop_that_closes_before_the_crossing_is_told_to_who_waited() -> None:
    dispatcher = Dispatcher()
    dispatcher.start()
    try:
        hubs, loop, lost = WakeHubs(dispatcher), CountingLoop(), threading.Event()
        hub = hubs.of(loop)  # type: ignore[arg-type]

        def wake_and_close() -> None:
            assert hub.wake(Waited(), lost.set)  # type: ignore[arg-type]
            loop.closed = True

        dispatcher.call(wake_and_close)
        assert lost.wait(10)
    finally:
        dispatcher.stop()


def test_a_wake_in_the_last_moment_of_a_pass_crosses_with_another_one() -> None:
    """A finaliser may run anywhere, and wakes whoever waits behind the one that it ends."""
    dispatcher = Dispatcher()
    hubs, loop = WakeHubs(dispatcher), CountingLoop()
    hub, due = hubs.of(loop), [Waited()]  # type: ignore[arg-type]
    dispatcher.on_pass_end(lambda: due and hub.wake(due.pop()))  # type: ignore[arg-type]
    dispatcher.start()
    try:
        give_up_at = time.monotonic() + 10
        while not loop.crossed:
            assert time.monotonic() < give_up_at, "nothing crossed, and nothing would"
            time.sleep(0.001)
        assert not due
    finally:
        dispatcher.stop()
