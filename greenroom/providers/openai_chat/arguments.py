"""The arguments of one tool call as they grow: their text in one buffer, and whether it may be whole."""

import re
from io import StringIO

_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)


class Arguments:
    """Append-only. Linear however often it is asked: each character is looked at once."""

    __slots__ = ("_buffer", "_depth", "_in_string", "_opened", "_read", "size")

    def __init__(self) -> None:
        self._buffer = StringIO()
        self.size = 0
        """In characters."""
        self._read = self._depth = 0
        self._opened = self._in_string = False

    def __bool__(self) -> bool:
        return self.size > 0

    def append(self, piece: str) -> None:
        self._buffer.write(piece)
        self.size += len(piece)

    def text(self) -> str:
        return self._buffer.getvalue()

    def is_balanced(self) -> bool:
        """Every bracket is closed, and there was one: no JSON object or array that is cut is like that."""
        self._buffer.seek(self._read)
        new = self._buffer.read()
        at = 0
        for found in _MARK.finditer(new):
            mark, at = found[0], found.end()
            if mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string and mark in "{[":
                self._depth += 1
                self._opened = True
            elif not self._in_string and mark in "}]":
                self._depth -= 1
        # A backslash at the end says something of what is still to come.
        self._read += len(new) - (1 if new.endswith("\\") and at < len(new) else 0)
        return self._opened and self._depth == 0 and not self._in_string
