"""The dispatcher: one asyncio loop in one daemon thread, on which all of its actors take turns.

A cell with work stands in the run queue once. A pass of the loop runs what was handed over by `call`, then
cells, each for at most 32 messages or its slice of time, until the pass has had its time; then sockets and
tasks of the loop get their look, and the next pass follows. From other threads a burst of mail costs one
wake-up of the loop.

States: new -> running -> down. Before `start` cells and calls wait. Once down, mail is buried by its sender's
thread, and asks are answered with SystemDown or SystemStopped.
"""

import asyncio
import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from greenroom.actors import process
from greenroom.actors.cell import Cell
from greenroom.actors.claims import Timer
from greenroom.actors.clock import ManualClock, SystemClock
from greenroom.actors.dead_letters import DeadLetters
from greenroom.actors.errors import StartedBeforeFork, SystemDown, SystemStopped
from greenroom.actors.event_loop import new_loop
from greenroom.actors.future import mark_dispatcher_thread, refuse_to_block
from greenroom.actors.idleness import wait_idle
from greenroom.actors.incarnation import Birth
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.mailbox import Turn
from greenroom.actors.ref import Ref
from greenroom.actors.reporter import Reporter
from greenroom.actors.root_end import RootEnd
from greenroom.actors.run_queue import RunQueue
from greenroom.actors.timers import TimerQueue
from greenroom.actors.watchdog import Watchdog
from greenroom.messages.contracts import Clock, EventSink
from greenroom.messages.events import DispatcherStarted, DispatcherStopped

A = TypeVar("A", bound=LoopActor)

TASKS_END_S = 1.0
"""At the end cancelled tasks have this long to finish."""

_log = logging.getLogger("greenroom.actors")


class Tellable(Protocol):
    """A ref, or what stands in for one."""

    def tell(self, message: Any, /) -> None: ...


@dataclass(frozen=True, slots=True)
class DispatcherStatistics:
    """A snapshot; counts are since the start."""

    actors: int
    timers: int
    tasks: int
    refused: int
    zombies: int
    slow_handlers: int
    dead_letters: dict[str, int]


class Dispatcher(RunQueue):
    """Runs actors. Methods may be called from any thread unless they say otherwise."""

    def __init__(
        self,
        name: str = "greenroom",
        clock: Clock | None = None,
        events: EventSink | None = None,
        *,
        slice_s: float = 0.005,
        slow_handler_s: float = 0.1,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        watchdog = Watchdog(self)
        super().__init__(Turn(stopwatch, slow_handler_s, watchdog.over), watchdog, slice_s)
        self.name = name
        self.clock: Clock = clock or SystemClock()
        self.is_running = False
        self.events = reporter = Reporter(events, self.clock)
        self.report = reporter.report
        self._dead_letters = DeadLetters(reporter)
        self._cells: dict[Cell, None] = {}
        self._held: weakref.WeakSet[Cell] = weakref.WeakSet()
        self._timers = TimerQueue()
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread: threading.Thread | None = None
        self._on_death: list[Callable[[SystemDown], object]] = []
        self._refused = self._zombies = 0
        self.keystone: Cell | None = None
        """The root of the tree: with its actor the dispatcher ends."""
        self._root = RootEnd()
        if isinstance(self.clock, ManualClock):
            self.clock.attach(self)
        process.adopt(self)

    # -- life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """The thread runs, and with it whatever waited.

        Raises RuntimeError if started before, SystemDown if down.
        """
        self._check_up()
        if self._thread is not None:
            raise RuntimeError(f"dispatcher {self.name!r} was started before")
        self.loop = new_loop()
        self._thread = threading.Thread(target=self._main, name=self.name, daemon=True)
        self.is_running = True
        self.watchdog.start()
        self._thread.start()
        self.report(DispatcherStarted, loop=f"{type(self.loop).__module__}.{type(self.loop).__name__}")

    def stop(self, timeout_s: float = 5.0) -> bool:
        """The tree has ended in order, then all other actors and the thread; on_death callbacks have run.

        False: the thread is stuck in a handler and was abandoned; asks are answered and callbacks run all the
        same. Raises WouldDeadlock on the dispatcher thread.
        """
        refuse_to_block("stop()", "call it from another thread")
        self.refuse_after_fork()
        if self.keystone is not None and self.down is None and self.is_running:
            self._root.order(self.keystone, timeout_s / 2)
        with self.lock:
            first = self.down is None
            self.down = self.down or SystemStopped(f"dispatcher {self.name!r} was stopped")
        if self._thread is None:
            self._end_all()
            self._tell_death()
            return True
        if first:
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout_s / 2)
        if not self._thread.is_alive():
            return True
        self._give_up()
        return False

    def keystone_fell(self) -> None:
        """The root has ended. Unless that was ordered, the dispatcher ends. Any thread."""
        if not self._root.has_fallen() and self.down is None:
            self.down = SystemDown(f"dispatcher {self.name!r} died: the root of its tree ended")
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.loop.stop)

    def on_death(self, callback: Callable[[SystemDown], object]) -> None:
        """`callback(error)` is called once: when the thread dies, after `stop`, or now if that is past."""
        with self.lock:
            down = self.down
            if down is None or self.is_running:
                self._on_death.append(callback)
                return
        callback(down)

    def forked(self) -> None:
        """This process is a fork's child: a thread that ran is not here. Called by `process`."""
        self.lock = threading.RLock()
        if self._thread is None:
            return
        self.down = StartedBeforeFork(
            f"dispatcher {self.name!r} was started before this process was forked; start after fork"
        )
        self.is_running = False
        self.ident = None
        self._awake = False
        for cell in [*self._cells, *self._held]:
            cell.scheduled = False

    # -- actors ---------------------------------------------------------------------------------------

    def new_cell(self, path: str, kind: str, mailbox_bound: int | None = None) -> Cell:
        """A held cell: its ref takes mail at once, which waits for the first incarnation. Close it when done.

        Raises SystemDown.
        """
        self._check_up()
        bound = LoopActor.mailbox_bound if mailbox_bound is None else mailbox_bound
        cell = Cell(self, path, kind, bound, held=True)
        # Under the lock the end either sees the cell, or is seen here.
        with self.lock:
            self._check_up()
            self._held.add(cell)
        return cell

    def make_cell(self, cls: type[LoopActor], path: str) -> Cell:
        """A cell for one incarnation of that class. Raises SystemDown."""
        self._check_up()
        return Cell(self, path, cls.kind, cls.mailbox_bound, held=False)

    def spawn(
        self, cls: type[A], *args: Any, path: str | None = None, cell: Cell | None = None, **kwargs: Any
    ) -> Ref[A]:
        """An actor without a parent, at `path` or in `cell`; its constructor gets the other arguments.

        It is made on the dispatcher thread, as its first turn. Raises SystemDown, ActorDead (a closed cell).
        """
        self._check_up()
        if not issubclass(cls, LoopActor):
            raise TypeError(f"a dispatcher runs subclasses of LoopActor, not {cls!r}")
        if cell is None:
            cell = self.make_cell(cls, path or f"/{cls.kind}")
        birth = cell.expect(Birth(cls, args, kwargs, None))
        cell.launch()
        return birth.life.ref  # type: ignore[no-any-return]

    def plant(self, cls: type[A], *args: Any, path: str = "/", **kwargs: Any) -> Ref[A]:
        """As `spawn`: the root of the tree. `stop` ends it first, in order; if it ends by itself, all end."""
        self.keystone = cell = self.make_cell(cls, path)
        return self.spawn(cls, *args, cell=cell, **kwargs)

    def statistics(self) -> DispatcherStatistics:
        """What there is now, and what was counted."""
        return DispatcherStatistics(
            actors=len(self._cells),
            timers=len(self._timers),
            tasks=len(self._tasks),
            refused=self._refused,
            zombies=self._zombies,
            slow_handlers=self.watchdog.slow_handlers,
            dead_letters=dict(self._dead_letters.counts),
        )

    def live_paths(self) -> list[str]:
        """Paths of the living actors, oldest first."""
        return [cell.path for cell in list(self._cells)]

    def from_finalizer(self, ref: Tellable, message: Any, *, control: bool = False) -> None:
        """The message is told to the ref soon.

        Safe in `__del__` and weakref callbacks: one put, no lock, no loop.
        """
        self.watchdog.put((ref, message, control))

    def wait_idle(self, within_s: float = 5.0) -> None:
        """Mailboxes were empty and no turn was due, for some passes of the loop on end.

        Raises TimeoutError, and WouldDeadlock on a dispatcher thread.
        """
        wait_idle(self, within_s)

    # -- what cells and incarnations ask of their dispatcher ------------------------------------------

    def bury(self, item: Any, to: Any, why: str) -> None:
        """The item reached nobody: an ask is answered, anything else is a dead letter."""
        self._dead_letters.bury(item, to, why, self.down)

    def start_timer(self, timer: Timer) -> None:
        """The timer fires when its time has come by the dispatcher's clock. Dispatcher thread."""
        if self._timers.push(timer):
            self._arm()

    def start_task(self, coroutine: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """A task of the loop, kept while it runs and waited for at the end. Dispatcher thread."""
        task = self.loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def register(self, cell: Cell) -> None:
        """An actor lives in the cell, or is about to."""
        self._cells[cell] = None

    def forget(self, cell: Cell) -> None:
        """Nobody lives in the cell."""
        self._cells.pop(cell, None)

    def count_refused(self) -> None:
        """An admission was refused."""
        with self.lock:
            self._refused += 1

    def count_zombie(self) -> None:
        """A handler was abandoned while it ran."""
        with self.lock:
            self._zombies += 1

    # -- time -----------------------------------------------------------------------------------------

    def next_due_s(self) -> float | None:
        """When the next timer is due, once all that is under way has been handled. For the manual clock."""
        if self.is_running and not self.in_thread():
            self.wait_idle()
        return self._timers.next_due_s()

    def run_due(self) -> None:
        """Timers due now have fired, and what follows has been handled. For the manual clock."""
        if not self.is_running or self.in_thread():
            self._timers.fire_due(self.clock.now_s())
        else:
            self.call(self._fire_due)
            self.wait_idle()

    def _fire_due(self) -> None:
        self._alarm = None
        self._timers.fire_due(self.clock.now_s())
        self._arm()

    def _arm(self) -> None:
        if isinstance(self.clock, ManualClock):
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due_s = self._timers.next_due_s()
        if due_s is not None and self.down is None:
            delay_s = max(0.0, due_s - self.clock.now_s())
            self._alarm = self.loop.call_later(delay_s, self._fire_due, context=self._context)

    # -- the end --------------------------------------------------------------------------------------

    def _check_up(self) -> None:
        if self.down is not None:
            raise type(self.down)(*self.down.args)

    def _main(self) -> None:
        self.ident = threading.get_ident()
        mark_dispatcher_thread(on=True)
        why = "its loop was stopped by somebody else"
        try:
            self.loop.call_soon(self._pass, context=self._context)
            self.loop.run_forever()
        except BaseException as error:  # noqa: BLE001  (whatever it was, the end must be told)
            why = repr(error)
            _log.critical("Dispatcher %r died", self.name, exc_info=True)
        with self.lock:
            self.down = self.down or SystemDown(f"dispatcher {self.name!r} died: {why}")
        try:
            self._awake = True
            self._end_all()
            self._end_loop()
        except BaseException:  # noqa: BLE001  (callbacks must still be told)
            _log.critical("The end of dispatcher %r failed", self.name, exc_info=True)
        finally:
            mark_dispatcher_thread(on=False)
            # Another thread may get this number.
            self.ident = None
            self._awake = False
            self._tell_death()

    def _end_all(self) -> None:
        for cell in self._all_cells():
            try:
                cell.shut()
            except BaseException:  # noqa: BLE001  (all others must still end)
                _log.exception("The end of %s failed in the kernel", cell.path)
        self._run_left_calls()
        self._bury_ready()

    def _all_cells(self) -> list[Cell]:
        # Another thread may be about to make a cell: neither table is walked while it changes.
        with self.lock:
            return [*reversed(list(self._cells)), *self._held]

    def _end_loop(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=TASKS_END_S))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def _give_up(self) -> None:
        abandoned = sum(cell.abandon() for cell in dict.fromkeys(self._all_cells()))
        # From now on whoever sends something buries it.
        self._awake = False
        self._tell_death(abandoned, stuck=True)

    def _tell_death(self, abandoned: int = 0, *, stuck: bool = False) -> None:
        with self.lock:
            was_running, self.is_running = self.is_running, False
            self._root.has_fallen()
            callbacks, self._on_death = self._on_death, []
            down = self.down
        assert down is not None
        if was_running:
            self.report(DispatcherStopped, reason=str(down), abandoned=abandoned)
        if not stuck:
            # Also where the thread was given up, and has come back after all.
            self.watchdog.stop()
        self._bury_ready()
        self._tell_pass_end()
        for callback in callbacks:
            try:
                callback(down)
            except Exception:  # noqa: BLE001  (the other callbacks must still be told)
                _log.exception("An on_death callback %r failed", callback)
