"""Ways to a server, and every way in which there is none."""

import asyncio
import contextlib
import threading
from typing import Any

import pytest
from transport_client import SESSION, Way, black_hole, closed, failure, fetch, free_port, sessions_too
from transport_server import Peer, RawServer

from greenroom.messages.contracts import Link, Transport, Wire


@sessions_too
def test_what_is_made_keeps_the_contracts(way: Way) -> None:
    async def work(server: RawServer) -> None:
        transport: Transport = way.to(server.url)
        link: Link = await transport.connect(10)
        wire: Wire = link.exchange(*_nothing())
        wire.abort()
        assert not link.reusable
        transport.close()

    with RawServer(Peer.wait_gone) as server:
        way.run(work(server))
        server.all_over()
    # A user's session connects when it sends: who is aborted before has opened nothing.
    assert way is SESSION or server.accepted == 1


def _nothing() -> Any:
    from greenroom.messages.commands import HttpRequest

    return HttpRequest("GET", "/", ()), 1, lambda _: None, lambda: None


def test_a_refused_connection_asks_whether_the_server_runs(way: Way) -> None:
    port = free_port()
    why = failure(way, f"http://127.0.0.1:{port}/v1")
    assert why.message == f"cannot connect to 127.0.0.1:{port}: connection refused; is the server running?"
    assert (why.kind, why.phase) == ("transport", "connect")


def test_an_unknown_host_is_named(way: Way) -> None:
    why = failure(way, "http://nowhere.invalid")
    assert why.message.startswith("cannot find the host 'nowhere.invalid': ")
    assert (why.kind, why.phase) == ("transport", "connect")


def test_the_time_limit_holds_while_connecting(way: Way) -> None:
    with black_hole("127.0.0.1", 0) as port:
        why = failure(way, f"http://127.0.0.1:{port}", timeout_s=0.1)
    assert (
        why.message == f"no connection to 127.0.0.1:{port} within 0.1 s, while connecting to 127.0.0.1:{port}"
    )
    assert (why.kind, why.clock, why.phase) == ("clock", "connect_timeout_s", "connect")


@sessions_too
@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_attempt_leaves_no_socket(way: Way, turns: int) -> None:
    async def work(server: RawServer) -> None:
        transport = way.to(server.url)
        attempt = asyncio.create_task(transport.connect(10))
        for _ in range(turns):
            await asyncio.sleep(0)
        attempt.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            (await attempt).close()
        transport.close()

    with RawServer(Peer.wait_gone) as server:
        way.run(work(server))
        server.all_over()


@sessions_too
def test_an_ipv6_server_is_reached_by_its_address(way: Way) -> None:
    heads: list[bytes] = []

    def play(peer: Peer) -> None:
        heads.append(peer.read_head())
        peer.answer(b"six")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(f"http://[::1]:{server.port}").connect(10)
        assert (await fetch(link)).body == b"six"
        link.close()

    try:
        server = RawServer(play, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        way.run(work(server))
    assert f"Host: [::1]:{server.port}\r\n".encode() in heads[0]


@sessions_too
def test_a_server_of_the_standard_library_is_understood(way: Way) -> None:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[::-1])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    async def work(port: int) -> None:
        from greenroom.messages.commands import HttpRequest

        link = await way.to(f"http://127.0.0.1:{port}").connect(10)
        for _ in range(3):
            assert (await fetch(link, HttpRequest("POST", "/x", (), b"abc"))).body == b"cba"
        link.close()
        await closed(link)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            way.run(work(server.server_port))
        finally:
            server.shutdown()
            thread.join()


def test_a_url_that_cannot_be_used_is_refused_at_once(way: Way) -> None:
    with pytest.raises(ValueError, match="http"):
        way.to("ftp://x")
    way.to("https://api.test").close()
