"""A short cut for the deltas of a running part: they differ in the piece, the number and the padding alone.

Learnt from one event; a later one that is the same bytes around another piece, number and padding can only mean
that piece, so it is not parsed as a whole. That the places found are the ones meant is proved once, by parsing
the event with other values in them.
"""

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from pydantic_core import from_json

_VARY = {
    "delta": (rb'"((?:[^"\\\x00-\x1f]++|\\.)*+)"', b'"\\u0000probe"', "\0probe"),
    "sequence_number": (rb"(0|[1-9]\d{0,14})", b"987654321", 987654321),
    "obfuscation": (rb'"([^"\\\x00-\x1f]*+)"', b'"probe"', "probe"),
}
"""By key: what its value looks like, and another value, in JSON and in Python."""
_LESSONS_MAX = 16
Match = Callable[[bytes], re.Match[bytes] | None]


class ShortCut:
    """One owner. Linear; knows one kind of event at a time."""

    __slots__ = ("framed", "lessons", "match", "parts")

    def __init__(self) -> None:
        self.match: Match = _nothing
        """Of an event's data."""
        self.framed: Match = _nothing
        """Of a whole read that is one framed event."""
        self.parts: Callable[[re.Match[bytes]], tuple[bytes, bytes]] = itemgetter(0, 0)
        """Of a match: the piece in JSON, and the number, empty where there is none."""
        self.lessons = 0
        """In a row that were in vain; whoever reads by a match sets it back."""

    @property
    def is_eager(self) -> bool:
        """A lesson may pay: the last ones were not all in vain, as where every event has its own item id."""
        return self.match is _nothing and self.lessons < _LESSONS_MAX

    def forget(self) -> None:
        self.match = self.framed = _nothing

    def learn(self, event: str, data: bytes, told: dict[str, Any]) -> bool:
        """True if later events can be read by this one."""
        self.lessons += 1
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
        pattern += b"()"
        number = keys.index("sequence_number") if "sequence_number" in keys else len(keys)
        self.parts = itemgetter(keys.index("delta") + 1, number + 1)
        line = b"" if event == "message" else b"event: %b\n" % event.encode()
        self.match = re.compile(pattern, re.DOTALL).fullmatch
        self.framed = re.compile(re.escape(line + b"data: ") + pattern + b"\n\n", re.DOTALL).fullmatch
        return True


def _nothing(_data: bytes) -> None:
    """Before anything was learnt."""


def _is_proved(probe: bytes, told: dict[str, Any], meant: dict[str, Any]) -> bool:
    """The probe differs from the event in the meant values alone."""
    try:
        return bool(from_json(probe) == {**told, **meant})
    except ValueError:
        return False
