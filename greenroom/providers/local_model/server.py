"""The parent's handle on the child that serves the embedded model."""

import atexit
import importlib.util
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.providers.local_model.cache import default_cache_dir
from greenroom.providers.local_model.child import Child, get, start_child
from greenroom.providers.local_model.errors import no_runtime
from greenroom.providers.local_model.log import open_log
from greenroom.providers.local_model.package import SMOLLM2

_THREADS_MAX = 8  # a small model gains nothing from more, and spinning threads starve the host


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the server's places for a request."""

    id: int
    is_processing: bool
    context_tokens: int


def require_runtime() -> None:
    """llama.cpp can be imported here. Ask before fetching 93 MB for it. Raises LocalModelUnavailable."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise no_runtime()


class LocalModelServer:
    """A llama.cpp server on 127.0.0.1, in a child process that cannot outlive this one.

    The child has its own session: the terminal's Ctrl-C reaches us alone, and we stop it when our streams
    have ended. `stop` is called at exit at the latest. For any thread; it has no thread of its own.
    """

    model = SMOLLM2.alias
    """The name to ask for in requests."""

    def __init__(self, child: Child, address: str, api_key: SecretStr) -> None:
        """Takes over a running child; `start` makes one."""
        self.address = address
        self.base_url = f"{address}/v1"
        self.api_key = api_key
        self._child = child
        self._owner = os.getpid()
        self._stopping = threading.Lock()
        atexit.register(self.stop)

    def __repr__(self) -> str:
        return f"<LocalModelServer {self.model} at {self.base_url} pid={self.pid} alive={self.alive}>"

    @classmethod
    def start(
        cls,
        model_path: Path,
        *,
        slots: int = 4,
        context_tokens: int = 8192,
        threads: int | None = None,
        startup_timeout_s: float = 60.0,
        cache_dir: Path | None = None,
    ) -> Self:
        """A server that answers. Blocks until the model is loaded (0.5 s on a quiet machine).

        `context_tokens` are shared out: each slot has context_tokens // slots. `cache_dir` holds the log.
        Raises InvalidInput, or LocalModelUnavailable with the last lines that llama.cpp wrote.
        """
        threads = min(_cores(), _THREADS_MAX) if threads is None else threads
        _check(
            slots=slots, context_tokens=context_tokens, threads=threads, startup_timeout_s=startup_timeout_s
        )
        require_runtime()
        options = [
            str(model_path), "--alias", cls.model, "--slots", str(slots),
            "--context-tokens", str(context_tokens), "--threads", str(threads),
            "--load-timeout-s", str(int(startup_timeout_s) + 1),
        ]  # fmt: skip
        api_key = SecretStr(secrets.token_urlsafe(32))
        with open_log(cache_dir or default_cache_dir()) as log:
            child, address = start_child(options, api_key, log, startup_timeout_s)
        return cls(child, address, api_key)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.process.pid

    @property
    def alive(self) -> bool:
        """False once the child has ended, by `stop` or by itself."""
        return self._child.alive

    def slots(self) -> tuple[Slot, ...]:
        """What each slot is doing now. Blocks for one request. Raises requests.RequestException."""
        answer = get(f"{self.address}/slots", self.api_key)
        answer.raise_for_status()
        return tuple(Slot(int(s["id"]), bool(s["is_processing"]), int(s["n_ctx"])) for s in answer.json())

    def stop(self) -> None:
        """The child has ended, what it was serving is cut. Idempotent; does nothing after a fork."""
        if os.getpid() != self._owner:
            return
        with self._stopping:
            self._child.end()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _cores() -> int:
    """Those that this process may use, where the platform tells."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _check(**numbers: float) -> None:
    problems = [Problem(name, repr(n), "must be greater than 0") for name, n in numbers.items() if not n > 0]
    if problems:
        raise InvalidInput("LocalModelServer.start", problems)
