"""TLS: whom we trust, what we say in the handshake, and how it fails."""

import asyncio
import contextlib
import datetime as dt
import os
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
import truststore
from transport_client import Way, begin, failure, fetch, sessions_too
from transport_server import Peer, RawServer
from transport_tls import Trust

from greenroom.messages.contracts import TransportError
from greenroom.providers.transport import CERTIFICATE, TransportLimits
from greenroom.providers.transport.evidence import happened
from greenroom.providers.transport.trust import tls_context


def answering(peer: Peer) -> None:
    while peer.read_head():
        peer.answer(b"secret")


@sessions_too
def test_a_server_is_told_its_name_and_offered_http_1_1_only(way: Way, trust: Trust) -> None:
    said: list[str | None] = []
    context = trust.server()
    context.sni_callback = lambda _, name, __: said.append(name)

    def play(peer: Peer) -> None:
        assert isinstance(peer.sock, ssl.SSLSocket)
        said.append(peer.sock.selected_alpn_protocol())
        answering(peer)

    async def work(server: RawServer) -> None:
        link = await way.to(f"https://localhost:{server.port}", ca_bundle=trust.bundle).connect(10)
        for _ in range(2):
            assert (await fetch(link)).body == b"secret"
        link.close()

    with RawServer(play, context) as server:
        way.run(work(server))
    assert said == ["localhost", "http/1.1"]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_may_name_the_bundle(
    way: Way, trust: Trust, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(server: RawServer) -> None:
        link = await way.to(server.url).connect(10)
        assert (await fetch(link)).body == b"secret"
        link.close()

    monkeypatch.setenv(variable, trust.bundle)
    with RawServer(answering, trust.server()) as server:
        way.run(work(server))


def test_an_unknown_authority_is_a_certificate_problem_with_a_remedy(way: Way, trust: Trust) -> None:
    with RawServer(answering, trust.server()) as server:
        why = failure(way, server.url)
    assert (why.kind, why.phase, why.code) == ("transport", "tls", CERTIFICATE)
    assert why.message.startswith(f"the certificate of {server.name} is not trusted: ")
    assert "ca_bundle" in why.message
    assert why.is_retryable is False


def test_a_certificate_for_another_name_is_named(way: Way, trust: Trust) -> None:
    with RawServer(answering, trust.server("elsewhere.test")) as server:
        why = failure(way, server.url, ca_bundle=trust.bundle)
    assert why.code == CERTIFICATE
    assert "not valid for '127.0.0.1'" in why.message
    assert why.message.endswith("; is base_url right?")
    assert why.is_retryable is False


def test_an_expired_certificate_is_named(way: Way, trust: Trust) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(trust.bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    ca.issue_cert("127.0.0.1", not_before=long_ago, not_after=long_ago).configure_cert(context)
    with RawServer(answering, context) as server:
        why = failure(way, server.url, ca_bundle=trust.bundle)
    assert why.code == CERTIFICATE
    assert "expired" in why.message
    assert "clock" in why.message
    assert why.is_retryable is False


def test_a_plain_server_is_told_from_a_bad_certificate(way: Way) -> None:
    def play(peer: Peer) -> None:
        peer.sock.recv(10)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.wait_gone()

    with RawServer(play) as server:
        why = failure(way, f"https://{server.name}")
    assert why.code is None
    assert why.phase == "tls"
    assert "try http://" in why.message
    assert why.is_retryable is False


@pytest.mark.parametrize("leave", [lambda peer: None, Peer.reset])
def test_a_server_that_leaves_in_the_handshake(way: Way, leave: Callable[[Peer], None]) -> None:
    def play(peer: Peer) -> None:
        peer.sock.recv(65536)
        leave(peer)

    with RawServer(play) as server:
        why = failure(way, f"https://{server.name}")
    assert (why.kind, why.phase, why.code, why.is_retryable) == ("transport", "tls", None, None)


def test_the_time_limit_holds_in_the_handshake(way: Way, trust: Trust) -> None:
    """One authority to read: all of the machine's may take longer than the limit."""
    with RawServer(Peer.wait_gone) as server:
        why = failure(way, f"https://{server.name}", timeout_s=0.6, ca_bundle=trust.bundle)
        server.wait_over()
    assert (why.kind, why.clock) == ("clock", "connect_timeout_s")
    assert "while shaking hands (TLS)" in why.message


def test_a_bundle_that_cannot_be_read_is_named(way: Way) -> None:
    with RawServer(Peer.wait_gone) as server:
        why = failure(way, f"https://{server.name}", ca_bundle="/nowhere/ca.pem")
    assert why.phase == "tls"
    assert "/nowhere/ca.pem" in why.message
    assert why.is_retryable is False


def test_a_bundle_that_is_none_is_named(way: Way, trust: Trust) -> None:
    with open(trust.bundle, "w") as bundle:
        bundle.write("not PEM")
    with RawServer(Peer.wait_gone) as server:
        why = failure(way, f"https://{server.name}", ca_bundle=trust.bundle)
    assert trust.bundle in why.message


@pytest.mark.parametrize("ending", ["close_notify", "bare"])
def test_a_body_without_a_length_is_whole_only_if_tls_was_closed(way: Way, trust: Trust, ending: str) -> None:
    def play(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        assert isinstance(peer.sock, ssl.SSLSocket)
        if ending == "close_notify":
            with contextlib.suppress(OSError):
                peer.sock.unwrap()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url, ca_bundle=trust.bundle).connect(10)
        told = await fetch(link)
        assert told.body == b"all of it"
        assert told.end.clean == (ending == "close_notify")

    with RawServer(play, trust.server()) as server:
        way.run(work(server))


def test_handshakes_at_once_are_few(way: Way) -> None:
    if way.in_threads:
        pytest.skip("a handshake in a thread holds up no loop")
    at_once: list[int] = []
    busy = [0]
    lock, all_in = threading.Lock(), threading.Semaphore(0)

    def play(peer: Peer) -> None:
        peer.sock.recv(65536)
        with lock:
            busy[0] += 1
            at_once.append(busy[0])
        all_in.release()
        go_on.wait(10)
        with lock:
            busy[0] -= 1

    async def work(server: RawServer) -> None:
        transport = way.to(f"https://{server.name}", TransportLimits(tls_handshakes_max=2))
        attempts = [asyncio.create_task(transport.connect(10)) for _ in range(6)]
        for _ in range(2):
            await asyncio.to_thread(all_in.acquire, True, 10)
        go_on.set()
        failed = await asyncio.gather(*attempts, return_exceptions=True)
        assert all(isinstance(error, TransportError) for error in failed)

    go_on = threading.Event()
    with RawServer(play) as server:
        way.run(work(server))
    assert len(at_once) == 6
    assert max(at_once) <= 2 + 1  # a script's last line may run after its client has moved on


@pytest.mark.parametrize("turns", [1, 3, 5, 8, 13, 21])
def test_a_cancelled_handshake_leaves_no_socket(way: Way, trust: Trust, turns: int) -> None:
    async def work(server: RawServer) -> None:
        transport = way.to(server.url, ca_bundle=trust.bundle)
        attempt = asyncio.create_task(transport.connect(10))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        attempt.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            (await attempt).close()
        transport.close()

    with RawServer(answering, trust.server()) as server:
        way.run(work(server))
        server.all_over()


@sessions_too
def test_a_reset_under_tls_is_told(way: Way, trust: Trust) -> None:
    def play(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        may_reset.wait(10)
        peer.reset()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url, ca_bundle=trust.bundle).connect(10)
        told = begin(link)
        await told.until(lambda: told.body == b"half")
        may_reset.set()
        await told.over()
        assert "after 4 body bytes" in told.message

    may_reset = threading.Event()
    with RawServer(play, trust.server()) as server:
        way.run(work(server))


def test_noise_in_the_middle_of_tls_is_a_loss(way: Way, trust: Trust) -> None:
    def play(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        with socket.socket(fileno=os.dup(peer.sock.fileno())) as below:
            below.sendall(b"\x17\x03\x03\x00\x20" + b"?" * 32)
        peer.wait_gone()

    async def work(server: RawServer) -> None:
        link = await way.to(server.url, ca_bundle=trust.bundle).connect(10)
        told = await fetch(link)
        assert told.body == b"half"
        assert "after 4 body bytes" in told.message
        assert not link.reusable

    with RawServer(play, trust.server()) as server:
        way.run(work(server))


@pytest.mark.parametrize("noise", [b"SSH-2.0-x\r\n", b"\x16\x03\x01" + b"x" * 200_000])
def test_noise_in_place_of_a_handshake_is_a_tls_failure(way: Way, noise: bytes) -> None:
    def play(peer: Peer) -> None:
        with contextlib.suppress(OSError):
            peer.send(noise)
            peer.wait_gone()

    with RawServer(play) as server:
        why = failure(way, f"https://{server.name}")
    assert (why.kind, why.phase, why.code) == ("transport", "tls", None)


def test_the_systems_store_is_found_where_openssl_knows_none(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("greenroom.providers.transport.trust._BUNDLES", ("/nowhere.pem", trust.bundle))
    assert tls_context(None, {}).cert_store_stats()["x509_ca"] == 1


def test_other_systems_are_asked_by_truststore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert type(tls_context(None, {})) is truststore.SSLContext


def test_a_bundle_may_be_a_folder(tmp_path: Path) -> None:
    assert tls_context(str(tmp_path), {}).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "connection closed"),
        (ConnectionResetError(), "connection reset"),
        (BrokenPipeError(), "connection broken"),
        (TimeoutError(), "connection silently lost (no answer to TCP's probes)"),
        (OSError(113, "No route to host"), "connection lost (No route to host)"),
        (RuntimeError(), "connection lost (RuntimeError)"),
    ],
)
def test_losses_in_words(error: Exception | None, words: str) -> None:
    assert happened(error) == words
