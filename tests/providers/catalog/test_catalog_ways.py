"""The way to a list: whom we trust, and through which proxy."""

import base64
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
import trustme
from list_server import ListServer

from greenroom.messages.contracts import ModelListError, ModelQuery
from greenroom.providers.catalog import OpenAIModelSource

Query = Callable[..., ModelQuery]
LIST = {"data": [{"id": "m"}]}


def names(query: ModelQuery) -> list[str]:
    return [model.id for model in OpenAIModelSource().models(query).models]


@pytest.fixture
def secure(server: ListServer, tmp_path: Path) -> tuple[str, str]:
    """The server speaks TLS: its root, and the bundle that trusts it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    server.answers["/v1/models"] = LIST
    return server.root.replace("http://", "https://"), str(bundle)


def test_the_bundle_is_trusted(secure: tuple[str, str], query: Query) -> None:
    root, bundle = secure
    assert names(query(base_url=f"{root}/v1", ca_bundle=bundle)) == ["m"]


def test_the_environments_bundle_is_trusted(
    secure: tuple[str, str], query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, bundle = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    assert names(query(base_url=f"{root}/v1")) == ["m"]


def test_nobody_else_is(secure: tuple[str, str], query: Query) -> None:
    with pytest.raises(ModelListError) as caught:
        names(query(base_url=f"{secure[0]}/v1"))
    evidence = caught.value.evidence
    assert (evidence.phase, evidence.code, evidence.is_retryable) == ("tls", "tls_certificate", False)
    assert "is not trusted" in evidence.message


def test_a_bundle_that_is_none(secure: tuple[str, str], query: Query) -> None:
    with pytest.raises(ModelListError, match="cannot be used"):
        names(query(base_url=f"{secure[0]}/v1", ca_bundle="/nowhere/ca.pem"))


class Proxy:
    """Takes one request, and either opens a way, or answers it itself."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.head = b""
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:pa%20ss@127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client:
            while b"\r\n\r\n" not in self.head:
                self.head += client.recv(65536)
            if self._answer is not None:
                client.sendall(self._answer)
                return
            host, _, port = self.head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_copy, args=(there, client))
                back.start()
                _copy(client, there)
                back.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


_AUTHORIZED = b"Proxy-Authorization: Basic " + base64.b64encode(b"user:pa ss")


def test_a_proxy_opens_the_way(secure: tuple[str, str], query: Query) -> None:
    root, bundle = secure
    with Proxy() as proxy:
        assert names(query(base_url=f"{root}/v1", ca_bundle=bundle, proxy=proxy.url, api_key="sk-1")) == ["m"]
    assert proxy.head.startswith(b"CONNECT 127.0.0.1:")
    assert _AUTHORIZED in proxy.head
    assert b"sk-1" not in proxy.head


def test_a_proxy_fetches_what_is_plain(server: ListServer, query: Query) -> None:
    body = b'{"data": [{"id": "proxied"}]}'
    with Proxy(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)) as proxy:
        assert names(query(proxy=proxy.url)) == ["proxied"]
    assert proxy.head.startswith(f"GET {server.root}/v1/models ".encode())
    assert _AUTHORIZED in proxy.head
    assert server.seen == []


def test_a_proxy_that_refuses_shows_no_password(secure: tuple[str, str], query: Query) -> None:
    with (
        Proxy(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n") as proxy,
        pytest.raises(ModelListError) as caught,
    ):
        names(query(base_url=f"{secure[0]}/v1", proxy=proxy.url))
    assert caught.value.evidence.phase == "proxy"
    assert "pa" not in caught.value.evidence.message.replace("path", "")
    assert "pass" not in repr(query(proxy=proxy.url))


def test_the_environments_proxy_is_not_for_this_machine(
    server: ListServer, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answers["/v1/models"] = LIST
    assert names(query()) == ["m"]


class Speaker:
    """Sends these bytes to whoever comes, then `drips` until the client has gone."""

    def __init__(self, answer: bytes, drips: bytes = b"") -> None:
        self._answer, self._drips = answer, drips
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        peer, _ = self._listener.accept()
        with peer, contextlib.suppress(OSError):
            peer.recv(65536)
            peer.sendall(self._answer)
            while self._drips and not self._left.wait(0.02):
                peer.sendall(self._drips)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(10)
        self._listener.close()


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 2"],
)
def test_what_drips_is_left_in_time(start: bytes, query: Query, no_leaks: None) -> None:
    with Speaker(start, drips=b" " if start.endswith(b"\n") else b"0") as speaker:
        began_s = time.monotonic()
        with pytest.raises(ModelListError) as caught:
            names(query(base_url=speaker.url, timeout_s=0.3))
        assert time.monotonic() - began_s < 5
    assert caught.value.evidence.clock == "model_list"


@pytest.mark.parametrize(
    "head",
    [
        b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"data":\r\nf\r\n [{"id": "m"}]}\r\n0\r\n\r\n',
        b'HTTP/1.0 200 OK\r\n\r\n{"data": [{"id": "m"}]}',
        b'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\xef\xbb\xbf{"data": [{"id": "m"}]}',
    ],
)
def test_every_framing_of_a_body(head: bytes, query: Query, no_leaks: None) -> None:
    with Speaker(head) as speaker:
        assert names(query(base_url=speaker.url)) == ["m"]


def test_a_chunked_body_that_is_cut_is_no_list(query: Query) -> None:
    with (
        Speaker(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"data"') as speaker,
        pytest.raises(ModelListError) as caught,
    ):
        names(query(base_url=speaker.url))
    assert caught.value.evidence.kind == "transport"


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"\x15\x03\x03\x00\x02\x02\x46", b""])
def test_what_speaks_no_http(answer: bytes, query: Query) -> None:
    with Speaker(answer) as speaker, pytest.raises(ModelListError) as caught:
        names(query(base_url=speaker.url))
    assert caught.value.evidence.kind == "transport"
