"""An answer as bytes on the socket: its head, its body in HTTP/1.1's framing, and the faults of both.

The steps that come out are what is written. The last one carries the end of the body together with its last
bytes, so that whoever writes them can close the record before the client knows of the end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from greenroom.providers.simulator.floods import header_blocks
from greenroom.providers.simulator.reply import Ending, HttpRequest, Reply, Step
from greenroom.providers.simulator.script_faults import Drip

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Framing:
    """`close`: the connection ends after this answer, by wish of either side or as the end of the body."""

    steps: Iterator[Step]
    close: bool
    down_s: float | None = None


def framing_of(reply: Reply, request: HttpRequest | None, number: int, now_at_s: float) -> Framing:
    """The framing of this reply to this request (None: to bytes that were no request)."""
    if reply.instead is not None:
        return Framing(iter((Step(b"", reply.delay_s, ending=reply.instead),)), True, reply.down_s)
    old = reply.http.http_1_0 or (request is not None and request.http_1_0)
    steps: Iterable[Step] = reply.steps
    length, form = reply.length, reply.http.framing
    if form == "length" and length is None:
        steps = tuple(steps)
        length = sum(len(step.data) for step in steps)
    elif form is not None and form != "length":
        length = None
    chunked = length is None and form != "close" and not old
    ends_by_close = length is None and not chunked
    close = reply.close or request is None or not request.keep_alive or ends_by_close
    lines = _lines(reply, number, now_at_s)
    if length is not None:
        lines.append(f"content-length: {max(0, length + reply.http.length_off_by)}")
    elif chunked:
        lines.append("transfer-encoding: chunked")
        if reply.http.trailers:
            lines.append(f"trailer: {', '.join(reply.http.trailers)}")
    if close or old:
        lines.append(f"connection: {'close' if close else 'keep-alive'}")
    body = _chunks(steps, _trailers(reply)) if chunked else _plain(steps)
    raw = _with_faults(_head_steps(reply, lines), body, reply)
    return Framing(raw, close or reply.http.length_off_by > 0, reply.down_s)


def _lines(reply: Reply, number: int, now_at_s: float) -> list[str]:
    lines = [
        f"HTTP/1.{0 if reply.http.http_1_0 else 1} {reply.status} {_REASONS.get(reply.status, 'Unknown')}",
        f"date: {formatdate(now_at_s, usegmt=True)}",
        "server: greenroom-simulator",
    ]
    if reply.request_id_header not in {name.lower() for name, _ in reply.headers}:
        lines.append(f"{reply.request_id_header}: req_sim_{number}")
    return lines + [f"{name}: {value}" for name, value in reply.headers]


def _head_steps(reply: Reply, lines: list[str]) -> Iterator[Step]:
    interim = b"".join(
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Interim')}\r\n\r\n".encode()
        for status in reply.http.interim
    )
    garbage = reply.head_garbage
    if garbage is not None:
        lines = lines[1:]
    head = interim + (garbage or b"") + "\r\n".join((*lines, "")).encode("latin-1")
    if reply.head_flood is None:
        yield Step(head + b"\r\n", reply.delay_s)
        return
    yield Step(head, reply.delay_s)
    yield from (Step(block) for block in header_blocks(reply.head_flood))
    yield Step(b"\r\n")


def _trailers(reply: Reply) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in reply.http.trailers.items())
    return b"0\r\n" + lines.encode("latin-1") + b"\r\n"


def _chunks(steps: Iterable[Step], end: bytes) -> Iterator[Step]:
    """Each step a chunk; the last one with the end of the body behind it."""
    last: Step | None = None
    for step in steps:
        if last is not None:
            yield last
        data, delay_s, deltas, ending, framed, _ = step
        size = len(data)
        if size and framed:
            data = b"%x\r\n%b\r\n" % (size, data)
        last = Step(data, delay_s, deltas, ending, framed, size if framed else 0)
        if ending is not None:
            break
    last = last or Step(b"")
    if last.ending in (None, Ending.END):
        last = last._replace(data=last.data + end, ending=Ending.END)
    yield last


def _plain(steps: Iterable[Step]) -> Iterator[Step]:
    last: Step | None = None
    for step in steps:
        if last is not None:
            yield last
        last = step._replace(body_bytes=len(step.data))
        if step.ending is not None:
            break
    last = last or Step(b"")
    yield last if last.ending else last._replace(ending=Ending.END)


def _with_faults(head: Iterator[Step], body: Iterator[Step], reply: Reply) -> Iterator[Step]:
    drip = reply.drip
    if reply.head_cut is not None:
        head = _cut_head(head, reply.head_cut.after_head_bytes or 0, Ending(reply.head_cut.how))
    elif drip is None:
        return _joined(head, body)
    if drip is not None and drip.head:
        head = _dripped(head, drip)
    return _joined(head, body if drip is None else _dripped(body, drip))


def _joined(head: Iterator[Step], body: Iterator[Step]) -> Iterator[Step]:
    for step in head:
        yield step
        if step.ending is not None:
            return
    yield from body


def _cut_head(steps: Iterator[Step], limit: int, ending: Ending) -> Iterator[Step]:
    for step in steps:
        if len(step.data) > limit:
            yield step._replace(data=step.data[:limit], ending=ending)
            return
        limit -= len(step.data)
        yield step


def _dripped(steps: Iterator[Step], drip: Drip) -> Iterator[Step]:
    """The same bytes, a few at a time. A step's deltas and ending come with the last of its bytes."""
    for step in steps:
        data, delay_s, body_bytes = step.data, step.delay_s, step.body_bytes
        while len(data) > drip.size_bytes:
            part, data = data[: drip.size_bytes], data[drip.size_bytes :]
            told = min(body_bytes, len(part))
            yield Step(part, delay_s, body_bytes=told)
            body_bytes, delay_s = body_bytes - told, drip.every_s
        yield step._replace(data=data, delay_s=max(delay_s, drip.every_s), body_bytes=body_bytes)
