"""One running text of an answer: of a message, a refusal, a reasoning or its summary.

Its `.done` event verifies the deltas. What it tells behind them was not said yet and is said then; a longer text
that goes another way means that something was lost; any other difference is noted.
"""

from typing import Any, Literal
from zlib import crc32

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire
from greenroom.providers.openai_responses.said import Said

HELD_MAX = 64
TextKind = Literal["text", "refusal", "reasoning"]


class Part:
    """One owner. Keeps the size and checksum of what was said, not the text."""

    __slots__ = ("_crc", "_marks", "_said", "_size", "annotations", "block", "done", "held", "kind")

    def __init__(
        self, said: Said, kind: TextKind, marks: FrozenMap = EMPTY_MAP, block: int | None = None
    ) -> None:
        """`marks` go out with the first piece. `block`: of a part that an earlier attempt began."""
        self._said, self.kind, self._marks = said, kind, marks
        self.block = said.begin_part() if block is None else block
        self._size = self._crc = 0
        self.held: list[str] = []
        """Said, but not added up yet; at most HELD_MAX."""
        self.annotations = 0
        """So many have been told."""
        self.done = False
        said.refused = said.refused or kind == "refusal"

    def seeded(self, text: str) -> "Part":
        """With what was delivered of it before."""
        self._size, self._crc = len(text), crc32(text.encode())
        return self

    def more(self, piece: str) -> None:
        """Says a piece."""
        self.held.append(piece)
        if len(self.held) >= HELD_MAX:
            self.sum()
        marks, self._marks = self._marks, EMPTY_MAP
        if self.kind == "text":
            self._said.writer.text(0, self.block, piece, marks)
        elif self.kind == "reasoning":
            self._said.writer.reasoning(0, self.block, piece, marks)
        else:
            self._said.writer.refusal(0, piece, marks)

    def sum(self) -> None:
        """Adds up what was held: many pieces at a time cost a fifth."""
        text = "".join(self.held)
        self.held.clear()
        self._size += len(text)
        self._crc = crc32(text.encode(), self._crc)

    def take(self, piece: str, logprobs: Any = None) -> None:
        """One delta, with what stands beside it."""
        if self.done:
            self._said.fail("a delta came after its part was done")
            return
        if isinstance(logprobs, list) and logprobs:
            self._marks = FrozenMap({**self._marks, **freeze_wire({"logprobs": {"content": logprobs}})})
        if piece or self._marks is not EMPTY_MAP:
            self.more(piece)

    def close(self, whole: Any, event: str) -> None:
        """Its end, and the whole text where the event told it."""
        if self.done:
            return
        self.done = True
        if not isinstance(whole, str):
            return
        self.sum()
        said = whole[: self._size]
        same = len(said) == self._size and crc32(said.encode()) == self._crc
        if same and len(whole) > self._size:
            self.more(whole[self._size :])
        elif not same and len(whole.strip()) > self._size:
            self._said.fail(f"{event} tells more text than its deltas: some were lost")
        elif not same:
            self._said.differs(event)

    def says(self, whole: str) -> bool:
        """This very text was said here, and something was."""
        self.sum()
        return 0 < self._size == len(whole) and crc32(whole.encode()) == self._crc

    def mark(self, marks: FrozenMap) -> None:
        """Says the marks now, without text."""
        self._marks = FrozenMap({**self._marks, **marks})
        self.more("")
