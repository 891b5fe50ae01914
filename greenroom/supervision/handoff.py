"""A bounded hand-off to a thread of its own, for outputs that may be slow.

Rules. `put` never waits for the output and never raises. At the bound the oldest item is let go, and the
count of those comes with the next item that is written. What is written keeps the order in which it was put.
The bound may be passed by one item for each thread that puts at that moment.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class _Mark:
    """Goes through the queue behind what was put before it, and says when it has come through."""

    def __init__(self, *, last: bool) -> None:
        self.last = last
        self.reached = threading.Event()


class Handoff(Generic[T]):
    """`write(item, dropped)` is called in one daemon thread. It must not raise."""

    def __init__(self, write: Callable[[T, int], None], bound: int, name: str) -> None:
        self._write, self._bound = write, bound
        # A SimpleQueue takes no lock in put that a signal handler or a finaliser could find held.
        self._queue: SimpleQueue[T | _Mark] = SimpleQueue()
        self._dropped = 0
        self._dropping = threading.RLock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """The item will be written, unless the output stays too slow. Any thread, signal handlers too."""
        if self._queue.qsize() >= self._bound:
            self._drop_oldest()
        self._queue.put(item)

    def flush(self, timeout_s: float) -> bool:
        """True once all that was put before has been written; False where the time ran out first."""
        return self._pass(_Mark(last=False), timeout_s)

    def close(self, timeout_s: float) -> bool:
        """As flush; and the thread ends when it comes to here. What is put later is never written."""
        return self._pass(_Mark(last=True), timeout_s)

    def _pass(self, mark: _Mark, timeout_s: float) -> bool:
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            return False
        self._queue.put(mark)
        reached = mark.reached.wait(timeout_s)
        if reached and mark.last:
            self._thread.join(timeout_s)
        return reached

    def _drop_oldest(self) -> None:
        with self._dropping:
            try:
                oldest = self._queue.get_nowait()
            except Empty:
                return
            if isinstance(oldest, _Mark):
                self._queue.put(oldest)
            else:
                self._dropped += 1

    def _run(self) -> None:
        last = False
        while not last:
            item = self._queue.get()
            if isinstance(item, _Mark):
                last = item.last
                item.reached.set()
            else:
                self._write(item, self._take_dropped())

    def _take_dropped(self) -> int:
        if not self._dropped:
            return 0
        with self._dropping:
            dropped, self._dropped = self._dropped, 0
        return dropped
