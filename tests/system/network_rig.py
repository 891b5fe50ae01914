"""Two network namespaces of a test's own with a cable between them: a server in one, a client in the other.

Nothing outside them is touched, and their addresses exist nowhere else. Needs root, and a kernel that permits it.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests_system import LIMIT_S

ROOT = Path(__file__).parents[2]
CLIENT, SERVER, PORT = "10.203.0.1", "10.203.0.2", 18080


class Cable:
    """See the module. `with Cable() as cable`; a skip where it is not permitted."""

    def __init__(self) -> None:
        self._client, self._server = f"gr{os.getpid()}c", f"gr{os.getpid()}s"

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("network namespaces need root")
        try:
            self._lay()
        except (OSError, subprocess.SubprocessError) as error:
            self.__exit__()
            said = getattr(error, "stderr", None) or b""
            pytest.skip(f"network namespaces are not permitted here: {error} {said.decode().strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self._client, self._server):
            command = ["ip", "netns", "del", name]
            subprocess.run(command, check=False, capture_output=True)

    def _lay(self) -> None:
        for name in (self._client, self._server):
            _run("ip", "netns", "add", name)
        _run(
            "ip", "link", "add", "cable", "netns", self._client, "type", "veth",
            "peer", "name", "cable", "netns", self._server,
        )  # fmt: skip
        for name, address in ((self._client, CLIENT), (self._server, SERVER)):
            _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "cable")
            _run("ip", "-n", name, "link", "set", "cable", "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")

    def in_client(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self._client, *command]

    def in_server(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self._server, *command]

    # ---- faults

    def reset(self) -> None:
        """The server's kernel ends every connection with RST."""
        _run(*self.in_server("ss", "-K", "state", "established", "sport", "=", f":{PORT}"))

    def swallow(self) -> None:
        """Nothing from the server arrives any more, and nobody is told."""
        _run("ip", "-n", self._server, "route", "add", "blackhole", f"{CLIENT}/32")

    def heal(self) -> None:
        """The end of `swallow`."""
        _run("ip", "-n", self._server, "route", "del", "blackhole", f"{CLIENT}/32")

    def pull(self) -> None:
        """The cable is out."""
        _run("ip", "-n", self._server, "link", "set", "cable", "down")

    def plug(self) -> None:
        """And in again."""
        _run("ip", "-n", self._server, "link", "set", "cable", "up")

    def slow(self, kbit_s: int) -> None:
        """No more than this goes from server to client."""
        shape = ("rate", f"{kbit_s}kbit", "burst", "1600", "latency", "60s")
        _run("tc", "-n", self._server, "qdisc", "add", "dev", "cable", "root", "tbf", *shape)

    # ---- who talks

    @contextlib.contextmanager
    def server(self, script: dict[str, Any], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
        """`greenroom simulate` with this script for all, taking connections."""
        (folder / "script.json").write_text(json.dumps({"default": script}))
        arguments = ("--host", SERVER, "--port", str(PORT), "--script", str(folder / "script.json"))
        process = subprocess.Popen(
            self.in_server(sys.executable, "-m", "greenroom", "simulate", *arguments), cwd=ROOT,
            stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            self._wait_for_server()
            yield process
        finally:
            process.kill()
            process.wait()

    def _wait_for_server(self) -> None:
        give_up_at_s = time.monotonic() + LIMIT_S
        listening = self.in_server("ss", "-Htln", "sport", "=", f":{PORT}")
        while not subprocess.run(listening, check=True, capture_output=True).stdout.strip():
            assert time.monotonic() < give_up_at_s, "the server does not listen"
            time.sleep(0.05)

    @contextlib.contextmanager
    def client(self, profile: str, **options: Any) -> Iterator["Client"]:
        """One stream, read to its end."""
        told = json.dumps(options)
        script = str(Path(__file__).with_name("network_client.py"))
        process = subprocess.Popen(
            self.in_client(sys.executable, script, f"http://{SERVER}:{PORT}/v1", profile, told), cwd=ROOT,
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            yield Client(process)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


class Client:
    """`network_client.py` at work: a JSON line when it began, one at its first words, one at the end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._retries = 0

    def told(self) -> dict[str, Any]:
        """The next of these lines."""
        while "retrying" in (told := self._line()):
            self._retries += 1
        return told

    def wait_for_retries(self, count: int) -> None:
        """Until so many attempts have failed, each of which is followed by another."""
        while self._retries < count:
            told = self._line()
            assert "retrying" in told, told
            self._retries += 1

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the client ended with {self._process.wait(LIMIT_S)}"
        told: dict[str, Any] = json.loads(line)
        return told


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
