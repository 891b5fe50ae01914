"""A sign of life on stderr while nothing has come yet."""

import threading
import time

from greenroom.cli.terminal import ERASE_LINE, Terminal, shown

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES = "|/-\\"
_FRAME_S = 0.1
_STOP_TIMEOUT_S = 1.0


class Spinner:
    """Turns between `start` and `stop` in a thread of its own. Does nothing where stderr is no terminal."""

    def __init__(self, terminal: Terminal, text: str) -> None:
        self._terminal = terminal
        self._text = text
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        unicode = (terminal.err.encoding or "").lower().replace("-", "") == "utf8"
        self._frames = _FRAMES if unicode else _PLAIN_FRAMES

    def start(self) -> "Spinner":
        """It turns."""
        if self._terminal.moves:
            self._thread = threading.Thread(target=self._turn, name="greenroom-spinner", daemon=True)
            self._thread.start()
        return self

    def say(self, text: str) -> None:
        """It goes on with another text. Any thread; never waits."""
        self._text = text

    def stop(self) -> None:
        """It is gone from the screen, for good. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._over.set()
            thread.join(_STOP_TIMEOUT_S)
            self._terminal.tell(ERASE_LINE)

    def _turn(self) -> None:
        started_s, frame = time.monotonic(), 0
        while not self._over.is_set():
            waited = f"{time.monotonic() - started_s:.0f} s"
            sign = self._frames[frame % len(self._frames)]
            # A line that wraps could not be written over: only its last row would go.
            room = max(0, self._terminal.columns() - len(waited) - 4)
            line = f"{sign} {shown(self._text)[:room]} {waited}"[: max(1, self._terminal.columns() - 1)]
            self._terminal.tell(f"\r{self._terminal.dim(line)}\x1b[K")
            frame += 1
            self._over.wait(_FRAME_S)
