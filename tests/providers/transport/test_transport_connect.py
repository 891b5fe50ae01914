"""Ways to a server, and every way in which there is none."""

import asyncio
import socket
from typing import Any

import pytest
from transport_client import Way, black_hole, failure, free_port, run_on, transport_to
from transport_server import Peer, RawServer

from greenroom.messages.contracts import TransportError
from greenroom.providers.transport import TransportLimits
from greenroom.providers.transport.lookup import Lookup


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


def test_refusals_of_several_addresses_are_one_refusal(
    loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    known_addresses(monkeypatch, ("::1", port), ("127.0.0.1", port), ("127.0.0.2", port))
    why = failure(Way("reactor", loop_name), f"http://models.test:{port}")
    assert why.message == f"cannot connect to models.test:{port}: connection refused; is the server running?"


def test_the_time_limit_holds_while_looking_up(loop_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_: Lookup) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(Lookup, "_ask", ask)
    why = failure(Way("reactor", loop_name), "http://slow.test", timeout_s=0.05)
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
            assert link.reusable
            link.close()

        run_on(loop_name, work())
        server.wait_over()


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
