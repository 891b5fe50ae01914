"""Server-sent events, without I/O: bytes cut anywhere go in, events come out. Every transport shares it.

Framing is ours: line ends, byte order mark, blank lines, the size bound and the tail that a server left
without its blank line. An event that is one `data:` line, or one `event:` and one `data:` line, is read
here; the fields of any other are read with sseclient-py. Where that library departs from the standard
(https://html.spec.whatwg.org/multipage/server-sent-events.html) the block is put right before it is asked:

- it decodes strictly: invalid UTF-8 is replaced by U+FFFD first, as the standard says;
- it takes ids that hold NUL and retry values that are no numbers: such lines are taken out;
- it forgets the id of a block without data: every block gets one empty data line, taken off again;
- it joins lines one by one, quadratic in a long block: a block of many lines is folded before.

Linear in the bytes fed: each is searched once and copied a fixed number of times.
"""

import re
from typing import NamedTuple, NoReturn

from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.whole_json import is_json

_BOM = b"\xef\xbb\xbf"
STRAY_BYTES = 4096
_MANY_LINES = 64
_LONE_CR = re.compile(rb"\r(?!\n)").search


class SseEvent(NamedTuple):
    """One event. `data` is UTF-8 as it came, except that invalid bytes may stand in it (see `text`)."""

    event: str
    data: bytes
    id: str = ""
    """The last event id when this one was dispatched."""
    retry: int | None = None

    @property
    def text(self) -> str:
        """The data with U+FFFD for what was not UTF-8."""
        return self.data.decode("utf-8", "replace")


class SseError(Exception):
    """The stream broke our bound. `events` are those that were whole before; nothing can follow."""

    def __init__(self, evidence: ErrorEvidence, events: list[SseEvent]) -> None:
        super().__init__(evidence.message)
        self.evidence = evidence
        self.events = events


def over_bound(what: str, limit: int, events: list[SseEvent]) -> SseError:
    """`what` was larger than one event may be; `events` came before it."""
    message = f"{what} is larger than max_event_bytes ({limit} bytes)"
    return SseError(
        ErrorEvidence(kind="bound", clock="max_event_bytes", message=message, phase="body"), events
    )


class Framer:
    """Of a decoder: the bytes of an unfinished frame, their bound, and one byte order mark. One owner."""

    __slots__ = ("_buffer", "_failed", "_limit", "_started", "stray")

    _frame = "an event of the stream"
    """What is larger than the bound, as the failure says it."""
    _half_end = b"\n"
    """Last in the buffer this may be half of what ends a frame: no part of it."""

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._buffer = bytearray()
        self._started = False
        self._failed = False
        self.stray = b""

    def _start(self, data: bytes) -> bytes:
        """Drops one byte order mark, however it is cut."""
        if not self._buffer and data and not data.startswith(_BOM[:1]):
            self._started = True
            return data
        data = bytes(self._buffer) + data
        self._buffer.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._buffer += data
            return b""
        self._started = True
        return data.removeprefix(_BOM)

    def _bounded(self, events: list[SseEvent]) -> list[SseEvent]:
        held = self._buffer
        if len(held) > self._limit and len(held.removesuffix(self._half_end)) > self._limit:
            self._fail(events)
        return events

    def _fail(self, events: list[SseEvent]) -> NoReturn:
        self._failed = True
        self._buffer.clear()
        raise over_bound(self._frame, self._limit, events)


class SseDecoder(Framer):
    """One stream's framing. One owner; holds at most one unfinished event of `max_event_bytes`.

    `error_field`: a block that is a field `error:`, which the standard does not know, is an event of that name.
    GPUStack sends its errors so. `stray`: the newest block that was no event, what a server sent that does not
    speak SSE. Cut to 4 KiB.
    """

    __slots__ = ("_after_cr", "_error_field", "_last_id", "_name", "_named", "comments")

    def __init__(self, max_event_bytes: int, error_field: bool = False) -> None:
        super().__init__(max_event_bytes)
        self._error_field = error_field
        self._after_cr = False
        self._last_id = ""
        # How the newest named event began, up to its data, and its name: streams repeat one name.
        self._named, self._name = b"event:", ""
        self.comments = 0
        """Comment lines seen: signs of life without meaning."""

    @property
    def at_rest(self) -> bool:
        """Between two events: the next byte begins one."""
        return self._started and not self._buffer and not self._after_cr and not self._failed

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes completed. Raises SseError at an event over the bound, once."""
        if self._failed:
            return []
        if not self._started:
            data = self._start(data)
        if self._after_cr or b"\r" in data:
            data = self._newlines(data)
        buffer = self._buffer
        if buffer:
            # Invariant: the buffer holds no blank line; one can only come with the new bytes.
            ends = b"\n\n" in data or (buffer[-1] == 10 and data[:1] == b"\n")
            buffer += data
            if not ends:
                return self._bounded([])
            data = bytes(buffer)
            buffer.clear()
        blocks = data.split(b"\n\n")
        buffer += blocks.pop()
        return self._bounded(self._read(blocks))

    def finish(self, clean: bool) -> list[SseEvent]:
        """The body ended. A last event without its blank line counts if the end was clean and it is whole:
        every line ended, or its data is `[DONE]` or one JSON value."""
        tail, self._buffer = bytes(self._buffer), bytearray()
        if self._failed or not clean or not tail.strip(b"\n"):
            return []
        events = self._read([tail])
        if tail.endswith(b"\n") or all(_is_whole(event.data) for event in events):
            return events
        return []

    def _newlines(self, data: bytes) -> bytes:
        """CR and CRLF become LF: line ends are all the same and are never data."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or data.endswith(b"\r")
        if _LONE_CR(data) is None:
            return data.replace(b"\r", b"")  # an eighth of what two bytes cost to replace
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _read(self, blocks: list[bytes]) -> list[SseEvent]:
        """The hot path: a block of one `data:` line, or `event:` and `data:`, costs one tuple."""
        events: list[SseEvent] = []
        limit, last_id, new = self._limit, self._last_id, tuple.__new__
        named, size, name = self._named, len(self._named), self._name
        for block in blocks:
            if len(block) > limit:
                self._fail(events)
            if block[:6] == b"data: " and b"\n" not in block:
                # What SseEvent(...) does, without its argument parsing.
                events.append(new(SseEvent, ("message", block[6:], last_id, None)))
                continue
            if name and block.startswith(named) and block.find(b"\n", size) < 0:
                events.append(new(SseEvent, (name, block[size:], last_id, None)))
                continue
            event = self._short(block) or self._any(block.lstrip(b"\n"))
            last_id, named, size, name = self._last_id, self._named, len(self._named), self._name
            if event is not None:
                events.append(event)
        return events

    def _short(self, block: bytes) -> SseEvent | None:
        head, _, rest = block.partition(b"\n")
        if head[:5] == b"data:" and not rest:
            return SseEvent("message", head[6 if head[5:6] == b" " else 5 :], self._last_id)
        if head[:6] != b"event:" or rest[:5] != b"data:" or b"\n" in rest:
            return None
        name = head[7 if head[6:7] == b" " else 6 :].decode("utf-8", "replace") or "message"
        if rest[5:6] == b" ":
            self._named, self._name = head + b"\ndata: ", name
        return SseEvent(name, rest[6 if rest[5:6] == b" " else 5 :], self._last_id)

    def _any(self, block: bytes) -> SseEvent | None:
        if block[:1] == b":" and b"\n" not in block:
            self.comments += 1
            return None
        event = self._fields(block) if block else None
        if event is None and block and not block.startswith((b":", b"id:", b"retry:", b"event:")):
            self.stray = block[:STRAY_BYTES]
            if self._error_field and block.startswith(b"error:"):
                return SseEvent("error", block.partition(b"\n")[0][6:].lstrip(b" "), self._last_id)
        return event

    def _fields(self, block: bytes) -> SseEvent | None:
        """Any block, its field lines read by sseclient-py. Keeps the id that the block sets."""
        from sseclient import SSEClient

        lines = _repaired(block).split(b"\n")
        self.comments += sum(line[:1] == b":" for line in lines)
        data: list[bytes] | None = None
        if len(lines) > _MANY_LINES:
            lines, data = _folded(lines)
        whole = b"\n".join([b"data", *(line for line in lines if _is_field(line)), b"", b""])
        read = next(SSEClient(iter((whole,))).events())
        if read.id is not None:
            self._last_id = read.id
        retry = int(read.retry) if read.retry else None
        if data is not None:
            return SseEvent(read.event, b"\n".join(data), self._last_id, retry) if data else None
        if not read.data:
            return None
        return SseEvent(read.event, read.data[1:].encode(), self._last_id, retry)


def _repaired(block: bytes) -> bytes:
    try:
        block.decode()
    except UnicodeDecodeError:
        return block.decode("utf-8", "replace").encode()
    return block


def _is_field(line: bytes) -> bool:
    """False for lines that the standard ignores though sseclient-py would take them."""
    if line[:3] == b"id:":
        return b"\0" not in line
    if line[:6] == b"retry:":
        digits = line[7 if line[6:7] == b" " else 6 :]
        return digits.isdigit() and len(digits) <= 15
    return line not in (b"", b"retry")


def _folded(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The newest line of each other field, and the values of all data lines."""
    data: list[bytes] = []
    newest: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name in (b"id", b"event", b"retry") and _is_field(line):
            newest[name] = line
    return list(newest.values()), data


def _is_whole(data: bytes) -> bool:
    return data.strip() == b"[DONE]" or is_json(data)
