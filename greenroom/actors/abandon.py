"""What ends a blocking call when nobody wants its answer any more."""

import threading
from collections.abc import Callable


class Abandon:
    """One call's. Any thread."""

    __slots__ = ("_ends", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: list[Callable[[], object]] | None = []

    def register(self, end: Callable[[], object]) -> None:
        """`end()` is called by `now`, or at once where that was called before. It must not block or raise."""
        with self._lock:
            if self._ends is not None:
                self._ends.append(end)
                return
        end()

    def now(self) -> None:
        """The call is ended. Idempotent."""
        with self._lock:
            ends, self._ends = self._ends, None
        for end in ends or ():
            end()
