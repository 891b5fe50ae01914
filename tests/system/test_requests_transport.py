"""transport="requests": the same streams over threads, with sessions of ours and of the user's."""

import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from transport_server import Peer, RawServer

from greenroom import (
    ActorSystem,
    ChatRequest,
    ConnectionFailed,
    CredentialRefused,
    InvalidInput,
    ProviderConfig,
    StreamCancelled,
    StreamError,
    StreamingOptions,
    StreamTimedOut,
    SystemConfig,
)
from greenroom.providers.simulator import Cut, Script, Simulator, Stall

from tests_system import LIMIT_S, text_of, wait_until

WORDS = "one two three four five"
ONCE = StreamingOptions(max_reconnect_attempts=0)
FAST = StreamingOptions(backoff_initial_s=0.01, backoff_max_s=0.05)
SECRET = "sk-very-secret"


class Bearer(AuthBase):
    """As companies write them: a token fetched for each request."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self.threads.append(threading.current_thread().name)
        request.headers["Authorization"] = f"Bearer token-{len(self.threads)}"
        return request


class BrokenAuth(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        raise LookupError(f"no token for {SECRET}")


class CountingAdapter(HTTPAdapter):
    def __init__(self, **more: Any) -> None:
        self.sent = 0
        super().__init__(**more)

    def send(self, *args: Any, **more: Any) -> requests.Response:
        self.sent += 1
        return super().send(*args, **more)


def a_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with a_session() as made:
        yield made


@pytest.fixture(params=["ours", "shared session", "session callable"])
def given(request: pytest.FixtureRequest) -> Iterator[Any]:
    """What `session=` gets."""
    if request.param == "shared session":
        with a_session() as made:
            yield made
    else:
        yield None if request.param == "ours" else a_session


def answers(error: type[StreamError], system: ActorSystem) -> StreamError:
    with pytest.raises(error) as caught:
        system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)
    return caught.value


def test_a_stream_is_as_over_the_reactor(start: Any, simulator: Simulator, given: Any) -> None:
    system = start(simulator.base_url, transport="requests", session=given)
    for _ in range(3):
        deltas = list(system.stream(ChatRequest(messages="Count")))
        assert [delta.seq for delta in deltas] == list(range(1, len(deltas) + 1))
        assert text_of(deltas) == WORDS
        # The line is free a moment after its stream is over.
        wait_until(lambda: system.statistics().endpoints[0].busy == 0)
    assert simulator.requests[0].headers["accept-encoding"] == "identity"
    assert system.statistics().endpoints[0].reused_total == 2


def test_a_whole_answer_too(start: Any, simulator: Simulator, given: Any) -> None:
    system = start(simulator.base_url, transport="requests", session=given)
    completion = system.stream(ChatRequest(messages="Count", stream=False)).result(timeout=LIMIT_S)
    assert completion.text == WORDS


def test_deltas_come_when_they_are_sent(start: Any, simulator: Simulator, given: Any) -> None:
    """A few bytes each: nothing waits for a buffer to fill."""
    simulator.enqueue(Script(text=["a", "b", "c"], stall=Stall(after_deltas=2)))
    system = start(simulator.base_url, transport="requests", session=given)
    stream = system.stream(ChatRequest(messages="Count"))
    cursor = iter(stream)
    assert next(cursor).text + next(cursor).text == "ab"
    stream.cancel()


@pytest.mark.parametrize("when", ["before the head", "in the body"])
def test_cancelling_closes_the_socket_at_once(
    start: Any, simulator: Simulator, given: Any, when: str
) -> None:
    early = when == "before the head"
    script = (
        Script(text=WORDS, headers_delay_s=30) if early else Script(text=WORDS, stall=Stall(after_deltas=2))
    )
    simulator.enqueue(script)
    system = start(simulator.base_url, transport="requests", session=given)
    stream = system.stream(ChatRequest(messages="Count"))
    if early:
        simulator.wait_for(lambda s: len(s.requests) == 1, timeout_s=LIMIT_S)
    else:
        next(iter(stream))
    began_s = time.monotonic()
    stream.cancel()
    with pytest.raises(StreamCancelled):
        stream.result(timeout=LIMIT_S)
    simulator.wait_for(lambda s: s.requests[0].ended == "client_disconnected", timeout_s=LIMIT_S)
    assert time.monotonic() - began_s < 2
    assert system.statistics().runtime.zombies_total == 0


def test_a_hundred_streams_at_once(start: Any, simulator: Simulator, given: Any) -> None:
    simulator.set_default(Script(text=WORDS, delta_interval_s=0.01))
    if isinstance(given, requests.Session):
        given.mount("http://", HTTPAdapter(pool_maxsize=100))
    system = start(simulator.base_url, transport="requests", session=given)
    streams = [system.stream(ChatRequest(messages="Count")) for _ in range(100)]
    assert {text_of(stream) for stream in streams} == {WORDS}
    wait_until(lambda: system.statistics().endpoints[0].busy == 0)


def test_more_streams_than_connections_wait(start: Any, simulator: Simulator) -> None:
    system = start(simulator.base_url, transport="requests", max_connections=3)
    streams = [system.stream(ChatRequest(messages="Count")) for _ in range(12)]
    assert {text_of(stream) for stream in streams} == {WORDS}
    alive = [t for t in threading.enumerate() if t.name.startswith("LineKeeper")]
    assert len(alive) <= 3


def test_a_slow_consumer_stops_the_server(start: Any, given: Any) -> None:
    words, count, blocked = "x" * 4000, 5000, threading.Event()
    event = (
        b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % words.encode()
    )
    last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    def play(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        peer.sock.settimeout(0.2)
        left = memoryview(event * count + last)
        while left:
            try:
                left = left[peer.sock.send(left[:65536]) :]
            except TimeoutError:
                blocked.set()

    options = FAST.replace(max_buffer_bytes=65536, max_output_bytes=64 * 1024 * 1024)
    with RawServer(play) as server:
        system = start(f"{server.url}/v1", options, transport="requests", session=given)
        cursor = iter(system.stream(ChatRequest(messages="Count")))
        read = len(next(cursor).text)
        assert blocked.wait(LIMIT_S), "20 MB were sent to somebody who does not read"
        assert read + sum(len(delta.text) for delta in cursor) == len(words) * count


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_cut_is_a_failure_with_what_came(start: Any, simulator: Simulator, given: Any, how: str) -> None:
    simulator.enqueue(Script(text=WORDS, cut=Cut(after_deltas=2, how=how)))
    system = start(simulator.base_url, transport="requests", session=given)
    error = answers(ConnectionFailed, system)
    assert error.partial is not None
    assert WORDS.startswith(error.partial.text)
    assert error.partial.text


def test_a_loss_before_content_is_tried_again(start: Any, simulator: Simulator, given: Any) -> None:
    simulator.enqueue(Script.failing(503), Script(text=WORDS, cut=Cut(before_answer=True, how="reset")))
    system = start(simulator.base_url, transport="requests", session=given)
    assert system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S).text == WORDS


def test_a_server_that_is_not_there(start: Any, given: Any) -> None:
    with RawServer(Peer.wait_gone) as server:
        pass
    system = start(f"{server.url}/v1", ONCE, transport="requests", session=given)
    error = answers(ConnectionFailed, system)
    assert "connection refused; is the server running?" in str(error)


def test_a_silent_server_runs_into_our_clocks(start: Any, given: Any) -> None:
    options = ONCE.replace(first_content_timeout_s=0.3, local_first_content_timeout_s=0.3)
    with RawServer(Peer.wait_gone) as server:
        error = answers(
            StreamTimedOut, start(f"{server.url}/v1", options, transport="requests", session=given)
        )
        server.wait_over()
    assert "0.3 s" in str(error)


def test_stopping_ends_every_thread(simulator: Simulator, given: Any) -> None:
    simulator.set_default(Script(text=WORDS, stall=Stall(after_deltas=1)))
    provider = ProviderConfig(base_url=simulator.base_url, transport="requests", session=given)
    config = SystemConfig(default_model="sim/m", providers={"sim": provider})
    system = ActorSystem.start(config)
    streams = [system.stream(ChatRequest(messages="Count")) for _ in range(10)]
    for stream in streams:
        next(iter(stream))
    began_s = time.monotonic()
    system.stop(drain_s=0)
    assert time.monotonic() - began_s < 5
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("LineKeeper")])


# ---- the user's session


def test_auth_is_asked_for_every_request(start: Any, simulator: Simulator, session: requests.Session) -> None:
    session.auth = auth = Bearer()
    system = start(simulator.base_url, transport="requests", session=session)
    for _ in range(2):
        system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)
    seen = [request.headers["authorization"] for request in simulator.requests]
    assert seen == ["Bearer token-1", "Bearer token-2"]
    assert all(name.startswith("LineKeeper") for name in auth.threads)


def test_a_failing_auth_is_told_by_its_type(
    start: Any, simulator: Simulator, session: requests.Session
) -> None:
    session.auth = BrokenAuth()
    error = answers(CredentialRefused, start(simulator.base_url, transport="requests", session=session))
    assert "LookupError at test_requests_transport.py:" in str(error)
    assert SECRET not in f"{error!r}{error.failure!r}{error.failure.evidence!r}"
    assert not simulator.requests


def test_an_adapter_of_the_users_sends(start: Any, simulator: Simulator, session: requests.Session) -> None:
    adapter = CountingAdapter()
    session.mount(simulator.base_url, adapter)
    system = start(simulator.base_url, transport="requests", session=session)
    for _ in range(3):
        system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)
    assert adapter.sent == 3


def test_an_adapter_that_raises_is_told_by_its_type(
    start: Any, simulator: Simulator, session: requests.Session
) -> None:
    class Broken(HTTPAdapter):
        def send(self, *args: Any, **more: Any) -> requests.Response:
            raise KeyError(SECRET)

    session.mount("http://", Broken())
    error = answers(ConnectionFailed, start(simulator.base_url, ONCE, transport="requests", session=session))
    assert "KeyError" in str(error)
    assert SECRET not in f"{error!r}{error.failure.evidence!r}"


def test_headers_and_hooks_of_the_session_count(
    start: Any, simulator: Simulator, session: requests.Session
) -> None:
    seen: list[int] = []
    session.headers["X-Team"] = "search"
    session.hooks["response"].append(lambda answer, *_, **__: seen.append(answer.status_code))
    system = start(simulator.base_url, transport="requests", session=session)
    system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)
    assert simulator.requests[0].headers["x-team"] == "search"
    assert seen == [200]


def test_a_shared_session_stays_open_and_a_made_one_is_closed(simulator: Simulator) -> None:
    closed: list[str] = []

    class Noted(requests.Session):
        def close(self) -> None:
            closed.append(self.headers["X-Name"])
            super().close()

    def named(name: str) -> requests.Session:
        made = Noted()
        made.trust_env = False
        made.headers["X-Name"] = name
        return made

    shared = named("shared")
    for given in (shared, lambda: named("made")):
        provider = ProviderConfig(base_url=simulator.base_url, transport="requests", session=given)
        with ActorSystem.start(SystemConfig(default_model="sim/m", providers={"sim": provider})) as system:
            system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)
    wait_until(lambda: bool(closed))
    assert closed == ["made"]
    shared.close()


@pytest.mark.parametrize("wrong", [lambda: 7, lambda: 1 / 0])
def test_a_callable_that_makes_no_session(start: Any, simulator: Simulator, wrong: Any) -> None:
    system = start(simulator.base_url, ONCE, transport="requests", session=wrong)
    with pytest.raises(StreamError, match=r"session"):
        system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S)


def test_an_old_urllib3_is_told_when_the_system_starts(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib3.__version__", "1.26.20")
    with pytest.raises(InvalidInput, match=r"providers\.sim\.transport: 'requests' needs urllib3 2 or newer"):
        start("http://127.0.0.1:1/v1", transport="requests")


def test_a_proxy_of_the_environment_that_cannot_be_used_is_told_then_too(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://10.0.0.1:1080")
    with pytest.raises(InvalidInput, match=r"providers\.sim\.proxy"):
        start("http://example.test/v1", transport="requests")
    # A user's session may have what it takes.
    start("http://example.test/v1", transport="requests", session=a_session)


def test_a_client_certificate(start: Any, tmp_path: Path, session: requests.Session) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client = ca.issue_cert("me@greenroom.test")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    names: list[Any] = []

    def play(peer: Peer) -> None:
        assert isinstance(peer.sock, ssl.SSLSocket)
        names.append(peer.sock.getpeercert())
        peer.read_request()
        event = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", event, b"data: [DONE]\n\n")

    with RawServer(play, context) as server:
        url = f"{server.url}/v1"
        without = start(url, ONCE, transport="requests", session=session, ca_bundle=str(tmp_path / "ca.pem"))
        answers(ConnectionFailed, without)
        session.cert = str(tmp_path / "me.pem")
        system = start(url, ONCE, transport="requests", session=session, ca_bundle=str(tmp_path / "ca.pem"))
        assert system.stream(ChatRequest(messages="Count")).result(timeout=LIMIT_S).text == "hi"
    assert dict(names[-1])["subjectAltName"] == (("email", "me@greenroom.test"),)


def test_an_untrusted_server_is_named(start: Any, session: requests.Session) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    with RawServer(Peer.wait_gone, context) as server:
        system = start(f"{server.url}/v1", transport="requests", session=session)
        error = answers(ConnectionFailed, system)
    assert f"the certificate of {server.name} is not trusted" in str(error)
    assert error.attempt == 1


def test_a_redirect_with_an_endless_body_is_not_read_to_its_end(
    start: Any, session: requests.Session
) -> None:
    """`requests` reads the body of any redirect at once, before it gives the answer away."""
    sent = 0

    def play(peer: Peer) -> None:
        nonlocal sent
        peer.read_request()
        peer.send(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")
        while True:
            peer.send(b"x" * 65536)
            sent += 65536

    with RawServer(play) as server:
        with pytest.raises(StreamError) as caught:
            start(f"{server.url}/v1", ONCE, transport="requests", session=session).stream(
                ChatRequest(messages="Count")
            ).result(timeout=LIMIT_S)
    assert caught.value.status == 302
    # What is kept of it, and what buffers of two kernels took before the connection was closed.
    assert sent < 64 * 1024 * 1024


def test_a_thread_that_cannot_be_interrupted_is_a_zombie_and_holds_up_nobody(simulator: Simulator) -> None:
    let_go, began = threading.Event(), threading.Semaphore(0)

    def stick(*_: Any, **__: Any) -> Any:
        began.release()
        let_go.wait(30)
        raise OSError("late")

    adapter = HTTPAdapter()
    adapter.send = stick  # type: ignore[method-assign]
    in_auth, in_adapter = a_session(), a_session()
    in_auth.auth = stick
    in_adapter.mount("http://", adapter)
    providers = {
        name: ProviderConfig(base_url=simulator.base_url, transport="requests", session=session)
        for name, session in (("auth", in_auth), ("adapter", in_adapter))
    }
    system = ActorSystem.start(SystemConfig(providers=providers))
    try:
        streams = [system.stream(ChatRequest(model=f"{name}/m", messages="Count")) for name in providers]
        for _ in streams:
            assert began.acquire(timeout=LIMIT_S)
        for stream in streams:
            stream.cancel()
        for stream in streams:
            with pytest.raises(StreamCancelled):
                stream.result(timeout=2)
        wait_until(lambda: system.statistics().runtime.zombies_total == len(streams))
        began_s = time.monotonic()
        system.stop(drain_s=0)
        assert time.monotonic() - began_s < 5
    finally:
        let_go.set()
        in_auth.close()
        in_adapter.close()
