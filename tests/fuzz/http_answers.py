"""HTTP answers made at random: well formed, with what they say; and then broken in the ways that matter."""

import gzip
import zlib
from dataclasses import dataclass, replace
from random import Random

_BYTES_MAX = 80_000
"""More than a head may have, and little enough for many cases a second."""
_NAMES = ("X-A", "x-request-id", "Server", "Date", "Vary", "a", "X-Ratelimit-Remaining-Tokens", "Set-Cookie")
_VALUES = (
    b"",
    b"y",
    b'a, b; c="d"',
    b"\xe9\xff",
    b"x" * 300,
    b"\t tab ",
    b"gzip",
    b"0",
    b"close",
    b"chunked",
)
_REASONS = (b" OK", b"", b" ", b" \xff strange", b" a b c")
_EXTENSIONS = (b"", b";x", b";x=y", b';x="a;b"', b";ext=" + b"z" * 100)
_JUNK = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b"-1", b"0\r\n\r\n", b"ffffffffffffffffff\r\n",
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"Content-Length: 7\r\n", b"\x1f\x8b\x08",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Content-Encoding: br\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Connection: upgrade\r\n",
    b"Upgrade: h2c\r\n", b"Content-Encoding: gzip\r\n", b" folded\r\n", b"\x16\x03\x01\x02\x00",
    b"7fffffffffffffff\r\n",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """Bytes of one answer, and what they say where they are well formed."""

    data: bytes
    method: str
    status: int
    body: bytes
    until_close: bool
    keep: bool
    """The connection may serve another exchange."""
    intact: bool = True


def answer(rng: Random) -> Answer:
    """A well-formed one."""
    method = rng.choice(["GET", "POST", "POST", "HEAD"])
    status = rng.choice([200, 200, 200, 200, 201, 204, 304, 307, 404, 429, 500, 599])
    old = rng.random() < 0.1
    kinds = [b"data: {}\n\n", b": ping\n\n", rng.randbytes(9)]
    body = b"".join(rng.choices(kinds, k=rng.randrange(40)))
    lines = [b"HTTP/1.%d %d" % (0 if old else 1, status) + rng.choice(_REASONS)]
    lines += [_header(rng) for _ in range(rng.randrange(6))]
    persistent = _connection(rng, lines, old)
    bodyless = method == "HEAD" or status in (204, 304)
    wire = body
    if body and not bodyless and rng.random() < 0.4:
        wire = _compressed(rng, lines, body)
    framing = rng.choice(["length", "chunked", "chunked", "close"])
    if bodyless or (old and framing == "chunked"):
        framing = "none" if bodyless and rng.random() < 0.5 else "length"
    wire = _framed(rng, lines, wire, framing)
    if bodyless:
        body = wire = b""
    data = _interim(rng) + b"\r\n".join(lines) + b"\r\n\r\n" + wire
    # A length without a body to it ends our trust in the connection; HEAD without one is read until it closes.
    keep = persistent and framing != "close" and not (bodyless and (framing == "length" or method == "HEAD"))
    return Answer(data, method, status, body, framing == "close", keep)


def _header(rng: Random) -> bytes:
    space = rng.choice([b"", b" ", b"  ", b"\t"])
    return rng.choice(_NAMES).encode() + b":" + space + rng.choice(_VALUES)


def _connection(rng: Random, lines: list[bytes], old: bool) -> bool:
    said = rng.choice([b"", b"", b"close", b"keep-alive", b"Keep-Alive", b"foo, close"])
    if said:
        lines.append(b"Connection: " + said)
    if rng.random() < 0.2:
        lines.append(b"Keep-Alive: timeout=%d, max=9" % rng.randrange(100))
    return said.lower() == b"keep-alive" if old else b"close" not in said


def _compressed(rng: Random, lines: list[bytes], body: bytes) -> bytes:
    coding = rng.choice([b"gzip", b"x-gzip", b"deflate", b"raw"])
    lines.append(b"Content-Encoding: " + (b"deflate" if coding == b"raw" else coding))
    if coding.endswith(b"gzip"):
        half = rng.randrange(len(body))
        return gzip.compress(body[:half]) + gzip.compress(body[half:]) if half else gzip.compress(body)
    machine = zlib.compressobj(wbits=15 if coding == b"deflate" else -15)
    return machine.compress(body) + machine.flush()


def _framed(rng: Random, lines: list[bytes], wire: bytes, framing: str) -> bytes:
    if framing == "length":
        lines.insert(rng.randrange(1, len(lines) + 1), b"Content-Length: %d" % len(wire))
    if framing != "chunked":
        return wire
    lines.insert(
        rng.randrange(1, len(lines) + 1), b"Transfer-Encoding: " + rng.choice([b"chunked", b"Chunked"])
    )
    parts, at = [], 0
    while at < len(wire):
        part = wire[at : at + rng.choice([1, 2, 16, 200])]
        at += len(part)
        size = rng.choice([b"%x", b"%X", b"00%x"]) % len(part)
        parts.append(size + rng.choice(_EXTENSIONS) + b"\r\n" + part + b"\r\n")
    trailers = b"".join(_header(rng) + b"\r\n" for _ in range(rng.randrange(3)))
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


def _interim(rng: Random) -> bytes:
    kinds = [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 P\r\n\r\n",
        b"HTTP/1.1 103 E\r\nLink: x\r\n\r\n",
    ]
    return b"".join(rng.choices(kinds, k=rng.choice([0, 0, 0, 1, 4])))


def broken(rng: Random, one: Answer) -> Answer:
    """It may say anything now, or still the same."""
    data = one.data
    for _ in range(rng.choice([1, 1, 2, 5])):
        data = rng.choice(_BREAKS)(rng, data)[:_BYTES_MAX]
    return replace(one, data=data, intact=False)


def _insert(rng: Random, data: bytes) -> bytes:
    at = _edge(rng, data)
    return data[:at] + rng.choice(_JUNK) + data[at:]


def _delete(rng: Random, data: bytes) -> bytes:
    at = _edge(rng, data)
    return data[:at] + data[at + rng.choice([1, 2, 4, 30]) :]


def _flip(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _twice(rng: Random, data: bytes) -> bytes:
    first, last = sorted((_edge(rng, data), _edge(rng, data)))
    return data[:last] + data[first:last] * rng.choice([1, 1, 50]) + data[last:]


def _truncate(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _splice(rng: Random, data: bytes) -> bytes:
    other = answer(rng).data
    return data[: _edge(rng, data)] + other[_edge(rng, other) :]


def _append(rng: Random, data: bytes) -> bytes:
    return data + rng.choice([rng.randbytes(20), answer(rng).data, b"\r\n", b"\0"])


def _bare(rng: Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", rng.choice([b"\n", b"\r", b"\r\r\n"]), rng.choice([1, 2, -1]))


def _edge(rng: Random, data: bytes) -> int:
    """Where something begins or ends, or anywhere."""
    at = rng.randrange(len(data) + 1)
    if rng.random() < 0.6:
        found = data.find(rng.choice([b"\r\n", b":", b"\n", b" ", b";"]), at)
        at = found + rng.choice([0, 0, 1, 2]) if found >= 0 else at
    return at


_BREAKS = (_insert, _insert, _delete, _flip, _flip, _twice, _truncate, _splice, _append, _bare)


def cut(rng: Random, data: bytes, read_bytes_max: int) -> list[bytes]:
    """The reads that bring it."""
    style = rng.choice(["whole", "bytes", "few", "many"])
    size = {"whole": read_bytes_max, "bytes": 1, "few": 1 + len(data) // 3, "many": 7}[style]
    reads, at = [], 0
    while at < len(data):
        step = size if style in ("whole", "bytes") else rng.randrange(1, 2 * size)
        reads.append(data[at : at + min(step, read_bytes_max)])
        at += len(reads[-1])
    return reads
