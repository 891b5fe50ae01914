"""A short cut for the chunks of a running text: they differ in one JSON string only.

Learnt from a chunk that came to one piece of text, reasoning or arguments and nothing else. A later event that
is the same bytes around another valid JSON string can only mean that piece, so it is not parsed again as a
whole. That the string found in the bytes is the one that was meant is proved once, by parsing a probe in its
place.
"""

import re
from typing import Any

from pydantic_core import from_json

Path = tuple[str | int, ...]
_PROBE = b"\\u0000probe"
_STRING = rb'"%b"\s*:\s*("(?:[^"\\]|\\.)*+")'
"""The string of this name: the first that is a key, for a value may be the same word."""
_MAX_LESSONS = 16


class Envelope:
    """One owner. Linear; holds the bytes around one piece."""

    __slots__ = (
        "_framed_head", "_framed_tail", "_head", "_lessons", "_line_end", "_size", "_tail", "block", "event",
    )  # fmt: skip

    def __init__(self) -> None:
        self._head = self._tail = b""
        self._framed_head = self._framed_tail = b""
        self._size = 0
        self._lessons = 0
        self._line_end = b"\n"
        """Of the newest lone event that was looked at."""
        self.event = "message"
        """The name of the event that was learnt from."""
        self.block = -1
        """The block that the pieces continue."""

    def piece(self, data: bytes) -> str | None:
        """The piece of this event, or None: it must be parsed."""
        size = self._size
        if size and len(data) >= size and data.startswith(self._head) and data.endswith(self._tail):
            try:
                piece: str = from_json(data[len(self._head) - 1 : len(data) - len(self._tail) + 1])
            except ValueError:
                return None
            self._lessons = 0
            return piece
        return None

    def lone_piece(self, data: bytes) -> str | None:
        """The piece, where these bytes are one framed event and nothing else; else None.

        A JSON string holds no line end, so what is framed cannot hold another event.
        """
        head, tail = self._framed_head, self._framed_tail
        if (
            self._size
            and data.startswith(head)
            and data.endswith(tail)
            and len(data) >= len(head) + len(tail)
        ):
            try:
                piece: str = from_json(data[len(head) - 1 : len(data) - len(tail) + 1])
            except ValueError:
                return None
            self._lessons = 0
            return piece
        if self._size and data.endswith(b"\r\n") != (self._line_end == b"\r\n"):
            self._frame(b"\n" if self._line_end == b"\r\n" else b"\r\n")
            return self.lone_piece(data)
        return None

    @property
    def is_eager(self) -> bool:
        """A lesson may pay: the last ones were not all in vain, as where every chunk has random padding."""
        return self._lessons < _MAX_LESSONS

    def forget(self) -> None:
        self._size = 0

    def learn(self, data: bytes, chunk: dict[str, Any], path: Path, event: str = "message") -> bool:
        """True if later events of this name can be read by this one. `path` leads to the piece."""
        self._lessons += 1
        found = re.search(_STRING % re.escape(str(path[-1]).encode()), data, re.DOTALL)
        if found is None:
            return False
        head, tail = data[: found.start(1) + 1], data[found.end(1) - 1 :]
        # An event of several lines of data is framed otherwise than one of one.
        if b"\n" in head or b"\n" in tail or not _is_proved(head, tail, chunk, path):
            return False
        self._head, self._tail, self._size = head, tail, len(head) + len(tail)
        self.event = event
        self._frame(self._line_end)
        return True

    def _frame(self, line_end: bytes) -> None:
        """What a lone event looks like where lines end so."""
        self._line_end = line_end
        line = b"" if self.event == "message" else b"event: %b%b" % (self.event.encode(), line_end)
        self._framed_head, self._framed_tail = line + b"data: " + self._head, self._tail + line_end * 2


def _is_proved(head: bytes, tail: bytes, chunk: dict[str, Any], path: Path) -> bool:
    """The probe's chunk differs from the real one in the piece alone."""
    try:
        probe = from_json(head + _PROBE + tail)
        holder, told = probe, chunk
        for step in path[:-1]:
            holder, told = holder[step], told[step]  # type: ignore[index]
        if holder[path[-1]] != "\0probe" or not isinstance(told[path[-1]], str):  # type: ignore[index]
            return False
        holder[path[-1]] = told[path[-1]]  # type: ignore[index]
    except (ValueError, TypeError, LookupError):
        return False
    return bool(probe == chunk)
