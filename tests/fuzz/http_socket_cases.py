"""The whole transport over real sockets: plain and TLS, both loops, servers that answer badly and leave badly.

Laws: connecting ends in a link or a TransportError; every exchange ends once, typed; a well-formed answer is
whole; no task or socket is left when the case is over.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
import struct
import tempfile
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import trustme
import uvloop

from greenroom.actors.blocking_transport import BlockingTransport
from greenroom.messages.commands import HttpRequest, WireEnd
from greenroom.messages.contracts import TransportError
from greenroom.providers.requests_transport import RequestsLines
from greenroom.providers.transport import ReactorTransport

from .http_answers import Answer, answer, broken, cut
from .http_cases import Hand, Told

_LIMIT_S = 5.0
_EXCHANGES = 3
_PIECES_MAX = 30
"""So many sends are worth a system call each; what is left goes with the last one."""
_BODIES = (b"{}", b"{}", b"x" * 300_000)


@dataclass
class Plan:
    """One connection's answers, and how the server leaves it."""

    answers: list[Answer]
    pieces: list[list[bytes]]
    reset: bool
    noise: bytes
    """Sent before anything is asked."""
    secure: bool
    rude: bool
    """Requests' bodies are left unread."""


def _reactor(url: str, ca_bundle: str | None) -> Any:
    return ReactorTransport(url, clock=Hand(), ca_bundle=ca_bundle)


def _in_threads(url: str, ca_bundle: str | None) -> Any:
    return BlockingTransport(RequestsLines(url, clock=Hand(), ca_bundle=ca_bundle))


def http_socket_case(rng: Random) -> None:
    """Over the reactor."""
    _case(rng, _reactor)


def requests_socket_case(rng: Random) -> None:
    """Over `requests`, with a session of our own."""
    _case(rng, _in_threads)


def _case(rng: Random, make: Callable[[str, str | None], Any]) -> None:
    plan = _plan(rng)
    errors: list[object] = []
    loop = rng.choice([uvloop.new_event_loop, asyncio.new_event_loop])
    with warnings.catch_warnings(), socket.create_server(("127.0.0.1", 0)) as listener:
        # A socket or transport that nobody closed tells so in a ResourceWarning.
        warnings.simplefilter("error")
        server = threading.Thread(target=_serve, args=(listener, plan), daemon=True)
        server.start()
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: errors.append(context))
            runner.run(_limited(rng, plan, make, listener.getsockname()[1]))
        server.join(_LIMIT_S)
        assert not server.is_alive(), "the connection was not closed"
    assert not errors, errors


def _plan(rng: Random) -> Plan:
    answers = [answer(rng) for _ in range(_EXCHANGES)]
    answers = [broken(rng, one) if rng.random() < 0.5 else one for one in answers]
    pieces = []
    for one in answers:
        some = cut(rng, one.data, 65536)[:_PIECES_MAX]
        pieces.append([*some, one.data[sum(map(len, some)) :]])
    noise = rng.randbytes(rng.randrange(1, 80)) if rng.random() < 0.1 else b""
    return Plan(answers, pieces, rng.random() < 0.5, noise, rng.random() < 0.3, rng.random() < 0.2)


async def _limited(rng: Random, plan: Plan, make: Callable[..., Any], port: int) -> None:
    url = f"{'https' if plan.secure else 'http'}://127.0.0.1:{port}"
    transport = make(url, _bundle() if plan.secure else None)
    async with asyncio.timeout(_LIMIT_S):
        await _talk(rng, plan, transport)
    if isinstance(transport, BlockingTransport):
        assert await asyncio.to_thread(transport.join, _LIMIT_S) == 0, "a thread is left"
    # Closed transports let go of their sockets in the next turns of the loop.
    for _ in range(3):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left


async def _talk(rng: Random, plan: Plan, transport: Any) -> None:
    try:
        # Noise may look like a TLS record that never ends: then both sides wait for the rest of it.
        link = await transport.connect(0.5 if plan.noise else _LIMIT_S)
    except TransportError:
        if not plan.noise:
            raise
        return
    finally:
        transport.close()
    for one in plan.answers:
        await _exchange(rng, plan, one, link)
        if not link.reusable:
            break
    link.close()


async def _exchange(rng: Random, plan: Plan, one: Answer, link: Any) -> None:
    told, freed = Told(), asyncio.Event()

    def free() -> None:
        told.free()
        freed.set()

    body = rng.choice(_BODIES) if one.method == "POST" else b""
    told.wire = link.exchange(HttpRequest(one.method, "/", (), body), 1, told.deliver, free)
    what = rng.choice(["nothing", "nothing", "nothing", "abort", "pause"])
    if what == "abort":
        told.aborted = True
        told.wire.abort()
    elif what == "pause":
        told.wire.pause()
        await asyncio.sleep(0)
        told.wire.resume()
    await freed.wait()
    assert told.freed == 1
    assert len(told.ends) == (0 if told.aborted else 1)
    # Later ones may stand behind what an earlier one left on the connection.
    if one is plan.answers[0] and one.intact and not (told.aborted or plan.noise):
        _check_intact(one, told, plan)


def _check_intact(one: Answer, told: Told, plan: Plan) -> None:
    # A server that resets may take back what it had said; an answer that ends with the connection was cut then.
    # Of TLS no close_notify comes either, and without one such an answer is no whole one.
    if one.until_close and (plan.reset or plan.rude or plan.secure):
        return
    if (plan.reset or plan.rude) and not told.ends[0].clean:
        return
    assert told.ends == [WireEnd(clean=True)], told.ends
    assert told.heads[0].status == one.status
    assert told.body == one.body


def _serve(listener: socket.socket, plan: Plan) -> None:
    # What the client leaves behind is its own business: it may go at any moment.
    with contextlib.suppress(OSError):
        listener.settimeout(_LIMIT_S)
        sock, _ = listener.accept()
        with contextlib.ExitStack() as stack:
            stack.enter_context(sock)
            sock.settimeout(_LIMIT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(plan.noise)
            if plan.secure:
                sock = stack.enter_context(_server_context().wrap_socket(sock, server_side=True))
            _answer(sock, plan)


def _answer(sock: socket.socket, plan: Plan) -> None:
    for one, pieces in zip(plan.answers, plan.pieces, strict=True):
        _read_request(sock, with_body=not plan.rude)
        for piece in pieces:
            sock.sendall(piece)
        if not one.intact or one.until_close or not one.keep:
            break
    if plan.reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _read_request(sock: socket.socket, *, with_body: bool) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += _received(sock)
    head, _, body = got.partition(b"\r\n\r\n")
    size = int(head.rpartition(b"Content-Length: ")[2] or b"0") if b"Content-Length" in head else 0
    while with_body and len(body) < size:
        body += _received(sock)


def _received(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise ConnectionError("gone")
    return data


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def _bundle() -> str:
    path = Path(tempfile.mkdtemp(prefix="greenroom-fuzz-")) / "ca.pem"
    _authority().cert_pem.write_to_path(str(path))
    return str(path)


@functools.cache
def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert("127.0.0.1").configure_cert(context)
    return context
