"""The child's log: a file in the cache, emptied at each start; one per server that runs at the same time."""

import fcntl
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

_SERVERS_MAX = 16
_TAIL_BYTES = 8192


def open_log(cache_dir: Path) -> BinaryIO:
    """An empty log, open for appending and locked for as long as the child holds it. The caller closes it.

    Where the cache cannot be written, or too many servers run, a nameless temporary file takes its place.
    """
    for number in range(1, _SERVERS_MAX + 1):
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            log = (cache_dir / f"local_model.{number}.log").open("ab+")
        except OSError:
            break
        if _claim(log):
            return log
        log.close()
    return tempfile.TemporaryFile("ab+")


def tail(log: BinaryIO, lines_max: int = 12) -> str:
    """The last lines, for an error message."""
    size = os.fstat(log.fileno()).st_size
    content = os.pread(log.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return "\n".join(content.decode("utf-8", errors="replace").splitlines()[-lines_max:])


def _claim(log: BinaryIO) -> bool:
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    log.truncate(0)
    return True
