"""A JSON array that is streamed: bytes cut anywhere go in, its elements come out as events. No I/O.

    [{...}
    ,
    {...}
    ]

Only the places where elements begin and end are found here; what stands in one is judged by whoever parses it.
Commas and white space between elements are not checked. What follows the end of the array means nothing.
Linear in the bytes fed: each is searched at most twice and copied a fixed number of times.
"""

import re
from typing import Literal, NoReturn

from greenroom.providers.sse import SseDecoder, SseEvent, over_bound
from greenroom.providers.wire.body import TAG_BYTES

_NEXT = re.compile(rb"[^ \t\r\n,]")
_MARK = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+[{}\[\]"]', re.DOTALL)
"""A bracket, or the beginning of a string that does not end here, behind whole strings and what is neither."""
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SCALAR = re.compile(rb"[^ \t\r\n,\]]*+")
_QUOTE, _OPENING = ord('"'), frozenset(b"{[")

State = Literal["before", "between", "nested", "string", "scalar", "closed", "failed"]


class JsonArrayDecoder:
    """Implements Framing. One owner; holds at most one unfinished element of `max_event_bytes`.

    Each element is an event `message` with its JSON as data.
    """

    __slots__ = ("_depth", "_escaped", "_held", "_limit", "_state")

    stray = b""
    """Nothing between two elements is kept."""

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._held = bytearray()
        self._state: State = "before"
        self._depth = 0
        self._escaped = False

    @property
    def at_rest(self) -> bool:
        """Between two elements."""
        return self._state == "between"

    def feed(self, data: bytes) -> list[SseEvent]:
        """The elements that these bytes completed. Raises SseError at an element over the bound, once."""
        events: list[SseEvent] = []
        at = start = 0
        while at < len(data) and self._state not in ("closed", "failed"):
            if self._state in ("before", "between"):
                start = self._begin(data, at)
                at = start + 1
                continue
            at = self._go_on(data, at)
            if self._state == "between":
                self._emit(data[start:at], events)
        if self._state in ("nested", "string", "scalar"):
            self._held += data[start:]
            if len(self._held) > self._limit:
                self._fail(events)
        return events

    def finish(self, clean: bool) -> list[SseEvent]:  # noqa: ARG002  (however it ends)
        """The body ended: an element that is not whole is none."""
        self._held.clear()
        return []

    def _begin(self, data: bytes, at: int) -> int:
        """Where the next element begins in the data; the data's end where none does."""
        if self._state == "before":
            at = data.find(b"[", at) + 1
            if not at:
                return len(data)
            self._state = "between"
        found = _NEXT.search(data, at)
        if found is None:
            return len(data)
        first = found[0]
        self._depth = 1 if first in (b"{", b"[") else 0
        if first == b"]":
            self._state = "closed"
        elif self._depth:
            self._state = "nested"
        else:
            self._state = "string" if first == b'"' else "scalar"
        return found.start()

    def _go_on(self, data: bytes, at: int) -> int:
        """Reads on in an element: to its end, after which the state is `between`, or to a change of state."""
        if self._state == "scalar":
            end = _end(_SCALAR, data, at)
            self._state = "between" if end < len(data) else "scalar"
            return end
        return self._nested(data, at) if self._state == "nested" else self._string(data, at)

    def _nested(self, data: bytes, at: int) -> int:
        """The hot path: to the end of the element, or to a string that this data does not end."""
        depth, next_mark = self._depth, _MARK.match
        while (found := next_mark(data, at)) is not None:
            at = found.end()
            mark = data[at - 1]
            if mark in _OPENING:
                depth += 1
            elif mark == _QUOTE:
                self._state, self._depth = "string", depth
                return at
            else:
                depth -= 1
                if not depth:
                    self._state = "between"
                    return at
        self._depth = depth
        return len(data)

    def _string(self, data: bytes, at: int) -> int:
        """In a string whose beginning or end stands in other data."""
        if self._escaped:
            self._escaped = False
            return at + 1
        at = _end(_IN_STRING, data, at)
        if at == len(data):
            return at
        if data[at] == _QUOTE:
            self._state = "nested" if self._depth else "between"
        else:
            self._escaped = True
        return at + 1

    def _emit(self, piece: bytes, events: list[SseEvent]) -> None:
        if self._held:
            self._held += piece
            piece = bytes(self._held)
            self._held.clear()
        if len(piece) > self._limit:
            self._fail(events)
        events.append(SseEvent("message", piece))

    def _fail(self, events: list[SseEvent]) -> NoReturn:
        self._state = "failed"
        self._held.clear()
        raise over_bound("an element of the streamed array", self._limit, events)


def _end(run: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where the run that begins here ends; a run may be empty."""
    found = run.match(data, at)
    return at if found is None else found.end()


class EventsOrArray:
    """Implements Framing: a JSON array where the body's first byte is `[`, else server-sent events."""

    __slots__ = ("_chosen", "_limit")

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._chosen: SseDecoder | JsonArrayDecoder | None = None

    @property
    def at_rest(self) -> bool:
        """Between two events."""
        return self._chosen is not None and self._chosen.at_rest

    @property
    def stray(self) -> bytes:
        """The newest block that was no event."""
        return b"" if self._chosen is None else self._chosen.stray

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes completed. Raises SseError at its bound, once."""
        if self._chosen is None:
            # Invariant: the first bytes that are fed hold the one that tells what they are (Body).
            is_array = data.lstrip(TAG_BYTES)[:1] == b"["
            self._chosen = JsonArrayDecoder(self._limit) if is_array else SseDecoder(self._limit)
        return self._chosen.feed(data)

    def finish(self, clean: bool) -> list[SseEvent]:
        """What the last bytes were, if they are whole."""
        return [] if self._chosen is None else self._chosen.finish(clean)
