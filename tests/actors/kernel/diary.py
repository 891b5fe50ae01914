"""Actors that write down what happens to them."""

from __future__ import annotations

from typing import Any

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.signals import Down


class Diary(LoopActor):
    """Writes into a list that the test holds, in the order things happen."""

    def __init__(self, book: list[Any], name: str = "diary") -> None:
        self.book = book
        self.name = name
        book.append(("made", name))

    def on_start(self) -> None:
        self.book.append(("start", self.name))

    def on_stop(self) -> None:
        self.book.append(("stop", self.name))

    def on_failure(self, kind: Any, error: Any, traceback: Any) -> None:
        self.book.append(("failure", self.name))

    @receives(int)
    def on_int(self, number: int) -> int:
        self.book.append((number, self.name))
        return number

    @receives(str)
    def on_exit(self, reason: Any) -> None:
        self.exit(reason, ValueError("said so") if reason == "failed" else None)

    @receives(Exception)
    def on_error(self, error: Exception) -> None:
        raise error


class Parent(Diary):
    def on_start(self) -> None:
        super().on_start()
        for name in ("first", "second", "third"):
            self.spawn(Diary, self.book, name, name=name)

    @receives(Down)
    def on_down(self, down: Down) -> None:
        self.book.append(("down", down.ref.path, down.reason))
