"""The oracle: one Erlang process (oracle.escript) that runs cases for as long as it is open."""

import contextlib
import json
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from otp.cases import Case, case_term

SCRIPT = Path(__file__).with_name("oracle.escript")
ANSWER_S = 30.0
"""More than the oracle's own limit for a case."""


def missing() -> str | None:
    """Why there is no oracle on this machine; None where there is one."""
    absent = [name for name in ("erl", "escript") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not found: install Erlang (Debian: erlang-base)" if absent else None


class OracleFailed(Exception):
    """The oracle said that it could not run a case, fell silent, or died."""


class Oracle:
    """A context manager. `release` is OTP's, as it told it."""

    def __enter__(self) -> Self:
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            ["escript", str(SCRIPT)],  # noqa: S607  (wherever Erlang is)
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        try:
            word, self.release = self._read("the oracle's first line")
            assert word == "ready"
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        process = self._process
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # it has died, which was reported
                pipe.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._stderr.close()

    def run(self, case: Case) -> list[Any]:
        """The records of the case: [answer, events, tree] of the start and each action. Raises OracleFailed."""
        line = case_term(case)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode("ascii") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died(line) from None
        verdict, given = self._read(line)
        if verdict != "ok":
            raise OracleFailed(f"the oracle could not run this case: {given}\n{line}")
        return given

    def _read(self, about: str) -> Any:
        stdout = self._process.stdout
        assert stdout is not None
        ready, _, _ = select.select([stdout], [], [], ANSWER_S)
        if not ready:
            raise OracleFailed(f"the oracle was silent for {ANSWER_S:g} s on: {about}")
        line = stdout.readline()
        if not line.endswith(b"\n"):
            raise self._died(about)
        return json.loads(line)

    def _died(self, about: str) -> OracleFailed:
        status = self._process.wait(5)
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace")[-2000:]
        return OracleFailed(f"the oracle died with status {status} on: {about}\n{said}")
