"""A short cut for pieces with padding beside them: two strings differ between events, and one means nothing."""

import re
from typing import Any

from pydantic_core import from_json
from typing_extensions import override

from greenroom.providers.wire.envelope import Envelope, Path

_STRING = rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")'
_PLACES = re.compile(rb'"response"\s*:\s*' + _STRING + rb'.*?"p"\s*:\s*("[0-9A-Za-z]*")', re.DOTALL)
_PADDING = b'"[0-9A-Za-z]*"'
_PROBE, _PROBED = b'"\\u0000probe"', "\0probe"
_FRAME, _END = b"data: ", b"\n\n"


class PaddedEnvelope(Envelope):
    """An Envelope that knows events with `p` too. One owner; linear; holds one pattern."""

    __slots__ = ("_pattern",)

    def __init__(self) -> None:
        super().__init__()
        self._pattern: re.Pattern[bytes] | None = None

    @override
    def piece(self, data: bytes) -> str | None:
        if self._pattern is None:
            return super().piece(data)
        found = self._pattern.fullmatch(data)
        if found is None:
            return None
        try:
            piece: str = from_json(found[1])
        except ValueError:
            return None
        self._lessons = 0
        return piece

    @override
    def lone_piece(self, data: bytes) -> str | None:
        if self._pattern is None:
            return super().lone_piece(data)
        # A JSON string holds no line end, and nothing else in the pattern does: no other event is inside.
        if data.startswith(_FRAME) and data.endswith(_END):
            return self.piece(data[len(_FRAME) : -len(_END)])
        return None

    @override
    def forget(self) -> None:
        super().forget()
        self._pattern = None

    @override
    def learn(self, data: bytes, chunk: dict[str, Any], path: Path, event: str = "message") -> bool:
        self._pattern = None
        found = _PLACES.search(data)
        if "p" not in chunk or found is None:
            return super().learn(data, chunk, path, event)
        self._lessons += 1
        head, middle = data[: found.start(1)], data[found.end(1) : found.start(2)]
        tail = data[found.end(2) :]
        if b"\n" in head + middle + tail:
            return False
        try:
            probe = from_json(head + _PROBE + middle + _PROBE + tail)
        except ValueError:
            return False
        if probe != {**chunk, "response": _PROBED, "p": _PROBED}:
            return False
        around = [re.escape(part) for part in (head, middle, tail)]
        self._pattern = re.compile(around[0] + _STRING + around[1] + _PADDING + around[2], re.DOTALL)
        return True
