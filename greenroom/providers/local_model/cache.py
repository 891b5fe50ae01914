"""Where the model lies on this machine, and whether it is the very file that was pinned.

A file is hashed when it is written. After that a stamp beside it (path, size, time, hash) vouches for it;
when stamp and file disagree, the file is hashed again.
"""

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from greenroom.providers.local_model.errors import LocalModelUnavailable
from greenroom.providers.local_model.package import SMOLLM2, ModelPackage


def default_cache_dir(environment: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """GREENROOM_CACHE_DIR, else the platform's cache folder. Makes nothing. Raises LocalModelUnavailable."""
    env = os.environ if environment is None else environment
    if chosen := env.get("GREENROOM_CACHE_DIR"):
        return Path(chosen).expanduser().absolute()
    # The XDG specification: a relative path is invalid and ignored.
    if (xdg := env.get("XDG_CACHE_HOME")) and Path(xdg).is_absolute():
        return Path(xdg) / "greenroom"
    try:
        home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    except RuntimeError:
        remedy = "GREENROOM_CACHE_DIR=/a/folder greenroom chat"
        raise LocalModelUnavailable("this user has no home directory", remedy, "cache_unwritable") from None
    return home / ("Library/Caches" if platform == "darwin" else ".cache") / "greenroom"


def models_dir(cache_dir: Path | None = None) -> Path:
    """The folder that holds fetched models."""
    return (cache_dir or default_cache_dir()) / "models"


def find_model(cache_dir: Path | None = None, package: ModelPackage = SMOLLM2) -> Path | None:
    """The verified model file: the one fetched before, else that of an installed package, else None.

    Blocks: a stat when the stamp agrees, else one read of the whole file (98 MB: 0.1 to 0.5 s).
    """
    folder = models_dir(cache_dir)
    stamp = stamp_path(folder, package)
    candidates = ((folder / package.file_name, stamp), (_installed(package), stamp.with_suffix(".installed")))
    for file, its_stamp in candidates:
        if file is not None and _is_verified(file, its_stamp, package):
            return file
    return None


def stamp_path(folder: Path, package: ModelPackage) -> Path:
    """The stamp of the fetched file."""
    return folder / f"{package.file_name}.verified"


def write_stamp(file: Path, stamp: Path, package: ModelPackage) -> None:
    """The stamp vouches for the file as it is now. Without a writable folder there is none: only slower."""
    with suppress(OSError):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        unfinished = stamp.with_name(f"{stamp.name}.{os.getpid()}")
        unfinished.write_text(_facts(file, package), encoding="utf-8")
        unfinished.replace(stamp)


def _is_verified(file: Path, stamp: Path, package: ModelPackage) -> bool:
    try:
        if file.stat().st_size != package.size_bytes:
            return False
        with suppress(OSError, UnicodeDecodeError):
            if stamp.read_text(encoding="utf-8") == _facts(file, package):
                return True
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return False
    if found != package.sha256:
        return False
    write_stamp(file, stamp, package)
    return True


def _facts(file: Path, package: ModelPackage) -> str:
    status = file.stat()
    facts = {
        "path": str(file),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": package.sha256,
    }
    return json.dumps(facts)


def _installed(package: ModelPackage) -> Path | None:
    """The file inside an installed package. The package itself is not imported: its code is not ours."""
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(package.module)
        if spec is not None and spec.origin:
            return Path(spec.origin).parent / package.file_name
    return None
