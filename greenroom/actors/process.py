"""What the process does to dispatchers: a fork leaves them without their threads, an exit stops them."""

import atexit
import os
import weakref
from typing import Protocol

from greenroom.actors.future import forget_locks

EXIT_STOP_S = 2.0


class OfProcess(Protocol):
    """A dispatcher, as the process sees it."""

    is_running: bool

    def forked(self) -> None: ...
    def stop(self, timeout_s: float = ...) -> bool: ...


_dispatchers: "weakref.WeakSet[OfProcess]" = weakref.WeakSet()


def adopt(dispatcher: OfProcess) -> None:
    """The dispatcher is told of a fork, and stopped, within bounds, when the interpreter exits."""
    _dispatchers.add(dispatcher)


def dispatchers() -> "list[OfProcess]":
    """Those that exist in this process, running or not."""
    return list(_dispatchers)


def _after_fork_in_child() -> None:
    forget_locks()
    for dispatcher in dispatchers():
        dispatcher.forked()


def _at_exit() -> None:
    for dispatcher in dispatchers():
        if dispatcher.is_running:
            dispatcher.stop(timeout_s=EXIT_STOP_S)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
