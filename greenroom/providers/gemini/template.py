"""A short cut for the chunks of a running text: they differ in one JSON string and in a few counts.

Learnt from two chunks that follow each other and came to one piece of text each. A later event that is the same
bytes around another valid JSON string and other digits can only mean that text and those counts, so it is not
parsed as a whole. That string and digits stand where they are meant is proved once, by parsing a probe.
"""

import copy
import re
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

_STRING = re.compile(rb'"text"\s*:\s*("(?:[^"\\]++|\\.)*+")', re.DOTALL)
_DIGITS = re.compile(rb"(\d+)")
_PROBE = b'"\\u0000probe"'
_FIRST_PROBE = 900_000_000_000_001
_COUNT = rb"(0|[1-9]\d{0,14})"
_LESSONS_MAX = 16

Path = tuple[str | int, ...]


class Template:
    """One owner. Linear; holds the bytes around one piece and the counts of the newest event."""

    __slots__ = (
        "_counts", "_framed_head", "_framed_tail", "_head", "_lessons", "_newest", "_paths", "_seen", "_span",
        "_tail", "_turn", "_usage", "block",
    )  # fmt: skip

    def __init__(self) -> None:
        self._head = self._turn = self._tail = b""
        """Before the piece, from it to the first count, and behind the last one."""
        self._framed_head = self._framed_tail = b""
        self._counts: Callable[[bytes, int, int], re.Match[bytes] | None] | None = None
        """Matches from the first count to the last; None where there is none that changes."""
        self._span = 0
        """From `_turn` to behind the last count, as long as it was."""
        self._paths: tuple[Path, ...] = ()
        """Where in usageMetadata each count stands."""
        self._newest: re.Match[bytes] | None = None
        self._usage: dict[str, Any] = {}
        self._seen: tuple[bytes, bytes] | None = None
        self._lessons = 0
        self.block = -1
        """The block that the pieces continue; -1: nothing is known."""

    def piece(self, data: bytes) -> str | None:
        """The piece of this event, or None: it must be parsed."""
        if self.block < 0 or not (data.startswith(self._head) and data.endswith(self._tail)):
            return None
        return self._read(data, len(self._head) - 1, len(data) - len(self._tail))

    def lone_piece(self, data: bytes) -> str | None:
        """The piece, where these bytes are one framed event and nothing else; else None.

        Neither a JSON string nor digits hold a line end, so what is framed cannot hold another event.
        """
        if self.block < 0 or not data.startswith(self._framed_head):
            return None
        if not data.endswith(self._framed_tail):
            # The other way to end a line; the next events end in the same.
            line_end = b"\n\n" if self._framed_tail.endswith(b"\r\n") else b"\r\n\r\n"
            if not data.endswith(self._tail + line_end):
                return None
            self._framed_tail = self._tail + line_end
        return self._read(data, len(self._framed_head) - 1, len(data) - len(self._framed_tail))

    def _read(self, data: bytes, begin: int, end: int) -> str | None:
        """From the piece's opening quote to behind the last count. The hot path."""
        found = None
        if self._counts is not None:
            turn = self._turn
            at = end - self._span
            if not data.startswith(turn, at):  # the counts are no longer as wide as they were
                at = data.rfind(turn, 0, end)
                if at < 0:
                    return None
                self._span = end - at
            found = self._counts(data, at + len(turn), end)
            if found is None:
                return None
            end = at
        # What follows the piece begins with its closing quote.
        try:
            piece: str = from_json(data[begin : end + 1])
        except ValueError:
            return None
        self._newest, self._lessons = found, 0
        return piece

    def usage(self) -> dict[str, Any] | None:
        """The counts of the newest event that was read here; None where none was, or they were asked for."""
        found, self._newest = self._newest, None
        if found is None:
            return None
        usage = copy.deepcopy(self._usage)
        for path, count in zip(self._paths, found.groups(), strict=True):
            _put(usage, path, int(count))
        return usage

    def forget(self) -> None:
        """What follows is not like what was learnt."""
        self.block = -1

    def learn(self, data: bytes, chunk: dict[str, Any], block: int) -> None:
        """From a chunk that came to one piece of text in this block, and the one before it."""
        found = _STRING.search(data)
        if found is None or self._lessons >= _LESSONS_MAX:
            return
        head, rest = data[: found.start(1) + 1], data[found.end(1) - 1 :]
        seen, self._seen = self._seen, (head, rest)
        if seen is None or seen[0] != head:
            return
        self._lessons += 1
        old, new = _DIGITS.split(seen[1]), _DIGITS.split(rest)
        if old[::2] == new[::2] and self._is_built(head, _apart(old, new), chunk):
            self.block = block

    def _is_built(self, head: bytes, parts: list[bytes], chunk: dict[str, Any]) -> bool:
        """`parts`: what stands behind the piece, apart at the counts that change. True: proved by a probe."""
        counts = range(_FIRST_PROBE, _FIRST_PROBE + len(parts) - 1)
        probe = b"".join(b"%d%b" % (n, part) for n, part in zip(counts, parts[1:], strict=True))
        try:
            told = from_json(head[:-1] + _PROBE + parts[0][1:] + probe)
            holder, here = _text_part(told), _text_part(chunk)
            if holder["text"] != "\0probe":
                return False
            holder["text"] = here["text"]
            usage = chunk.get("usageMetadata", {})
            paths = [_path(told.get("usageMetadata"), number) for number in counts]
            for path in paths:
                _put(told["usageMetadata"], path, _get(usage, path))
        except (ValueError, TypeError, LookupError):
            return False
        if told != chunk:
            return False
        self._head, self._turn, self._tail = head, parts[0], parts[-1]
        self._counts = None
        if len(parts) > 1:
            self._counts = re.compile(_COUNT.join([b"", *map(re.escape, parts[1:-1]), b""])).fullmatch
        else:
            self._turn = b""
        self._framed_head, self._framed_tail = b"data: " + head, self._tail + b"\r\n\r\n"
        self._paths, self._usage = tuple(paths), copy.deepcopy(usage)
        return True


def _apart(old: list[bytes], new: list[bytes]) -> list[bytes]:
    """The new bytes apart at the digits that changed."""
    parts, begun = [], 0
    for at in range(1, len(new), 2):
        if old[at] != new[at]:
            parts.append(b"".join(new[begun:at]))
            begun = at + 1
    return [*parts, b"".join(new[begun:])]


def _text_part(chunk: Any) -> Any:
    return chunk["candidates"][0]["content"]["parts"][0]


def _path(value: Any, number: int) -> Path:
    """Where this number stands in a JSON value. Raises LookupError where it does not."""
    if value == number:
        return ()
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, held in inner:
        try:
            return (step, *_path(held, number))
        except LookupError:
            continue
    raise LookupError(number)


def _get(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _put(value: Any, path: Path, count: int) -> None:
    _get(value, path[:-1])[path[-1]] = count
