"""Proxies over real sockets: tunnels, plain requests, and proxies that refuse."""

import base64
import contextlib
import select
import socket
import ssl

import pytest
from transport_client import Way, failure, fetch, free_port
from transport_server import Peer, RawServer
from transport_tls import Trust

from greenroom.messages.commands import HttpRequest


class ProxyServer(RawServer):
    """A CONNECT proxy that leads every request to one port of this machine."""

    def __init__(self, target_port: int, trust: Trust | None = None) -> None:
        super().__init__(self._serve, trust.server() if trust else None)
        self.target_port = target_port
        self.heads: list[bytes] = []

    def _serve(self, peer: Peer) -> None:
        self.heads.append(peer.read_head())
        with socket.create_connection(("127.0.0.1", self.target_port)) as target:
            target.settimeout(20)
            peer.send(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
            _relay(peer.sock, target)


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Both ways in one thread: two must not use one TLS socket."""
    with contextlib.suppress(OSError):
        while True:
            waiting = isinstance(one, ssl.SSLSocket) and one.pending()
            for source in [one] if waiting else select.select([one, other], [], [], 20)[0]:
                data = source.recv(65536)
                if not data:
                    return
                (other if source is one else one).sendall(data)


def answering(peer: Peer) -> None:
    while peer.read_head():
        peer.answer(b"through")


@pytest.mark.parametrize("secure_proxy", [False, True])
def test_https_goes_through_a_tunnel(way: Way, trust: Trust, secure_proxy: bool) -> None:
    async def work(target: RawServer, proxy: ProxyServer) -> None:
        url = proxy.url.replace("://", "://user:pass@")
        transport = way.to(f"https://localhost:{target.port}", proxy=url, ca_bundle=trust.bundle)
        link = await transport.connect(10)
        for _ in range(2):
            assert (await fetch(link)).body == b"through"
        link.close()
        transport.close()

    with RawServer(answering, trust.server()) as target:
        with ProxyServer(target.port, trust if secure_proxy else None) as proxy:
            way.run(work(target, proxy))
    lines = proxy.heads[0].decode().split("\r\n")
    assert lines[0] == f"CONNECT localhost:{target.port} HTTP/1.1"
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'user:pass').decode()}" in lines


def test_a_large_answer_and_a_large_request_pass_the_tunnel(way: Way, trust: Trust) -> None:
    size = 3_000_000

    def play(peer: Peer) -> None:
        _, body = peer.read_request()
        peer.answer(body)
        peer.wait_gone()

    async def work(target: RawServer, proxy: ProxyServer) -> None:
        transport = way.to(target.url, proxy=proxy.url, ca_bundle=trust.bundle)
        link = await transport.connect(10)
        told = await fetch(link, HttpRequest("POST", "/", (), b"ab" * (size // 2)))
        assert told.body == b"ab" * (size // 2)
        link.close()

    with RawServer(play, trust.server()) as target, ProxyServer(target.port, trust) as proxy:
        way.run(work(target, proxy))


def test_the_environments_proxy_resolves_the_name(
    way: Way, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        link = await way.to("https://api.test/v1", ca_bundle=trust.bundle).connect(10)
        assert (await fetch(link)).body == b"through"
        link.close()

    with RawServer(answering, trust.server("api.test")) as target, ProxyServer(target.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        way.run(work())
    assert proxy.heads[0].startswith(b"CONNECT api.test:443 HTTP/1.1\r\n")


def test_plain_http_is_asked_of_the_proxy_itself(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    def play(peer: Peer) -> None:
        heads.append(peer.read_head())
        peer.answer(b"from the proxy")
        peer.wait_gone()

    async def work() -> None:
        link = await way.to("http://api.test/v1").connect(10)
        assert (await fetch(link)).body == b"from the proxy"
        link.close()

    with RawServer(play) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://u:p@{proxy.name}")
        way.run(work())
    line, *fields = heads[0].split(b"\r\n")
    assert line == b"GET http://api.test/ HTTP/1.1"
    assert fields[0] == b"Host: api.test"
    assert b"Proxy-Authorization: Basic dTpw" in fields


REFUSALS = [
    pytest.param(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!",
                 407, "407 Proxy Authentication Required", id="407"),
    pytest.param(b"HTTP/1.0 403 Forbidden\r\n\r\n", 403, "403 Forbidden", id="403"),
    pytest.param(b"HTTP/1.1 502\r\n\r\n", 502, "502", id="no-reason"),
    pytest.param(b"SSH-2.0\r\n\r\n", None, "does not speak HTTP", id="no-http"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1", None, "more than an answer", id="too-much"),
    pytest.param(b"HTTP/1.1 200 OK\r\n", None, "connection closed", id="cut"),
    pytest.param(b"X: y\r\n" * 20_000, None, "does not end", id="endless"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "status", "words"), REFUSALS)
def test_a_proxy_that_does_not_open_a_way(way: Way, answer: bytes, status: int | None, words: str) -> None:
    def play(peer: Peer) -> None:
        peer.read_head()
        with contextlib.suppress(OSError):
            peer.send(answer)
        if words != "connection closed":
            peer.wait_gone()

    with RawServer(play) as proxy:
        why = failure(way, "https://api.test", proxy=proxy.url)
    assert (why.kind, why.phase, why.status) == ("transport", "proxy", status)
    assert why.message.startswith(f"the proxy {proxy.name} did not open a way to api.test:443: ")
    assert words in why.message
    # What a proxy forbids it will forbid again; its 5xx and its losses may pass.
    assert why.is_retryable is (False if status in (403, 407) else None)
    assert ("HTTPS_PROXY" in why.message) == (status == 407)


def test_a_proxy_that_is_not_there_is_named(way: Way) -> None:
    port = free_port()
    why = failure(way, "https://api.test", proxy=f"http://127.0.0.1:{port}")
    assert why.message.startswith(f"cannot connect to the proxy 127.0.0.1:{port}: connection refused")
    assert why.phase == "proxy"


def test_the_time_limit_holds_at_the_proxy(way: Way) -> None:
    with RawServer(Peer.wait_gone) as proxy:
        why = failure(way, "https://api.test", timeout_s=0.2, proxy=proxy.url)
        proxy.wait_over()
    assert (why.kind, why.clock) == ("clock", "connect_timeout_s")
    assert f"while asking the proxy {proxy.name}" in why.message


def test_an_untrusted_server_behind_a_proxy_is_named(way: Way, trust: Trust) -> None:
    with RawServer(answering, trust.server("elsewhere.test")) as target, ProxyServer(target.port) as proxy:
        why = failure(way, "https://api.test", proxy=proxy.url, ca_bundle=trust.bundle)
    assert why.message.startswith("the certificate of api.test:443 is not trusted")
