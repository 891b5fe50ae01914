"""Waking consumers in other threads and loops, cheaply: one crossing a burst, whatever the number of waiters.

`loop.call_soon_threadsafe` costs some 8 µs; a hub for each consumer loop makes one call for all that
became ready since the last one was served (0.2 µs an item).
"""

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable


class WakeHub:
    """The waiters of one asyncio loop. `wake` from any thread; the futures are set on their loop."""

    __slots__ = ("__weakref__", "_armed", "_loop", "_ready")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._ready: deque[asyncio.Future[None]] = deque()
        self._armed = False

    def wake(self, future: "asyncio.Future[None]") -> bool:
        """The future will be set soon. False: its loop is closed, nobody is there to be woken."""
        self._ready.append(future)
        # Invariant: whoever appends after the drain cleared the flag finds it clear and arms again.
        loop = self._loop()
        if loop is None or loop.is_closed():
            self._ready.clear()
            return False
        if self._armed:
            return True
        self._armed = True
        try:
            loop.call_soon_threadsafe(self._drain)
        except RuntimeError:
            self._ready.clear()
            self._armed = False
            return False
        return True

    def _drain(self) -> None:
        self._armed = False
        while self._ready:
            future = self._ready.popleft()
            if not future.done():
                future.set_result(None)


class WakeHubs:
    """One hub a consumer loop, made on first use, gone with its loop. Any thread."""

    __slots__ = ("_hubs", "_lock")

    def __init__(self) -> None:
        self._hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, WakeHub] = (
            weakref.WeakKeyDictionary()
        )
        self._lock = threading.Lock()

    def of(self, loop: asyncio.AbstractEventLoop) -> WakeHub:
        hub = self._hubs.get(loop)
        if hub is None:
            with self._lock:
                hub = self._hubs.setdefault(loop, WakeHub(loop))
        return hub


class LoopWaiter:
    """One coroutine waiting for a channel. `lost` is called where its loop turns out to be closed."""

    __slots__ = ("future", "hub", "lost")

    def __init__(self, hub: WakeHub, future: "asyncio.Future[None]", lost: Callable[[], None]) -> None:
        self.hub, self.future, self.lost = hub, future, lost

    def wake(self) -> None:
        if not self.hub.wake(self.future):
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
