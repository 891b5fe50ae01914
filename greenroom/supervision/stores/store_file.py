"""The file under the SQLite store: whose it is, what it is, and who else has it. Nothing here writes to it.

Order of the checks, so that a file that is not ours stays byte for byte, and nothing appears beside it:

    1  the path: a regular file, or none yet in a directory that exists
    2  the first 100 bytes, read without SQLite: its magic, our application id, the schema's version
    3  the lock: PATH.lock, held by flock until the process ends, however it ends; the holder's pid stands in it
    4  the whole of it, by SQLite's quick_check on a connection that may only read

Application id and version are written before the file becomes a WAL database, so that they always stand in the
file itself. https://www.sqlite.org/fileformat2.html#the_database_header
"""

import contextlib
import ctypes
import os
import sqlite3
import stat
import sys
import weakref
from pathlib import Path
from typing import Any
from urllib.parse import quote

from greenroom.messages.store_errors import (
    RetryStoreError,
    StoreCorrupt,
    StoreForeign,
    StoreLocked,
    StoreTooNew,
    StoreUnavailable,
)

if sys.platform != "win32":
    import fcntl

APPLICATION_ID = 0x67726E72
"""`grnr`: PRAGMA application_id of our files."""
SCHEMA_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_VERSION_AT, _APPLICATION_AT = 60, 68
_MODE = 0o600
_locks: "weakref.WeakSet[FileLock]" = weakref.WeakSet()
_databases: "weakref.WeakSet[Connection]" = weakref.WeakSet()


def is_new(path: Path) -> bool:
    """True where there is no file yet, or an empty one. Raises RetryStoreError where the place cannot be ours."""
    try:
        found = path.stat()
    except FileNotFoundError:
        _check_directory(path)
        return True
    except OSError as error:
        raise StoreUnavailable(str(path), f"cannot be looked at ({error.strerror})") from None
    if not stat.S_ISREG(found.st_mode):
        what = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise StoreForeign(str(path), f"is {what}; name a file of its own")
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise StoreUnavailable(str(path), f"cannot be read ({error.strerror})") from None
    if header:
        _check_header(path, header)
    return not header


def _check_directory(path: Path) -> None:
    if not path.parent.is_dir():
        raise StoreUnavailable(str(path), f"there is no directory {path.parent}; make it first")


def _check_header(path: Path, header: bytes) -> None:
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise StoreForeign(str(path), "is no SQLite database; name another file, or move this one away")
    application, version = _number(header, _APPLICATION_AT), _number(header, _VERSION_AT)
    if application != APPLICATION_ID:
        raise StoreForeign(str(path), "is another application's database; name another file")
    if version > SCHEMA_VERSION:
        text = f"has schema version {version}, this greenroom knows up to {SCHEMA_VERSION}; update greenroom"
        raise StoreTooNew(str(path), f"{text}, or name another file")
    if version < 1:
        raise StoreCorrupt(str(path), f"has schema version {version}, which never was; move it away")


def _number(header: bytes, at: int) -> int:
    return int.from_bytes(header[at : at + 4], "big")


def check_whole(path: Path) -> None:
    """Raises StoreCorrupt where SQLite finds damage. Reads all of the file; what a killed process left in the WAL
    counts, and stays in it."""
    wal, index = _beside(path, "-wal"), _beside(path, "-shm")
    # Without a WAL nothing can be pending, and SQLite need not make its index.
    how = "mode=ro" if wal.exists() else "mode=ro&immutable=1"
    had_index = index.exists()
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)) as database:
            found = [row[0] for row in database.execute("PRAGMA quick_check(1)")]
            for table in ("stream", "request", "piece"):
                database.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608  (our own three names)
    except sqlite3.DatabaseError as error:
        # What is missing in it is our tables.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        raise store_error(
            path, error, sqlite3.SQLITE_CORRUPT if code == sqlite3.SQLITE_ERROR else code
        ) from None
    finally:
        if not had_index:
            with contextlib.suppress(OSError):
                index.unlink()
    if found != ["ok"]:
        raise StoreCorrupt(str(path), f"is damaged ({found[0]}); move it away to begin a new one")


def store_error(path: Path, error: sqlite3.Error, code: int | None = None) -> RetryStoreError:
    """What SQLite's error says of the file; `code` in place of its own."""
    kind = (getattr(error, "sqlite_errorcode", 0) if code is None else code) & 0xFF
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLocked(str(path), f"another program has it open ({error})")
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(str(path), f"is damaged ({error}); move it away to begin a new one")
    why = "; is the disk full, or failing?" if kind == sqlite3.SQLITE_IOERR else ""
    return StoreUnavailable(str(path), f"cannot be read or written ({error}{why})")


def identity(path: Path) -> tuple[int, int] | None:
    """Which file stands there; None: none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_private(path: Path, *, new: bool) -> None:
    """The file is there, and only its owner can read it; SQLite gives what it makes beside it the same mode."""
    try:
        if new:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE))
        for each in (path, _beside(path, "-wal")):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_IMODE(each.stat().st_mode) & 0o177:
                    each.chmod(_MODE)
        if not os.access(path, os.R_OK | os.W_OK):
            raise StoreUnavailable(str(path), "cannot be written (no permission)")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            text = (
                f"its directory {path.parent} cannot be written (no permission), and SQLite makes files in it"
            )
            raise StoreUnavailable(str(path), text)
    except OSError as error:
        if isinstance(error, RetryStoreError):
            raise
        raise StoreUnavailable(str(path), f"cannot be made private ({error.strerror})") from None


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


class FileLock:
    """PATH.lock is ours until `release`, or the end of this process. A fork's child does not hold it."""

    def __init__(self, path: Path) -> None:
        self._fd: int | None = None
        lock = _beside(path, ".lock")
        try:
            fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            raise StoreUnavailable(str(path), f"its lock {lock} cannot be made ({error.strerror})") from None
        try:
            _lock(fd)
        except OSError:
            pid = _pid_in(fd)
            os.close(fd)
            who = (
                "another process"
                if pid is None
                else "this process"
                if pid == os.getpid()
                else f"process {pid}"
            )
            text = f"is in use by {who}; one process at a time can have it"
            raise StoreLocked(str(path), text, pid) from None
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        self._fd = fd
        _locks.add(self)

    def release(self) -> None:
        """Somebody else may have it. The lock's file stays: taking it away could take it from who waits."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.ftruncate(fd, 0)
            os.close(fd)

    def forked(self) -> None:
        """In a fork's child: the parent alone holds it, and its death frees it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _lock(fd: int) -> None:
    if sys.platform != "win32":
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _pid_in(fd: int) -> int | None:
    digits = os.read(fd, 20).strip()
    return int(digits) if digits.isdigit() else None


class Connection(sqlite3.Connection):
    """Never closed by a fork's child: that, done by the interpreter at its end, would take the parent's WAL away.
    https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _databases.add(self)


def _forked() -> None:
    for lock in tuple(_locks):
        lock.forked()
    for database in tuple(_databases):
        # One reference that nobody gives back.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(database))


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forked)
