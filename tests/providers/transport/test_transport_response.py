"""The answer's reader and the link above it, fed with any bytes, cut anywhere. No socket."""

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transport_client import SystemClock

from greenroom.messages.commands import HttpRequest, WireEnd, WireHead, WireRead
from greenroom.providers.transport import ReactorLink, TransportLimits
from greenroom.providers.transport.request_form import RequestForm

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"data: {}\n\ndata: [DONE]\n\n" * 30
LIMITS = TransportLimits(read_buffer_bytes=4096)


class Pretended(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False

    def write(self, data: object) -> None: ...

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class HandClock:
    """A Clock that stands still until it is set."""

    at_s = 100.0

    def now_s(self) -> float:
        return self.at_s

    wall_s = now_s


def link_to(clock: HandClock) -> ReactorLink:
    buffer = memoryview(bytearray(LIMITS.read_buffer_bytes))
    link = ReactorLink("server:80", RequestForm("server"), buffer, LIMITS, clock)
    link.connection_made(Pretended())
    return link


class Outcome:
    """What an exchange told of these reads. `eof`: the server closed after them."""

    def __init__(self, reads: Iterable[bytes], *, eof: bool = False, **limits: Any) -> None:
        self.heads: list[WireHead] = []
        self.ends: list[WireEnd] = []
        self.freed = 0
        self.parts: list[bytes] = []
        buffer = memoryview(bytearray(LIMITS.read_buffer_bytes))
        bounds = TransportLimits(read_buffer_bytes=4096, **limits)
        self.link = ReactorLink("server:80", RequestForm("server"), buffer, bounds, SystemClock())
        self.link.connection_made(Pretended())
        self.link.exchange(HttpRequest("GET", "/", ()), 1, self._take, self._free)
        for read in reads:
            for at in range(0, len(read), len(buffer)):
                piece = read[at : at + len(buffer)]
                buffer[: len(piece)] = piece
                if not self.link._transport.is_closing():  # type: ignore[union-attr]
                    self.link.buffer_updated(len(piece))
        if eof and not self.link._transport.is_closing():  # type: ignore[union-attr]
            self.link.eof_received()

    def _take(self, read: WireRead) -> None:
        assert not self.ends
        self.heads += [read.head] if read.head else []
        self.ends += [read.end] if read.end else []
        self.parts.append(read.data)

    def _free(self) -> None:
        assert self.ends
        self.freed += 1

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def message(self) -> str:
        assert self.ends[0].evidence is not None
        return self.ends[0].evidence.message

    def facts(self) -> object:
        return self.heads, self.body, self.ends, self.freed, self.link.reusable


def chunked(body: bytes, sizes: list[int]) -> bytes:
    parts, at = [], 0
    for size in sizes:
        part = body[at : at + size]
        at += size
        if part:
            parts.append(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
    rest = body[at:]
    return (
        b"".join(parts)
        + (b"%X\r\n%s\r\n" % (len(rest), rest) if rest else b"")
        + b"0\r\nX-Trailer: t\r\n\r\n"
    )


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if b > a]


raw_deflate = zlib.compressobj(wbits=-15)
ANSWERS = {
    "length": OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY, [1, 2, 40, 200]),
    "interim": b"HTTP/1.1 103 E\r\nX: x\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "gzip": OK + b"Content-Encoding: gzip\r\n" + CHUNKED + chunked(gzip.compress(BODY), [9]),
    "gzip members": OK + b"Content-Encoding: x-gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunked(gzip.compress(BODY[:100]) + gzip.compress(BODY[100:]), [9]),
    "deflate": OK + b"Content-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunked(zlib.compress(BODY), [9]),
    "raw deflate": OK + b"Content-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunked(raw_deflate.compress(BODY) + raw_deflate.flush(), [9]),
}  # fmt: skip


@given(name=st.sampled_from(sorted(ANSWERS)), places=st.lists(st.integers(0, 5000), max_size=40))
def test_an_answer_is_the_same_however_it_is_cut(name: str, places: list[int]) -> None:
    whole = Outcome([ANSWERS[name]])
    assert whole.body == BODY
    assert whole.ends == [WireEnd(clean=True)]
    assert whole.freed == 1
    assert whole.link.reusable
    assert Outcome(cut(ANSWERS[name], places)).facts() == whole.facts()


@given(
    name=st.sampled_from(sorted(ANSWERS)), kept=st.integers(0, 5000), places=st.lists(st.integers(0, 5000))
)
def test_an_answer_that_breaks_off_is_never_clean(name: str, kept: int, places: list[int]) -> None:
    answer = ANSWERS[name][: kept % len(ANSWERS[name])]
    outcome = Outcome(cut(answer, places), eof=True)
    assert [end.clean for end in outcome.ends] == [False]
    assert outcome.freed == 1
    assert BODY.startswith(outcome.body)
    assert not outcome.link.reusable


@given(
    start=st.sampled_from([b"", b"HTTP/1.1 ", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n",
                           OK + b"Content-Encoding: gzip\r\n\r\n"]),
    noise=st.binary(max_size=300),
    places=st.lists(st.integers(0, 400), max_size=5),
)  # fmt: skip
def test_any_bytes_come_to_one_end(start: bytes, noise: bytes, places: list[int]) -> None:
    outcome = Outcome(cut(start + noise, places), eof=True)
    assert len(outcome.ends) == 1
    assert outcome.freed == 1
    assert len(outcome.heads) <= 1
    end = outcome.ends[0]
    assert end.clean == (end.evidence is None)


@given(
    name=st.sampled_from(sorted(ANSWERS)), at=st.integers(0, 5000), byte=st.integers(0, 255),
    places=st.lists(st.integers(0, 5000), max_size=5),
)  # fmt: skip
def test_a_damaged_answer_comes_to_one_end(name: str, at: int, byte: int, places: list[int]) -> None:
    answer = bytearray(ANSWERS[name])
    answer[at % len(answer)] = byte
    outcome = Outcome(cut(bytes(answer), places), eof=True)
    assert len(outcome.ends) == 1
    assert outcome.freed == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused_before_it_fills_the_memory(encoding: str) -> None:
    pressed = gzip.compress(bytes(1 << 26)) if encoding == "gzip" else zlib.compress(bytes(1 << 26))
    head = OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(pressed))
    outcome = Outcome([head + pressed], inflate_allowance_bytes=100_000, max_inflate_ratio=50)
    evidence = outcome.ends[0].evidence
    assert evidence is not None
    assert evidence.kind == "bound"
    assert len(outcome.body) < 100_000 + 50 * len(pressed)


def test_a_small_body_may_be_pressed_as_hard_as_it_likes() -> None:
    pressed = gzip.compress(bytes(500_000))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(pressed)
    assert Outcome([head + pressed]).body == bytes(500_000)


def test_a_body_of_empty_members_is_refused_before_it_holds_the_loop() -> None:
    head = OK + b"Content-Encoding: gzip\r\n\r\n"
    assert Outcome([head + gzip.compress(b"a") * 60, gzip.compress(b"b") * 60], eof=True).body == (
        b"a" * 60 + b"b" * 60
    )
    outcome = Outcome([head, gzip.compress(b"") * 65])
    assert "more and more members" in outcome.message
    assert outcome.ends[0].evidence is not None
    assert outcome.ends[0].evidence.kind == "bound"


def test_of_a_body_that_breaks_only_what_was_inflated_is_told() -> None:
    head = OK + b"Content-Encoding: gzip\r\n\r\n"
    outcome = Outcome([head + gzip.compress(b"whole") + b"\x1f\x8b" + bytes(50)])
    assert outcome.body == b"whole"
    assert "a gzip body that is none" in outcome.message


def test_more_headers_than_anybody_sends_are_refused() -> None:
    most = OK + b"X: y\r\n" * 511 + b"Content-Length: 0\r\n\r\n"
    assert len(Outcome([most]).heads[0].headers) == 512
    outcome = Outcome([OK + b"X: y\r\n" * 512 + b"Content-Length: 0\r\n\r\n"])
    assert outcome.message == "server:80 sent an answer with more than 512 headers"
    assert outcome.heads == []
    assert not outcome.link.reusable


def test_trailers_are_no_headers() -> None:
    outcome = Outcome([OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 600 + b"\r\n"])
    assert outcome.ends == [WireEnd(clean=True)]


@pytest.mark.parametrize(("after_s", "stale"), [(0.5, True), (5.0, False)])
def test_a_reused_link_is_stale_only_if_it_dies_soon(after_s: float, stale: bool) -> None:
    clock = HandClock()
    link = link_to(clock)
    ends: list[WireEnd | None] = []
    for _ in range(2):
        link.exchange(HttpRequest("GET", "/", ()), 1, lambda read: ends.append(read.end), lambda: None)
        answer = OK + b"Content-Length: 0\r\n\r\n"
        link._buffer[: len(answer)] = answer
        if link.exchanges == 0:
            link.buffer_updated(len(answer))
    clock.at_s += after_s
    link.eof_received()
    end = ends[-1]
    assert end is not None
    assert end.evidence is not None
    assert end.evidence.reused_connection is stale


def test_noise_on_a_link_that_served_before_may_be_tried_again() -> None:
    link = link_to(HandClock())
    ends: list[WireEnd | None] = []
    for said in (OK + b"Content-Length: 0\r\n\r\n", b"noise\r\n"):
        link.exchange(HttpRequest("GET", "/", ()), 1, lambda read: ends.append(read.end), lambda: None)
        link._buffer[: len(said)] = said
        link.buffer_updated(len(said))
    end = ends[-1]
    assert end is not None
    assert end.evidence is not None
    assert (end.evidence.kind, end.evidence.is_retryable) == ("protocol", None)


def test_a_pressed_body_that_ends_too_early_is_not_clean() -> None:
    pressed = gzip.compress(BODY)[:-5]
    outcome = Outcome([OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(pressed) + pressed])
    assert "ends before its own end" in outcome.message
    assert not outcome.link.reusable


def test_a_pressed_body_until_the_connection_closes() -> None:
    assert Outcome([OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)], eof=True).facts() == (
        [WireHead(200, (("content-encoding", "gzip"),))], BODY, [WireEnd(clean=True)], 1, False,
    )  # fmt: skip


@pytest.mark.parametrize("length", [b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_that_is_empty_needs_no_compression(length: bytes) -> None:
    end = b"0\r\n\r\n" if length.startswith(b"T") else b""
    outcome = Outcome([OK + b"Content-Encoding: gzip\r\n" + length + b"\r\n" + end])
    assert outcome.ends == [WireEnd(clean=True)]


def test_nothing_of_a_body_that_cannot_be_read_is_told() -> None:
    outcome = Outcome([OK + b"Content-Encoding: zstd\r\nContent-Length: 4\r\n\r\nabcd"])
    assert outcome.body == b""
    assert "content coding that was not asked for: 'zstd'" in outcome.message
    assert outcome.heads[0].status == 200


def test_small_reads_of_a_long_stream_are_no_flood_of_framing() -> None:
    pieces = [b"1\r\n", b"x\r\n"] * 3000
    outcome = Outcome([OK + b"Transfer-Encoding: chunked\r\n\r\n", *pieces, b"0\r\n\r\n"], max_head_bytes=64)
    assert outcome.body == b"x" * 3000
    assert outcome.ends == [WireEnd(clean=True)]


def test_one_read_is_told_once_with_head_body_and_end() -> None:
    outcome = Outcome([ANSWERS["chunks"]])
    assert len(outcome.parts) == 1


@pytest.mark.parametrize("at_once", [True, False])
def test_a_body_is_told_up_to_the_read_that_passes_its_bound(at_once: bool) -> None:
    reads = [OK + b"Content-Length: 9999\r\n\r\n", b"x" * 1500, b"y" * 1500]
    outcome = Outcome([b"".join(reads)] if at_once else reads, max_body_bytes=2000)
    assert outcome.body == (b"" if at_once else b"x" * 1500)
    assert outcome.message == "server:80 sent a body of more than 2,000 bytes"
    assert outcome.freed == 1
