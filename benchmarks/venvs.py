"""Peers that are not greenroom's own dependencies, each in a venv of this Python, with pinned versions."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PINNED = {
    "sdk": ("openai==3.52.0", "aiohttp==3.14.5", "uvloop==0.23.0"),
    "litellm": ("litellm==1.106.2", "uvloop==0.23.0"),
}
_INSTALL_TIMEOUT_S = 600


def folder() -> Path:
    """Where they are kept; GREENROOM_BENCHMARKS names another place."""
    given = os.environ.get("GREENROOM_BENCHMARKS")
    home = Path(given) if given else Path.home() / ".cache" / "greenroom" / "benchmarks"
    return home / f"python-{sys.version_info.major}.{sys.version_info.minor}"


@dataclass
class Venvs:
    """Makes a venv when it is first asked for, and remembers why one cannot be had."""

    pinned: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: PINNED)
    """What is installed, by the venv's name."""
    _problems: dict[str, str] = field(default_factory=dict)

    def python(self, home: str) -> Path | None:
        """The interpreter; None where the installation failed (`problem` says why)."""
        if home == "here":
            return Path(sys.executable)
        if home in self._problems:
            return None
        place = folder() / home
        python, marker = place / "bin" / "python", place / "installed.txt"
        wanted = "\n".join(self.pinned[home])
        if not (python.exists() and marker.exists() and marker.read_text() == wanted):
            try:
                _install(place, python, self.pinned[home])
            except (OSError, subprocess.SubprocessError) as error:
                self._problems[home] = _reason(error)
                return None
            marker.write_text(wanted)
        return python

    def problem(self, home: str) -> str:
        """Why `python` gave None."""
        return self._problems[home]


def _install(place: Path, python: Path, packages: tuple[str, ...]) -> None:
    print(f"installing {', '.join(packages)} into {place}", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages],
        check=True, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S,
    )  # fmt: skip


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    lines = [line for line in str(said).splitlines() if "ERROR" in line] or str(said).splitlines()
    return f"not installed: {lines[-1] if lines else error!r}"
