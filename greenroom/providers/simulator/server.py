"""`Simulator`: an LLM provider on this machine that says what a script says. A thread, a loop, a socket.

with Simulator(Script(text="Hello")) as simulator:
    ...  # point a client at simulator.base_url
assert simulator.requests[0].ended == "completed"
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

from greenroom.providers.simulator.chaos import Chaos
from greenroom.providers.simulator.connection import Connection
from greenroom.providers.simulator.control import Control
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.door import Door, listen
from greenroom.providers.simulator.history import History, SimulatorStatistics
from greenroom.providers.simulator.host import Host
from greenroom.providers.simulator.limits import SimulatorLimits
from greenroom.providers.simulator.pacing import Pacer
from greenroom.providers.simulator.records import RequestRecord
from greenroom.providers.simulator.rules import ScriptBook, SimulatorRules
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.service import Service

_JOIN_S = 10.0


class SimulatorOptions(TypedDict, total=False):
    """What else a simulator may be given; Simulator's docstring says what each means."""

    models: Iterable[str] | None
    limits: SimulatorLimits | None
    profile: str | Dialect | None
    chaos: Chaos | None
    first_id: int


@dataclass(frozen=True, slots=True)
class _Options:
    models: Iterable[str] | None = None
    limits: SimulatorLimits | None = None
    profile: str | Dialect | None = None
    chaos: Chaos | None = None
    first_id: int = 1


class Simulator:
    """A server on loopback from `start` (or `with`) to `stop`. All methods may be called from any thread.

    `script`: a Script is the default answer, SimulatorRules are used as they are. `port` 0: any free one.
    `models`: the only models there are (others get 404); None: every name is taken.
    `profile`: the server whose dialect it speaks, by name, or a Dialect; a script may name another.
    `chaos`: faults for a share of the requests, drawn from a seed. Both win over what the rules say.
    `first_id`: the number in the id of the first answer, which the next ones count on from.
    Raises InvalidInput, and OSError from `start` where the address cannot be had.
    """

    def __init__(
        self,
        script: Script | SimulatorRules | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        **more: Unpack[SimulatorOptions],
    ) -> None:
        options = _Options(**more)
        rules = script if isinstance(script, SimulatorRules) else SimulatorRules(default=script)
        self._address = (host, port)
        self._limits = options.limits or SimulatorLimits()
        self._book = ScriptBook(rules)
        models = None if options.models is None else tuple(options.models)
        dialect = dialect_of(rules.profile if options.profile is None else options.profile)
        chaos = rules.chaos if options.chaos is None else options.chaos
        self._service = Service(self._book, api_key, models, dialect, chaos, options.first_id)
        self._history = History(self._limits.max_records, self._limits.max_recorded_bytes)
        self._told: Callable[[RequestRecord], None] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._host: Host | None = None
        self._started = threading.Event()
        self._stopped = False

    def start(self) -> Self:
        """The server takes connections. Raises OSError, and RuntimeError the second time."""
        if self._thread is not None or self._stopped:
            raise RuntimeError("a simulator starts once; make a new one")
        listener = listen(*self._address)
        self._address = listener.getsockname()[:2]
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name=f"greenroom-simulator-{self._address[1]}", daemon=True
        )
        self._thread.start()
        self._started.wait()
        if self._stop is None:
            raise RuntimeError("the simulator's loop did not start; its thread says why")
        return self

    def stop(self) -> None:
        """Every connection is closed, the thread is joined, the port is free. Harmless the second time."""
        thread, self._thread, self._stopped = self._thread, None, True
        if thread is None or self._loop is None or self._stop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the thread has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(_JOIN_S)
        if thread.is_alive():
            raise RuntimeError(f"the simulator's thread did not end within {_JOIN_S} s")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else "running" if self._thread else "not started"
        return f"<Simulator {self.host}:{self.port} {state}, {self.statistics().requests} requests>"

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the start where any was asked for."""
        return self._address[1]

    @property
    def url(self) -> str:
        """`http://HOST:PORT`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL: `http://HOST:PORT/v1`."""
        return f"{self.url}/v1"

    def enqueue(self, *scripts: Script, model: str | None = None, times: int = 1) -> None:
        """Answer the next requests with these scripts, in order, then by the rules again.

        `model`: only requests for it (a name or a pattern) take them. Raises OverflowError.
        """
        self._book.enqueue(scripts * times, model)

    def set_default(self, script: Script | None) -> None:
        """Answer what no rule catches with this script; None: with a made-up text about the prompt."""
        self._book.set_default(script)

    def on_request_finished(self, told: Callable[[RequestRecord], None]) -> None:
        """Call this with each finished record, on the simulator's thread; it must be quick, and not raise."""
        if self._thread is not None:
            raise RuntimeError("set this before the start")
        self._told = told

    @property
    def queued(self) -> int:
        """Scripts that wait for a request."""
        return self._book.queued

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """What was asked so far, oldest first, live ones as they stand; bounded by the limits."""
        return self._history.snapshot()

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return self._history.open_connections

    def statistics(self) -> SimulatorStatistics:
        """Counts since the start."""
        return self._history.statistics()

    def attempts(self, request_id: str) -> tuple[RequestRecord, ...]:
        """The requests that bore this id of the client's (x-request-id and its like), oldest first."""
        return self._history.attempts(request_id)

    def wait_for(self, holds: Callable[["Simulator"], bool], timeout_s: float = 5.0) -> None:
        """Wait until it holds: `sim.wait_for(lambda s: s.open_connections == 0)`. Raises TimeoutError."""
        if not self._history.wait_for(lambda: holds(self), timeout_s, time.monotonic):
            raise TimeoutError(f"not within {timeout_s} s; {self.statistics()}, {self.open_connections} open")

    def wait_for_requests(self, count: int = 1, timeout_s: float = 5.0) -> tuple[RequestRecord, ...]:
        """Wait until so many requests have ended, and return the records. Raises TimeoutError."""
        self.wait_for(lambda s: s.statistics().requests - s.statistics().answering >= count, timeout_s)
        return self.requests

    def wait_for_disconnects(self, count: int = 1, timeout_s: float = 5.0) -> tuple[RequestRecord, ...]:
        """Wait until so many clients have left an answer, and return their records. Raises TimeoutError."""
        self.wait_for(lambda s: s.statistics().client_disconnected >= count, timeout_s)
        return tuple(record for record in self.requests if record.ended == "client_disconnected")

    def wait_until_idle(self, timeout_s: float = 5.0) -> None:
        """Wait until no answer is under way and no connection is open. Raises TimeoutError."""
        self.wait_for(lambda s: s.statistics().answering == 0 and s.open_connections == 0, timeout_s)

    def crash(self, for_s: float | None = None) -> None:
        """The server is gone: RST on every connection, the port closed; for so long, or until `restart`."""
        self._call(lambda host: host.away("crash", for_s))

    def refuse(self, how: Literal["close", "reset", "backlog"] = "close", for_s: float | None = None) -> None:
        """No new connection is served. `close`, `reset`: taken and ended at once. `backlog`: nobody takes them
        and the queue is full, so that connecting hangs. For so long, or until `restart`.
        """
        self._call(lambda host: host.away(how, for_s))

    def restart(self) -> None:
        """The server takes connections again, on the same port. Raises OSError where another has it by now."""
        self._call(_open)

    def _call(self, call: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
        if self._thread is None or self._loop is None or self._host is None:
            raise RuntimeError("the simulator is not running")
        if threading.current_thread() is self._thread:
            raise RuntimeError("not on the simulator's own thread: it would wait for itself")
        asyncio.run_coroutine_threadsafe(call(self._host), self._loop).result(_JOIN_S)

    def _run(self, listener: socket.socket) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(listener))
        finally:
            listener.close()
            self._started.set()

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        host = Host(
            self._service,
            self._history,
            Pacer(self._loop, time.monotonic),
            self._limits,
            self._told,
            Control(self._history, self._book),
            self._book.rules.outages,
        )
        host.door = Door(self._address, host.pacer, lambda: Connection(host))
        self._host = host
        await host.door.open(listener)
        self._started.set()
        await self._stop.wait()
        host.stopping = True  # before the door: nothing opens it again
        await host.door.close()
        await host.emptied()
        self._host = host.door = None


async def _open(host: Host) -> None:
    if host.door is not None:
        await host.door.open()


def _loop_factory() -> Callable[[], Any] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
