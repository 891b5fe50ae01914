"""What is written for a request, and what is refused before a byte is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.commands import HttpRequest
from greenroom.providers.transport.origin import Origin, origin_of
from greenroom.providers.transport.request_form import RequestForm

FORM = RequestForm("api.test")


def test_the_plain_form() -> None:
    request = HttpRequest("POST", "/v1/x?y=%20", (("Content-Type", "application/json"),), b"{}")
    assert FORM.head_of(request) == (
        b"POST /v1/x?y=%20 HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\n"
        b"Accept-Encoding: identity\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n"
    )


def test_an_empty_post_says_so_and_a_get_has_no_length() -> None:
    assert b"Content-Length: 0\r\n" in FORM.head_of(HttpRequest("POST", "/", ()))
    assert b"Content-Length" not in FORM.head_of(HttpRequest("GET", "/", ()))


def test_the_callers_own_headers_win() -> None:
    headers = (("host", "other.test"), ("accept-encoding", "gzip"), ("connection", "close"))
    lines = FORM.head_of(HttpRequest("GET", "/", headers)).split(b"\r\n")
    assert lines[1:4] == [b"host: other.test", b"accept-encoding: gzip", b"connection: close"]
    assert len(lines) == 6


def test_a_proxy_gets_the_whole_url_and_its_own_header() -> None:
    form = RequestForm("api.test", "http://api.test", (("Proxy-Authorization", "Basic eA=="),))
    head = form.head_of(HttpRequest("GET", "/x", ()))
    assert head.startswith(
        b"GET http://api.test/x HTTP/1.1\r\nHost: api.test\r\nProxy-Authorization: Basic eA=="
    )


BAD = [
    HttpRequest("GET", "/", (("X", "secret\r\nY: z"),)),
    HttpRequest("GET", "/", (("X", "secret\nY: z"),)),
    HttpRequest("GET", "/", (("X", "secret\x00"),)),
    HttpRequest("GET", "/", (("X", "secret\u20ac"),)),
    HttpRequest("GET", "/", (("X Y", "secret"),)),
    HttpRequest("GET", "/", (("X:", "secret"),)),
    HttpRequest("GET", "/", (("", "secret"),)),
    HttpRequest("GET", "/", (("Content-Length", "7"),)),
    HttpRequest("GET", "/", (("Transfer-Encoding", "chunked"),)),
    HttpRequest("GET", "/a b", ()),
    HttpRequest("GET", "/a\r\nX: y", ()),
    HttpRequest("GET", "a", ()),
    HttpRequest("GET", "/\u00e9", ()),
    HttpRequest("GET / HTTP/1.1\r\nX:", "/", ()),
    HttpRequest("", "/", ()),
]


@pytest.mark.parametrize("request_", BAD)
def test_what_cannot_be_one_request_is_refused_without_its_secrets(request_: HttpRequest) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        FORM.head_of(request_)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(name=st.text(max_size=8), value=st.text(max_size=20), path=st.text(max_size=10))
def test_no_text_adds_a_line(name: str, value: str, path: str) -> None:
    try:
        head = FORM.head_of(HttpRequest("GET", "/" + path, ((name, value),)))
    except ValueError:
        return
    lines = head.split(b"\r\n")
    assert len(lines) - 2 <= 5
    assert head.count(b"\n") == len(lines) - 1
    assert head.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize(
    ("url", "origin", "name", "authority"),
    [
        ("https://api.test/v1", Origin("api.test", 443, tls=True), "api.test:443", "api.test"),
        ("http://LOCALHOST:1234", Origin("localhost", 1234, tls=False), "localhost:1234", "localhost:1234"),
        ("http://api.test:443", Origin("api.test", 443, tls=False), "api.test:443", "api.test:443"),
        ("http://[::1]:8080/", Origin("::1", 8080, tls=False), "[::1]:8080", "[::1]:8080"),
        ("http://[fe80::1%eth0]", Origin("fe80::1%eth0", 80, tls=False), "[fe80::1%eth0]:80", "[fe80::1]"),
        ("https://b\u00fccher.test", Origin("xn--bcher-kva.test", 443, tls=True), "xn--bcher-kva.test:443",
         "xn--bcher-kva.test"),
    ],
)  # fmt: skip
def test_where_a_url_points(url: str, origin: Origin, name: str, authority: str) -> None:
    assert origin_of(url) == origin
    assert (origin.name, origin.authority) == (name, authority)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.9", True), ("::1", True), ("10.0.0.1", False), ("a.test", False)],
)
def test_what_is_this_machine(host: str, loopback: bool) -> None:
    assert Origin(host, 80, tls=False).is_loopback == loopback
