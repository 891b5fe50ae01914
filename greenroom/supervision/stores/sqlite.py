"""The retry store in a SQLite file: what it has been told survives the end of the process, `kill -9` too.

WAL, since a flush of a thousand streams is then one append and one sync at most, where a rollback journal would
write every page twice. `locking_mode=EXCLUSIVE`: nobody else writes beside us, and no shared-memory file is
made. Text is appended: a flush writes what came since the last one, and the small row of progress; the request
stands in a table of its own and is written once.

Sync: a change that a consumer waits for (`durable`) is synced to the disk before `apply` returns; all others
are handed to the operating system, which writes them though this process is killed, and may lose the last of
them if the machine loses its power. The file is never damaged by either.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenroom.messages.store_errors import StoreCorrupt, StoreUnavailable
from greenroom.messages.stored import (
    Change,
    Drop,
    Piece,
    StoredStream,
    StoreSize,
    StreamFacts,
    Unreadable,
    Write,
)
from greenroom.supervision.stores.cut_pieces import up_to
from greenroom.supervision.stores.records import (
    facts_json,
    load_models,
    pieces_json,
    pieces_of,
    progress_json,
    stored_stream,
)
from greenroom.supervision.stores.store_file import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    Connection,
    FileLock,
    check_whole,
    identity,
    is_new,
    make_private,
    store_error,
)

_WAL_BYTES_MAX = 16 * 1024 * 1024
"""A longer WAL is cut when it was taken over into the file."""
REFRESH_S = 1.0
"""The row of a stream that only says more is written so often: its time of change may be older by that."""
_SCHEMA = f"""
BEGIN;
CREATE TABLE stream (
    id INTEGER PRIMARY KEY, stream_id TEXT NOT NULL UNIQUE, live INTEGER NOT NULL, updated_at REAL NOT NULL,
    expires_at REAL NOT NULL, size_bytes INTEGER NOT NULL, progress TEXT NOT NULL
);
CREATE TABLE request (stream INTEGER PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE piece (
    stream INTEGER NOT NULL, last_seq INTEGER NOT NULL, deltas TEXT NOT NULL
);
CREATE INDEX piece_of_stream ON piece (stream, last_seq);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
_READ = (
    "SELECT s.id, s.stream_id, s.live, s.updated_at, s.expires_at, s.progress, r.facts"
    " FROM stream s JOIN request r ON r.stream = s.id"
)


@dataclass(slots=True)
class _Row:
    """A live stream's row in the file."""

    number: int
    last_seq: int
    """Of its pieces."""
    mark: tuple[Any, ...]
    refreshed_at: float
    grown: int = 0
    """Bytes of pieces that the row does not count yet."""

    def says(self, change: Write, mark: tuple[Any, ...]) -> bool:
        """The row need not be written again for this change: the seq is that of the last piece."""
        return change.live and self.mark == mark and 0 <= change.updated_at - self.refreshed_at < REFRESH_S


def _mark_of(change: Write) -> tuple[Any, ...]:
    """Of the progress all but how far the text has come."""
    checkpoint, progress = change.progress.checkpoint, change.progress
    return (
        checkpoint.epoch, checkpoint[3:], len(progress.attempts), progress.model_answered, progress.failure,
        progress.at, change.ttl_s,
    )  # fmt: skip


class SqliteStore:
    """Implements messages.contracts.RetryStore. One thread at a time, whichever."""

    kind = "sqlite"

    def __init__(self, path: str | Path, states_max: int, states_max_bytes: int) -> None:
        """Open it, or begin it. What a former process left is no longer live.

        Raises RetryStoreError; then the file, if there is one, is as it was.
        """
        self.path = Path(path).expanduser()
        self._states_max, self._states_max_bytes = states_max, states_max_bytes
        self._live: dict[str, _Row] = {}
        """As they stand in the file."""
        self._size: StoreSize | None = None
        """Of the others; None: to be counted."""
        self._lock: FileLock | None = None
        new = is_new(self.path)
        load_models()
        self._lock = FileLock(self.path)
        try:
            new = is_new(self.path)
            if not new:
                check_whole(self.path)
            make_private(self.path, new=new)
            self._database = self._open(new=new)
            self._identity = identity(self.path)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, *, new: bool) -> sqlite3.Connection:
        database = Connection(
            self.path, timeout=0.0, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            if new:
                database.executescript(_SCHEMA)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_MAX}")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("UPDATE stream SET live = 0 WHERE live != 0")
        except sqlite3.Error as error:
            database.close()
            raise store_error(self.path, error) from None
        return database

    def _check_place(self) -> None:
        """What is written can be found again. SQLite goes on in a file that somebody took away."""
        if identity(self.path) != self._identity:
            text = "was removed or replaced while it was in use; start the system again to begin a new one"
            raise StoreUnavailable(str(self.path), text)

    def apply(self, changes: Sequence[Change], *, durable: bool = False) -> tuple[str, ...]:
        """As the contract; `durable`: synced to the disk."""
        execute = self._database.execute
        if not all(
            isinstance(each, Write) and each.live and each.stream_id in self._live for each in changes
        ):
            self._size = None
        try:
            self._check_place()
            execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            execute("BEGIN IMMEDIATE")
            for change in changes:
                if isinstance(change, Drop):
                    self._drop(change.stream_id)
                else:
                    self._write(change)
            gone = self._let_go()
            execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            for change in changes:
                self._live.pop(change.stream_id, None)
            if isinstance(error, sqlite3.Error):
                raise store_error(self.path, error) from None
            if isinstance(error, ValueError):
                raise StoreCorrupt(str(self.path), "holds deltas that are none of ours") from None
            raise
        return gone

    def _roll_back(self) -> None:
        self._size = None
        if self._database.in_transaction:
            # After some errors SQLite has rolled back by itself, or does so with the next statement.
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")

    def _number(self, stream_id: str) -> int | None:
        if stream_id in self._live:
            return self._live[stream_id].number
        row = self._database.execute("SELECT id FROM stream WHERE stream_id = ?", (stream_id,)).fetchone()
        return None if row is None else row[0]

    def _write(self, change: Write) -> None:
        row, mark = self._live.get(change.stream_id), _mark_of(change)
        follows = row is not None and row.last_seq == change.after_seq
        if row is not None and follows and row.says(change, mark):
            row.grown += self._append(row.number, change.pieces)
            row.last_seq = change.progress.checkpoint.seq
            return
        number = self._number(change.stream_id)
        if number is None:
            if change.facts is None:
                return  # it was let go meanwhile
            number = self._begin(change.stream_id, change.facts)
        grown = 0 if row is None else row.grown
        if not follows:
            grown -= self._cut(number, change.after_seq)
        grown += self._append(number, change.pieces)
        expires_at, progress = change.updated_at + change.ttl_s, progress_json(change.progress)
        self._database.execute(
            "UPDATE stream SET live = ?, updated_at = ?, expires_at = ?, size_bytes = size_bytes + ?, progress = ?"
            " WHERE id = ?",
            (change.live, change.updated_at, expires_at, grown, progress, number),
        )
        if change.live:
            self._live[change.stream_id] = _Row(
                number, change.progress.checkpoint.seq, mark, change.updated_at
            )
        else:
            self._live.pop(change.stream_id, None)

    def _begin(self, stream_id: str, told: StreamFacts) -> int:
        facts = facts_json(told)
        number = self._database.execute(
            "INSERT INTO stream (stream_id, live, updated_at, expires_at, size_bytes, progress)"
            " VALUES (?, 1, 0, 0, ?, '')", (stream_id, len(facts)),
        ).lastrowid  # fmt: skip
        assert number is not None
        self._database.execute("INSERT INTO request (stream, facts) VALUES (?, ?)", (number, facts))
        return number

    def _cut(self, number: int, after_seq: int) -> int:
        """What stood behind it is gone: how many bytes."""
        where = "FROM piece WHERE stream = ? AND last_seq > ?"
        found = self._database.execute(f"SELECT deltas {where}", (number, after_seq)).fetchall()
        if not found:
            return 0
        self._database.execute(f"DELETE {where}", (number, after_seq))
        kept = up_to(after_seq, [piece for (deltas,) in found for piece in pieces_of(deltas)])
        return sum(len(deltas) for (deltas,) in found) - self._append(number, kept)

    def _append(self, number: int, pieces: Sequence[Piece]) -> int:
        if not pieces:
            return 0
        deltas = pieces_json(pieces)
        self._database.execute(
            "INSERT INTO piece (stream, last_seq, deltas) VALUES (?, ?, ?)",
            (number, pieces[-1].delta.seq, deltas),
        )
        return len(deltas)

    def _drop(self, stream_id: str) -> None:
        number = self._number(stream_id)
        self._live.pop(stream_id, None)
        if number is not None:
            self._delete([number])

    def _delete(self, numbers: Sequence[int]) -> None:
        rows = [(number,) for number in numbers]
        for table, column in (("piece", "stream"), ("request", "stream"), ("stream", "id")):
            self._database.executemany(f"DELETE FROM {table} WHERE {column} = ?", rows)  # noqa: S608

    def _let_go(self) -> tuple[str, ...]:
        size = self.size()
        count, total = size.states, size.state_bytes
        if count <= self._states_max and total <= self._states_max_bytes:
            return ()
        gone: list[tuple[int, str]] = []
        query = "SELECT id, stream_id, size_bytes FROM stream WHERE live = 0 ORDER BY updated_at, id"
        for number, stream_id, size_bytes in self._database.execute(query):
            if count <= self._states_max and total <= self._states_max_bytes:
                break
            gone.append((number, stream_id))
            count, total = count - 1, total - size_bytes
        self._delete([number for number, _ in gone])
        self._size = None
        return tuple(stream_id for _, stream_id in gone)

    def load(self, stream_id: str) -> StoredStream | Unreadable | None:
        try:
            row = self._database.execute(f"{_READ} WHERE s.stream_id = ?", (stream_id,)).fetchone()
            return None if row is None else self._stored(row)
        except sqlite3.Error as error:
            raise store_error(self.path, error) from None

    def states(self) -> Iterator[StoredStream | Unreadable]:
        try:
            rows = self._database.execute(f"{_READ} WHERE s.live = 0 ORDER BY s.updated_at, s.id").fetchall()
            for row in rows:
                yield self._stored(row)
        except sqlite3.Error as error:
            raise store_error(self.path, error) from None

    def _stored(self, row: tuple[Any, ...]) -> StoredStream | Unreadable:
        number, stream_id, live, updated_at, expires_at, progress, facts = row
        query = "SELECT deltas FROM piece WHERE stream = ? ORDER BY last_seq"
        deltas = [each[0] for each in self._database.execute(query, (number,))]
        try:
            return stored_stream(facts, progress, deltas, (updated_at, expires_at), live=bool(live))
        except ValueError as error:
            return Unreadable(stream_id, type(error).__name__, updated_at, expires_at)

    def expire(self, at: float) -> int:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            found = self._database.execute("SELECT id FROM stream WHERE live = 0 AND expires_at <= ?", (at,))
            over = [row[0] for row in found]
            self._delete(over)
            self._size = None
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise store_error(self.path, error) from None
        return len(over)

    def size(self) -> StoreSize:
        if self._size is not None:
            return self._size
        query = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM stream WHERE live = 0"
        try:
            self._size = StoreSize(*self._database.execute(query).fetchone())
            return self._size
        except sqlite3.Error as error:
            raise store_error(self.path, error) from None

    def close(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            try:
                self._database.close()
            finally:
                lock.release()
