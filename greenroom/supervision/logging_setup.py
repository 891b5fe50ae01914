"""structlog in one line, for hosts that have not set it up: JSON lines for machines, or text for people."""

import logging
import os
import sys
import weakref
from pathlib import Path
from typing import Any

import structlog

from greenroom.messages.invalid import InvalidInput

_LEVELS = ("debug", "info", "warning", "error", "critical")


def configure_logging(*, json: bool = True, path: str | Path | None = None, level: str = "info") -> None:
    """structlog is configured for this process, so greenroom's events are written: to `path`, else to stderr.

    One line an event; the file is appended to, and made where it is missing. It replaces what structlog was
    configured with. Raises InvalidInput for a level or a path that cannot be.
    """
    if level.lower() not in _LEVELS:
        raise InvalidInput.at("level", f"must be one of {', '.join(_LEVELS)}", level)
    output: Any = sys.stderr if path is None else _LogFile(Path(path))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendering(json=json, plain=path is not None or not sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=False,
    )


def _rendering(*, json: bool, plain: bool) -> list[Any]:
    if json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    # structlog's own default heeds NO_COLOR and FORCE_COLOR
    return [structlog.dev.ConsoleRenderer(colors=False) if plain else structlog.dev.ConsoleRenderer()]


class _LogFile:
    """A file that each write appends to whole, also where several processes write."""

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InvalidInput.at("path", f"cannot be written: {error.strerror}", str(path)) from None
        weakref.finalize(self, os.close, self._fd)

    def write(self, text: str) -> int:
        os.write(self._fd, text.encode("utf-8", errors="backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Every write has reached the system already."""
