"""Stretches of one kind in an answer of one choice: each is a block of its own, counted from 0."""

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap
from greenroom.providers.wire.writer import Writer


class Blocks:
    """One owner. Writes what comes to the block that it belongs to; merged deltas never cross one."""

    __slots__ = ("_key", "_writer", "kind", "number")

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._key: tuple[str, int] = ("", 0)
        self.kind = ""
        """Of the newest block: text, reasoning, or what was entered; "" before the first."""
        self.number = -1

    def enter(self, kind: str, part: int = 0) -> None:
        """What follows is of this kind. `part`: the provider's own number where it keeps parts apart."""
        if (kind, part) != self._key:
            self._key, self.kind = (kind, part), kind
            self.number += 1

    def text(self, piece: str, part: int = 0, metadata: FrozenMap = EMPTY_MAP) -> None:
        self.enter("text", part)
        self._writer.text(0, self.number, piece, metadata)

    def reasoning(self, piece: str, part: int = 0, metadata: FrozenMap = EMPTY_MAP) -> None:
        self.enter("reasoning", part)
        self._writer.reasoning(0, self.number, piece, metadata)
