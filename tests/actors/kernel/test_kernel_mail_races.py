"""Mail under threads that switch at every chance: in its sender's order, and each item exactly once."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from test_kernel_mailbox import Home

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.mailbox import Letter, Mailbox, Yield

MANY = 20_000


pytestmark = pytest.mark.usefixtures("hasty_threads")


def together(*works: Callable[[], object]) -> list[BaseException]:
    """All at once, each in a thread of its own. Returns what they raised."""
    raised: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return raised


class Numbered(LoopActor):
    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self._gate = gate
        self.seen: dict[int, list[int]] = {}

    @receives(tuple)
    def on_number(self, message: tuple[int, int]) -> None:
        self._gate.wait(30)
        self.seen.setdefault(message[0], []).append(message[1])

    @receives(str)
    def on_look(self, _: str) -> dict[int, list[int]]:
        return self.seen


@pytest.mark.parametrize("held_up", [False, True], ids=["as_it_comes", "a_long_backlog"])
def test_every_senders_order_is_kept_whatever_piles_up(held_up: bool) -> None:
    dispatcher, gate = Dispatcher(slow_handler_s=60), threading.Event()
    dispatcher.start()
    try:
        ref = dispatcher.spawn(Numbered, gate)
        if not held_up:
            gate.set()

        def send(sender: int) -> None:
            for number in range(MANY // 4):
                ref.tell((sender, number))
                if number == MANY // 8:
                    gate.set()

        assert not together(*(lambda sender=n: send(sender) for n in range(4)))  # type: ignore[misc]
        seen = ref.ask("look", timeout=60)
        assert seen == {sender: list(range(MANY // 4)) for sender in range(4)}
    finally:
        dispatcher.stop()


def check_mail_that_many_bury() -> None:
    dispatcher = Dispatcher()
    cell = dispatcher.new_cell("/gone", "gone", 10_000)
    futures: list[Future[Any]] = [Future() for _ in range(200)]

    def post(first: int, step: int = 1, last: int = 200) -> None:
        for future in futures[first:last:step]:
            cell.post(Letter("anybody?", future))
        if first:
            cell.bury_all()

    post(0, last=100)
    assert not together(cell.bury_all, cell.bury_all, lambda: post(100, 2), lambda: post(101, 2))
    cell.bury_all()
    assert all(future.done() for future in futures)
    assert cell.empty()
    dispatcher.stop()


def test_several_threads_bury_one_cells_mail_and_each_ask_is_answered() -> None:
    for _ in range(40):
        check_mail_that_many_bury()


def test_what_is_taken_and_what_is_buried_at_once_is_all_there_was() -> None:
    for _ in range(20):
        home, taken, buried = Home(), [], []  # type: ignore[var-annotated]
        mailbox = Mailbox(home, MANY)
        mailbox.waiting = False
        for number in range(500):
            mailbox.post(number)

        def take(home: Any = home, mailbox: Any = mailbox, taken: list[int] = taken) -> None:
            for _ in range(100):
                home.turn.begin(mailbox, slice_s=1.0)
                try:
                    while True:
                        taken.append(mailbox.get().message)
                except Yield:
                    pass

        def bury(mailbox: Any = mailbox, buried: list[int] = buried) -> None:
            for keep in range(490, -1, -10):
                buried.extend(mailbox.take_surplus(keep))

        assert not together(take, bury, bury)
        assert sorted(taken + buried) == list(range(500))
        assert taken == sorted(taken)
