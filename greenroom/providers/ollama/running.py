"""A short cut for the lines of a running text: they differ in their time stamp and in one JSON string only.

Learnt from a line that came to one piece and nothing else. A later line that is the same bytes around another
stamp and another valid JSON string can only mean that piece, so it is not parsed again as a whole. That the two
strings found in the bytes are the ones that were meant is proved once, by parsing probes in their place.
"""

import re
from typing import Any

from pydantic_core import from_json

_STAMP = re.compile(rb'"created_at"\s*:\s*"([0-9A-Za-z:.+-]*)"')
_STRING = rb'"%b"\s*:\s*("(?:[^"\\]|\\.)*+")'
_STRINGS = {
    name: re.compile(_STRING % name.encode(), re.DOTALL) for name in ("content", "thinking", "response")
}
_STAMP_CHARACTERS = b"0123456789:.TZ+-"
_PROBE, _PROBED = b"\\u0000probe", "\0probe"
_STAMP_BYTES_MAX = 64
_MAX_LESSONS = 16


class RunningLine:
    """One owner. Linear; holds the bytes around one stamp and one piece."""

    __slots__ = ("_head", "_lessons", "_middle", "_tail", "block")

    def __init__(self) -> None:
        self._head = self._middle = self._tail = b""
        self._lessons = 0
        self.block = -1
        """The block that the pieces continue."""

    def piece(self, line: bytes) -> str | None:
        """The piece of this line, or None: it must be parsed."""
        head, middle, tail = self._head, self._middle, self._tail
        if not head or not line.startswith(head) or not line.endswith(tail):
            return None
        stamp = len(head)
        stop = line.find(b'"', stamp, stamp + _STAMP_BYTES_MAX)
        start, end = stop + len(middle) - 1, len(line) - len(tail) + 1
        if stop < 0 or end - start < 2 or not line.startswith(middle, stop):
            return None
        if line[stamp:stop].translate(None, _STAMP_CHARACTERS):
            return None
        try:
            piece: str = from_json(line[start:end])
        except ValueError:
            return None
        self._lessons = 0
        return piece

    @property
    def is_eager(self) -> bool:
        """A lesson may pay: the last ones were not all in vain."""
        return self._lessons < _MAX_LESSONS

    def forget(self) -> None:
        self._head = b""

    def learn(self, line: bytes, told: dict[str, Any], name: str, holder: str | None) -> bool:
        """True if later lines can be read by this one. `name`: of the piece, inside `holder` or at the top."""
        self._lessons += 1
        stamp = _STAMP.search(line)
        found = stamp and _STRINGS[name].search(line, stamp.end())
        if not stamp or not found:
            return False
        head, middle = line[: stamp.start(1)], line[stamp.end(1) : found.start(1) + 1]
        tail = line[found.end(1) - 1 :]
        try:
            probe = from_json(head + b"0" + middle + _PROBE + tail)
            place, real = (probe[holder], told[holder]) if holder else (probe, told)
            if probe["created_at"] != "0" or place[name] != _PROBED or not isinstance(real[name], str):
                return False
            probe["created_at"], place[name] = told["created_at"], real[name]
        except (ValueError, TypeError, LookupError):
            return False
        if probe != told:
            return False
        self._head, self._middle, self._tail = head, middle, tail
        return True
