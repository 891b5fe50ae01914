"""How the root of a tree is ended in order, from another thread."""

import threading
from typing import Any

from greenroom.messages.signals import ShutDown


class RootEnd:
    """One dispatcher's. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fell = threading.Event()
        self._ordered = False

    def order(self, root: Any, within_s: float) -> None:
        """The root's actor has ended, its children before it in their order, unless the time ran out."""
        with self._lock:
            first, self._ordered = not self._ordered, True
        if first:
            root.post_control(ShutDown(root.incarnation), ShutDown)
        self._fell.wait(within_s)

    def has_fallen(self) -> bool:
        """It is noted that the root has ended. True where that was ordered."""
        self._fell.set()
        return self._ordered
