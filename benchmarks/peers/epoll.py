"""The floor: one thread, one epoll, and no more parsing than an SSE stream over chunked HTTP needs."""

import json
import select
import socket
import time
from enum import Enum, auto

from benchmarks.meter import Meter, Reader
from benchmarks.work import Work, as_base, request_bytes

_READ_BYTES = 32 * 1024


class _In(Enum):
    HEAD = auto()
    BODY = auto()


class _Connection:
    """A socket, its unparsed bytes and the body that is not yet a whole event."""

    __slots__ = ("body", "loads", "raw", "reader", "socket", "where")

    def __init__(self, opened: socket.socket, reader: Reader) -> None:
        self.socket, self.reader = opened, reader
        self.raw = b""
        self.body = b""
        self.where = _In.HEAD
        self.loads = json.loads

    def feed(self, data: bytes) -> bool:
        """True after the last chunk."""
        raw = self.raw + data if self.raw else data
        at = 0
        if self.where is _In.HEAD:
            end = raw.find(b"\r\n\r\n")
            if end < 0:
                self.raw = raw
                return False
            if not raw.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"not a 200: {raw[:80]!r}")
            at, self.where = end + 4, _In.BODY
        have = len(raw)
        while True:
            line = raw.find(b"\r\n", at)
            if line < 0:
                break
            size = int(raw[at:line], 16)
            end = line + 2 + size
            if end + 2 > have:
                break
            at = end + 2
            if not size:
                return True
            self.events(raw[line + 2 : end])
        self.raw = raw[at:]
        return False

    def events(self, data: bytes) -> None:
        """Every whole event of the body."""
        if self.body:
            data = self.body + data
        *events, self.body = data.split(b"\n\n")
        for event in events:
            if not event.startswith(b"data: ") or event == b"data: [DONE]":
                continue
            choices = self.loads(event[6:])["choices"]
            text = choices[0]["delta"].get("content") if choices else None
            if text:
                self.reader.append(text)


class Peer:
    """All streams of the work, opened over its ramp."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def run(self, meter: Meter, url: str, streams: int, ramp_s: float) -> None:
        """Until every stream has ended."""
        poller = select.epoll()
        live: dict[int, _Connection] = {}
        began_s = time.monotonic()
        opened = 0
        while opened < streams or live:
            wait_s = -1.0
            while opened < streams:
                wait_s = began_s + ramp_s * opened / streams - time.monotonic()
                if wait_s > 0:
                    break
                connection = self._connect(meter.reader(url), url)
                live[connection.socket.fileno()] = connection
                poller.register(connection.socket, select.EPOLLIN)
                opened += 1
                wait_s = -1.0
            for number, _ in poller.poll(wait_s):
                connection = live[number]
                data = connection.socket.recv(_READ_BYTES)
                ended = connection.feed(data)
                if ended or not data:
                    poller.unregister(number)
                    del live[number]
                    connection.socket.close()
                if ended:
                    connection.reader.ended()
        poller.close()

    def _connect(self, reader: Reader, url: str) -> _Connection:
        opened = socket.create_connection(as_base(url)[:2])
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.sendall(request_bytes(url, reader.model))
        opened.setblocking(False)
        return _Connection(opened, reader)
