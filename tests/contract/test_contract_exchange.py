"""Answers over real sockets: what is told, how it ends, and whether the link is used again."""

import asyncio
import threading
from typing import Any

import pytest
from transport_client import Told, Way, begin, closed, fetch, sessions_too
from transport_server import Peer, RawServer, Script

from greenroom.messages.commands import HttpRequest
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport import TransportLimits

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def one(way: Way, script: Script, request: HttpRequest | None = None, **limits: Any) -> tuple[Told, bool]:
    """One exchange with a server that reads the request and plays `script`: what was told, reusable."""

    def play(peer: Peer) -> None:
        peer.read_request()
        script(peer)

    async def work(server: RawServer) -> tuple[Told, bool]:
        transport = way.to(server.url, TransportLimits(**limits))
        link = await transport.connect(10)
        told = await fetch(link, request or HttpRequest("GET", "/", ()))
        reusable = link.reusable
        link.close()
        await closed(link)
        transport.close()
        return told, reusable

    with RawServer(play) as server:
        told, reusable = way.run(work(server))
    return told, reusable


def evidence(told: Told) -> ErrorEvidence:
    assert told.end.evidence is not None
    return told.end.evidence


def test_a_request_is_one_http_message_and_its_answer_comes_whole(way: Way) -> None:
    seen: list[bytes] = []

    def script(peer: Peer) -> None:
        seen.extend(peer.read_request())
        peer.answer(b"hello", b"X-One: 1", b"X-ONE: 2")
        peer.wait_gone()

    async def work(server: RawServer) -> Told:
        link = await way.to(server.url).connect(10)
        told = await fetch(
            link, HttpRequest("POST", "/v1/chat?a=b", (("Authorization", "Bearer s"),), b"{}"), 7
        )
        assert link.reusable
        assert link.exchanges == 1
        link.close()
        return told

    with RawServer(script) as server:
        told = way.run(work(server))
    head, body = seen
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/chat?a=b HTTP/1.1"
    assert set(lines[1:-2]) == {
        f"Host: {server.name}",
        "Authorization: Bearer s",
        "Accept-Encoding: identity",
        "Connection: keep-alive",
        "Content-Length: 2",
    }
    assert body == b"{}"
    assert told.status == 200
    assert told.head.headers == (("content-length", "5"), ("x-one", "1"), ("x-one", "2"))
    assert told.body == b"hello"
    assert told.end.clean
    assert {read.epoch for read in told.reads} == {7}


def test_one_socket_read_is_one_message_however_many_chunks_it_holds(way: Way) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % letter for letter in b"abcdefgh")
    told, reusable = one(way, lambda peer: peer.send(CHUNKED + chunks + b"0\r\n\r\n") or peer.wait_gone())
    assert len(told.reads) == 1
    assert told.body == b"abcdefgh"
    assert told.end.clean
    assert reusable


@sessions_too
def test_a_drip_of_single_bytes_gives_the_same_answer(way: Way) -> None:
    answer = CHUNKED + b"5;x=y\r\nhello\r\n3\r\n, w\r\n0\r\nTrailer: t\r\n\r\n"
    told, reusable = one(way, lambda peer: peer.send(*(b"%c" % byte for byte in answer)) or peer.wait_gone())
    assert told.body == b"hello, w"
    assert told.head.headers == (("transfer-encoding", "chunked"),)
    assert told.end.clean
    assert reusable


@sessions_too
def test_times_of_reads_come_from_the_clock_and_do_not_go_back(way: Way) -> None:
    told, _ = one(way, lambda peer: peer.send(CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n"))
    times = [read.received_s for read in told.reads]
    assert times == sorted(times)


CLOSING = [
    pytest.param(OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi", id="connection-close"),
    pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", id="http-1.0"),
    pytest.param(OK + b"Content-Length: 2\r\n\r\nhi+more", id="bytes-after-the-end"),
    pytest.param(OK + b"Content-Length: 2\r\n\r\nhi" + OK + b"Content-Length: 3\r\n\r\nbad", id="two"),
]


@pytest.mark.parametrize("answer", CLOSING)
def test_a_link_is_not_used_again_after(way: Way, answer: bytes) -> None:
    told, reusable = one(way, lambda peer: peer.send(answer) or peer.wait_gone())
    assert told.body == b"hi"
    assert told.end.clean
    assert not reusable


@sessions_too
def test_http_1_0_with_keep_alive_is_used_again(way: Way) -> None:
    answer = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi"
    told, reusable = one(way, lambda peer: peer.send(answer) or peer.wait_gone())
    assert told.end.clean
    assert reusable


@pytest.mark.parametrize("length", [b"Content-Length: 55", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_that_have_no_body_have_none_whatever_they_declare(
    way: Way, status: bytes, length: bytes
) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n\r\n"
    told, reusable = one(way, lambda peer: peer.send(answer) or peer.wait_gone())
    assert told.body == b""
    assert told.end.clean
    assert not reusable


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_that_have_no_body_end_with_their_head(way: Way, status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n"
    told, reusable = one(way, lambda peer: peer.send(answer) or peer.wait_gone())
    assert told.body == b""
    assert told.end.clean
    assert reusable


def test_head_has_no_body_whatever_it_declares(way: Way) -> None:
    answer = OK + b"Content-Length: 500\r\n\r\n"
    told, _ = one(way, lambda peer: peer.send(answer) or peer.wait_gone(), HttpRequest("HEAD", "/", ()))
    assert told.body == b""
    assert told.end.clean


@sessions_too
def test_redirects_are_delivered_not_followed(way: Way) -> None:
    told, _ = one(way, lambda peer: peer.answer(b"", b"Location: /x", status=b"307 Go") or peer.wait_gone())
    assert told.status == 307
    assert ("location", "/x") in told.head.headers


def test_interim_answers_are_skipped(way: Way) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    told, reusable = one(way, lambda peer: peer.send(interim) or peer.answer(b"x") or peer.wait_gone())
    assert told.head.headers == (("content-length", "1"),)
    assert told.end.clean
    assert reusable


def test_a_body_without_a_length_ends_with_the_connection(way: Way) -> None:
    told, reusable = one(way, lambda peer: peer.send(OK + b"\r\n", b"to the end"))
    assert told.body == b"to the end"
    assert told.end.clean
    assert not reusable


@sessions_too
def test_a_half_closed_server_has_still_answered(way: Way) -> None:
    def script(peer: Peer) -> None:
        peer.send(OK + b"\r\nhello")
        peer.finish_sending()
        peer.wait_gone()

    told, _ = one(way, script)
    assert told.body == b"hello"
    assert told.end.clean


CUT = [
    pytest.param(b"", "connection closed by {name} before any answer", "request", id="nothing"),
    pytest.param(OK[:9], "connection closed by {name} in the middle of the answer's head", "head", id="head"),
    pytest.param(OK + b"Content-Length: 9\r\n\r\nabc", "{cut}", "body",
                 id="length"),
    pytest.param(CHUNKED + b"3\r\nabc\r\n", "{cut}", "body", id="chunks"),
    pytest.param(CHUNKED + b"5\r\nabc", "{cut}", "body", id="in-a-chunk"),
    pytest.param(CHUNKED + b"3\r\nabc\r\n0\r\n", "{cut}", "body",
                 id="last-chunk-not-whole"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "message", "phase"), CUT)
def test_a_cut_answer_says_where_it_was_cut(way: Way, sent: bytes, message: str, phase: str) -> None:
    def script(peer: Peer) -> None:
        peer.send(sent)
        name = "{}:{}".format(*peer.sock.getsockname())
        expected.append(message.format(name=name, cut=f"connection closed by {name} after 3 body bytes"))

    expected: list[str] = []
    told, reusable = one(way, script)
    assert told.message == expected[0]
    assert (evidence(told).kind, evidence(told).phase) == ("transport", phase)
    assert not evidence(told).reused_connection
    assert not reusable


@sessions_too
def test_a_reset_says_so_after_all_that_came_before(way: Way) -> None:
    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        told = begin(link)
        await told.until(lambda: told.body == b"x" * 3412)
        may_reset.set()
        await told.over()
        assert told.message == f"connection reset by {server.name} after 3,412 body bytes"
        assert not link.reusable

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK + b"Content-Length: 99999\r\n\r\n" + b"x" * 3412)
        may_reset.wait()
        peer.reset()

    may_reset = threading.Event()
    with RawServer(script) as server:
        way.run(work(server))


BROKEN = [
    pytest.param(b"SSH-2.0-x\r\n", "does not speak HTTP: it sent 'SSH-2.0-x\\r\\n'", id="ssh"),
    pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS, not plain HTTP: try https://", id="tls"),
    pytest.param(b"\x00\xff" * 500, "does not speak HTTP", id="noise"),
    pytest.param(b"HTTP/2.0 200 OK\r\n\r\n", "not HTTP/1.1 or HTTP/1.0", id="http-2"),
    pytest.param(b"RTSP/1.0 200 OK\r\n\r\n", "does not speak HTTP", id="rtsp"),
    pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "breaks the rules", id="bare-line-feeds"),
    pytest.param(OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "can't be", id="both"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", "can't be", id="both-2"),
    pytest.param(OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", "Duplicate", id="two-lengths"),
    pytest.param(OK + b"Content-Length: -1\r\n\r\n", "Invalid", id="negative-length"),
    pytest.param(OK + b"X: a\r\n folded\r\n\r\n", "breaks the rules", id="folded"),
    pytest.param(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "transfer coding", id="transfer-gzip"),
    pytest.param(OK + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "content coding", id="brotli"),
    pytest.param(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "nobody asked", id="101"),
    pytest.param(CHUNKED + b"zz\r\n", "broke HTTP's rules after 0 body bytes", id="chunk-size"),
    pytest.param(CHUNKED + b"3\r\nabcX", "broke HTTP's rules after 3 body bytes", id="chunk-end"),
    pytest.param(CHUNKED + b"fffffffffffffffff\r\n", "broke HTTP's rules", id="chunk-too-large"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "message"), BROKEN)
def test_what_is_no_http_is_a_protocol_failure(way: Way, sent: bytes, message: str) -> None:
    told, reusable = one(way, lambda peer: peer.send(sent) or peer.wait_gone())
    assert message in told.message
    assert evidence(told).kind == "protocol"
    assert not reusable


HUGE = [
    pytest.param(OK + b"X: " + b"a" * 5000 + b"\r\n\r\n", "head", id="one-header"),
    pytest.param(OK + b"X: y\r\n" * 2000 + b"\r\n", "head", id="many-headers"),
    pytest.param(b"HTTP/1.1 200 " + b"O" * 5000, "head", id="reason"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 500, "head", id="interim-answers"),
    pytest.param(OK + b"Content-Length: 9000\r\n\r\n" + b"x" * 9000, "body", id="body"),
]


@pytest.mark.parametrize(("sent", "phase"), HUGE)
def test_what_is_too_big_is_refused(way: Way, sent: bytes, phase: str) -> None:
    told, reusable = one(
        way, lambda peer: peer.send(sent) or peer.wait_gone(), max_head_bytes=4096, max_body_bytes=8000
    )
    assert (evidence(told).kind, evidence(told).phase) == ("bound", phase)
    assert not reusable


def test_chunk_extensions_without_end_are_refused(way: Way) -> None:
    def script(peer: Peer) -> None:
        peer.send(CHUNKED + b"1\r\na\r\n1;")
        peer.read_head()

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(CHUNKED + b"1\r\na\r\n1;x=")
        try:
            while True:
                peer.send(b"y" * 1000)
        except OSError:
            pass

    async def work(server: RawServer) -> Told:
        link = await way.to(server.url, TransportLimits(max_head_bytes=4096)).connect(10)
        return await fetch(link)

    with RawServer(play) as server:
        told = way.run(work(server))
    assert told.body == b"a"
    assert evidence(told).kind == "bound"


def test_exchanges_follow_each_other_on_one_link(way: Way) -> None:
    def script(peer: Peer) -> None:
        for number in range(3):
            peer.read_request()
            peer.answer(b"%d" % number, b"Keep-Alive: timeout=5, max=100")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        bodies = [(await fetch(link, epoch=n)).body for n in range(3)]
        assert bodies == [b"0", b"1", b"2"]
        assert link.exchanges == 3
        assert link.idle_limit_s == 4.0
        link.close()
        link.close()
        assert not link.reusable

    with RawServer(script) as server:
        way.run(work(server))
    assert server.accepted == 1


@sessions_too
def test_a_reused_link_that_dies_before_an_answer_is_marked(way: Way) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"first")
        peer.read_request()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        await fetch(link)
        told = await fetch(link)
        assert evidence(told).reused_connection
        assert told.message == f"connection closed by {server.name} before any answer"

    with RawServer(script) as server:
        way.run(work(server))


@sessions_too
def test_a_reused_link_that_dies_in_an_answer_is_not_marked(way: Way) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"first")
        peer.read_request()
        peer.send(b"HTTP")

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        await fetch(link)
        assert not evidence(await fetch(link)).reused_connection

    with RawServer(script) as server:
        way.run(work(server))


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
def test_an_idle_link_that_the_server_ends_is_known_at_once(way: Way, last_words: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"first")
        may_close.wait()
        peer.send(last_words)

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        await fetch(link)
        assert link.reusable
        told = asyncio.Event()
        link.on_close = told.set
        may_close.set()
        await told.wait()
        assert not link.reusable
        # An attempt that was given this link all the same is told, and marked: it may go again at once.
        late = await fetch(link)
        assert evidence(late).reused_connection

    may_close = threading.Event()
    with RawServer(script) as server:
        way.run(work(server))


@sessions_too
def test_a_wire_that_is_over_cannot_touch_the_next_exchange(way: Way) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"first")
        peer.read_request()
        may_answer.wait()
        peer.answer(b"second")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        first = await fetch(link)
        second = begin(link)
        with pytest.raises(RuntimeError):
            begin(link)
        first.wire.pause()
        first.wire.resume()
        first.wire.abort()
        may_answer.set()
        await second.over()
        assert second.body == b"second"
        assert first.freed == 1
        link.close()

    may_answer = threading.Event()
    with RawServer(script) as server:
        way.run(work(server))


@sessions_too
def test_closing_a_link_ends_its_live_exchange(way: Way) -> None:
    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        told = begin(link)
        link.close()
        await told.over()
        assert told.message == f"connection to {server.name} closed on this side before any answer"

    with RawServer(Peer.wait_gone) as server:
        way.run(work(server))


@sessions_too
def test_a_request_that_cannot_be_one_leaves_the_link_as_it_was(way: Way) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"fine")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        with pytest.raises(ValueError, match="X-Bad"):
            begin(link, HttpRequest("GET", "/", (("X-Bad", "a\r\nb: c"),)))
        assert (await fetch(link)).body == b"fine"
        link.close()

    with RawServer(script) as server:
        way.run(work(server))


@pytest.mark.parametrize("asked", ["at once", "after the link was lost"])
def test_a_server_that_greets_first_is_of_another_protocol(way: Way, asked: str) -> None:
    def script(peer: Peer) -> None:
        peer.send(b"220 mail.test ESMTP\r\n")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        if asked != "at once" and not way.in_threads:
            await closed(link)
        told = await fetch(link)
        said = "'220 mail.test ESMTP\\r\\n'"
        assert told.message == f"{server.name} does not speak HTTP: it sent {said}; is base_url right?"
        assert evidence(told).is_retryable is False
        assert evidence(told).kind == "protocol"
        assert not link.reusable
        aborted = begin(link)
        aborted.wire.abort()
        await asyncio.sleep(0)
        assert (aborted.freed, aborted.reads) == (1, [])

    with RawServer(script) as server:
        way.run(work(server))
