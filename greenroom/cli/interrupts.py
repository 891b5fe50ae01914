"""Ctrl-C and SIGTERM: the first one ends the answer in order, the second one ends the process at once.

A handler runs in the main thread between any two instructions, perhaps while that thread holds a lock of the
stream's channel. So it only notes the signal; a thread of its own asks the stream to end.
"""

import os
import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal came while there was no stream to cancel yet. Its argument is the exit code."""


class Interrupts:
    """Installed while used as a context manager; a signal that was ignored before stays ignored."""

    def __init__(self) -> None:
        self.received: int | None = None
        """The signal that came, or None."""
        self._raises = True
        self._notes: SimpleQueue[bool] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        """As a shell reports a process that the signal ended."""
        return 128 + (self.received or signal.SIGINT)

    def raise_no_more(self) -> None:
        """From now on a first signal raises nothing here: it waits for `cancel_with`."""
        self._raises = False

    def cancel_with(self, cancel: Callable[[], None]) -> None:
        """A first signal calls `cancel` in another thread; one that came after `raise_no_more` does now."""
        self._thread = threading.Thread(
            target=self._wait, args=(cancel,), name="greenroom-interrupts", daemon=True
        )
        self._thread.start()

    def _wait(self, cancel: Callable[[], None]) -> None:
        if self._notes.get():
            cancel()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
        if self._raises:
            raise Interrupted(self.exit_code)
        self._notes.put(True)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self._thread is not None:
            self._notes.put(False)
            self._thread.join(1.0)
