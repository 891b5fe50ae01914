"""A short cut for the deltas of a running part: they differ in the piece, the number and the padding alone.

Learnt from one event; a later one that is the same bytes around another piece, the next number and other padding
can only mean that piece, so it is not parsed as a whole. That the places found are the ones meant is proved once,
by parsing the event with other values in them.
"""

import re
from typing import Any

from pydantic_core import from_json

_VARY = {
    "delta": (rb'("(?:[^"\\\x00-\x1f]++|\\.)*+")', b'"\\u0000probe"', "\0probe"),
    "sequence_number": (rb"(0|[1-9]\d{0,14})(?![\d.eE])", b"987654321", 987654321),
    "obfuscation": (rb'("[^"\\\x00-\x1f]*+")', b'"probe"', "probe"),
}
"""By key: what its value looks like, and another value, in JSON and in Python."""
_LESSONS_MAX = 16
_HEAD, _TURN, _END, _NOWHERE = range(4)
Span = tuple[int, int]
Forms = tuple[bytes, bytes, bytes]
"""Up to the piece, from it to the padding (empty where there is none), and the rest; the quotes of piece and
padding stand in them. One has `%d` for the number, where there is one."""


class ShortCut:
    """One owner. Linear; knows one kind of event at a time."""

    __slots__ = ("_place", "bare", "framed", "is_numbered", "lessons")

    def __init__(self) -> None:
        self.bare: Forms | None = None
        """Of an event's data; None before anything was learnt."""
        self.framed: Forms | None = None
        """Of a read that is one framed event: a JSON string holds no line end, so no other event can be inside."""
        self.is_numbered = False
        """Events have numbers; only the next one is read."""
        self._place = _NOWHERE
        self.lessons = 0
        """In a row that were in vain; a piece that is read sets it back."""

    @property
    def is_eager(self) -> bool:
        """A lesson may pay: the last ones were not all in vain, as where every event has its own item id."""
        return self.bare is None and self.lessons < _LESSONS_MAX

    def forget(self) -> None:
        self.bare = self.framed = None

    def piece(self, data: bytes, forms: Forms, number: int = 0) -> str | None:
        """The piece of what has this form, or None: it must be parsed. `number`: the next one. The hot path."""
        head, turn, end = forms
        place = self._place
        if place == _HEAD:
            head = head % number
        elif place == _TURN:
            turn = turn % number
        elif place == _END:
            end = end % number
        if not (data.startswith(head) and data.endswith(end)):
            return None
        begin, until = len(head), len(data) - len(end)
        if turn:
            padded = until
            # No piece holds these bytes: an unescaped quote is among them.
            until = data.find(turn, begin)
            padding = data[until + len(turn) : padded]
            if until + len(turn) > padded or (padding and not padding.isalnum()):
                return None
        if until < begin:
            return None
        try:
            piece: str = from_json(data[begin - 1 : until + 1])
        except ValueError:
            return None
        self.lessons = 0
        return piece

    def learn(self, event: str, data: bytes, told: dict[str, Any]) -> bool:
        """True if later events can be read by this one."""
        self.lessons += 1
        spans: dict[str, Span] = {}
        for key, (form, _, _) in _VARY.items():
            if key in told:
                found = re.search(rb'"%b"\s*:\s*%b' % (key.encode(), form), data)
                if found is None:
                    return False
                spans[key] = found.span(1)
        if "delta" not in spans:
            return False
        begin, until = spans["delta"]
        padded, rest = spans.get("obfuscation", (until - 1, until))
        # What frames several lines of data is not what frames one.
        if padded < until - 1 or b"\n" in data or not _is_proved(data, spans, told):
            return False
        turn = (until - 1, padded + 1) if "obfuscation" in spans else (until, until)
        parts = [(0, begin + 1), turn, (rest - 1, len(data))]
        number = spans.get("sequence_number", (-1, -1))
        holding = [part[0] <= number[0] and number[1] <= part[1] for part in parts]
        self._place = holding.index(True) if True in holding else _NOWHERE
        self.is_numbered = self._place != _NOWHERE
        head, turned, end = (
            _form(data, part, number) if held else data[slice(*part)]
            for part, held in zip(parts, holding, strict=True)
        )
        line = b"data: " if event == "message" else b"event: %b\ndata: " % event.encode()
        line = line.replace(b"%", b"%%") if self._place == _HEAD else line
        self.bare, self.framed = (head, turned, end), (line + head, turned, end + b"\n\n")
        return True


def _form(data: bytes, part: Span, number: Span) -> bytes:
    """These bytes with `%d` for the number."""
    before, behind = data[part[0] : number[0]], data[number[1] : part[1]]
    return before.replace(b"%", b"%%") + b"%d" + behind.replace(b"%", b"%%")


def _is_proved(data: bytes, spans: dict[str, Span], told: dict[str, Any]) -> bool:
    """The event with other values in these places differs from the event in the meant values alone."""
    probe, at = b"", 0
    for key, (begin, until) in sorted(spans.items(), key=lambda item: item[1]):
        if begin < at:
            return False
        probe += data[at:begin] + _VARY[key][1]
        at = until
    try:
        return bool(from_json(probe + data[at:]) == {**told, **{key: _VARY[key][2] for key in spans}})
    except ValueError:
        return False
