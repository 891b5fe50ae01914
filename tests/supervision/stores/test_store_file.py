"""The file under the SQLite store: what it is taken for, who else has it, and what stays as it was."""

import os
import pickle
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenroom.messages.store_errors import (
    RetryStoreError,
    StoreCorrupt,
    StoreForeign,
    StoreLocked,
    StoreTooNew,
    StoreUnavailable,
)
from greenroom.messages.stored import StoredStream, StoreSize, Unreadable
from greenroom.supervision.stores.sqlite import SqliteStore

from stored import write

ROOM = 1 << 30


def opened(path: Path) -> SqliteStore:
    return SqliteStore(path, 100, ROOM)


def filled(path: Path, streams: int = 40) -> Path:
    store = opened(path)
    store.apply([write(f"s{number}", 0, ["text " * 300]) for number in range(streams)])
    store.close()
    return path


def bytes_in(folder: Path) -> dict[str, bytes]:
    """Of all files but the lock: who is refused for what the file is has had the lock for a moment."""
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.suffix != ".lock"}


def refused(path: Path, kind: type[RetryStoreError]) -> RetryStoreError:
    """Opening it raises this, and everything stands as it stood."""
    before = bytes_in(path.parent)
    with pytest.raises(kind) as caught:
        opened(path)
    assert bytes_in(path.parent) == before
    assert str(path) in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (type(copy), str(copy)) == (kind, str(caught.value))
    return caught.value


def in_child(code: str, *args: object, **how: Any) -> subprocess.CompletedProcess[str]:
    start = "import sys\nfrom greenroom.supervision.stores.sqlite import SqliteStore\n"
    command = [sys.executable, "-c", start + code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **how)


# ---- what it is


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes of mine\n" * 50)
    assert "no SQLite database" in str(refused(path, StoreForeign))
    assert list(tmp_path.iterdir()) == [path]


def test_another_applications_database(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = sqlite3.connect(path)
    theirs.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1);")
    theirs.close()
    assert "another application" in str(refused(path, StoreForeign))
    assert list(tmp_path.iterdir()) == [path]


def test_a_newer_schema(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.db")
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA journal_mode = DELETE")
    newer.execute("PRAGMA user_version = 7")
    newer.close()
    assert "version 7" in str(refused(path, StoreTooNew))


@pytest.mark.parametrize("page", [1, 2, 5])
def test_a_damaged_file(tmp_path: Path, page: int) -> None:
    path = filled(tmp_path / "a.db")
    data = bytearray(path.read_bytes())
    data[page * 4096 : page * 4096 + 2000] = os.urandom(2000)
    path.write_bytes(data)
    assert "damaged" in str(refused(path, StoreCorrupt))


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.db")
    path.write_bytes(path.read_bytes()[:20_000])
    refused(path, StoreCorrupt)
    path.write_bytes(path.read_bytes()[:60])
    refused(path, StoreForeign)


def test_a_missing_table(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.db")
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("DROP TABLE piece")
    database.close()
    assert "piece" in str(refused(path, StoreCorrupt))


def test_a_record_that_is_none_of_ours_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.db", streams=3)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("UPDATE stream SET progress = 'x' WHERE stream_id = 's0'")
    database.execute("DELETE FROM piece WHERE stream = 2")
    database.commit()
    database.close()
    store = opened(path)
    found = list(store.states())
    store.close()
    assert [each.stream_id for each in found if isinstance(each, Unreadable)] == ["s0", "s1"]
    assert [each.facts.stream_id for each in found if isinstance(each, StoredStream)] == ["s2"]


def test_a_directory_and_a_fifo_and_no_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "f")
    for name, kind, words in (
        ("d", StoreForeign, "a directory"), ("f", StoreForeign, "no regular file"),
        ("no/a.db", StoreUnavailable, "there is no directory"),
    ):  # fmt: skip
        with pytest.raises(kind, match=words):
            opened(tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["d", "f"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /sys, which nobody can write")
def test_a_place_that_cannot_be_written() -> None:
    with pytest.raises(StoreUnavailable, match="/sys/greenroom"):
        opened(Path("/sys/greenroom.db"))


# ---- who has it


def test_one_at_a_time_and_the_holder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = opened(path)
    try:
        with pytest.raises(StoreLocked, match="this process") as here:
            opened(path)
        assert here.value.pid == os.getpid()
        done = in_child("SqliteStore(sys.argv[1], 1, 1)", path)
        assert f"StoreLocked: retry_store {path}: is in use by process {os.getpid()};" in done.stderr
        store.apply([write("a", 0, ["x"])])
    finally:
        store.close()
    opened(path).close()


def test_another_program_that_has_it_open(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.db")
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreLocked, match="another program"):
            opened(path)
    finally:
        shell.close()
    opened(path).close()


def test_a_forks_child_neither_holds_it_nor_ends_it(tmp_path: Path) -> None:
    code = """
import os, time
store = SqliteStore(sys.argv[1], 10, 1 << 20)
from stored import write
store.apply([write("a", 0, ["x"])])
stays, ends = os.fork(), None
if stays == 0:
    sys.stdin.read()
    os._exit(0)
ends = os.fork()
if ends == 0:
    sys.exit(0)
os.waitpid(ends, 0)
store.apply([write("a", 1, ["y"])])
print(stays, flush=True)
os.kill(os.getpid(), 9)
"""
    path, tests = tmp_path / "a.db", Path(__file__).parents[2]
    start = f"import sys\nsys.path.insert(0, {str(tests)!r})\n"
    start += "from greenroom.supervision.stores.sqlite import SqliteStore\n"
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", start + code, str(path)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    stays = int(child.stdout.readline())
    assert child.wait(20) == -signal.SIGKILL
    try:
        store = opened(path)
        state = store.load("a")
        store.close()
        assert isinstance(state, StoredStream)
        assert "".join(piece.delta.text for piece in state.pieces) == "xy"
    finally:
        os.kill(stays, signal.SIGKILL)
        child.stdin.close()
        child.stdout.close()


# ---- who can read it


def test_only_the_owner_can_read_any_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    before = os.umask(0)
    try:
        tmp_path.chmod(0o755)
        store = opened(path)
        store.apply([write("a", 0, ["x"])])
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        assert modes == {"a.db": 0o600, "a.db-wal": 0o600, "a.db.lock": 0o600}
        store.close()
        path.chmod(0o644)
        opened(path).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    finally:
        os.umask(before)


# ---- what a killed process leaves


def test_a_kill_loses_nothing_that_was_applied_and_a_look_changes_nothing(tmp_path: Path) -> None:
    path, tests = tmp_path / "a.db", Path(__file__).parents[2]
    code = """
sys.path.insert(0, sys.argv[2])
from stored import write
import os
store = SqliteStore(sys.argv[1], 10, 1 << 20)
store.apply([write("a", 0, ["x" * 9000])])
store.apply([write("b", 0, ["y"])])
os.kill(os.getpid(), 9)
"""
    done = in_child(code, path, tests)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "a.db-wal").stat().st_size > 9000
    data = bytearray(path.read_bytes())
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "a.db"
    data[4096 * 2 : 4096 * 3] = os.urandom(4096)
    copy.write_bytes(data)
    (tmp_path / "copy" / "a.db-wal").write_bytes(b"")
    refused(copy, StoreCorrupt)
    store = opened(path)
    assert store.size().states == 2
    store.close()


FULL_AT_START = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
SqliteStore(sys.argv[1], 1, 1)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("begun", [False, True])
def test_a_start_on_a_full_disk_is_not_taken_for_damage(tmp_path: Path, begun: bool) -> None:
    path = tmp_path / "a.db"
    if begun:
        killed = in_child(
            "import os\nfrom stored import write\nstore = SqliteStore(sys.argv[1], 9, 1 << 30)\n"
            "store.apply([write('a', 0, ['x'])])\nos._exit(9)", path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )  # fmt: skip
        assert killed.returncode == 9, killed.stderr
        assert (tmp_path / "a.db-wal").stat().st_size
    done = in_child(FULL_AT_START, path)
    assert f"StoreUnavailable: retry_store {path}: cannot be read or written (" in done.stderr
    store = opened(path)
    assert store.size().states == begun
    store.close()


def test_a_file_that_is_taken_away_while_it_is_in_use(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "a.db", tmp_path / "b.db"
    store = opened(path)
    store.apply([write("a", 0, ["x"], live=False)])
    path.rename(elsewhere)
    with pytest.raises(StoreUnavailable, match="was removed or replaced while it was in use"):
        store.apply([write("b", 0, ["y"], live=False)])
    path.write_bytes(b"another one")
    with pytest.raises(StoreUnavailable, match="was removed or replaced while it was in use"):
        store.apply([write("b", 0, ["y"], live=False)])
    elsewhere.rename(path)
    store.apply([write("b", 0, ["y"], live=False)])
    assert store.size().states == 2
    store.close()


def test_pages_that_are_damaged_while_it_is_in_use(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.db")
    store = opened(path)
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(os.urandom(path.stat().st_size - 3 * 4096))
    looks: list[Callable[[], object]] = [
        lambda: list(store.states()), lambda: store.load("s3"), lambda: store.apply([write("n", 0, ["x"])]),
        lambda: store.apply([write("s5", 1, ["x"])]), lambda: store.expire(1e12),
    ]  # fmt: skip
    for look in looks:
        with pytest.raises(StoreCorrupt, match="move it away to begin a new one"):
            look()
    store.close()
    refused(path, StoreCorrupt)


def as_somebody(work: Callable[[], object]) -> str:
    """What a user without rights beyond his own is told; "" where nothing."""
    said, tell = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left threads at their ends
        child = os.fork()
    if child == 0:
        told = ""
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
        os.write(tell, told.encode())
        os._exit(0)
    os.close(tell)
    with os.fdopen(said) as file:
        told = file.read()
    os.waitpid(child, 0)
    return told


@pytest.mark.skipif(sys.platform == "win32", reason="needs modes of files")
def test_a_user_who_may_not_write_there() -> None:
    # Where others may enter: root's own folder for temporary files may be closed to them.
    with tempfile.TemporaryDirectory(dir="/tmp" if os.geteuid() == 0 else None) as name:  # noqa: S108
        folder, path = Path(name), Path(name) / "a.db"
        filled(folder / "warm.db", streams=1)
        folder.chmod(0o777)
        try:
            assert as_somebody(lambda: filled(path)) == ""
            as_somebody(lambda: path.chmod(0o400))
            assert "a.db: cannot be written (no permission)" in as_somebody(lambda: opened(path))
            as_somebody(lambda: path.chmod(0o600))
            folder.chmod(0o555)
            told = as_somebody(lambda: opened(path))
            assert f"StoreUnavailable: retry_store {path}: its directory {folder} cannot be written" in told
            told = as_somebody(lambda: opened(folder / "new.db"))
            assert told.endswith(f"its lock {folder / 'new.db.lock'} cannot be made (Permission denied)")
        finally:
            folder.chmod(0o700)


def test_a_full_disk_is_told_and_nothing_is_half_done(tmp_path: Path) -> None:
    store = opened(tmp_path / "a.db")
    store.apply([write("a", 0, ["x"], live=False)])
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="disk is full"):
        store.apply([write("b", 0, ["y"]), write("c", 0, ["z" * 100_000])])
    assert store.load("b") is None
    assert store.size().states == 1
    store._database.execute("PRAGMA max_page_count = 100000")
    store.apply([write("b", 0, ["y"], live=False)])
    assert store.size() == StoreSize(2, store.size().state_bytes)
    store.close()
