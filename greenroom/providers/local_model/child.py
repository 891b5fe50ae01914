"""The child process of one server: started, awaited, ended and reaped."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

import requests
from pydantic import SecretStr

from greenroom.providers.local_model.errors import start_failed
from greenroom.providers.local_model.log import tail

_SERVE = Path(__file__).with_name("serve.py")
_STOP_GRACE_S = 3.0
_HEALTH_LOOK_S = 0.05
_HTTP_TIMEOUT_S = 5.0
_READY_LINE_MAX_BYTES = 4096


def start_child(
    options: list[str], api_key: SecretStr, log: BinaryIO, timeout_s: float
) -> tuple["Child", str]:
    """A child that answers requests, and its address. Blocks; nothing is left when this raises."""
    deadline_s = time.monotonic() + timeout_s
    child = Child(options, log)
    try:
        _say(child.process.stdin, api_key.get_secret_value())
        address = _wait_address(child.process, deadline_s, log)
        _wait_healthy(child.process, address, deadline_s, log)
    except BaseException:
        child.process.terminate()  # while it loads it would not notice that stdin is closed
        child.end()
        raise
    return child, address


class Child:
    """`serve.py` with its pipes. It has its own session, and ends when its stdin closes."""

    def __init__(self, options: list[str], log: BinaryIO) -> None:
        # By path, not by -m: a parent that found greenroom through sys.path alone can start it too.
        self.process = subprocess.Popen(  # noqa: S603  (our own interpreter, no shell)
            [sys.executable, "-P", str(_SERVE), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Asking reaps a child that ended by itself."""
        return self.process.poll() is None

    def end(self) -> None:
        """It has ended and is reaped, its pipes are closed. Closing stdin is enough unless it hangs."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        for harder in (self.process.terminate, self.process.kill):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_GRACE_S)
                return
            harder()
        self.process.wait()


def get(url: str, api_key: SecretStr | None = None) -> requests.Response:
    """One GET past every proxy: a proxy from the environment must not be asked for loopback."""
    headers = {"Authorization": f"Bearer {api_key.get_secret_value()}"} if api_key else {}
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=_HTTP_TIMEOUT_S)


def _say(pipe: IO[bytes] | None, line: str) -> None:
    """A child that died at once has closed the pipe; reading its answer tells that better."""
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.write(f"{line}\n".encode())
            pipe.flush()


def _wait_address(process: subprocess.Popen[bytes], deadline_s: float, log: BinaryIO) -> str:
    """The address out of the ready line, which comes in one write."""
    if process.stdout is None:
        raise ValueError("the child was started without a pipe for its ready line")
    with selectors.DefaultSelector() as selector:  # not select(): a host may have more than 1,024 descriptors
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline_s - time.monotonic())):
            raise start_failed("did not load its model in time", tail(log))
    line = os.read(process.stdout.fileno(), _READY_LINE_MAX_BYTES)
    if not line:
        raise start_failed(_how_it_died(process), tail(log))
    return str(json.loads(line)["address"])


def _wait_healthy(process: subprocess.Popen[bytes], address: str, deadline_s: float, log: BinaryIO) -> None:
    """/health says 503 "Loading model" until it says 200."""
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise start_failed(_how_it_died(process), tail(log))
        with suppress(requests.ConnectionError, requests.Timeout):
            if get(f"{address}/health").ok:
                return
        time.sleep(_HEALTH_LOOK_S)
    raise start_failed("did not become healthy in time", tail(log))


def _how_it_died(process: subprocess.Popen[bytes]) -> str:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_GRACE_S)
    code = process.returncode
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
