"""A short cut for the chunks of a running text: they differ in one JSON string only.

Learnt from a chunk that came to one piece of text or reasoning and nothing else. A later event that is the
same bytes around another valid JSON string can only mean that piece, so it is not parsed again as a whole.
That the string found in the bytes is the one that was meant is proved once, by parsing a probe in its place.
"""

from typing import Any

from pydantic_core import from_json

PIECES = ("content", "reasoning_content", "reasoning")
"""The fields of a delta that can hold the piece."""
_PROBE = b"\\u0000probe"
_MAX_LESSONS = 16


class Envelope:
    """One owner. Linear; holds the bytes around one piece."""

    __slots__ = ("_head", "_lessons", "_size", "_tail", "block")

    def __init__(self) -> None:
        self._head = self._tail = b""
        self._size = 0
        self._lessons = 0
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

    @property
    def is_eager(self) -> bool:
        """A lesson may pay: the last ones were not all in vain, as where every chunk has random padding."""
        return self._lessons < _MAX_LESSONS

    def forget(self) -> None:
        self._size = 0

    def learn(self, data: bytes, chunk: dict[str, Any], name: str) -> bool:
        """True if later events can be read by this one."""
        self._lessons += 1
        piece = chunk["choices"][0]["delta"][name]
        if not isinstance(piece, str):
            return False
        start = data.find(b'"', data.find(b'"%s"' % name.encode()) + len(name) + 2) + 1
        end = start + len(piece.encode())
        if not start or data[start - 1 : end + 1] != b'"%s"' % piece.encode():
            return False
        head, tail = data[:start], data[end:]
        if not _is_proved(head, tail, chunk, name):
            return False
        self._head, self._tail, self._size = head, tail, len(head) + len(tail)
        return True


def _is_proved(head: bytes, tail: bytes, chunk: dict[str, Any], name: str) -> bool:
    try:
        probe = from_json(head + _PROBE + tail)
        probe["choices"][0]["delta"][name] = chunk["choices"][0]["delta"][name]
    except (ValueError, TypeError, LookupError):
        return False
    return bool(probe == chunk)
