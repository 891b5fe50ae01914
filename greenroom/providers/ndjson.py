"""Newline-delimited JSON, without I/O: bytes cut anywhere go in, one event a line comes out.

A line ends with LF or CRLF; inside a line neither can stand, for JSON writes line ends as `\\n`. Blank lines are
signs of life without meaning. Events are those of server-sent events, named "message", so that one decoder reads
both. Source: https://github.com/ndjson/ndjson-spec.

Linear in the bytes fed: each is searched once and copied a fixed number of times.
"""

from greenroom.providers.sse import STRAY_BYTES, Framer, SseEvent
from greenroom.providers.whole_json import is_json


class NdjsonDecoder(Framer):
    """One stream's framing. One owner; holds at most one unfinished line of `max_event_bytes`.

    `stray`: the last line, where it was cut. Cut to 4 KiB.
    """

    __slots__ = ()

    _frame = "a line of the stream"
    _half_end = b"\r"

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
        if clean and is_json(tail):
            return [SseEvent("message", tail.removesuffix(b"\r"))]
        self.stray = tail[:STRAY_BYTES]
        return []

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
