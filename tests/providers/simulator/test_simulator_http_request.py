"""The request reader alone: bytes in, requests out."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greenroom.providers.simulator.http_request import BadRequest, RequestReader
from greenroom.providers.simulator.reply import HttpRequest, SeenHeaders

MIXED = (
    b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello"
    b"GET /health HTTP/1.1\r\nhost: b\r\nempty:\r\nafter: x\r\n\r\n"
    b"POST /c HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\ntrailer: t\r\n\r\n"
    b"POST /u HTTP/1.1\r\nHost: d\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nup"
    b"GET /last HTTP/1.0\r\n\r\n"
)


def reader(**limits: int) -> RequestReader:
    return RequestReader(**{"max_head_bytes": 4096, "max_body_bytes": 4096, **limits})


def read(pieces: Iterable[bytes], **limits: int) -> list[HttpRequest | BadRequest]:
    taking = reader(**limits)
    return [item for piece in pieces for item in taking.feed(piece)]


def seen(items: list[HttpRequest | BadRequest]) -> list[object]:
    return [
        (i.method, i.path, i.query, dict(i.headers), i.body, i.keep_alive, i.http_1_0)
        if isinstance(i, HttpRequest)
        else i
        for i in items
    ]


WHOLE = seen(read([MIXED]))


def test_whole() -> None:
    assert WHOLE == [
        (
            "POST",
            "/v1/chat/completions",
            "x=1",
            {"host": "a", "content-length": "5", "x-a": "1, 2"},
            b"hello",
            True,
            False,
        ),
        ("GET", "/health", "", {"host": "b", "empty": "", "after": "x"}, b"", True, False),
        ("POST", "/c", "", {"host": "c", "transfer-encoding": "chunked"}, b"abcde", True, False),
        (
            "POST",
            "/u",
            "",
            {"host": "d", "connection": "upgrade", "upgrade": "h2c", "content-length": "2"},
            b"up",
            True,
            False,
        ),
        ("GET", "/last", "", {}, b"", False, True),
    ]


def test_byte_by_byte() -> None:
    assert seen(read(MIXED[i : i + 1] for i in range(len(MIXED)))) == WHOLE


@settings(deadline=None)
@given(st.lists(st.integers(0, len(MIXED)), max_size=12))
@example([len(MIXED) - 3])
def test_however_it_is_split(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(MIXED)]
    assert seen(read(MIXED[a:b] for a, b in pairwise(edges))) == WHOLE


@settings(deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_give_requests_and_at_most_one_refusal(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    items = read(data[a:b] for a, b in pairwise(edges))
    assert [isinstance(i, BadRequest) for i in items].count(True) <= 1
    assert not any(isinstance(i, BadRequest) for i in items[:-1])


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (HEAD + b"content-length: x\r\n\r\n", 400),
        (HEAD + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"content-length: 101\r\n\r\n", 413),
        (HEAD + b"content-length: 99999999999999999999999999\r\n\r\n", 400),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n65\r\n" + b"x" * 101, 413),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"1;aaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 90, 413),
        (HEAD + b"x: " + b"y" * 600 + b"\r\n\r\n", 431),
        (HEAD + b"x: " + b"y" * 2000, 431),
        (b"GET /" + b"y" * 2000, 431),
        (HEAD + b"a: b\r\n" * 200, 431),
    ],
)
def test_what_is_refused_however_it_is_split(data: bytes, status: int) -> None:
    for size in (1, 7, 4096):
        taking = reader(max_head_bytes=512, max_body_bytes=100)
        items = [i for at in range(0, len(data), size) for i in taking.feed(data[at : at + size])]
        (bad,) = items
        assert isinstance(bad, BadRequest)
        assert bad.status == status
        assert taking.feed(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") == []


def test_a_client_that_waits_for_a_hundred_is_seen_until_its_body_comes() -> None:
    taking = reader()
    head = HEAD + b"content-length: 2\r\nexpect: 100-Continue\r\n\r\n"
    assert taking.feed(head[:-1]) == []
    assert not taking.expects_continue
    assert taking.feed(head[-1:]) == []
    assert taking.expects_continue
    assert len(taking.feed(b"hi")) == 1
    assert not taking.expects_continue


def test_secrets_are_hidden_in_the_repr_of_headers() -> None:
    headers = SeenHeaders([("Authorization", "Bearer sk-secret"), ("X-API-Key", "sk-secret"), ("a", "b")])
    assert "sk-secret" not in repr(headers)
    assert headers["AUTHORIZATION"] == "Bearer sk-secret"
    assert "x-Api-Key" in headers
    assert list(headers) == ["authorization", "x-api-key", "a"]
