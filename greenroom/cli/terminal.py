"""Where the command line writes: answers to stdout, everything about them to stderr."""

import io
import os
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO, cast

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_COLUMNS = 80
ERASE_LINE = "\r\x1b[K"


class Terminal:
    """stdout and stderr, and what they can show. Lines to stderr never raise: it may be closed."""

    def __init__(self, out: TextIO | None, err: TextIO | None, environ: Mapping[str, str]) -> None:
        self.out = out if out is not None else _nowhere()
        self.err = err if err is not None else _nowhere()
        self.out_shown = self.out.isatty()
        self.err_shown = self.err.isatty()
        capable = environ.get("TERM", "") not in {"", "dumb"}
        self.moves = self.err_shown and capable
        """A line on stderr can be written over: spinner, progress bar."""
        self.colors = self.moves and not environ.get("NO_COLOR")
        self.debug = bool(environ.get("GREENROOM_DEBUG"))
        """Errors bring their traceback."""
        self._lock = threading.Lock()
        for stream in (self.out, self.err):
            _never_refuse_a_character(stream)

    @classmethod
    def of_process(cls) -> "Terminal":
        """This process's own."""
        _keep_standard_files()
        return cls(sys.stdout, sys.stderr, os.environ)

    def note(self, line: str) -> None:
        """One line on stderr."""
        self.tell(f"greenroom: {printable(line)}\n")

    def tell(self, text: str) -> None:
        """Text on stderr as it stands, at once. Any thread."""
        with self._lock, suppress(OSError, ValueError):
            self.err.write(text)
            self.err.flush()

    def columns(self) -> int:
        """Width of stderr's terminal now."""
        with suppress(OSError, ValueError):
            return os.get_terminal_size(self.err.fileno()).columns or _COLUMNS
        return _COLUMNS

    def dim(self, text: str) -> str:
        """The text in a lighter colour, where there are colours."""
        return f"\x1b[2m{text}\x1b[0m" if self.colors else text

    def answer(self, text: str) -> None:
        """Text on stdout, at once. Raises OSError, BrokenPipeError where the reader has gone."""
        self.out.write(shown(text) if self.out_shown else text)
        self.out.flush()

    def write_utf8(self) -> None:
        """stdout is UTF-8 from now on."""
        if isinstance(self.out, io.TextIOWrapper):
            self.out.reconfigure(encoding="utf-8")

    def out_is_lost(self) -> None:
        """stdout goes nowhere from now on, so that Python's own last flush finds no broken pipe."""
        with suppress(OSError, ValueError):
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, self.out.fileno())
            os.close(devnull)


def shown(text: str) -> str:
    """What a terminal may be given of a text we did not write: nothing in it that the terminal would obey."""
    return _CONTROLS.sub("", text)


def printable(text: str) -> str:
    """The same on one line. Line breaks of ours between several problems stay."""
    return shown(text).rstrip()


def _keep_standard_files() -> None:
    """0, 1 and 2 are open: a socket with such a number, closed by libuv, would abort the process."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Invariant: open takes the lowest free number, and that is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


class _Nowhere(io.TextIOBase):
    """What stands for a stream that was closed before we began."""

    def write(self, text: str, /) -> int:
        return len(text)


def _nowhere() -> TextIO:
    return cast("TextIO", _Nowhere())


def _never_refuse_a_character(stream: Any) -> None:
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
