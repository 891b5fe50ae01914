"""Each delta once and in order under any mix of readers: a model from one thread, real threads beside it."""

import random
import threading

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from test_channel import END, Noted, channel, drained, expanded, push

from greenroom.actors.channel import Channel, Nothing


class ChannelMachine(RuleBasedStateMachine):
    """One thread. Takes and seats share one order, so all that is got is 1, 2, 3 ..."""

    def __init__(self) -> None:
        super().__init__()
        self.seq = 0
        self.got: list[int] = []
        self.seats: list[Noted] = []
        self.waiters: list[Noted] = []
        self.demands = self.emptied = 0
        self.was_full = False

    @initialize(items=st.integers(1, 5))
    def make(self, items: int) -> None:
        self.channel = channel(items=items, size=1024)
        self.channel.demand = self.demanded

    def demanded(self) -> None:
        self.demands += 1

    @rule(count=st.integers(1, 4), size=st.sampled_from([0, 100, 600]))
    def push(self, count: int, size: int) -> None:
        push(self.channel, *range(self.seq + 1, self.seq + 1 + count), words="y" * size)
        self.seq += count

    @rule()
    def take(self) -> None:
        item = self.channel.take()
        if not isinstance(item, Nothing):
            self.got.extend(expanded(item))

    @rule(by_finaliser=st.booleans())
    def give_back(self, by_finaliser: bool) -> None:
        item = self.channel.take()
        if not isinstance(item, Nothing):
            (self.channel.leave if by_finaliser else self.channel.untake)(item)

    @rule()
    def wait(self) -> None:
        waiter = Noted()
        if self.channel.wait(waiter):
            self.waiters.append(waiter)

    @precondition(lambda self: self.waiters)
    @rule(pick=st.integers(0, 99))
    def forget(self, pick: int) -> None:
        self.channel.forget(self.waiters.pop(pick % len(self.waiters)))

    @rule()
    def sit(self) -> None:
        self.seats.append(Noted())
        self.channel.sit(self.seats[-1])

    @precondition(lambda self: self.seats)
    @rule(pick=st.integers(0, 99))
    def leave_seat(self, pick: int) -> None:
        self.seats[pick % len(self.seats)].here = False

    @rule()
    def open_reader(self) -> None:
        self.channel.reader_opened()

    @rule()
    def await_result(self) -> None:
        self.channel.result_awaited()
        self.channel.result_left()

    @invariant()
    def demand_is_called_when_a_full_channel_was_emptied(self) -> None:
        full = self.channel.full if hasattr(self, "channel") else False
        self.emptied += self.was_full and not full
        self.was_full = full
        assert self.demands >= self.emptied

    @invariant()
    def nobody_waits_over_something_to_take(self) -> None:
        for seat in self.seats:
            while seat.given:
                self.got.extend(expanded(seat.given.pop(0)))
        made: Channel | None = getattr(self, "channel", None)
        if made is not None and (made._front or made._back):
            assert not any(seat.wanted() for seat in made._seats)
            assert not self.waiters or any(waiter.woken for waiter in self.waiters)

    @invariant()
    def all_so_far_in_order(self) -> None:
        assert self.got == list(range(1, len(self.got) + 1))

    def teardown(self) -> None:
        for seat in self.seats:
            seat.here = False
        self.channel.close(END)
        self.got.extend(drained(self.channel))
        assert self.got == list(range(1, self.seq + 1))


TestChannel = ChannelMachine.TestCase
TestChannel.settings = settings(max_examples=60, stateful_step_count=40)


class Sleeper(Noted):
    """A waiter that a thread sleeps on."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def wake(self) -> None:
        self.event.set()


class Reader(threading.Thread):
    """Takes until the end; now and then it gives a delta back, or gives up waiting."""

    def __init__(self, of: Channel, seed: int) -> None:
        super().__init__(daemon=True)
        self.of, self.random = of, random.Random(seed)
        self.got: list[int] = []
        self.failed: str | None = None

    def run(self) -> None:
        while (item := self.of.take()) is not Nothing.MORE and self.failed is None:
            if isinstance(item, Nothing):
                self.wait()
            elif self.random.random() < 0.1:
                self.of.untake(item)
            else:
                self.got.extend(expanded(item))

    def wait(self) -> None:
        waiter = Sleeper()
        if not self.of.wait(waiter):
            return
        if self.random.random() < 0.2:
            self.of.forget(waiter)
        elif not waiter.event.wait(5):
            self.failed = "never woken"


def feed(c: Channel, total: int) -> None:
    """Deltas 1 to `total`; where the channel is full it waits for demand, as a paused socket does."""
    flowing, sizes, seq = threading.Event(), random.Random(7), 0
    c.demand = flowing.set
    while seq < total:
        count = min(sizes.randint(1, 8), total - seq)
        flowing.clear()
        push(c, *range(seq + 1, seq + 1 + count), words="zz")
        seq += count
        assert not c.full or flowing.wait(5), "a full channel was emptied and demand was not called"
    c.close(END)


def test_many_threads_together_take_each_delta_once() -> None:
    c = channel(items=20, size=4096)
    c.reader_opened()
    readers = [Reader(c, seed) for seed in range(4)]
    for reader in readers:
        reader.start()
    feed(c, 6000)
    for reader in readers:
        reader.join(10)
        assert not reader.is_alive()
    assert [reader.failed for reader in readers] == [None] * 4
    assert sorted(seq for reader in readers for seq in reader.got) == list(range(1, 6001))


def test_one_reader_in_another_thread_sees_the_order() -> None:
    c = channel(items=5)
    got: list[int] = []

    def read() -> None:
        while (item := c.take()) is not Nothing.MORE:
            if not isinstance(item, Nothing):
                got.extend(expanded(item))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    for seq in range(1, 5001):
        push(c, seq)
    c.close(END)
    thread.join(10)
    assert got == list(range(1, 5001))
