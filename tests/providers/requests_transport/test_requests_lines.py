"""Lines without actors: what they ask requests for, how they are woken, and what they make of its exceptions."""

import contextlib
import gzip
import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from transport_client import black_hole
from transport_server import Peer, RawServer
from urllib3.exceptions import ProtocolError

from greenroom.messages.commands import HttpRequest, WireRead
from greenroom.messages.contracts import NobodyListens, TransportError
from greenroom.providers.requests_transport import RequestsLines
from greenroom.providers.requests_transport.failures import causes, exchange_failed, loss
from greenroom.providers.requests_transport.interrupt import shut_what_blocks
from greenroom.providers.requests_transport.way import Way
from greenroom.providers.transport import TransportLimits
from greenroom.providers.transport.origin import origin_of
from greenroom.providers.transport.request_form import RequestForm

POST = HttpRequest("POST", "/v1/x", (("X-One", "1"),), b"{}")
LIMIT_S = 10.0


class Clock:
    now_s = staticmethod(time.monotonic)
    wall_s = staticmethod(time.time)


class Ears:
    def __init__(self) -> None:
        self.reads: list[WireRead] = []
        self.keep = False

    def may_read(self) -> None:
        pass

    def tell(self, read: WireRead, keep: bool = False, keep_alive_hint_s: float | None = None) -> None:
        self.reads.append(read)
        self.keep = keep

    @property
    def message(self) -> str:
        end = self.reads[-1].end
        assert end is not None
        assert end.evidence is not None
        return end.evidence.message

    @property
    def body(self) -> bytes:
        return b"".join(read.data for read in self.reads)


def lines_to(server: RawServer, **more: Any) -> RequestsLines:
    return RequestsLines(server.url, clock=Clock(), **more)


def a_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def asked(server: RawServer, request: HttpRequest = POST, **more: Any) -> Ears:
    line, ears = lines_to(server, **more)(), Ears()
    line.dial(LIMIT_S)
    line.exchange(request, 1, False, ears)
    line.close()
    return ears


@pytest.mark.parametrize("session", [None, a_session])
def test_a_cookie_of_one_answer_is_not_sent_with_our_own_next_request(session: Any) -> None:
    heads: list[bytes] = []

    def play(peer: Peer) -> None:
        for _ in range(2):
            heads.append(peer.read_request()[0])
            peer.answer(b"x", b"Set-Cookie: a=b")
        peer.wait_gone()

    with RawServer(play) as server:
        line = lines_to(server, session=session)()
        line.dial(LIMIT_S)
        for _ in range(2):
            line.exchange(POST, 1, False, Ears())
        line.close()
    # A user's session keeps cookies, as it always does.
    assert (b"Cookie: a=b" in heads[1]) == (session is not None)


def test_netrc_and_the_environment_have_no_say_in_our_own_session(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    heads: list[bytes] = []

    def play(peer: Peer) -> None:
        heads.append(peer.read_request()[0])
        peer.answer(b"x")

    with RawServer(play) as server:
        assert asked(server).body == b"x"
    assert b"authorization" not in heads[0].lower()


def test_a_gzip_bomb_is_bounded_over_a_users_session() -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), 9)

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.answer(bomb, b"Content-Encoding: gzip")

    with RawServer(play) as server:
        ears = asked(server, session=a_session)
    assert "grows without measure" in ears.message
    assert len(ears.body) < 30 * 1024 * 1024


def test_a_gzip_body_is_inflated_as_it_comes() -> None:
    machine = zlib.compressobj(wbits=31)

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        peer.send(machine.compress(b"hello ") + machine.flush(zlib.Z_SYNC_FLUSH))
        peer.send(machine.compress(b"there") + machine.flush())

    with RawServer(play) as server:
        ears = asked(server, session=a_session)
    assert ears.body == b"hello there"
    end = ears.reads[-1].end
    assert end is not None
    assert end.clean


def test_headers_are_bounded_over_a_users_session() -> None:
    def play(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"x", *[b"X-%d: " % number + b"y" * 60_000 for number in range(50)])

    with RawServer(play) as server:
        ears = asked(server, session=a_session)
    assert "head of more than 65,536 bytes" in ears.message


def test_a_hook_that_has_read_the_body_leaves_it_to_us() -> None:
    session = a_session()
    session.hooks["response"].append(lambda answer, *_, **__: answer.content and None)

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"all of it")

    with RawServer(play) as server:
        assert asked(server, session=session).body == b"all of it"
    session.close()


def test_what_a_session_does_not_get_within_its_read_clock_is_a_failure() -> None:
    with RawServer(Peer.wait_gone) as server:
        ears = asked(server, session=a_session, read_timeout_s=0.2)
        assert ears.message == (
            f"{server.name} sent nothing within 0.2 s, the read clock of the session's connection"
        )


def test_a_body_is_under_the_read_clock_too() -> None:
    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        peer.wait_gone()

    with RawServer(play) as server:
        ears = asked(server, session=a_session, read_timeout_s=0.2)
    assert ears.body == b"abc"
    assert "within 0.2 s" in ears.message


@contextlib.contextmanager
def interrupted(line: Any) -> Iterator[None]:
    """A thread dials on this line and asks; at the end it is woken, again and again, until it has left."""
    ended = threading.Event()

    def work() -> None:
        with contextlib.suppress(TransportError, NobodyListens):
            line.dial(LIMIT_S)
            line.exchange(POST, 1, False, Ears())
        line.close()
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    began_s = time.monotonic()
    while not ended.wait(0.02):
        line.interrupt()
    assert time.monotonic() - began_s < LIMIT_S / 2, "nobody was woken: a clock of its own ran out"
    thread.join(LIMIT_S)


@pytest.mark.parametrize("session", [None, a_session])
@pytest.mark.parametrize("phase", ["handshake", "head", "body"])
def test_an_interruption_wakes_the_thread_wherever_it_blocks(session: Any, phase: str) -> None:
    blocked = threading.Event()

    def play(peer: Peer) -> None:
        if phase == "handshake":
            peer.sock.recv(10)
        else:
            peer.read_request()
            if phase == "body":
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        blocked.set()
        peer.wait_gone()

    with RawServer(play) as server:
        scheme = "https" if phase == "handshake" else "http"
        line = RequestsLines(f"{scheme}://{server.name}", clock=Clock(), session=session)()
        with interrupted(line):
            assert blocked.wait(LIMIT_S)
        server.wait_over()


@pytest.mark.parametrize("session", [None, a_session])
def test_an_interruption_wakes_a_thread_that_connects_to_nowhere(session: Any) -> None:
    with black_hole("127.0.0.1", 0) as port:
        line = RequestsLines(f"http://127.0.0.1:{port}", clock=Clock(), session=session)()
        with interrupted(line):
            pass


def test_a_user_s_socket_on_the_stack_is_not_touched() -> None:
    ours, theirs = socket.socketpair()
    began, over = threading.Event(), threading.Event()

    def work() -> None:
        mine = ours
        began.set()
        over.wait(LIMIT_S)
        mine.fileno()

    thread = threading.Thread(target=work)
    thread.start()
    began.wait(LIMIT_S)
    assert thread.ident is not None
    assert not shut_what_blocks(thread.ident)
    over.set()
    thread.join(LIMIT_S)
    theirs.send(b"x")
    assert ours.recv(1) == b"x"
    ours.close()
    theirs.close()


def test_an_interrupted_line_sends_nothing() -> None:
    with RawServer(Peer.wait_gone) as server:
        for session in (None, a_session):
            line = lines_to(server, session=session)()
            line.dial(LIMIT_S)
            line.interrupt()
            with pytest.raises(NobodyListens):
                line.exchange(POST, 1, False, Ears())
            line.close()


def test_a_line_makes_its_connection_once() -> None:
    def play(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"x")

    with RawServer(play) as server:
        line = lines_to(server)()
        line.dial(LIMIT_S)
        line.exchange(POST, 1, False, Ears())
        server.wait_over()
        ears = Ears()
        line.exchange(POST, 1, True, ears)
        assert "before any answer" in ears.message
        line.close()
    assert server.accepted == 1


WAY = Way(origin_of("https://api.test"), None, TransportLimits(), RequestForm("api.test"))
ABORTED = requests.ConnectionError(ProtocolError("aborted", ConnectionResetError(104, "secret")))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (requests.ReadTimeout("secret"), "clock", "sent nothing within 9 s"),
        (requests.ConnectionError(http.client.BadStatusLine("SSH-2")), "protocol", "does not speak HTTP"),
        (http.client.LineTooLong("header line"), "bound", "more than 65,536 bytes"),
        (http.client.HTTPException("got more than 100 headers"), "protocol", "breaks the rules"),
        (requests.exceptions.InvalidHeader("secret"), "protocol", "contradict each other"),
        (RuntimeError("secret"), "transport", "own code failed while the request was sent: RuntimeError"),
        (SystemExit("secret"), "transport", "SystemExit"),
    ],
)
def test_exceptions_are_told_by_their_kind(error: BaseException, kind: str, words: str) -> None:
    why = exchange_failed(WAY, error, (5.0, 9.0))
    assert why is not None
    assert why.kind == kind
    assert words in why.message
    assert "secret" not in why.message


def test_a_loss_is_left_to_who_knows_how_far_it_came() -> None:
    assert exchange_failed(WAY, ABORTED, (5.0, 9.0)) is None
    assert exchange_failed(WAY, requests.exceptions.SSLError(ssl.SSLEOFError(8, "eof")), (5.0, 9.0)) is None
    assert loss(ABORTED) == "connection reset"
    assert loss(requests.ConnectionError(http.client.RemoteDisconnected("x"))) == "connection closed"


def test_causes_end_where_exceptions_hold_each_other() -> None:
    one, two = ValueError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert list(causes(one)) == [one, two]


@pytest.mark.parametrize("url", ["ftp://x", "http://"])
def test_a_url_that_cannot_be_used_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        RequestsLines(url, clock=Clock())
