"""Each delta once and in order, whoever reads; nobody sleeps over something to take."""

import threading
from typing import Any

import pytest
from test_merging import text

from greenroom.actors.channel import Channel, Nothing
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.options import StreamingOptions

END: Completion[Any] = Completion(
    outcome="completed", provider="p", model_asked="m", request_id="r", stream_id="s"
)


class Noted:
    """A waiter, or a seat, that notes what happened to it."""

    def __init__(self) -> None:
        self.woken = 0
        self.given: list[Any] = []
        self.here = True

    def wake(self) -> None:
        self.woken += 1

    def wanted(self) -> bool:
        return self.here

    def hold(self) -> bool:
        return self.here

    def give(self, item: Any) -> None:
        self.given.append(item)


def channel(items: int = 64, size: int = 256 * 1024) -> Channel:
    return Channel(StreamingOptions(high_watermark_items=items, max_buffer_bytes=size))


def push(to: Channel, *seqs: int, words: str = "x") -> None:
    to.push([text(seq, words) for seq in seqs], len(words) * len(seqs))


def expanded(delta: Delta) -> list[int]:
    first = delta.seq if delta.first_seq is None else delta.first_seq
    return list(range(first, delta.seq + 1))


def drained(of: Channel) -> list[int]:
    out: list[int] = []
    while not isinstance(item := of.take(), Nothing):
        out.extend(expanded(item))
    return out


def test_order_and_end() -> None:
    c = channel()
    assert c.take() is Nothing.YET
    push(c, 1, 2)
    assert c.close(END)
    assert not c.close(END)
    assert [c.take(), c.take()] == [text(1), text(2)]
    assert c.take() is c.take() is Nothing.MORE
    assert c.end is END


def test_past_the_watermark_text_is_merged_without_loss() -> None:
    c = channel(items=3)
    push(c, 1, 2)
    push(c, 3, 4, 5)
    items = [c.take() for _ in range(3)]
    assert [expanded(item) for item in items] == [[1], [2], [3, 4, 5]]  # type: ignore[arg-type]
    assert items[2].text == "xxx"  # type: ignore[union-attr]


def test_full_from_the_cap_on_and_demand_when_emptied() -> None:
    c, asked = channel(size=1024), []
    c.demand = lambda: asked.append(1)
    c.reader_opened()
    push(c, 1, words="x" * 447)
    assert not c.full
    push(c, 2)
    assert c.full
    assert c.buffered_bytes >= 512
    c.take()
    assert (c.full, asked) == (False, [1])
    c.take()
    assert asked == [1]


def test_nothing_is_full_before_a_reader_or_while_the_result_is_awaited() -> None:
    c, asked = channel(size=1024), []
    c.demand = lambda: asked.append(1)
    push(c, 1, words="x" * 2000)
    assert not c.full
    c.reader_opened()
    c.result_awaited()
    push(c, 2)
    assert not c.full
    c.result_left()
    push(c, 3)
    assert c.full
    c.result_awaited()
    assert (c.full, asked) == (False, [1])


def test_a_waiter_is_woken_once_and_only_as_many_as_there_are_items() -> None:
    c, waiters = channel(), [Noted() for _ in range(3)]
    assert all(c.wait(waiter) for waiter in waiters)
    push(c, 1, 2)
    assert [waiter.woken for waiter in waiters] == [1, 1, 0]
    assert not c.wait(Noted())
    c.close(END)
    assert [waiter.woken for waiter in waiters] == [1, 1, 1]


def test_a_woken_waiter_that_gives_up_wakes_the_next() -> None:
    c, first, second = channel(), Noted(), Noted()
    c.wait(first)
    c.wait(second)
    push(c, 1)
    c.forget(first)
    assert (first.woken, second.woken) == (1, 1)


def test_a_waiter_that_gives_up_in_time_is_not_woken() -> None:
    c, first, second = channel(), Noted(), Noted()
    c.wait(first)
    c.wait(second)
    c.forget(first)
    push(c, 1)
    assert (first.woken, second.woken) == (0, 1)


def test_what_is_given_back_comes_first_and_wakes_who_waits() -> None:
    c = channel()
    push(c, 1, 2)
    taken = c.take()
    assert not isinstance(taken, Nothing)
    c.untake(taken)
    assert drained(c) == [1, 2]
    waiter, seat = Noted(), Noted()
    assert c.wait(waiter)
    c.untake(taken)
    assert waiter.woken == 1
    assert drained(c) == [1]
    c.sit(seat)
    c.untake(taken)
    assert seat.given == [taken]


def test_seats_are_served_in_order_and_the_rest_at_the_end() -> None:
    c, seats = channel(), [Noted() for _ in range(4)]
    push(c, 1)
    for seat in seats:
        c.sit(seat)
    push(c, 2, 3)
    assert [[expanded(d)[0] for d in seat.given] for seat in seats] == [[1], [2], [3], []]
    c.close(END)
    assert seats[3].given == [Nothing.MORE]


def test_an_empty_seat_takes_nothing_and_does_not_pile_up() -> None:
    c = channel()
    for _ in range(1000):
        seat = Noted()
        c.sit(seat)
        seat.here = False
    assert len(c._seats) == 1
    last = Noted()
    c.sit(last)
    push(c, 1)
    assert [expanded(d) for d in last.given] == [[1]]


def test_a_seat_empties_a_full_channel() -> None:
    c, asked = channel(size=1024), []
    c.demand = lambda: asked.append(1)
    c.reader_opened()
    push(c, 1, words="x" * 2000)
    c.sit(Noted())
    assert (c.full, asked) == (False, [1])


@pytest.mark.parametrize("pending", ["waiter", "seat", "result", "second"])
def test_the_last_reader_leaves_an_abandoned_stream_only_where_nobody_waits(pending: str) -> None:
    c = channel()
    c.reader_opened()
    if pending == "waiter":
        c.wait(Noted())
    elif pending == "seat":
        c.sit(Noted())
    elif pending == "result":
        c.result_awaited()
    else:
        c.reader_opened()
    assert not c.reader_closed()
    c.reader_opened()
    c.close(END)
    assert not c.reader_closed()


def test_an_unread_stream_is_abandoned_by_its_last_reader() -> None:
    c = channel()
    c.reader_opened()
    c.reader_opened()
    assert [c.reader_closed(), c.reader_closed()] == [False, True]


def test_those_who_want_the_end_are_told_once() -> None:
    c = channel()
    told: list[Any] = []
    unwanted: list[Any] = []
    c.on_end(told.append)
    c.on_end(unwanted.append)
    c.off_end(unwanted.append)
    c.close(END)
    c.on_end(told.append)
    assert (told, unwanted) == ([END, END], [])


def test_a_finaliser_inside_the_lock_does_not_deadlock() -> None:
    """A coroutine collected while its channel is being filled gives up its place there."""
    c, waiter = channel(), Noted()
    c.wait(waiter)

    class Delta(Noted):
        def hold(self) -> bool:
            c.forget(waiter)
            return True

    c.sit(Delta())
    done = threading.Thread(target=lambda: push(c, 1), daemon=True)
    done.start()
    done.join(5)
    assert not done.is_alive()


def test_a_reader_that_looks_while_it_is_cut_off_does_not_take_it_for_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stream has ended, but not all of it was read: the rest is another handle's."""
    c = channel()
    push(c, 1, 2)
    c.close(END)
    c.take()
    close, seen = Channel.close, []

    def looked_at(of: Channel, *args: Any, **options: Any) -> bool:
        seen.append((of.take(), of.end))  # between the steps, as a reader in another thread may
        return close(of, *args, **options)

    monkeypatch.setattr(Channel, "close", looked_at)
    cut_off = END.model_copy(update={"outcome": "cancelled"})
    assert c.sever(cut_off) == 2
    assert seen == [(Nothing.MORE, cut_off)]
    assert (c.take(), c.end) == (Nothing.MORE, cut_off)
