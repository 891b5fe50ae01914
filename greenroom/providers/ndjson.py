"""Newline-delimited JSON, without I/O: bytes cut anywhere go in, one event a line comes out.

A line ends with LF or CRLF; inside a line neither can stand, for JSON writes line ends as `\\n`. Blank lines are
signs of life without meaning. Events are those of server-sent events, named "message", so that one decoder reads
both. Source: https://github.com/ndjson/ndjson-spec.

Linear in the bytes fed: each is searched once and copied a fixed number of times.
"""

from typing import NoReturn

from pydantic_core import from_json

from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.sse import SseError, SseEvent

_BOM = b"\xef\xbb\xbf"
_STRAY_BYTES = 4096


class NdjsonDecoder:
    """One stream's framing. One owner; holds at most one unfinished line of `max_event_bytes`."""

    __slots__ = ("_buffer", "_failed", "_limit", "_started", "stray")

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._buffer = bytearray()
        self._started = False
        self._failed = False
        self.stray = b""
        """The last line, where it was cut. Cut to 4 KiB."""

    @property
    def at_rest(self) -> bool:
        """Between two lines: the next byte begins one."""
        return self._started and not self._buffer and not self._failed

    def feed(self, data: bytes) -> list[SseEvent]:
        """The lines that these bytes completed. Raises SseError at a line over the bound, once."""
        if self._failed:
            return []
        if not self._started:
            data = self._start(data)
        buffer = self._buffer
        if buffer:
            buffer += data
            if b"\n" not in data:
                return self._bounded([])
            data = bytes(buffer)
            buffer.clear()
        lines = data.split(b"\n")
        buffer += lines.pop()
        return self._bounded(self._read(lines, b"\r" in data))

    def finish(self, clean: bool) -> list[SseEvent]:
        """The body ended. A last line without its line end counts if the end was clean and it is JSON."""
        tail, self._buffer = bytes(self._buffer), bytearray()
        if self._failed or not tail.strip():
            return []
        if clean and _is_json(tail):
            return [SseEvent("message", tail.removesuffix(b"\r"))]
        self.stray = tail[:_STRAY_BYTES]
        return []

    def _start(self, data: bytes) -> bytes:
        """Drops one byte order mark, however it is cut."""
        data = bytes(self._buffer) + data
        self._buffer.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._buffer += data
            return b""
        self._started = True
        return data.removeprefix(_BOM)

    def _read(self, lines: list[bytes], has_cr: bool) -> list[SseEvent]:
        """The hot path: a line costs one tuple."""
        events: list[SseEvent] = []
        limit, new = self._limit, tuple.__new__
        if has_cr:
            lines = [line.removesuffix(b"\r") for line in lines]
        for line in lines:
            if len(line) > limit:
                self._fail(events)
            if line and not line.isspace():
                # What SseEvent(...) does, without its argument parsing.
                events.append(new(SseEvent, ("message", line, "", None)))
        return events

    def _bounded(self, events: list[SseEvent]) -> list[SseEvent]:
        # A CR last in the buffer may be half of the line end: no part of the line.
        if len(self._buffer) > self._limit and len(self._buffer.removesuffix(b"\r")) > self._limit:
            self._fail(events)
        return events

    def _fail(self, events: list[SseEvent]) -> NoReturn:
        self._failed = True
        self._buffer.clear()
        message = f"a line of the stream is larger than max_event_bytes ({self._limit} bytes)"
        evidence = ErrorEvidence(kind="bound", clock="max_event_bytes", message=message, phase="body")
        raise SseError(evidence, events)


def _is_json(data: bytes) -> bool:
    try:
        from_json(data)
    except ValueError:
        return False
    return True
