"""The client's side: a collector for what a wire tells, and a loop that must leak nothing."""

import asyncio
import contextlib
import gc
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import requests
import uvloop

from greenroom.actors.blocking_link import BlockingLink
from greenroom.actors.blocking_transport import BlockingTransport
from greenroom.messages.commands import HttpRequest, WireEnd, WireHead, WireRead
from greenroom.messages.contracts import TransportError
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.requests_transport import RequestsLines
from greenroom.providers.transport import ReactorTransport, TransportLimits

LIMIT_S = 20.0
F = TypeVar("F")
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
GET = HttpRequest("GET", "/", ())


class SystemClock:
    now_s = staticmethod(time.monotonic)
    wall_s = staticmethod(time.time)


def run_on(loop_name: str, work: Coroutine[Any, Any, Any]) -> Any:
    """Run on a fresh loop; no task is left, and no socket (an unclosed one warns: an error)."""
    errors: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: errors.append(context))
        got = runner.run(_limited(work))
    gc.collect()
    assert not errors, errors
    return got


async def _limited(work: Coroutine[Any, Any, Any]) -> Any:
    async with asyncio.timeout(LIMIT_S):
        got = await work
    # Closed transports let go of their sockets in the next turns of the loop.
    for _ in range(3):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    return got


def transport_to(url: str, limits: TransportLimits | None = None, **more: Any) -> ReactorTransport:
    return ReactorTransport(url, clock=SystemClock(), limits=limits, **more)


@dataclass(frozen=True)
class Way:
    """One implementation of the transport's contract, on one kind of loop."""

    transport: str
    loop: str

    @property
    def in_threads(self) -> bool:
        return self.transport.startswith("requests")

    def to(self, url: str, limits: TransportLimits | None = None, **more: Any) -> Any:
        if self is SESSION:
            more["session"] = _a_session
        if self.in_threads:
            return BlockingTransport(RequestsLines(url, clock=SystemClock(), limits=limits, **more))
        return transport_to(url, limits, **more)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run on a fresh loop; no task, socket or thread is left."""
        before = set(threading.enumerate())
        got = run_on(self.loop, work)
        for thread in set(threading.enumerate()) - before:
            if thread.name.startswith("LineKeeper"):
                thread.join(LIMIT_S)
                assert not thread.is_alive(), f"{thread.name} is left"
        return got


SESSION = Way("requests, user's session", "uvloop")


def sessions_too(test: F) -> F:
    """Marks a test of the contract that holds for a user's `requests.Session` too, which reads heads itself and
    connects when it sends."""
    test.sessions_too = True  # type: ignore[attr-defined]
    return test


WAYS = [
    Way("reactor", "asyncio"),
    Way("reactor", "uvloop"),
    Way("requests", "asyncio"),
    Way("requests", "uvloop"),
]


def _a_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


class Told:
    """What one exchange told."""

    def __init__(self) -> None:
        self.reads: list[WireRead] = []
        self.freed = 0
        self.ended = asyncio.Event()
        self._news = asyncio.Event()
        self.wire: Any = None

    def deliver(self, read: WireRead) -> None:
        assert not self.ended.is_set(), "told after the end"
        assert not self.freed, "told after it was free"
        assert read.head or read.data or read.end, "told nothing"
        self.reads.append(read)
        self._news.set()
        if read.end is not None:
            self.ended.set()

    def free(self) -> None:
        self.freed += 1
        self._news.set()

    @property
    def head(self) -> WireHead:
        heads = [read.head for read in self.reads if read.head]
        assert len(heads) == 1
        return heads[0]

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def body(self) -> bytes:
        return b"".join(read.data for read in self.reads)

    @property
    def end(self) -> WireEnd:
        end = self.reads[-1].end
        assert end is not None
        return end

    @property
    def message(self) -> str:
        assert self.end.evidence is not None
        return self.end.evidence.message

    async def until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            self._news.clear()
            await self._news.wait()

    async def over(self) -> "Told":
        await self.ended.wait()
        assert self.freed == 1
        return self


def begin(link: Any, request: HttpRequest = GET, epoch: int = 1) -> Told:
    told = Told()
    told.wire = link.exchange(request, epoch, told.deliver, told.free)
    return told


async def fetch(link: Any, request: HttpRequest = GET, epoch: int = 1) -> Told:
    return await begin(link, request, epoch).over()


async def closed(link: Any) -> None:
    """Until the link's socket is lost."""
    if link.gone if isinstance(link, BlockingLink) else link._transport is None:
        return
    gone = asyncio.Event()
    link.on_close = gone.set
    await gone.wait()


def failure(way: Way, url: str, timeout_s: float = 10, **more: Any) -> ErrorEvidence:
    """Why there is no connection."""

    async def work() -> ErrorEvidence:
        transport = way.to(url, **more)
        with pytest.raises(TransportError) as caught:
            await transport.connect(timeout_s)
        transport.close()
        return caught.value.evidence

    got: ErrorEvidence = way.run(work())
    return got


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def black_hole(host: str, port: int) -> Iterator[int]:
    """A listener whose queue is full: who connects hears nothing."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield listener.getsockname()[1]
