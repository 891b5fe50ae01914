"""What is given to seats and told of an end: in order whatever is dropped meanwhile, and whoever raises."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from test_channel import END, Noted, channel, push
from test_merging import text

from greenroom.actors.channel import Nothing
from greenroom.actors.delta_future import completion_future
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.wakes import ThreadWaiter

from held_stream import Held
from request_path import WAIT_S, in_thread


@pytest.fixture
def held() -> Iterator[Held]:
    dispatcher = Dispatcher("giving")
    dispatcher.start()
    made = Held(dispatcher)
    yield made
    made.channel.close(END)
    dispatcher.stop()


def seqs(held: Held) -> list[int]:
    return [delta.seq for delta in held.stream]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_futures_dropped_unread_give_back_in_order_whatever_the_order_of_their_going(
    held: Held, order: tuple[int, ...]
) -> None:
    push(held.channel, 1, 2, 3, 4)
    futures = {number: held.stream.next_delta() for number in range(3)}
    for number in order:
        del futures[number]
    held.channel.close(END)
    assert seqs(held) == [1, 2, 3, 4]


def test_a_delta_that_is_given_back_wakes_who_waits(held: Held) -> None:
    push(held.channel, 1)
    dropped = held.stream.next_delta()
    waiting = held.stream.next_delta()
    del dropped
    assert waiting.get(timeout=WAIT_S).seq == 1


def test_a_delta_that_is_given_back_wakes_a_cursor(held: Held) -> None:
    push(held.channel, 1)
    dropped = held.stream.next_delta()
    cursor = iter(held.stream)
    reader = in_thread(lambda: next(cursor))
    held.waited_for()
    del dropped
    assert reader.get().seq == 1


class Slow(Noted):
    """A seat whose owner goes, and comes again with another, while its delta is on the way."""

    def __init__(self, meanwhile: Any) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def give(self, item: Any) -> None:
        in_thread(self.meanwhile).get()
        super().give(item)


def test_nobody_is_given_a_later_delta_while_an_earlier_one_may_come_back() -> None:
    of, later = channel(), Noted()

    def dropped_and_asked_again() -> None:
        of.sit(later)
        assert later.given == []

    class GivesBack(Slow):
        def give(self, item: Any) -> None:
            super().give(item)
            of.leave(item)

    of.sit(GivesBack(dropped_and_asked_again))
    push(of, 1, 2)
    assert [delta.seq for delta in later.given] == [1]
    of.close(END)
    taken = of.take()
    assert not isinstance(taken, Nothing)
    assert taken.seq == 2


def test_a_seat_that_comes_while_the_last_is_served_gets_the_end_too() -> None:
    of, later = channel(), Noted()
    of.sit(Slow(lambda: of.sit(later)))
    of.close(END)
    assert later.given == [Nothing.MORE]


async def _impatient(held: Held, kept: list[Any]) -> list[int]:
    """Waits in vain and keeps what `wait_for` and its error keep; then there are deltas."""
    for _ in range(3):
        future = held.stream.next_delta()
        kept.append(future)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0.001)
    push(held.channel, 1, 2, 3)
    held.channel.close(END)
    got = [await held.stream.next_delta(), await kept[0], await held.stream.next_delta()]
    assert await kept[1] is None
    return [delta.seq for delta in got]


def test_an_await_that_was_given_up_takes_nothing_though_its_future_lives_on(held: Held) -> None:
    kept: list[Any] = []
    assert asyncio.run(_impatient(held, kept)) == [1, 2, 3]


async def _given_and_cancelled(held: Held) -> tuple[int, int]:
    future = held.stream.next_delta()
    task = asyncio.ensure_future(_awaited(future))
    await asyncio.sleep(0)
    push(held.channel, 1, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    first = await held.stream.next_delta()
    return first.seq, (await future).seq


async def _awaited(future: Any) -> Any:
    return await future


def test_what_was_given_as_the_await_was_cancelled_comes_back_at_once(held: Held) -> None:
    assert asyncio.run(_given_and_cancelled(held)) == (1, 2)


async def _one_of_two_gives_up(held: Held) -> int:
    future = held.stream.next_delta()
    tasks = [asyncio.ensure_future(_awaited(future)) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    push(held.channel, 1)
    seq: int = (await tasks[1]).seq
    return seq


def test_of_two_that_await_one_future_one_may_give_up(held: Held) -> None:
    assert asyncio.run(_one_of_two_gives_up(held)) == 1


def test_a_seat_that_was_left_while_its_delta_was_on_the_way_gives_it_back(held: Held) -> None:
    future = held.stream.next_delta()
    seat = future._seat
    assert seat.hold()
    held.channel._seats.clear()
    future._stand_up()
    push(held.channel, 2)
    seat.give(text(1, "x"))
    assert [held.stream.next_delta().get(timeout=0).seq for _ in range(2)] == [1, 2]
    assert not future.done()


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, SystemExit])
def test_a_hosts_callback_that_raises_reaches_neither_the_producer_nor_the_others(
    held: Held, error: type[BaseException]
) -> None:
    def raises(_: Any) -> None:
        raise error

    held.channel.on_end(raises)
    first, second = (
        completion_future(held.channel, held.dispatcher, "r_1"),
        completion_future(held.channel, held.dispatcher, "r_1"),
    )
    first.add_done_callback(raises)
    one, two = held.stream.next_delta(), held.stream.next_delta()
    one.add_done_callback(raises)
    push(held.channel, 1, 2)
    assert two.get(timeout=0).seq == 2
    assert held.channel.close(END)
    assert (first.get(timeout=0), second.get(timeout=0)) == (END, END)


def test_a_chain_of_callbacks_over_thousands_of_waiting_deltas_does_not_break_off(held: Held) -> None:
    held = Held(held.dispatcher, channel(items=5000))
    push(held.channel, *range(1, 3001))
    taken: list[int] = []
    ended: list[bool] = []

    def took(future: Any) -> None:
        delta = future.get(timeout=0)
        if delta is None:
            ended.append(True)
            return
        first = delta.seq if delta.first_seq is None else delta.first_seq
        taken.extend(range(first, delta.seq + 1))
        held.stream.next_delta().add_done_callback(took)

    held.channel.close(END)
    held.stream.next_delta().add_done_callback(took)
    assert taken == list(range(1, 3001))
    assert ended == [True]


def test_the_end_is_not_reached_while_another_reader_was_only_faster() -> None:
    """Between look and pop a reader without the lock takes what stood in front."""
    of = channel()
    push(of, 1)
    of.untake(of.take())  # type: ignore[arg-type]
    push(of, 2)
    of.close(END)
    of._front.clear()  # the other one
    assert of._pop() is Nothing.YET
    taken = of.take()
    assert not isinstance(taken, Nothing)
    assert taken.seq == 2


def test_an_interrupt_between_queueing_and_waiting_leaves_no_waiter_behind(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadWaiter, "wait", interrupted)
    cursor = iter(held.stream)
    with pytest.raises(KeyboardInterrupt):
        next(cursor)
    assert held.channel._waiters == []
