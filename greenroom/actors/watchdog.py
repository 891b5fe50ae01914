"""A daemon thread beside each dispatcher, for the two things its own thread cannot do.

It looks at handlers that run too long and takes their stack while they run, so that one that never returns is
seen too. And it carries what finalisers want told: a finaliser can run inside any lock, so all it may do is
one `SimpleQueue.put`, and somebody has to sit at the other end.
"""

import logging
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from greenroom.actors.mailbox import Turn, bare
from greenroom.messages.events import ActorHandlerSlow

STACK_FRAMES = 30

_log = logging.getLogger("greenroom.actors")


class Watched(Protocol):
    """The dispatcher, as its watchdog sees it."""

    name: str
    turn: Turn
    ident: int | None
    report: Any


class Watchdog:
    """`parked` while the dispatcher is idle: the thread then sleeps until `unpark` or a finaliser's put."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.put: Callable[[Any], object] = self._queue.put
        self.parked = False
        self.slow_handlers = 0
        self._sample: tuple[int, str] = (-1, "")
        self._seen = -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """The thread runs."""
        self._thread = threading.Thread(target=self._main, name=f"{self._watched.name}-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The thread ends when it has told what finalisers had put. Waits for it, but not for long."""
        put, self.put = self.put, _drop
        if self._thread is not None:
            put(_END)
            self._thread.join(timeout=1.0)

    def unpark(self) -> None:
        """The dispatcher has work again. Dispatcher thread."""
        self.parked = False
        self.put(_LOOK)

    def over(self, cell: Any, elapsed_s: float) -> None:
        """The handler has returned at last. Dispatcher thread."""
        turn = self._watched.turn
        count, stack = self._sample
        if count != turn.count:
            self.slow_handlers += 1
        self._report(cell, elapsed_s, bare(turn.letter), stack if count == turn.count else "")

    def _main(self) -> None:
        period_s = self._watched.turn.slow_s / 2
        while True:
            try:
                item = self._queue.get(timeout=None if self.parked else period_s)
            except queue.Empty:
                self._look()
                continue
            if item is _END:
                return
            if item is not _LOOK:
                self._tell(*item)

    def _tell(self, ref: Any, message: Any, control: bool) -> None:
        try:
            (ref.tell_control if control else ref.tell)(message)
        except Exception:  # noqa: BLE001  (what one finaliser put must not end the thread)
            _log.exception("What a finaliser put for %s could not be told", ref)

    def _look(self) -> None:
        turn = self._watched.turn
        count, cell, began_s = turn.count, turn.running, turn.began_s
        if cell is None:
            if count == self._seen:
                # A turn that begins after this line sees the flag; one that began before is seen here.
                self.parked = True
                if turn.running is not None:
                    self.parked = False
        elif turn.stopwatch() - began_s > turn.slow_s:
            if self._sample[0] != count:
                self._take_sample(cell, count, began_s)
            if turn.count == count:
                cell.give_up()
        self._seen = count

    def _take_sample(self, cell: Any, count: int, began_s: float) -> None:
        turn = self._watched.turn
        message = bare(turn.letter)
        frame = sys._current_frames().get(self._watched.ident or 0)  # noqa: SLF001  (documented in sys)
        stack = "".join(traceback.format_stack(frame, limit=STACK_FRAMES)) if frame is not None else ""
        if turn.count == count:
            self._sample = (count, stack)
            self.slow_handlers += 1
            self._report(cell, turn.stopwatch() - began_s, message, stack)

    def _report(self, cell: Any, elapsed_s: float, message: Any, stack: str) -> None:
        self._watched.report(
            ActorHandlerSlow,
            actor=cell.path,
            kind=cell.kind,
            elapsed_ms=1000 * elapsed_s,
            message_type=None if message is None else type(message).__name__,
            stack=stack,
        )


def _drop(_: Any) -> None:
    pass


_LOOK: Any = object()
_END: Any = object()
