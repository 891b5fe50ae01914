"""Ways to a server, and every way in which there is none."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from transport_client import closed, fetch, run_on, transport_to
from transport_server import Peer, RawServer

from greenroom.messages.contracts import Link, Transport, TransportError, Wire
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport import ReactorTransport, TransportLimits
from greenroom.providers.transport.lookup import Lookup


def failure(loop_name: str, url: str, timeout_s: float = 10, **more: Any) -> ErrorEvidence:
    """Why there is no connection."""

    async def work() -> ErrorEvidence:
        transport = transport_to(url, **more)
        with pytest.raises(TransportError) as caught:
            await transport.connect(timeout_s)
        transport.close()
        return caught.value.evidence

    got: ErrorEvidence = run_on(loop_name, work())
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


def known_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> list[str]:
    """Look-ups find these; the list that is returned grows with every look-up."""
    asked: list[str] = []

    async def ask(lookup: Lookup) -> list[Any]:
        asked.append(lookup._origin.host)
        await asyncio.sleep(0)
        return [
            (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "",
             (host, port, 0, 0) if ":" in host else (host, port))
            for host, port in addresses
        ]  # fmt: skip

    monkeypatch.setattr(Lookup, "_ask", ask)
    return asked


def test_what_is_made_keeps_the_contracts(loop_name: str) -> None:
    async def work(server: RawServer) -> None:
        transport: Transport = transport_to(server.url)
        link: Link = await transport.connect(10)
        wire: Wire = link.exchange(*_nothing())
        wire.abort()
        transport.close()

    with RawServer(Peer.wait_gone) as server:
        run_on(loop_name, work(server))


def _nothing() -> Any:
    from greenroom.messages.commands import HttpRequest

    return HttpRequest("GET", "/", ()), 1, lambda _: None, lambda: None


def test_a_refused_connection_asks_whether_the_server_runs(loop_name: str) -> None:
    port = free_port()
    why = failure(loop_name, f"http://127.0.0.1:{port}/v1")
    assert why.message == f"cannot connect to 127.0.0.1:{port}: connection refused; is the server running?"
    assert (why.kind, why.phase) == ("transport", "connect")


def test_refusals_of_several_addresses_are_one_refusal(
    loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    known_addresses(monkeypatch, ("::1", port), ("127.0.0.1", port), ("127.0.0.2", port))
    why = failure(loop_name, f"http://models.test:{port}")
    assert why.message == f"cannot connect to models.test:{port}: connection refused; is the server running?"


def test_an_unknown_host_is_named(loop_name: str) -> None:
    why = failure(loop_name, "http://nowhere.invalid")
    assert why.message.startswith("cannot find the host 'nowhere.invalid': ")
    assert (why.kind, why.phase) == ("transport", "connect")


def test_the_time_limit_holds_while_connecting(loop_name: str) -> None:
    with black_hole("127.0.0.1", 0) as port:
        why = failure(loop_name, f"http://127.0.0.1:{port}", timeout_s=0.1)
    assert (
        why.message == f"no connection to 127.0.0.1:{port} within 0.1 s, while connecting to 127.0.0.1:{port}"
    )
    assert (why.kind, why.clock, why.phase) == ("clock", "connect_timeout_s", "connect")


def test_the_time_limit_holds_while_looking_up(loop_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_: Lookup) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(Lookup, "_ask", ask)
    why = failure(loop_name, "http://slow.test", timeout_s=0.05)
    assert "while looking up the host 'slow.test'" in why.message
    assert why.kind == "clock"


def test_a_second_address_is_tried_where_the_first_refuses(
    loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(Peer.wait_gone) as server:
        known_addresses(monkeypatch, ("::1", server.port), ("127.0.0.1", server.port))

        async def work() -> None:
            link = await transport_to(f"http://localhost:{server.port}").connect(10)
            while not server.accepted:  # noqa: ASYNC110  (the server's thread may be later than we)
                await asyncio.sleep(0.01)
            link.close()

        run_on(loop_name, work())
    assert server.accepted == 1


def test_a_second_address_is_tried_where_the_first_is_silent(
    loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(Peer.wait_gone) as server, black_hole("127.0.0.2", server.port):
        known_addresses(monkeypatch, ("127.0.0.2", server.port), ("127.0.0.1", server.port))

        async def work() -> None:
            limits = TransportLimits(happy_eyeballs_delay_s=0.02)
            link = await transport_to(f"http://two.test:{server.port}", limits).connect(5)
            link.close()

        run_on(loop_name, work())


def test_connections_at_once_share_one_look_up(loop_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(Peer.wait_gone) as server:
        asked = known_addresses(monkeypatch, ("127.0.0.1", server.port))

        async def work() -> None:
            transport = transport_to(f"http://many.test:{server.port}")
            links = await asyncio.gather(*(transport.connect(10) for _ in range(10)))
            links.append(await transport.connect(10))
            for link in links:
                link.close()

        run_on(loop_name, work())
    assert asked == ["many.test"]


def test_a_look_up_is_repeated_when_it_is_old_or_of_no_use(
    loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    asked = known_addresses(monkeypatch, ("127.0.0.1", port))

    async def work() -> None:
        transport = transport_to(f"http://down.test:{port}")
        for _ in range(2):
            with pytest.raises(TransportError):
                await transport.connect(10)

    run_on(loop_name, work())
    assert len(asked) == 2

    with RawServer(Peer.wait_gone) as server:
        asked = known_addresses(monkeypatch, ("127.0.0.1", server.port))

        async def again() -> None:
            transport = transport_to(f"http://up.test:{server.port}", TransportLimits(dns_ttl_s=0))
            for _ in range(2):
                (await transport.connect(10)).close()

        run_on(loop_name, again())
    assert len(asked) == 2


def test_a_cancelled_attempt_leaves_the_look_up_to_the_others(
    loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(Peer.wait_gone) as server:
        asked = known_addresses(monkeypatch, ("127.0.0.1", server.port))

        async def work() -> None:
            transport = transport_to(f"http://many.test:{server.port}")
            first = asyncio.create_task(transport.connect(10))
            second = asyncio.create_task(transport.connect(10))
            await asyncio.sleep(0)
            first.cancel()
            (await second).close()
            with pytest.raises(asyncio.CancelledError):
                await first

        run_on(loop_name, work())
    assert asked == ["many.test"]


@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_attempt_leaves_no_socket(loop_name: str, turns: int) -> None:
    async def work(server: RawServer) -> None:
        transport = transport_to(server.url)
        attempt = asyncio.create_task(transport.connect(10))
        for _ in range(turns):
            await asyncio.sleep(0)
        attempt.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            (await attempt).close()
        transport.close()

    with RawServer(Peer.wait_gone) as server:
        run_on(loop_name, work(server))


def test_sockets_send_at_once_and_notice_a_dead_peer(loop_name: str) -> None:
    async def work(server: RawServer) -> None:
        link = await transport_to(server.url).connect(10)
        assert link._transport is not None
        sock = link._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        link.close()

    with RawServer(Peer.wait_gone) as server:
        run_on(loop_name, work(server))


def test_an_ipv6_server_is_reached_by_its_address(loop_name: str) -> None:
    heads: list[bytes] = []

    def play(peer: Peer) -> None:
        heads.append(peer.read_head())
        peer.answer(b"six")
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await transport_to(f"http://[::1]:{server.port}").connect(10)
        assert (await fetch(link)).body == b"six"
        assert link.peer == f"[::1]:{server.port}"
        link.close()

    try:
        server = RawServer(play, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        run_on(loop_name, work(server))
    assert f"Host: [::1]:{server.port}\r\n".encode() in heads[0]


def test_a_server_of_the_standard_library_is_understood(loop_name: str) -> None:
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

        link = await transport_to(f"http://127.0.0.1:{port}").connect(10)
        for _ in range(3):
            assert (await fetch(link, HttpRequest("POST", "/x", (), b"abc"))).body == b"cba"
        link.close()
        await closed(link)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            run_on(loop_name, work(server.server_port))
        finally:
            server.shutdown()
            thread.join()


def test_a_url_that_cannot_be_used_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="http"):
        transport_to("ftp://x")
    assert isinstance(transport_to("https://api.test"), ReactorTransport)
