"""The server beside `benchmarks.recovery`: many slow streams, some of which it cuts, and when they are asked on.

    python -m benchmarks.cutting_server TOKENS_PER_S

Prints its port. Each line on stdin is an order: `cut N` cuts N streams one after the other, 20 ms apart; `all`
cuts every one at once; `end` ends the streams well and prints, as JSON, the milliseconds from each cut to the
arrival of the request that follows it. Imports nothing of greenroom: the figures are a server's.
"""

import asyncio
import json
import random
import sys
import time
from typing import Any

_SLICES = 10
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"connection: keep-alive\r\n\r\n"
)
_WORD = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
_END = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


WORD, END = chunk(_WORD), chunk(_END) + b"0\r\n\r\n"


class Streams:
    """All that live, and the cuts that nobody has come back from yet."""

    def __init__(self) -> None:
        self.live: dict[Client, str] = {}
        self.cut_at: dict[str, float] = {}
        self.waits_ms: list[float] = []
        self.ending = False
        self.back = asyncio.Event()
        """One that was cut has come back."""

    def begun(self, client: "Client", request_id: str) -> None:
        cut_at = self.cut_at.pop(request_id, None)
        if cut_at is not None:
            self.waits_ms.append((time.perf_counter() - cut_at) * 1000)
            self.back.set()
        self.live[client] = request_id
        client.transport.write(_HEAD + WORD)

    def cut(self, client: "Client") -> None:
        self.cut_at[self.live.pop(client)] = time.perf_counter()
        client.transport.abort()


class Client(asyncio.Protocol):
    """One connection; takes requests one after the other."""

    def __init__(self, streams: Streams) -> None:
        self.streams, self.data = streams, b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, blank, body = self.data.partition(b"\r\n\r\n")
        if not blank:
            return
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) >= int(headers.get(b"content-length", b"0")):
            self.data = b""
            self.streams.begun(self, headers[b"x-request-id"].decode())

    def connection_lost(self, _: Exception | None) -> None:
        self.streams.live.pop(self, None)


async def tick(streams: Streams, tokens_per_s: float) -> None:
    """Each live stream gets a word in turn; a slice of them at a time."""
    pause_s = 1 / tokens_per_s / _SLICES
    due = time.perf_counter()
    number = 0
    while not streams.ending:
        for place, client in enumerate(list(streams.live)):
            if place % _SLICES == number % _SLICES and not client.transport.is_closing():
                client.transport.write(WORD)
        number += 1
        due += pause_s
        await asyncio.sleep(max(due - time.perf_counter(), 0))


async def obey(streams: Streams, order: str) -> bool:
    """False: that was the last one."""
    word, _, count = order.partition(" ")
    if word == "cut":
        for _ in range(int(count)):
            if streams.live:
                streams.cut(random.choice(list(streams.live)))
            await asyncio.sleep(0.02)
    elif word == "all":
        for client in list(streams.live):
            streams.cut(client)
    else:
        streams.ending = True
        for client in list(streams.live):
            client.transport.write(END)
        print(json.dumps({"waits_ms": streams.waits_ms, "lost": len(streams.cut_at)}), flush=True)
        return False
    while streams.cut_at:
        streams.back.clear()
        await streams.back.wait()
    print(json.dumps({"live": len(streams.live), "cuts": len(streams.waits_ms)}), flush=True)
    return True


async def main(tokens_per_s: float) -> None:
    loop, streams = asyncio.get_running_loop(), Streams()
    server = await loop.create_server(lambda: Client(streams), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    ticking = asyncio.create_task(tick(streams, tokens_per_s))
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while await obey(streams, (await orders.readline()).decode().strip()):
        pass
    await asyncio.sleep(1.0)  # the clients read their ends
    ticking.cancel()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
