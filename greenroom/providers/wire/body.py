"""What an answer's body is, seen from its status and first bytes: an event stream, a whole value, or an error.

status not 2xx          an error; the body is collected, and over after 64 KiB
first byte { or [       JSON in one piece, unless the wire streams in a form that begins so
first byte <            HTML
else                    an event stream
"""

from typing import Literal, Protocol

from greenroom.providers.sse import SseEvent

ERROR_BODY_BYTES = 64 * 1024
TAG_BYTES = b" \t\r\n\xef\xbb\xbf"
"""May stand before the first byte that tells what the body is: white space, a byte order mark."""
Form = Literal["events", "body"]


class Framing(Protocol):
    """Bytes to events: SseDecoder, or what reads lines or a JSON array. Raises SseError at its bound, once."""

    @property
    def at_rest(self) -> bool:
        """Between two events."""

    @property
    def stray(self) -> bytes:
        """The newest block that was no event."""

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes completed."""

    def finish(self, clean: bool) -> list[SseEvent]:
        """What the last bytes were, if they are whole."""


class Body:
    """Collects an answer's bytes until they show what they are. One owner; bounded."""

    __slots__ = ("_limit", "_whole_starts", "held", "mode")

    def __init__(self, limit: int, whole_starts: bytes = b"{[<") -> None:
        """`whole_starts`: the first bytes of a body that is no stream of events."""
        self._limit, self._whole_starts = limit, whole_starts
        self.mode: Literal["unknown", "events", "body", "error"] = "unknown"
        self.held = bytearray()

    @property
    def is_too_large(self) -> bool:
        return self.mode != "error" and len(self.held) > self._limit

    @property
    def is_whole_error(self) -> bool:
        """As much of an error's body is here as is kept: the rest, which may have no end, is not waited for."""
        return self.mode == "error" and len(self.held) >= ERROR_BODY_BYTES

    def collect(self, data: bytes) -> bytes:
        """Keeps the bytes; returns them, never empty, once they show that they are events."""
        if self.mode == "error":
            self.held += data[: max(0, ERROR_BODY_BYTES - len(self.held))]
            return b""
        if self.mode == "unknown" and (start := data.lstrip(TAG_BYTES)[:1]):
            if start not in self._whole_starts:
                self.mode = "events"
                held, self.held = self.held, bytearray()
                return bytes(held) + data if held else data
            self.mode = "body"
        self.held += data
        return b""
