"""Framing: bytes made of line-sized pieces, cut at random. A slow reader written from the standard judges."""

from random import Random

from greenroom.providers.sse import SseDecoder, SseError, SseEvent

_LINES = (
    b"data: x", b"data:y", b"data", b"data:", b"data:  two", b"event: e", b"event:", b"event", b"id: 1", b"id",
    b"id: \0", b"retry: 9", b"retry: z", b"retry: " + b"9" * 30, b"retry", b": c", b":", b"other: 1", b" data: x",
    b"data: \xff\xfe", b"data: \xe2\x80\xa8\xc3\xa9", b"\xef\xbb\xbfdata: b", b"data: [DONE]", b'data: {"a":1}',
    b'error: {"message":"m"}', b"event: \xff", b"id: \xe2\x82", b"dat", b"datax: 1",
)  # fmt: skip
_ENDS = (b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r", b"")
_LIMITS = (16, 64, 1024, 4 * 1024 * 1024)


def sse_case(rng: Random) -> None:
    data, limit = _bytes(rng), rng.choice(_LIMITS)
    whole, failed = _decoded(data, [], limit)
    assert _decoded(data, _cuts(rng, len(data)), limit) == (whole, failed)
    assert _decoded(data, [1] * len(data), limit) == (whole, failed)
    if not failed:
        assert [(e.event, e.text, e.id) for e in whole] == _by_the_standard(data)


def _bytes(rng: Random) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        return rng.randbytes(rng.randrange(400))
    pieces = [rng.choice(_LINES) + rng.choice(_ENDS) for _ in range(rng.choice((3, 10, 40, 200)))]
    if kind == 1:
        at = rng.randrange(len(pieces))
        pieces[at] = pieces[at] * rng.randrange(1, 300)
    data = bytearray((b"\xef\xbb\xbf" if rng.random() < 0.2 else b"") + b"".join(pieces))
    for _ in range(rng.choice((0, 0, 1, 5)) if data else 0):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _cuts(rng: Random, size: int) -> list[int]:
    largest = rng.choice((2, 9, 100))
    return [rng.randrange(0, largest) for _ in range(min(size, 500))]


def _decoded(data: bytes, sizes: list[int], limit: int) -> tuple[list[SseEvent], bool]:
    decoder, events, at = SseDecoder(limit), list[SseEvent](), 0
    for size in [*sizes, len(data)]:
        try:
            events += decoder.feed(data[at : at + size])
        except SseError as error:
            events += error.events
            break
        at += size
        held = len(decoder._buffer)
        assert held <= limit + 1, f"{held} bytes held, {limit} allowed"
    else:
        return events, False
    assert decoder.feed(b"data: x\n\n") == decoder.finish(clean=True) == []
    return events, True


def _by_the_standard(data: bytes) -> list[tuple[str, str, str]]:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation"""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, name, last_id = list[tuple[str, str, str]](), "", ""
    values: list[str] = []
    for raw in text.split(b"\n")[:-1]:
        line = raw.decode("utf-8", "replace")
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if values:
                events.append((name or "message", "\n".join(values), last_id))
            name, values = "", []
        elif field == "data":
            values.append(value)
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            last_id = value
    return events
