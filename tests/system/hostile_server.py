"""A server that means harm, in a process of its own: every attack listens on its own port.

`python hostile_server.py` prints one line of JSON, {attack: port}, and ends when its standard input does.
"""

import contextlib
import gzip
import json
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
EVENTS = OK + b"Content-Type: text/event-stream\r\n"
UNTIL_CLOSED = EVENTS + b"\r\n"
CHUNKED = EVENTS + b"Transfer-Encoding: chunked\r\n\r\n"

Script = Callable[[socket.socket], None]


def delta(content: str, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"content": content, **more}, "finish_reason": None}
    return b"data: " + json.dumps({"id": "x", "model": "m", "choices": [choice]}).encode() + b"\n\n"


HELLO = delta("hello, " * 20)


def flood(sock: socket.socket, piece: bytes) -> None:
    """Until the client has had enough."""
    block = piece * max(1, 65536 // len(piece))
    while True:
        sock.sendall(block)


def drip(sock: socket.socket, data: bytes, every_s: float = 0.02) -> None:
    for byte in data * 1000:
        sock.sendall(bytes([byte]))
        time.sleep(every_s)


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_request(sock: socket.socket) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("gone")
        got += more


def wait_gone(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def sends(*parts: bytes) -> Script:
    """Answer with these bytes, then wait for the client to leave."""

    def play(sock: socket.socket) -> None:
        read_request(sock)
        for part in parts:
            sock.sendall(part)
        wait_gone(sock)

    return play


def closes_after(*parts: bytes) -> Script:
    def play(sock: socket.socket) -> None:
        read_request(sock)
        for part in parts:
            sock.sendall(part)

    return play


def resets_after(*parts: bytes) -> Script:
    def play(sock: socket.socket) -> None:
        read_request(sock)
        for part in parts:
            sock.sendall(part)
        time.sleep(0.1)
        reset(sock)

    return play


def floods(start: bytes, piece: bytes) -> Script:
    def play(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(start)
        flood(sock, piece)

    return play


def drips(start: bytes, data: bytes) -> Script:
    def play(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(start)
        drip(sock, data)

    return play


def pressed(pieces: Iterator[bytes], wbits: int) -> Iterator[bytes]:
    machine = zlib.compressobj(9, wbits=wbits)
    for piece in pieces:
        yield machine.compress(piece) + machine.flush(zlib.Z_SYNC_FLUSH)


def bomb(coding: bytes, piece: bytes, wbits: int) -> Script:
    """Grows a thousand times when it is unpacked, and does not end."""

    def play(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(EVENTS + b"Content-Encoding: " + coding + b"\r\n\r\n")
        for data in pressed((piece for _ in range(2000)), wbits):
            sock.sendall(data)

    return play


def greets(data: bytes) -> Script:
    """Speaks before it is asked."""

    def play(sock: socket.socket) -> None:
        sock.sendall(data)
        wait_gone(sock)

    return play


def silent(sock: socket.socket) -> None:
    wait_gone(sock)


def many_headers(count: int) -> bytes:
    return b"".join(b"X-%d: y\r\n" % number for number in range(count))


def tool_calls(sock: socket.socket) -> None:
    read_request(sock)
    sock.sendall(UNTIL_CLOSED)
    number = 0
    while True:
        call = {"index": number, "id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}
        sock.sendall(delta("", tool_calls=[call]))
        number += 1


def deep(opening: bytes, closing: bytes, depth: int) -> bytes:
    return opening * depth + closing * depth


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


DEEP_CONTENT = b'{"choices":[{"index":0,"delta":{"content":' + deep(b'{"a":', b"}", 100_000) + b"0}}]}"

ATTACKS: dict[str, Script] = {
    # streams without an end
    "endless-text": floods(UNTIL_CLOSED, HELLO),
    "endless-pings": floods(UNTIL_CLOSED, b": ping\n\n"),
    "endless-blank-lines": floods(UNTIL_CLOSED, b"\n"),
    "endless-empty-deltas": floods(UNTIL_CLOSED, delta("")),
    "endless-one-byte-chunks": floods(CHUNKED, b"1\r\n:\r\n1\r\n\n\r\n"),
    "endless-tool-calls": tool_calls,
    "endless-spaces-before-anything": floods(UNTIL_CLOSED, b" "),
    "endless-json-answer": floods(OK + b"Content-Type: application/json\r\n\r\n{", b'"a": 1, '),
    "endless-html": floods(OK + b"Content-Type: text/html\r\n\r\n<html>", b"<p>hello</p>"),
    "endless-error-body": floods(b"HTTP/1.1 500 Oh no\r\n\r\n", b"no! "),
    # events
    "event-of-50-mb": sends(UNTIL_CLOSED, HELLO, event(b'{"x": "' + b"x" * (50 * MIB) + b'"}')),
    "line-without-end": floods(UNTIL_CLOSED + HELLO + b"data: ", b"x"),
    "event-of-endless-lines": floods(UNTIL_CLOSED + HELLO, b"data: x\n"),
    "event-of-endless-fields": floods(UNTIL_CLOSED + HELLO, b"id: x\n"),
    "deep-lists": sends(UNTIL_CLOSED, HELLO, event(deep(b"[", b"]", 500_000))),
    "deep-objects": sends(UNTIL_CLOSED, HELLO, event(deep(b'{"a":', b"}", 100_000))),
    "deep-content": sends(UNTIL_CLOSED, HELLO, event(DEEP_CONTENT)),
    "deep-json-answer": closes_after(OK + b"\r\n", deep(b'{"choices":[', b"]}", 100_000)),
    "number-of-a-million-digits": sends(
        UNTIL_CLOSED, HELLO, event(b'{"choices":[{"index":' + b"1" * MIB + b',"delta":{"content":"x"}}]}')
    ),
    "bad-utf-8": closes_after(UNTIL_CLOSED, HELLO, event(b'{"choices":[{"delta":{"content":"\xff\xc3"}}]}')),
    "nul-bytes": sends(UNTIL_CLOSED, HELLO, event(b"\0" * 1000)),
    # compression
    "gzip-bomb": bomb(b"gzip", bytes(MIB), 31),
    "deflate-bomb": bomb(b"deflate", b" " * MIB, -15),
    "gzip-bomb-of-events": bomb(b"gzip", HELLO * 5000, 31),
    "gzip-bomb-in-a-bomb": sends(
        EVENTS + b"Content-Encoding: gzip, gzip\r\n\r\n", gzip.compress(gzip.compress(bytes(50 * MIB)))
    ),
    "gzip-of-empty-members": floods(EVENTS + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
    "gzip-that-is-none": sends(EVENTS + b"Content-Encoding: gzip\r\n\r\n", b"hello there"),
    "brotli": sends(EVENTS + b"Content-Encoding: br\r\n\r\n", b"hello there"),
    # heads
    "slow-head": drips(b"", EVENTS),
    "slow-header": drips(OK + b"X: ", b"x"),
    "head-of-100-mb": sends(OK, *[b"X-%d: " % n + b"x" * MIB + b"\r\n" for n in range(100)]),
    "header-without-end": floods(OK + b"X: ", b"x"),
    "headers-without-end": floods(OK, b"X: y\r\n"),
    "many-headers": sends(OK + many_headers(4000) + b"\r\n", HELLO),
    "reason-without-end": floods(b"HTTP/1.1 200 ", b"O"),
    "interim-without-end": floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim-now-and-then": drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "garbage-status-line": sends(b"HTTP/1.1 two hundred\r\n\r\n"),
    "garbage": sends(bytes(range(256)) * 100),
    "http-0.9": closes_after(b"<html>hello</html>"),
    "nul-in-a-header": sends(OK + b"X: a\0b\r\n\r\n", HELLO),
    "two-lengths": sends(EVENTS + b"Content-Length: 5\r\nContent-Length: 500\r\n\r\n", HELLO),
    "length-and-chunks": sends(EVENTS + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HELLO),
    "negative-length": sends(EVENTS + b"Content-Length: -5\r\n\r\n", HELLO),
    "length-past-64-bits": sends(EVENTS + b"Content-Length: 99999999999999999999999\r\n\r\n", HELLO),
    # chunks
    "negative-chunk": sends(CHUNKED, b"%x\r\n" % len(HELLO) + HELLO + b"\r\n-5\r\nhello\r\n"),
    "chunk-past-64-bits": sends(CHUNKED, b"fffffffffffffffff\r\n", HELLO),
    "huge-chunk": floods(CHUNKED + b"7fffffffffffffff\r\n", b": ping\n\n"),
    "chunk-size-with-junk": sends(CHUNKED, b"5 junk\r\nhello\r\n"),
    "chunk-extension-without-end": floods(CHUNKED + b"5;", b"x=y;"),
    "trailers-without-end": floods(CHUNKED + b"%x\r\n" % len(HELLO) + HELLO + b"\r\n0\r\n", b"X: y\r\n"),
    # connections
    "closes-at-once": lambda sock: None,
    "resets-at-once": reset,
    "never-answers": silent,
    "closes-in-a-chunk": closes_after(CHUNKED, b"ffff\r\n" + HELLO),
    "resets-in-a-chunk": resets_after(CHUNKED, b"ffff\r\n" + HELLO),
    "resets-in-the-head": resets_after(OK + b"Content-Type: te"),
    "greets-first": greets(b"220 mail.test ESMTP\r\n"),
    "greets-without-end": lambda sock: flood(sock, b"hello "),
    "error-then-silence": sends(b"HTTP/1.1 429 Slow down\r\nContent-Length: 100\r\n\r\n{"),
    # TLS
    "tls-garbage": greets(b"\x16\x03\x03\x7f\xff" + bytes(range(256)) * 200),
    "tls-flood": lambda sock: flood(sock, b"\x17\x03\x03\x00\x05hello"),
    "tls-silence": silent,
    "tls-alert": greets(b"\x15\x03\x01\x00\x02\x02\x46"),
    "tls-closes-at-once": lambda sock: None,
}


def serve(listener: socket.socket, script: Script) -> None:
    while True:
        sock, _ = listener.accept()
        sock.settimeout(60)
        threading.Thread(target=play, args=(sock, script), daemon=True).start()


def play(sock: socket.socket, script: Script) -> None:
    with sock, contextlib.suppress(OSError):
        script(sock)


def main() -> None:
    ports = {}
    for name, script in ATTACKS.items():
        listener = socket.create_server(("127.0.0.1", 0))
        ports[name] = listener.getsockname()[1]
        threading.Thread(target=serve, args=(listener, script), daemon=True).start()
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
