"""Events, headers and bodies of any size, made block by block as they go out: nothing of them is kept."""

import zlib
from collections.abc import Callable, Iterator
from itertools import count
from typing import Literal

from greenroom.providers.simulator.reply import Step
from greenroom.providers.simulator.script_faults import Flood

_BLOCK_BYTES = 64 * 1024
_BOMB_BLOCK_BYTES = 1024 * 1024
_MARK = "@@"


def flood_steps(flood: Flood, event: Callable[[str], bytes]) -> Iterator[Step]:
    """The flood as steps of a body. `event`: an event with this text."""
    if flood.kind == "stream":
        yield from _stream(flood.size, event("flood "))
    elif flood.kind == "deep_json":
        yield Step(b'data: {"choices":')
        yield from (Step(block) for block in _filled(b"[", flood.size))
        yield from (Step(block) for block in _filled(b"]", flood.size))
        yield Step(b"}\n\n", 0.0, 1)
    elif flood.kind == "line":
        yield Step(b"data: ")
        yield from (Step(block) for block in _filled(b"x", flood.size))
        yield Step(b"\n\n", 0.0, 1)
    else:
        head, tail = _around(event)
        yield Step(head)
        yield from (Step(block) for block in _filled(b"0", flood.size))
        yield Step(tail, 0.0, 1)


def header_blocks(flood: Flood) -> Iterator[bytes]:
    """Lines that stand in a head: one long one, or many."""
    if flood.kind == "header":
        yield b"x-flood: "
        yield from _filled(b"h", flood.size)
        yield b"\r\n"
        return
    for start in range(0, flood.size, 1000):
        numbers = range(start, min(start + 1000, flood.size))
        yield b"".join(b"x-flood-%d: %d\r\n" % (number, number) for number in numbers)


def bomb(kind: Literal["gzip", "deflate"], size: int, event: Callable[[str], bytes]) -> Iterator[Step]:
    """A compressed body that grows to one event of about `size` bytes: a thousandth of it goes out.

    One block is compressed once and sent again and again: a full flush makes it stand for itself.
    """
    head, tail = _around(event)
    block = b"0" * min(_BOMB_BLOCK_BYTES, size)
    packed = _flushed(block)
    check = zlib.crc32 if kind == "gzip" else zlib.adler32
    yield Step(b"\x1f\x8b\x08\0\0\0\0\0\0\x03" if kind == "gzip" else b"\x78\x01")
    summed, grown = check(head), len(head)
    yield Step(_flushed(head))
    for _ in range(size // len(block)):
        summed, grown = check(block, summed), grown + len(block)
        yield Step(packed)
    yield Step(_flushed(tail), 0.0, 1)
    summed, grown = check(tail, summed), grown + len(tail)
    end = b"\x03\x00"  # an empty last block
    if kind == "gzip":
        yield Step(end + summed.to_bytes(4, "little") + (grown % 2**32).to_bytes(4, "little"))
    else:
        yield Step(end + summed.to_bytes(4, "big"))


def compressed(steps: Iterator[Step], encoding: Literal["gzip", "deflate", "raw_deflate"]) -> Iterator[Step]:
    """The same steps with their data compressed, each flushed so that a client can read it at once."""
    packer = zlib.compressobj(wbits={"gzip": 31, "deflate": 15, "raw_deflate": -15}[encoding])
    for step in steps:
        if not step.framed:
            yield step
            continue
        yield step._replace(data=packer.compress(step.data) + packer.flush(zlib.Z_SYNC_FLUSH))
    yield Step(packer.flush())


def _stream(size: int, event: bytes) -> Iterator[Step]:
    for _ in count() if size == 0 else range(max(1, size // len(event))):
        yield Step(event, 0.0, 1)


def _filled(unit: bytes, size: int) -> Iterator[bytes]:
    block = unit * min(size, _BLOCK_BYTES)
    for _ in range(size // _BLOCK_BYTES):
        yield block
    if rest := size % _BLOCK_BYTES:
        yield block[:rest]


def _around(event: Callable[[str], bytes]) -> tuple[bytes, bytes]:
    head, _, tail = event(_MARK).partition(_MARK.encode())
    return head, tail


def _flushed(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
