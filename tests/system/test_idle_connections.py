"""Kept-alive connections that the server ends: known at once, or found out by a request that loses nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from greenroom import ActorSystem, ChatRequest, ConnectionFailed, StreamingOptions

from tests_system import LIMIT_S, wait_until

Start = Callable[..., ActorSystem]
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(EVENTS), EVENTS)
OPTIONS = StreamingOptions(backoff_initial_s=0.01, backoff_max_s=0.05)


class Keeper:
    """Answers on every connection, until told: then it closes all at once, or each at its next request."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        self.connections: list[socket.socket] = []
        self.requests = 0
        self.close_at_request = False
        self.threads: list[threading.Thread] = []

    def accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            self.threads.append(threading.Thread(target=self.serve, args=(sock,)))
            self.threads[-1].start()

    def serve(self, sock: socket.socket) -> None:
        with sock:
            served = False
            while sock.recv(65536):
                self.requests += 1
                if self.close_at_request and served:
                    return
                sock.sendall(ANSWER)
                served = True

    def close_idle(self) -> None:
        """A FIN on every connection."""
        for sock in self.connections:
            sock.shutdown(socket.SHUT_WR)


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    with running() as keeper:
        yield keeper


@contextmanager
def running() -> Iterator[Keeper]:
    keeper = Keeper()
    accepting = threading.Thread(target=keeper.accept)
    accepting.start()
    yield keeper
    keeper.listener.shutdown(socket.SHUT_RDWR)
    keeper.listener.close()
    for thread in [accepting, *keeper.threads]:
        thread.join(LIMIT_S)


def ask(system: ActorSystem, options: StreamingOptions = OPTIONS) -> list[str]:
    completion = system.stream(ChatRequest(messages="hello", options=options)).result(timeout=LIMIT_S)
    assert completion.text == "hello"
    return [record.decision for record in completion.attempts]


def idle(system: ActorSystem) -> int:
    return system.statistics().endpoints[0].idle


def test_an_idle_connection_that_the_server_closes_is_dropped_at_once(keeper: Keeper, start: Start) -> None:
    system = start(keeper.base_url, keep_alive_s=600)
    ask(system)
    wait_until(lambda: idle(system) == 1)
    keeper.close_idle()
    wait_until(lambda: idle(system) == 0)
    assert ask(system) == ["completed"]
    assert len(keeper.connections) == 2


def test_a_close_that_crosses_a_request_costs_nothing_but_another_connection(
    keeper: Keeper, start: Start
) -> None:
    system = start(keeper.base_url, keep_alive_s=600)
    ask(system)
    wait_until(lambda: idle(system) == 1)
    keeper.close_at_request = True
    assert ask(system, OPTIONS.replace(max_reconnect_attempts=1)) == ["retry", "completed"]
    assert (len(keeper.connections), keeper.requests) == (2, 3)


@pytest.mark.parametrize("forbidden", [{"max_reconnect_attempts": 0}, {"retry_on_connection_error": False}])
def test_who_forbids_a_second_request_is_told_of_the_close(
    keeper: Keeper, start: Start, forbidden: dict[str, object]
) -> None:
    system = start(keeper.base_url, keep_alive_s=600)
    ask(system)
    wait_until(lambda: idle(system) == 1)
    keeper.close_at_request = True
    with pytest.raises(ConnectionFailed, match="before any answer"):
        ask(system, OPTIONS.replace(**forbidden))
    assert keeper.requests == 2


def test_without_keep_alive_every_request_has_its_own_connection(keeper: Keeper, start: Start) -> None:
    system = start(keeper.base_url, keep_alive_s=0)
    for _ in range(3):
        assert ask(system, OPTIONS.replace(max_reconnect_attempts=0)) == ["completed"]
    assert len(keeper.connections) == 3
    wait_until(lambda: idle(system) == 0)
