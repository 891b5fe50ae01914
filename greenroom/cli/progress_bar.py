"""How far a download has come, on stderr: a bar on a terminal, a line a quarter elsewhere."""

from greenroom.cli.terminal import ERASE_LINE, Terminal

_WIDTH = 24
_STEP_PERCENT = 25


class ProgressBar:
    """Called with `(done_bytes, total_bytes)`, as often as one likes."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told_percent = -1

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        percent = 100 * done_bytes // total_bytes if total_bytes else 100
        facts = f"{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB, {percent} %"
        if self._terminal.moves:
            filled = _WIDTH * percent // 100
            self._terminal.tell(f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {facts}\x1b[K")
        elif percent // _STEP_PERCENT > self._told_percent // _STEP_PERCENT:
            self._terminal.note(facts)
        self._told_percent = percent

    def close(self) -> None:
        """The bar is gone from the screen."""
        if self._terminal.moves and self._told_percent >= 0:
            self._terminal.tell(ERASE_LINE)
