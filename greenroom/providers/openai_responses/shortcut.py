"""A short cut for the deltas of a running part: they differ in the piece, the number and the padding alone.

Learnt from one event; a later one that is the same bytes around another piece, number and padding can only mean
that piece, so it is not parsed as a whole. That the places found are the ones meant is proved once, by parsing
the event with other values in them.
"""

import re
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

_VARY = {
    "delta": (rb'"((?:[^"\\\x00-\x1f]++|\\.)*+)"', b'"\\u0000probe"', "\0probe"),
    "sequence_number": (rb"(0|[1-9]\d{0,14})", b"987654321", 987654321),
    "obfuscation": (rb'"([^"\\\x00-\x1f]*+)"', b'"probe"', "probe"),
}
"""By key: what its value looks like, and another value, in JSON and in Python."""
_LESSONS_MAX = 16


class ShortCut:
    """One owner. Linear; knows one kind of event at a time."""

    __slots__ = ("_event", "_framed", "_lessons", "_number", "_pattern", "_piece")

    def __init__(self) -> None:
        self._pattern: Callable[[bytes], re.Match[bytes] | None] | None = None
        self._framed: Callable[[bytes], re.Match[bytes] | None] | None = None
        self._event = ""
        self._piece = self._number = 0
        self._lessons = 0

    @property
    def is_known(self) -> bool:
        return self._pattern is not None

    @property
    def is_eager(self) -> bool:
        """A lesson may pay: the last ones were not all in vain, as where every event has its own item id."""
        return self._pattern is None and self._lessons < _LESSONS_MAX

    def forget(self) -> None:
        self._pattern = self._framed = None

    def piece(self, event: str, data: bytes) -> tuple[str, int] | None:
        """The piece and the number (-1: none) of this event, or None: it must be parsed."""
        if self._pattern is None or event != self._event:
            return None
        found = self._pattern(data)
        return None if found is None else self._read(found)

    def lone_piece(self, data: bytes) -> tuple[str, int] | None:
        """The same, where these bytes are one framed event and nothing else."""
        if self._framed is None:
            return None
        found = self._framed(data)
        return None if found is None else self._read(found)

    def _read(self, found: re.Match[bytes]) -> tuple[str, int] | None:
        raw, number = found[self._piece], self._number
        try:
            piece: str = from_json(b'"%b"' % raw) if b"\\" in raw else raw.decode()
        except ValueError:
            return None
        self._lessons = 0
        return piece, int(found[number]) if number else -1

    def learn(self, event: str, data: bytes, told: dict[str, Any]) -> bool:
        """True if later events can be read by this one."""
        self._lessons += 1
        places = []
        for key, (form, other, meant) in _VARY.items():
            if key in told:
                found = re.search(rb'"%b"\s*:\s*%b' % (key.encode(), form), data)
                if found is None:
                    return False
                quoted = data[found.start(1) - 1] == 34 and key != "sequence_number"
                places.append((found.start(1) - quoted, found.end(1) + quoted, key, form, other, meant))
        places.sort()
        pattern, probe, at = b"", b"", 0
        for start, end, _, form, other, _ in places:
            if start < at:
                return False
            pattern += re.escape(data[at:start]) + form
            probe += data[at:start] + other
            at = end
        pattern, probe = pattern + re.escape(data[at:]), probe + data[at:]
        if not _is_proved(probe, told, {place[2]: place[5] for place in places}):
            return False
        keys = [place[2] for place in places]
        self._event, self._piece = event, keys.index("delta") + 1
        self._number = keys.index("sequence_number") + 1 if "sequence_number" in keys else 0
        self._pattern = re.compile(pattern).fullmatch
        line = b"" if event == "message" else b"event: %b\n" % event.encode()
        self._framed = re.compile(re.escape(line + b"data: ") + pattern + b"\n\n").fullmatch
        return True


def _is_proved(probe: bytes, told: dict[str, Any], meant: dict[str, Any]) -> bool:
    """The probe differs from the event in the meant values alone."""
    try:
        return bool(from_json(probe) == {**told, **meant})
    except ValueError:
        return False
