"""Our own load server: one thread, one epoll, one heap of due times. `python -m benchmarks.load_server PORT [PEM]`

It answers any POST whose path holds /s/<events>/<interval_us>/ with that many OpenAI chat chunks, each one HTTP
chunk, paced from the start of the stream (interval 0: as fast as the socket takes them). After it in the path:

    stamp/   each delta's text is " <monotonic nanoseconds>" of its sending
    hold/    after its events the stream stays open until the client closes it

GET /closed answers with {model: monotonic nanoseconds at which its client's close was seen}.
Linux only (epoll). The PEM holds a key and its certificate chain: then it speaks TLS.
"""

import heapq
import json
import re
import resource
import select
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
_ASKED = re.compile(rb"/s/(\d+)/(\d+)/((?:[a-z]+/)*)")
_MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_BURST = 64
"""Events of one send where the stream is not paced."""
_SLICE = 256
"""Due events sent before the sockets are looked at again."""


def _chunk(event: dict[str, Any] | None) -> bytes:
    data = b"data: " + (b"[DONE]" if event is None else json.dumps(event, separators=(",", ":")).encode())
    return b"%x\r\n%s\n\n\r\n" % (len(data) + 2, data)


def _event(choices: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-BenchmarkBenchmarkBenchmark01", "object": "chat.completion.chunk", "created": 1741570283,
        "model": "gpt-4o-2024-08-06", "service_tier": "default", "system_fingerprint": "fp_0123456789",
        "choices": choices, "usage": None, "obfuscation": "aBcDeFgH", **more,
    }  # fmt: skip


def _delta(text: str, **more: str) -> bytes:
    choice = {"index": 0, "delta": {**more, "content": text}, "logprobs": None, "finish_reason": None}
    return _chunk(_event([choice]))


_FIRST = _delta(" word0", role="assistant")
_WORDS = [_delta(f" word{number}") for number in range(1000)]
_STAMP = "0" * 20
_STAMPED = _delta(" " + _STAMP).partition(_STAMP.encode())


def _tail(events: int) -> bytes:
    stop = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": events, "total_tokens": events + 10}
    return _chunk(_event([stop])) + _chunk(_event([], usage=usage)) + _chunk(None) + b"0\r\n\r\n"


class _Client:
    """One connection: the request that is being read, the answer that is being sent."""

    def __init__(self, server: "_Server", opened: socket.socket) -> None:
        self.server, self.socket = server, opened
        self.number = opened.fileno()
        self.shaking = isinstance(opened, ssl.SSLSocket)
        self.inbox = b""
        self.unsent = b""
        self.model = ""
        self.sent = self.events = self.interval_ns = self.start_ns = 0
        self.stamped = self.held = self.answering = False

    def ready(self) -> None:
        """The socket is readable or writable."""
        if self.shaking:
            self._shake()
        elif self.unsent:
            self._flush()
            if not self.unsent and self.answering and not self.interval_ns:
                self.step()
        else:
            self._receive()

    def _shake(self) -> None:
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self.server.watch(self, writing=False)
        except ssl.SSLWantWriteError:
            self.server.watch(self, writing=True)
        else:
            self.shaking = False
            self.server.watch(self, writing=False)
            self._receive()

    def _receive(self) -> None:
        try:
            data = self.socket.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        if not data:
            self.server.gone(self)
            return
        self.inbox += data
        head, blank, rest = self.inbox.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = int(length[1]) if length else 0
        if blank and len(rest) >= body:
            self.inbox = rest[body:]
            self._answer(head, rest[:body])

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /closed"):
            told = json.dumps(self.server.closed_ns).encode()
            self._send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(told), told))
            return
        asked, model = _ASKED.search(head), _MODEL.search(body)
        self.events, self.interval_ns = (int(asked[1]), int(asked[2]) * 1000) if asked else (100, 0)
        modes = asked[3].split(b"/") if asked else []
        self.stamped, self.held = b"stamp" in modes, b"hold" in modes
        self.model = model[1].decode() if model else ""
        self.sent, self.answering, self.start_ns = 0, True, time.monotonic_ns()
        self._send(_HEAD)
        if self.interval_ns:
            self.server.due(self.start_ns + self.interval_ns, self)
        else:
            self.step()

    def step(self) -> None:
        """The next event, or as many as the socket takes; then the end."""
        if not self.answering:
            return
        if self.interval_ns:
            if self.sent < self.events:
                self._send(self._next())
            if self.sent < self.events:
                self.server.due(self.start_ns + (self.sent + 1) * self.interval_ns, self)
                return
        else:
            while self.sent < self.events and not self.unsent:
                self._send(b"".join(self._burst()))
            if self.sent < self.events:
                return
        if not self.held:
            self.answering = False
            self._send(_tail(self.events))

    def _burst(self) -> Iterator[bytes]:
        for _ in range(min(_BURST, self.events - self.sent)):
            yield self._next()

    def _next(self) -> bytes:
        number = self.sent
        self.sent += 1
        if self.stamped:
            before, _, after = _STAMPED
            return b"%s%020d%s" % (before, time.monotonic_ns(), after)
        return _WORDS[number % 1000] if number else _FIRST

    def _send(self, data: bytes) -> None:
        self.unsent += data
        self._flush()

    def _flush(self) -> None:
        try:
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except (ssl.SSLWantWriteError, BlockingIOError):
            self.server.watch(self, writing=True)
        except OSError:
            self.server.gone(self)
        else:
            self.server.watch(self, writing=False)


class _Server:
    """All clients, and whose event is due next."""

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._poller = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self._poller.register(self._listener, select.EPOLLIN)
        self._clients: dict[int, _Client] = {}
        self._writing: set[int] = set()
        self._due: list[tuple[int, int, _Client]] = []
        self._order = 0
        self.closed_ns: dict[str, int] = {}

    def due(self, at_ns: int, client: _Client) -> None:
        """`step` is called then, or as soon as it can be."""
        self._order += 1
        heapq.heappush(self._due, (at_ns, self._order, client))

    def watch(self, client: _Client, *, writing: bool) -> None:
        """Which readiness is waited for; a close is always seen."""
        if writing != (client.number in self._writing) and client.number in self._clients:
            self._poller.modify(client.number, select.EPOLLOUT if writing else select.EPOLLIN)
            (self._writing.add if writing else self._writing.discard)(client.number)

    def gone(self, client: _Client) -> None:
        """Its client closed, or broke."""
        if self._clients.pop(client.number, None) is not None:
            self.closed_ns[client.model] = time.monotonic_ns()
            self._writing.discard(client.number)
            self._poller.unregister(client.number)
            client.answering = False
            client.socket.close()

    def run(self) -> None:
        """For ever."""
        while True:
            self._send_due()
            # epoll's own timeout is in whole milliseconds: select waits on it to the microsecond.
            if self._due:
                wait_s = max(0.0, (self._due[0][0] - time.monotonic_ns()) / 1e9)
                if wait_s > 0:
                    select.select([self._poller.fileno()], [], [], wait_s)
            for number, _ in self._poller.poll(0 if self._due else -1):
                self._serve(number)

    def _send_due(self) -> None:
        now_ns = time.monotonic_ns()
        for _ in range(_SLICE):
            if not self._due or self._due[0][0] > now_ns:
                return
            heapq.heappop(self._due)[2].step()

    def _serve(self, number: int) -> None:
        if number == self._listener.fileno():
            self._accept()
            return
        client = self._clients.get(number)
        if client is None:
            return
        try:
            client.ready()
        except OSError:
            self.gone(client)

    def _accept(self) -> None:
        # A few at a time: a TLS handshake costs as much as a hundred deltas.
        for _ in range(4 if self._tls else 64):
            try:
                opened, _ = self._listener.accept()
            except BlockingIOError:
                return
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                opened = self._tls.wrap_socket(opened, server_side=True, do_handshake_on_connect=False)
            client = _Client(self, opened)
            self._clients[client.number] = client
            self._poller.register(client.number, select.EPOLLIN)


def main() -> None:
    """Serves until it is killed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tls = None
    if len(sys.argv) > 2:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(Path(sys.argv[2]))
    _Server(int(sys.argv[1]), tls).run()


if __name__ == "__main__":
    main()
