"""Runs the real command line in a process of its own: through pipes, or on a terminal of its own."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from greenroom.cli import main

ROOT = Path(__file__).parents[2]
WITHIN_S = 30.0

_ON_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Makes stderr's terminal the controlling one, so that a typed Ctrl-C is a SIGINT as at a real desk."""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def err_lines(self) -> list[str]:
        return self.err.splitlines()


class Runner:
    """An empty folder, a home of its own, and an environment that holds nothing of the machine's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder / "home"), "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8", "PYTHONWARNINGS": "error", "TERM": "xterm-256color",
        }  # fmt: skip

    def __call__(self, *args: str, stdin: bytes | None = None, **environ: str) -> Done:
        """Run to the end. stdin None is /dev/null."""
        given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            self.command(*args), cwd=self.folder, env=self.environ | environ, capture_output=True,
            timeout=WITHIN_S, check=False, **given,
        )  # fmt: skip
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *args: str, **environ: str) -> "Running":
        """Begin, with stdout and stderr in pipes."""
        out, out_writer = os.pipe()
        err, err_writer = os.pipe()
        process = subprocess.Popen(
            self.command(*args), cwd=self.folder, env=self.environ | environ, stdin=subprocess.DEVNULL,
            stdout=out_writer, stderr=err_writer, start_new_session=True,
        )  # fmt: skip
        os.close(out_writer)
        os.close(err_writer)
        return Running(process, {"out": out, "err": err})

    def on_terminal(self, *args: str, out_piped: bool = False, **environ: str) -> "Running":
        """Begin on a terminal: stdin and stderr are it, stdout too unless it is piped."""
        ours, theirs = pty.openpty()
        out, out_writer = os.pipe() if out_piped else (-1, theirs)
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_A_TERMINAL, *self.command(*args)[1:]], cwd=self.folder,
            env=self.environ | environ, stdin=theirs, stdout=out_writer, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        if out_piped:
            os.close(out_writer)
        return Running(process, {"err": ours} | ({"out": out} if out_piped else {}))

    @staticmethod
    def command(*args: str) -> list[str]:
        return [sys.executable, "-m", "greenroom", *args]


class Here:
    """The same folder and environment, the command in this process: for what it says, not how it lives."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._patch, self._capsys = folder, monkeypatch, capsys
        self.environ = Runner(folder).environ

    def __call__(self, *args: str, **environ: str) -> Done:
        with self._patch.context() as patch:
            patch.chdir(self.folder)
            for name in os.environ:
                patch.delenv(name)
            for name, value in (self.environ | environ).items():
                patch.setenv(name, value)
            code = main(list(args))
        said = self._capsys.readouterr()
        return Done(code, said.out, said.err)


class Running:
    """A command that runs. On a terminal everything it shows is `err`, unless stdout is piped."""

    def __init__(self, process: "subprocess.Popen[bytes]", streams: Mapping[str, int]) -> None:
        self.process = process
        self._streams = dict(streams)
        self._seen = dict.fromkeys(streams, b"")

    @property
    def out(self) -> str:
        return self._seen["out"].decode()

    @property
    def err(self) -> str:
        return self._seen["err"].decode().replace("\r\n", "\n")

    def until(self, name: str, text: str) -> None:
        """Reads until that stream has shown the text."""
        give_up_at = time.monotonic() + WITHIN_S
        while text.encode() not in self._seen[name]:
            left = give_up_at - time.monotonic()
            assert left > 0, f"no {text!r} in {name} within {WITHIN_S} s: {self._seen}"
            assert self._read(left), f"no {text!r} in {name} before its end: {self._seen}"

    def typed(self, text: str) -> None:
        os.write(self._streams["err"], text.encode())

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def close(self, name: str) -> None:
        """As a reader that goes away."""
        os.close(self._streams.pop(name))

    def end(self) -> int:
        """Reads all that is left, and returns the exit code."""
        give_up_at = time.monotonic() + WITHIN_S
        while self._streams and self._read(give_up_at - time.monotonic()):
            continue
        return self.process.wait(WITHIN_S)

    def _read(self, timeout_s: float) -> bool:
        """False once every stream has ended."""
        names = {fd: name for name, fd in self._streams.items()}
        ready, _, _ = select.select(list(names), [], [], max(timeout_s, 0))
        assert ready, f"nothing came within {timeout_s:.0f} s: {self._seen}"
        for fd in ready:
            try:
                data = os.read(fd, 65536)
            except OSError:  # EIO: the terminal's other side is closed
                data = b""
            self._seen[names[fd]] += data
            if not data:
                os.close(self._streams.pop(names[fd]))
        return bool(self._streams)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WITHIN_S)
        for fd in self._streams.values():
            os.close(fd)
        self._streams.clear()
