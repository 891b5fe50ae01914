"""A server that finishes its answer, and then neither says so nor closes: real sockets, real time."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamingOptions, StreamTimedOut, SystemConfig

from tests_system import LIMIT_S, text_of

SOON = StreamingOptions(max_reconnect_attempts=0, content_gap_timeout_s=0.3)
"""Shorter than the wait for an end, which it bounds."""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def event(index: int = 0, finish: str | None = None, text: str = "") -> bytes:
    chunk = {
        "id": "c1",
        "model": "m",
        "choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@dataclass
class Silent:
    """Answers once with `body`, and then keeps the connection open until the client closes it."""

    body: bytes
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"

    def serve(self) -> None:
        sock, _ = self.listener.accept()
        with sock:
            sock.settimeout(LIMIT_S)
            sock.recv(65536)
            sock.sendall(HEAD + self.body)
            while sock.recv(65536):
                pass
            self.closed.set()


@contextmanager
def silent_after(body: bytes) -> Iterator[tuple[ActorSystem, Silent]]:
    server = Silent(body)
    thread = threading.Thread(target=server.serve)
    thread.start()
    providers = {"p": ProviderConfig(base_url=server.base_url)}
    with (
        server.listener,
        ActorSystem.start(SystemConfig(providers=providers, options=SOON, drain_s=0)) as system,
    ):
        yield system, server
    thread.join(LIMIT_S)


def test_a_finished_answer_completes_and_its_connection_is_closed() -> None:
    used = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    with silent_after(event(text="hello") + event(finish="stop") + used) as (system, server):
        stream = system.stream(ChatRequest(model="p/m", messages="hi"))
        assert text_of(stream) == "hello"
        completion = stream.result(timeout=LIMIT_S)
        assert (completion.finish_reason, completion.usage.total_tokens) == ("stop", 3)
        assert server.closed.wait(LIMIT_S)


@pytest.mark.parametrize("n", [1, 2])
def test_an_answer_that_is_not_finished_times_out(n: int) -> None:
    body = event(text="hello") + (event(finish="stop") if n == 2 else b"")
    with silent_after(body) as (system, _):
        with pytest.raises(StreamTimedOut) as caught:
            system.stream(ChatRequest(model="p/m", messages="hi", n=n)).result(timeout=LIMIT_S)
        assert caught.value.partial is not None
        assert caught.value.partial.text == "hello"
