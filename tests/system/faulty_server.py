"""A chat server in a process of its own that says a known text to each model name, well or badly.

`python faulty_server.py` prints its port, and ends when its standard input does. The model is
`KIND-PLACE-NUMBER`: what goes wrong, behind how many deltas, and whose text is said. GET tells its counts.
"""

import asyncio
import hashlib
import json
import socket
import struct
import sys
import threading
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
WORDS = 12
PACE_S = 0.004


def words_of(number: int) -> list[str]:
    """A text that belongs to this number alone."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return [f"{number}:{digest[at : at + 5]} " for at in range(0, 5 * WORDS, 5)]


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "x", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    opened = accepted = requests = 0
    """Of all connections: open now, accepted and asked in total."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.timer: asyncio.TimerHandle | None = None
        Connection.opened += 1
        Connection.accepted += 1

    def connection_lost(self, exc: Exception | None) -> None:
        Connection.opened -= 1
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank:
            return
        if head.startswith(b"GET"):
            counts = {"open": Connection.opened, "requests": Connection.requests}
            told = json.dumps(counts).encode()
            self.transport.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
            self.transport.close()
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.received = body[length:]
        Connection.requests += 1
        kind, place, number = json.loads(body[:length])["model"].split("-")
        self.answer(kind, int(place), int(number))

    def answer(self, kind: str, place: int, number: int) -> None:
        if kind == "busy":
            self.transport.write(BUSY)
            return
        events = [event({"content": word}) for word in words_of(number)]
        end = event({}, "stop") + b"data: [DONE]\n\n"
        if kind == "quick":
            self.transport.write(HEAD + chunk(b"".join(events) + end) + b"0\r\n\r\n")
            return
        if kind == "inside":
            # The last of these is cut in its middle.
            events = [*events[:place], events[place][: 20 + number % 40]]
        elif kind != "paced":
            events = events[:place]
        self.transport.write(HEAD)
        self.say(kind, [chunk(each) for each in events], chunk(end) + b"0\r\n\r\n")

    def say(self, kind: str, chunks: list[bytes], end: bytes) -> None:
        if self.transport.is_closing():
            return
        if chunks:
            self.transport.write(chunks[0])
            self.timer = asyncio.get_running_loop().call_later(PACE_S, self.say, kind, chunks[1:], end)
        else:
            self.leave(kind, end)

    def leave(self, kind: str, end: bytes) -> None:
        if kind == "paced":
            self.transport.write(end)
        elif kind == "reset":
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()
        elif kind == "junk":
            self.transport.write(b"no chunk at all\r\n")
        elif kind in ("fin", "inside"):
            self.transport.close()
        # stall: nothing more, until the client goes


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait, daemon=True).start()
    await over.wait()


if __name__ == "__main__":
    asyncio.run(main())
