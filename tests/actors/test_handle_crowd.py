"""Many readers of one stream, of every kind, in several threads and loops that switch at every chance."""

import asyncio
import random
import threading
import time
from typing import Any

import pytest
from test_channel import END, channel
from test_merging import text

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handle import Stream
from greenroom.actors.wakes import WakeHubs

from held_stream import FakeScope
from request_path import WAIT_S

MANY = 800


pytestmark = pytest.mark.usefixtures("hasty_threads")


class Crowd:
    """Readers that note what they get, and the order of each."""

    def __init__(self, dispatcher: Dispatcher, seed: int) -> None:
        self.seed, self.luck = seed, random.Random(seed)
        self.channel = channel(items=self.luck.choice([2, 64, 10**6]))
        scope: Any = FakeScope()
        hubs = WakeHubs(dispatcher)
        self.stream: Any = Stream(("s", "r"), ("p", "m"), self.channel, scope, dispatcher, hubs)
        self.dispatcher, self.pushed = dispatcher, 0
        self.got: list[int] = []
        self.disorder: list[tuple[str, int, int]] = []

    def produce(self) -> None:
        """Dispatcher thread: some deltas, and again, up to the end."""
        for _ in range(self.luck.choice([1, 1, 3])):
            self.pushed += 1
            block = self.luck.choice([0, 0, self.pushed])
            self.channel.push([text(self.pushed, block=block)], 1)
        if self.pushed < MANY:
            self.dispatcher.call(self.produce)
        else:
            self.channel.close(END)

    def took(self, name: str, before: int, delta: Any) -> int:
        first = delta.seq if delta.first_seq is None else delta.first_seq
        if first <= before:
            self.disorder.append((name, before, first))
        self.got.extend(range(first, delta.seq + 1))
        return int(delta.seq)

    def read(self) -> None:
        """In a thread."""
        luck, seq = random.Random(self.seed), 0
        for delta in self.stream:
            seq = self.took("thread", seq, delta)
            if luck.random() < 0.1:
                time.sleep(0.0003)

    def read_in_loop(self) -> None:
        """In a thread with a loop: a cursor of its own, and one that two tasks share."""

        async def main() -> None:
            own, shared = aiter(self.stream), aiter(self.stream)
            await asyncio.gather(self.task(own, "task"), self.task(shared, ""), self.task(shared, ""))

        asyncio.run(main())

    async def task(self, cursor: Any, name: str) -> None:
        luck, seq = random.Random(self.seed), 0
        while True:
            within_s = luck.choice([None, 0.00005, 0.0005, WAIT_S])
            try:
                delta = await asyncio.wait_for(anext(cursor), within_s)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                return
            seq = self.took(name, seq if name else 0, delta)
            if luck.random() < 0.1:
                await asyncio.sleep(0.0002)


@pytest.mark.parametrize("seed", range(8))
def test_each_delta_goes_to_one_of_them_in_its_order_and_nobody_is_left_waiting(seed: int) -> None:
    dispatcher = Dispatcher(slow_handler_s=60)
    dispatcher.start()
    try:
        crowd = Crowd(dispatcher, seed)
        works = [crowd.read, crowd.read, crowd.read_in_loop, crowd.read_in_loop]
        threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        dispatcher.call(crowd.produce)
        for thread in threads:
            thread.join(2 * WAIT_S)
        assert not [thread for thread in threads if thread.is_alive()]
        assert sorted(crowd.got) == list(range(1, crowd.pushed + 1))
        assert crowd.disorder == []
    finally:
        dispatcher.stop()
