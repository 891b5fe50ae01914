"""The two lanes, judged without a dispatcher: a turn is played by hand."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.mailbox import (
    CONTROL_PER_TURN,
    LETTERS_PER_TURN,
    Admitted,
    Letter,
    Mailbox,
    Turn,
    Yield,
    bare,
)


@dataclass(frozen=True)
class Flag:
    coalesce_key: Any
    value: int


class Home:
    """What a mailbox needs of its dispatcher."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.now_s = 0.0
        self.turn = Turn(lambda: self.now_s, 1.0, lambda cell, elapsed_s: None)
        self.queued: list[Any] = []
        self.buried: list[Any] = []

    def enqueue(self, cell: Any) -> None:
        self.queued.append(cell)

    def bury(self, item: Any, to: Any, why: str) -> None:
        self.buried.append((bare(item), why))


def open_mailbox(bound: int = 1000) -> tuple[Home, Mailbox]:
    home = Home()
    mailbox = Mailbox(home, bound)
    mailbox.waiting = False
    return home, mailbox


def read_turn(home: Home, mailbox: Mailbox) -> list[Any]:
    """What one turn serves."""
    home.turn.begin(mailbox, slice_s=1.0)
    served = []
    while True:
        try:
            letter = mailbox.get()
        except Yield:
            break
        served.append(letter.message)
        if isinstance(letter.message, Admitted):
            mailbox.count_out()
    home.turn.end()
    mailbox.scheduled = False
    return served


def read_all(home: Home, mailbox: Mailbox) -> list[Any]:
    served = []
    while not mailbox.empty():
        served += read_turn(home, mailbox)
    return served


@given(st.lists(st.one_of(st.integers(), st.builds(Flag, st.sampled_from("abc"), st.integers()))))
def test_control_is_coalesced_and_first_and_mail_keeps_its_order(messages: list[Any]) -> None:
    home, mailbox = open_mailbox()
    newest: dict[str, Flag] = {}
    for message in messages:
        if isinstance(message, Flag):
            mailbox.post_control(message, message.coalesce_key)
            newest.pop(message.coalesce_key, None)
            newest[message.coalesce_key] = message
        else:
            mailbox.post(message)

    served = read_all(home, mailbox)

    assert served == [*newest.values(), *(m for m in messages if not isinstance(m, Flag))]


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 10))
def test_a_waiting_mailbox_keeps_the_oldest_up_to_its_bound(bursts: list[int], bound: int) -> None:
    home, mailbox = open_mailbox(bound)
    mailbox.waiting = True
    for number in bursts:
        mailbox.post(number)

    assert [*(mailbox.mail or ())] == bursts[:bound]
    assert home.buried == [(number, "full") for number in bursts[bound:]]
    assert home.queued == []


@given(st.lists(st.sampled_from(["admit", "serve"]), max_size=60), st.integers(1, 5))
def test_admissions_never_exceed_their_bound(steps: list[str], bound: int) -> None:
    home, mailbox = open_mailbox(bound)
    waiting = 0
    for step in steps:
        if step == "admit":
            assert mailbox.admit("new", None) is (waiting < bound)
            waiting = min(bound, waiting + 1)
        else:
            assert len(read_all(home, mailbox)) == waiting
            waiting = 0
        assert mailbox.admitted == waiting


def test_ordinary_mail_does_not_count_against_admissions() -> None:
    _, mailbox = open_mailbox(bound=1)
    for number in range(5):
        mailbox.post(number)

    assert mailbox.admit("new", None)
    assert not mailbox.admit("newer", None)


def test_nothing_is_admitted_where_nobody_will_come() -> None:
    _, mailbox = open_mailbox()
    mailbox.closed = True

    assert not mailbox.admit("new", None)


def test_a_turn_is_asked_for_once_until_it_was_had() -> None:
    home, mailbox = open_mailbox()
    mailbox.post(1)
    mailbox.post(2)
    mailbox.post_control(Flag("a", 1), "a")
    assert home.queued == [mailbox]

    read_turn(home, mailbox)
    mailbox.post(3)

    assert home.queued == [mailbox, mailbox]


def test_a_turn_serves_at_most_its_budget() -> None:
    home, mailbox = open_mailbox()
    for number in range(LETTERS_PER_TURN + 3):
        mailbox.post(number)

    assert len(read_turn(home, mailbox)) == LETTERS_PER_TURN
    assert len(read_turn(home, mailbox)) == 3


def test_a_turn_ends_when_its_slice_of_time_is_over() -> None:
    home, mailbox = open_mailbox()
    for number in range(5):
        mailbox.post(number)
    home.turn.begin(mailbox, slice_s=0.01)

    assert mailbox.get().message == 0
    home.now_s += 0.02

    with pytest.raises(Yield):
        mailbox.get()


def test_control_leaves_mail_its_share_of_a_turn() -> None:
    home, mailbox = open_mailbox()
    for number in range(40):
        mailbox.post_control(Flag(number, number), number)
    mailbox.post("mail")

    served = read_turn(home, mailbox)

    assert served.index("mail") == CONTROL_PER_TURN


def test_yields_do_not_grow_a_traceback() -> None:
    home, mailbox = open_mailbox()
    depths = set()
    for _ in range(50):
        home.turn.begin(mailbox, slice_s=1.0)
        with pytest.raises(Yield) as caught:
            mailbox.get()
        depths.add(len(caught.traceback))

    assert len(depths) == 1


def test_pykkas_envelope_is_taken_as_mail() -> None:
    home, mailbox = open_mailbox()
    future: Any = object()
    mailbox.put(Letter("asked", future))
    home.turn.begin(mailbox, slice_s=1.0)

    letter = mailbox.get()

    assert (letter.message, letter.reply_to) == ("asked", future)
