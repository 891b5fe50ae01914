"""The run queue of a dispatcher: cells with work, calls handed over, and the pass of the loop for both.

Invariant: a cell stands in the queue at most once for each thread that found it idle, and `scheduled` is set
from before it is queued until its turn is over. So mail is never left behind: its sender either sees the flag
down and queues the cell, or the turn, which clears the flag first, sees the mail.
"""

import asyncio
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from greenroom.actors.errors import StartedBeforeFork, SystemDown
from greenroom.actors.mailbox import Turn
from greenroom.actors.watchdog import Watchdog

PASS_S = 0.005
"""After this long the loop looks at its sockets again, however many cells have work."""

_log = logging.getLogger("greenroom.actors")


class Runnable(Protocol):
    """A cell, as the queue sees it."""

    path: str
    scheduled: bool

    def take_turn(self) -> None: ...
    def has_work(self) -> bool: ...
    def bury_all(self) -> None: ...


class RunQueue:
    """Base of the dispatcher. Before the loop runs, and once it is down, nothing is woken."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, turn: Turn, watchdog: Watchdog, slice_s: float) -> None:
        self.turn = turn
        self.watchdog = watchdog
        self.lock = threading.RLock()
        self.ident: int | None = None
        self.down: SystemDown | None = None
        """Why nothing can be used any more. Set once; any thread may read it."""
        self._slice_s = slice_s
        self._ready: deque[Any] = deque()
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._context = contextvars.Context()
        self._pass_ends: list[Callable[[], None]] = []
        # Invariant: False means that no pass is due. True before the start: there is no loop to wake.
        self._awake = True

    def in_thread(self) -> bool:
        """True on the dispatcher's own thread."""
        return threading.get_ident() == self.ident

    def call(self, fn: Callable[..., object], *args: Any) -> bool:
        """`fn(*args)` runs on the dispatcher thread soon, and what it raises is logged. False: the dispatcher
        is down. Any thread. Raises StartedBeforeFork in a fork's child.
        """
        if self.down is not None:
            self.refuse_after_fork()
            return False
        self._calls.append((fn, args))
        if not self._awake:
            self._wake()
        return True

    def enqueue(self, cell: Runnable) -> None:
        """The cell gets a turn. Any thread. Raises StartedBeforeFork in a fork's child."""
        self._ready.append(cell)
        if not self._awake:
            self._wake()

    def on_pass_end(self, told: Callable[[], None]) -> None:
        """`told()` is called at the end of every pass, and a last time when the dispatcher is down."""
        self._pass_ends.append(told)

    def expect_pass(self) -> bool:
        """True, and a pass will end soon; False elsewhere than on the dispatcher thread, and once it is down."""
        if threading.get_ident() != self.ident or self.down is not None:
            return False
        if not self._awake:
            self._wake()
        return True

    def is_idle(self) -> bool:
        """No cell has work and no call waits. Dispatcher thread."""
        return not self._ready and not self._calls

    def refuse_after_fork(self) -> None:
        """Raises StartedBeforeFork in a fork's child."""
        if isinstance(self.down, StartedBeforeFork):
            raise StartedBeforeFork(*self.down.args)

    def _wake(self) -> None:
        if self.down is not None:
            self._bury_ready()
            return
        self._awake = True
        try:
            if threading.get_ident() == self.ident:
                self.loop.call_soon(self._pass, context=self._context)
            else:
                self.loop.call_soon_threadsafe(self._pass, context=self._context)
        except RuntimeError:
            # The loop was closed between the check and the call.
            self._bury_ready()

    def _pass(self) -> None:
        try:
            self._one_pass()
        except BaseException:  # noqa: BLE001  (or no pass would ever come again)
            _log.critical("A pass of the dispatcher failed in the kernel", exc_info=True)
            self.loop.call_soon(self._pass, context=self._context)

    def _one_pass(self) -> None:
        calls, ready = self._calls, self._ready
        for _ in range(len(calls)):
            self._run_call(*calls.popleft())
        self._run_cells(len(ready))
        further = bool(ready or calls)
        if not further:
            # Before the end is told: a finaliser may run anywhere, and what it expects asks for another pass.
            self._awake = False
        self._tell_pass_end()
        if further:
            self.loop.call_soon(self._pass, context=self._context)
        elif (ready or calls) and not self._awake:
            # They were queued before the flag was down, and woke nobody.
            self._wake()

    def _run_cells(self, count: int) -> None:
        ready, turn, watchdog = self._ready, self.turn, self.watchdog
        end_s = turn.stopwatch() + PASS_S
        for _ in range(count):
            try:
                cell = ready.popleft()
            except IndexError:
                # The system is down, and another thread has buried the rest.
                return
            turn.begin(cell, self._slice_s)
            if watchdog.parked:
                watchdog.unpark()
            try:
                # A fresh context each turn: what a handler binds in it reaches no other actor.
                self._context.copy().run(cell.take_turn)
            except BaseException:  # noqa: BLE001  (the thread must outlive any of its actors)
                _log.exception("A turn of %s failed in the kernel", cell.path)
            ended_s = turn.end()
            cell.scheduled = False
            if cell.has_work():
                cell.scheduled = True
                ready.append(cell)
            if ended_s > end_s:
                return

    def _tell_pass_end(self) -> None:
        for told in self._pass_ends:
            told()

    def _run_call(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            self._context.copy().run(fn, *args)
        except BaseException:  # noqa: BLE001  (the thread must outlive any caller)
            _log.exception("A call of %r on the dispatcher failed", fn)

    def _run_left_calls(self) -> None:
        while self._calls:
            self._run_call(*self._calls.popleft())

    def _bury_ready(self) -> None:
        if isinstance(self.down, StartedBeforeFork):
            for cell in self._ready:
                # So that the next sender is told too.
                cell.scheduled = False
            self._ready.clear()
            self.refuse_after_fork()
        while self._ready:
            try:
                cell = self._ready.popleft()
            except IndexError:
                return
            cell.scheduled = False
            cell.bury_all()
