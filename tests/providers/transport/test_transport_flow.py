"""Pausing, aborting, and request bodies that the peer takes slowly or not at all."""

import asyncio
import gc
import weakref

import pytest
from transport_client import begin, fetch, run_on, transport_to
from transport_server import Peer, RawServer
from transport_tls import Trust

from greenroom.messages.commands import HttpRequest, WireRead
from greenroom.providers.transport import ReactorLink, ReactorTransport

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
IMAGES = HttpRequest("POST", "/v1/chat/completions", (), bytes(range(256)) * 4096 * 8)


@pytest.fixture(params=["plain", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tls")


def serve(play: "object", trust: Trust, secure: bool) -> RawServer:
    return RawServer(play, trust.server() if secure else None)  # type: ignore[arg-type]


def to(server: RawServer, trust: Trust) -> ReactorTransport:
    return transport_to(server.url, ca_bundle=trust.bundle)


def test_an_answer_in_the_socket_is_heard_when_a_write_fails_first(loop_name: str) -> None:
    def play(peer: Peer) -> None:
        peer.read_head()
        peer.answer(b"no", status=b"413 Too Large")
        peer.sock.close()

    async def work(server: RawServer) -> None:
        link = await transport_to(server.url).connect(10)
        told = begin(link, IMAGES)
        told.wire.pause()
        # The loop stands still until the reset is there, so that writing comes to know of it first.
        server.wait_over()
        await told.over()
        assert told.status == 413
        assert told.body == b"no"

    with RawServer(play) as server:
        run_on(loop_name, work(server))


def test_a_finished_exchange_leaves_no_cycle(loop_name: str) -> None:
    class Note:
        """Something that the holder's callbacks keep alive."""

    async def work(server: RawServer) -> None:
        link = await transport_to(server.url).connect(10)
        note = Note()
        gone = weakref.ref(note)
        over = asyncio.Event()

        def deliver(read: WireRead, note: Note = note) -> None:
            if read.end is not None:
                over.set()

        gc.disable()
        try:
            wire = link.exchange(HttpRequest("GET", "/", ()), 1, deliver, lambda: None)
            await over.wait()
            await asyncio.sleep(0)
            del deliver, note
            assert gone() is None
            del wire
        finally:
            gc.enable()
        link.close()

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"x")
        peer.wait_gone()

    with RawServer(play) as server:
        run_on(loop_name, work(server))


def test_a_closed_link_is_gone_at_once(loop_name: str, trust: Trust, secure: bool) -> None:
    async def work(server: RawServer) -> None:
        transport = to(server, trust)
        link: ReactorLink | None = await transport.connect(10)
        assert link is not None
        told = await fetch(link)
        gone = asyncio.Event()
        link.on_close = gone.set
        was = weakref.ref(link)
        gc.collect()
        gc.disable()
        try:
            link.close()
            await gone.wait()
            await asyncio.sleep(0)
            link = None
            assert was() is None, gc.get_referrers(was())
        finally:
            gc.enable()
        assert told.freed == 1

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"x")
        peer.wait_gone()

    with serve(play, trust, secure) as server:
        run_on(loop_name, work(server))
