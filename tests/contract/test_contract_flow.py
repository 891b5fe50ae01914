"""Pausing, aborting, and request bodies that the peer takes slowly or not at all."""

import asyncio
import contextlib
import random
import threading
import zlib
from typing import Any

import pytest
from transport_client import Told, Way, begin, closed, fetch, sessions_too
from transport_server import Peer, RawServer
from transport_tls import Trust

from greenroom.messages.commands import HttpRequest, WireRead
from greenroom.providers.transport import ReactorLink

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
IMAGES = HttpRequest("POST", "/v1/chat/completions", (), bytes(range(256)) * 4096 * 8)


@pytest.fixture(params=["plain", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tls")


def serve(play: "object", trust: Trust, secure: bool) -> RawServer:
    return RawServer(play, trust.server() if secure else None)  # type: ignore[arg-type]


def to(way: Way, server: RawServer, trust: Trust) -> Any:
    return way.to(server.url, ca_bundle=trust.bundle)


@sessions_too
def test_pausing_stops_the_server_and_loses_nothing(way: Way, trust: Trust, secure: bool) -> None:
    size, piece = 24 * MIB, b"x" * 65536
    blocked = threading.Event()

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK + b"Content-Length: %d\r\n\r\n" % size)
        sent = 0
        peer.sock.settimeout(0.3)
        while sent < size:
            try:
                sent += peer.sock.send(piece)
            except TimeoutError:
                blocked.set()
        peer.sock.settimeout(20)
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await to(way, server, trust).connect(10)
        told = begin(link)
        await told.until(lambda: bool(told.body))
        told.wire.pause()
        told.wire.pause()
        reads = len(told.reads)
        await asyncio.to_thread(blocked.wait, 15)
        assert blocked.is_set()
        assert len(told.reads) == reads
        told.wire.resume()
        told.wire.resume()
        await told.over()
        assert len(told.body) == size
        assert told.end.clean
        link.close()

    with serve(play, trust, secure) as server:
        way.run(work(server))


def test_pausing_stops_a_compressed_answer_too(way: Way) -> None:
    text = random.Random(1).randbytes(MIB)
    pieces, blocked = 16, threading.Event()

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK + b"Content-Encoding: gzip\r\n\r\n")
        machine = zlib.compressobj(1, wbits=31)
        peer.sock.settimeout(0.3)
        for number in range(pieces):
            data = machine.compress(text) + (machine.flush() if number == pieces - 1 else b"")
            while data:
                try:
                    data = data[peer.sock.send(data) :]
                except TimeoutError:
                    blocked.set()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        told = begin(link)
        await told.until(lambda: bool(told.body))
        told.wire.pause()
        reads = len(told.reads)
        await asyncio.to_thread(blocked.wait, 15)
        assert blocked.is_set()
        assert len(told.reads) == reads
        told.wire.resume()
        await told.over()
        assert told.body == text * pieces
        assert told.end.clean

    with RawServer(play) as server:
        way.run(work(server))


def test_a_link_reads_again_after_a_paused_exchange_ended(way: Way) -> None:
    def play(peer: Peer) -> None:
        for _ in range(2):
            peer.read_request()
            peer.answer(b"answer")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        told = Told()

        def deliver(read: WireRead) -> None:
            told.wire.pause()
            told.deliver(read)

        told.wire = link.exchange(HttpRequest("GET", "/", ()), 1, deliver, told.free)
        await told.over()
        assert (await fetch(link)).body == b"answer"
        link.close()

    with RawServer(play) as server:
        way.run(work(server))


@sessions_too
@pytest.mark.parametrize("paused", [False, True])
def test_aborting_closes_the_socket_and_tells_nothing_more(
    way: Way, trust: Trust, secure: bool, paused: bool
) -> None:
    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK + b"Content-Length: 100\r\n\r\nsome")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await to(way, server, trust).connect(10)
        told = begin(link)
        await told.until(lambda: told.body == b"some")
        if paused:
            told.wire.pause()
        told.wire.abort()
        assert told.freed == 1
        assert not link.reusable
        told.wire.abort()
        told.wire.pause()
        told.wire.resume()
        await asyncio.to_thread(server.wait_over)
        await closed(link)
        assert (told.freed, told.ended.is_set()) == (1, False)

    with serve(play, trust, secure) as server:
        way.run(work(server))


@sessions_too
def test_a_wire_may_be_aborted_by_what_it_tells(way: Way) -> None:
    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        told = Told()

        def deliver(read: WireRead) -> None:
            told.reads.append(read)
            told.wire.abort()

        told.wire = link.exchange(HttpRequest("GET", "/", ()), 1, deliver, told.free)
        await closed(link)
        assert len(told.reads) == 1
        assert told.freed == 1

    with RawServer(play) as server:
        way.run(work(server))


def test_aborting_a_request_that_is_still_being_written(way: Way, trust: Trust, secure: bool) -> None:
    async def work(server: RawServer) -> None:
        link = await to(way, server, trust).connect(10)
        told = begin(link, IMAGES)
        told.wire.abort()
        await asyncio.to_thread(may_read.set)
        await asyncio.to_thread(server.wait_over)
        assert not told.reads

    def play(peer: Peer) -> None:
        may_read.wait(10)
        peer.wait_gone()

    may_read = threading.Event()
    with serve(play, trust, secure) as server:
        way.run(work(server))


@sessions_too
def test_a_large_body_arrives_whole_and_never_waits_in_memory_twice(
    way: Way, trust: Trust, secure: bool
) -> None:
    got: list[bytes] = []
    may_read = threading.Event()

    def play(peer: Peer) -> None:
        may_read.wait(10)
        got.append(peer.read_request()[1])
        peer.answer(b"thanks")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await to(way, server, trust).connect(10)
        told = begin(link, IMAGES)
        for _ in range(20):
            await asyncio.sleep(0)
        if not way.in_threads:
            assert link._transport.get_write_buffer_size() < MIB
        may_read.set()
        await told.over()
        assert told.body == b"thanks"
        assert link.reusable
        link.close()

    with serve(play, trust, secure) as server:
        way.run(work(server))
    assert got == [IMAGES.body]


@pytest.mark.parametrize("status", [b"413 Too Large", b"401 Unauthorized"])
def test_an_answer_before_the_body_was_read_is_heard(
    way: Way, trust: Trust, secure: bool, status: bytes
) -> None:
    def play(peer: Peer) -> None:
        peer.read_head()
        peer.answer(b"no", status=status)
        # Closing with bytes unread resets the connection: the client's next write fails.

    async def work(server: RawServer) -> None:
        transport = to(way, server, trust)
        for _ in range(10):
            link = await transport.connect(10)
            told = await fetch(link, IMAGES)
            assert told.reads[0].head is not None, told.message
            assert told.status == int(status[:3])
            assert told.body == b"no"
            assert told.end.clean
            assert not link.reusable
        transport.close()

    with serve(play, trust, secure) as server:
        way.run(work(server))


@sessions_too
def test_a_server_that_answers_well_before_the_end_of_the_body_gets_all_of_it(way: Way) -> None:
    got: list[int] = []

    def play(peer: Peer) -> None:
        peer.read_head()
        peer.send(OK + b"Content-Length: 4\r\n\r\n")
        got.append(len(peer.read_body(len(IMAGES.body))))
        peer.send(b"done")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        told = await fetch(link, IMAGES)
        assert told.body == b"done"
        assert link.reusable
        link.close()

    with RawServer(play) as server:
        way.run(work(server))
    assert got == [len(IMAGES.body)]


@sessions_too
def test_many_links_share_one_read_buffer_without_mixing(way: Way, trust: Trust, secure: bool) -> None:
    def play(peer: Peer) -> None:
        _, mark = peer.read_request()
        body = mark * 20_000
        peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 7919):
            part = body[at : at + 7919]
            peer.send(b"%x\r\n%s\r\n" % (len(part), part))
        peer.send(b"0\r\n\r\n")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        transport = to(way, server, trust)
        links: list[ReactorLink] = await asyncio.gather(*(transport.connect(10) for _ in range(20)))
        asked = [HttpRequest("POST", "/", (), b"<%02d>" % number) for number in range(20)]
        told = await asyncio.gather(
            *(fetch(link, request) for link, request in zip(links, asked, strict=True))
        )
        for one, request in zip(told, asked, strict=True):
            assert one.body == request.body * 20_000
        for link in links:
            assert link.reusable
            link.close()

    with serve(play, trust, secure) as server:
        way.run(work(server))


def test_a_link_that_was_just_closed_tells_so(way: Way, trust: Trust, secure: bool) -> None:
    async def work(server: RawServer) -> None:
        link = await to(way, server, trust).connect(10)
        link.close()
        told = await fetch(link)
        assert not told.end.clean
        assert "before any answer" in told.message

    with serve(Peer.wait_gone, trust, secure) as server:
        way.run(work(server))


def test_a_body_that_was_refused_is_not_sent_on(way: Way, trust: Trust, secure: bool) -> None:
    got: list[int] = []

    def play(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n")
        told_head.wait(10)
        peer.sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while True:
                got.append(len(peer.sock.recv(1 << 20)))
        peer.send(b"no")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await to(way, server, trust).connect(10)
        told = begin(link, request)
        await told.until(lambda: bool(told.reads))
        told_head.set()
        await told.over()
        assert (told.status, told.body, told.end.clean) == (401, b"no", True)
        assert not link.reusable

    told_head = threading.Event()
    request = HttpRequest("POST", "/", (), bytes(64 * MIB))
    with serve(play, trust, secure) as server:
        way.run(work(server))
    assert sum(got) < len(request.body) // 2


@sessions_too
def test_what_came_before_a_loss_is_told_though_it_was_paused(way: Way, trust: Trust) -> None:
    size = 600_000

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK + b"Content-Length: 9999999\r\n\r\n", b"x" * size)
        may_reset.wait(10)
        peer.reset()

    async def work(server: RawServer) -> None:
        link = await to(way, server, trust).connect(10)
        told = Told()

        def deliver(read: WireRead) -> None:
            told.wire.pause()
            told.deliver(read)

        told.wire = link.exchange(HttpRequest("GET", "/", ()), 1, deliver, told.free)
        while len(told.body) < size:
            told.wire.resume()
            await asyncio.sleep(0)
        told.wire.resume()
        may_reset.set()
        await told.over()
        assert f"after {size:,} body bytes" in told.message

    may_reset = threading.Event()
    with serve(play, trust, True) as server:
        way.run(work(server))
