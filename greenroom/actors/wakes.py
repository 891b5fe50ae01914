"""Waking consumers in other threads and loops, cheaply: one crossing a burst, whatever the number of waiters.

A crossing (`loop.call_soon_threadsafe`) costs some 8 µs, and as much again for the two threads that then
contend for the interpreter; a hub for each consumer loop makes one for all that became ready since the last
one was served (0.2 µs an item). What the dispatcher has ready crosses at the end of its pass: in the middle,
the consumer's thread would take the interpreter from it.
"""

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Protocol

_Ready = tuple["asyncio.Future[None]", Callable[[], None] | None]


class Passes(Protocol):
    """The dispatcher, as a crossing sees it."""

    def expect_pass(self) -> bool:
        """A pass will end soon. False: not on the dispatcher's thread, or it passes no more."""

    def on_pass_end(self, told: Callable[[], None]) -> None:
        """`told()` at the end of every pass, and a last time when none follows."""


class Crossings:
    """What crosses at the end of this pass. The dispatcher's thread, but for the last end of a dead one."""

    __slots__ = ("__weakref__", "_due", "_passes")

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._due: deque[WakeHub] = deque()
        passes.on_pass_end(self._pass_ended)

    def soon(self, hub: "WakeHub") -> bool:
        """The hub will cross when the pass ends. False: it must do so itself."""
        if not self._passes.expect_pass():
            return False
        self._due.append(hub)
        return True

    def _pass_ended(self) -> None:
        while self._due:
            try:
                hub = self._due.popleft()
            except IndexError:
                # Given up as stuck, the dispatcher is back: the thread that did so was faster.
                return
            hub.cross()


class WakeHub:
    """The waiters of one asyncio loop. `wake` from any thread; the futures are set on their loop."""

    __slots__ = ("__weakref__", "_armed", "_crossings", "_loop", "_ready")

    def __init__(self, loop: asyncio.AbstractEventLoop, crossings: Crossings | None = None) -> None:
        self._loop = weakref.ref(loop)
        self._ready: deque[_Ready] = deque()
        self._armed = False
        self._crossings = crossings

    def wake(self, future: "asyncio.Future[None]", lost: Callable[[], None] | None = None) -> bool:
        """The future will be set soon. False: its loop is closed, nobody is there to be woken.

        `lost` is called where that turns out later.
        """
        loop = self._loop()
        if loop is None or loop.is_closed():
            self._lose()
            return False
        # Invariant: whoever appends after the drain cleared the flag finds it clear and arms again.
        self._ready.append((future, lost))
        if self._armed:
            return True
        self._armed = True
        if self._crossings is not None and self._crossings.soon(self):
            return True
        return self.cross()

    def cross(self) -> bool:
        """What is ready is on its way into the loop. False: that is closed, and who was ready has been told."""
        loop = self._loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._drain)
                return True
        except RuntimeError:
            pass
        self._lose()
        return False

    def _lose(self) -> None:
        self._armed = False
        while self._ready:
            _, lost = self._ready.popleft()
            if lost is not None:
                lost()

    def _drain(self) -> None:
        self._armed = False
        while self._ready:
            future, _ = self._ready.popleft()
            if not future.done():
                future.set_result(None)


class WakeHubs:
    """One hub a consumer loop, made on first use, gone with its loop. Any thread."""

    __slots__ = ("_crossings", "_hubs", "_lock")

    def __init__(self, passes: Passes | None = None) -> None:
        self._crossings = None if passes is None else Crossings(passes)
        self._hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, WakeHub] = (
            weakref.WeakKeyDictionary()
        )
        self._lock = threading.Lock()

    def of(self, loop: asyncio.AbstractEventLoop) -> WakeHub:
        hub = self._hubs.get(loop)
        if hub is None:
            with self._lock:
                hub = self._hubs.setdefault(loop, WakeHub(loop, self._crossings))
        return hub


class LoopWaiter:
    """One coroutine waiting for a channel. `lost` is called where its loop turns out to be closed."""

    __slots__ = ("future", "hub", "lost")

    def __init__(self, hub: WakeHub, future: "asyncio.Future[None]", lost: Callable[[], None]) -> None:
        self.hub, self.future, self.lost = hub, future, lost

    def wake(self) -> None:
        if not self.hub.wake(self.future, self.lost):
            self.lost()


class ThreadWaiter:
    """One thread waiting for a channel."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        # Woken twice (a delta and the end): the second has nothing to release.
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout_s: float = -1) -> bool:
        """Blocks until woken. False when the time ran out."""
        return self._lock.acquire(timeout=timeout_s)
