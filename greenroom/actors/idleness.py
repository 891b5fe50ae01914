"""When is a dispatcher idle? When several passes of its loop in a row found no work and handled no message.

Several, because a task of the loop may need some passes before it sends its message.
"""

import threading
from typing import Any

from greenroom.actors.future import refuse_to_block

QUIET_PASSES = 10


def wait_idle(dispatcher: Any, within_s: float) -> None:
    """It was idle, or is down. Raises TimeoutError after that time, WouldDeadlock on a dispatcher thread."""
    refuse_to_block("wait_idle()", "let the handler return")
    if not dispatcher.is_running:
        return
    done = threading.Event()
    if dispatcher.call(_Look(dispatcher, done)) and not done.wait(within_s) and dispatcher.is_running:
        raise TimeoutError(f"dispatcher {dispatcher.name!r} was not idle within {within_s} s")


class _Look:
    """One look each pass of the loop, as a plain loop callback: a `call` would itself be work."""

    def __init__(self, dispatcher: Any, done: threading.Event) -> None:
        self._dispatcher = dispatcher
        self._done = done
        self._count = -1
        self._quiet = 0

    def __call__(self) -> None:
        dispatcher = self._dispatcher
        count = dispatcher.turn.count
        if dispatcher.is_idle() and count == self._count:
            self._quiet += 1
        else:
            self._quiet = 0
        self._count = count
        if self._quiet >= QUIET_PASSES or not dispatcher.is_running:
            self._done.set()
        else:
            dispatcher.loop.call_soon(self)
