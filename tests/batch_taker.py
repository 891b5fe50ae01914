"""Actors of a service that are told a stream: one whose answers the test gives, one with a thread."""

import threading
from typing import Any

import pykka

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.batch import DeltaBatch

from request_path import WAIT_S


class Taker(LoopActor):
    """Answers a batch when the test says so, or at once."""

    def __init__(self, *, at_once: bool = False) -> None:
        super().__init__()
        self.batches: list[DeltaBatch] = []
        self.answers: list[Any] = []
        self.at_once = at_once

    @receives(DeltaBatch)
    def on_batch(self, batch: DeltaBatch) -> None:
        self.batches.append(batch)
        if not self.at_once:
            self.answers.append(self.defer())

    def answer(self, error: Exception | None = None) -> None:
        """Dispatcher thread."""
        given = self.answers.pop(0)
        if error is None:
            given.set("whatever")
        else:
            given.set_exception(error)


class ThreadTaker(pykka.ThreadingActor):
    """Keeps batches; `hold` makes its handler wait. `act(actor, batch)` may raise."""

    use_daemon_thread = True

    def __init__(self, act: Any = None) -> None:
        super().__init__()
        self.batches: list[DeltaBatch] = []
        self.act = act
        self.changed = threading.Condition()

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message()
        with self.changed:
            self.batches.append(message)
            self.changed.notify_all()
        return None if self.act is None else self.act(self, message)

    def wait_for(self, count: int) -> list[DeltaBatch]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.batches) >= count, WAIT_S), self.batches
            return list(self.batches)

    def wait_for_last(self) -> list[DeltaBatch]:
        with self.changed:
            assert self.changed.wait_for(lambda: any(b.is_last for b in self.batches), WAIT_S), self.batches
            return list(self.batches)


def text_of(batches: list[DeltaBatch]) -> str:
    return "".join(batch.text for batch in batches)
