"""Deltas folded into a Completion: one pass, text joined once, the same for every shell that needs it."""

from collections.abc import Iterable
from typing import assert_never

from greenroom.messages.answer import NO_ANSWER, Answer, ChoiceEnd
from greenroom.messages.completion import Choice
from greenroom.messages.deltas import (
    Delta,
    ProviderItem,
    RawDelta,
    ReasoningDelta,
    RefusalDelta,
    StreamReset,
    StreamSeam,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
    ToolCallStarted,
    UsageDelta,
)
from greenroom.messages.parts import Part, ProviderPart, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from greenroom.messages.usage import NO_USAGE, Usage
from greenroom.messages.value import EMPTY_MAP, FrozenMap, valid_text

_JOINED, _CLOSED = -1, -2
"""Block numbers that no wire has: of a text before a seam that the next text continues, or does not."""


class _Run:
    """A block that is still growing: its kind and place, and the pieces so far."""

    __slots__ = ("call_id", "complete", "key", "metadata", "name", "pieces")

    def __init__(self, key: tuple[str, int], call_id: str = "", name: str = "") -> None:
        self.key, self.call_id, self.name = key, call_id, name
        self.pieces: list[str] = []
        self.complete = False
        self.metadata: FrozenMap = EMPTY_MAP

    def note(self, metadata: FrozenMap) -> None:
        """Add what the provider said beside a delta; of the same name the newest holds."""
        if metadata:
            self.metadata = FrozenMap({**self.metadata, **metadata}) if self.metadata else metadata

    def _marks(self, *names: str) -> dict[str, str]:
        if not self.metadata:
            return {}
        said = {name: self.metadata.get(name) for name in names}
        return {name: mark for name, mark in said.items() if isinstance(mark, str)}

    def part(self) -> Part:
        text, kind = valid_text("".join(self.pieces)), self.key[0]
        if kind == "text":
            return TextPart(text=text, **self._marks("signature", "wire"))
        if kind == "provider":
            return ProviderPart(wire=self.name, item=self.metadata)
        if kind == "refusal":
            return RefusalPart(refusal=text)
        if kind == "reasoning":
            marks = self._marks("signature", "encrypted", "id", "wire")
            return ReasoningPart(text=text, metadata=self.metadata, **marks)
        return ToolCallPart(
            id=valid_text(self.call_id),
            name=valid_text(self.name) or "unknown",
            arguments=text,
            index=self.key[1],
            complete=self.complete,
            metadata=self.metadata,
        )


class Fold:
    """Grows with `add`, linear in the bytes folded; `choices` and `usage` may be read at any time.

    Not thread-safe: one owner. A `StreamReset` forgets what stood before it, the usage too. Total: no
    delta makes it raise. `signature`, `encrypted`, `id` and `wire` of a reasoning delta's metadata become
    the part's own fields, so do `signature` and `wire` of a text's.
    """

    __slots__ = ("_calls", "_runs", "last_seq", "usage")

    def __init__(self) -> None:
        self._runs: dict[int, list[_Run]] = {}
        self._calls: dict[tuple[int, int], _Run] = {}
        self.usage: Usage = NO_USAGE
        self.last_seq = 0

    def add(self, deltas: Iterable[Delta]) -> None:
        for delta in deltas:
            self._add(delta)
            self.last_seq = delta.seq

    def _add(self, delta: Delta) -> None:
        match delta:
            case TextDelta():
                run = self._grow(delta.index, ("text", delta.block), delta.text)
                if delta.metadata and "signature" in delta.metadata:
                    run.note(delta.metadata)
            case ReasoningDelta():
                self._grow(delta.index, ("reasoning", delta.block), delta.reasoning).note(delta.metadata)
            case ToolCallDelta():
                self._call(delta.index, delta.call_index, delta.call_id).pieces.append(delta.arguments)
            case ToolCallStarted():
                self._start_call(delta.index, delta.call_index, delta.call_id, delta.name).note(
                    delta.metadata
                )
            case ToolCallCompleted():
                run = self._call(delta.index, delta.call_index, delta.call_id)
                run.pieces, run.complete, run.name = [delta.arguments], True, delta.name
                run.call_id = delta.call_id or run.call_id
                run.note(delta.metadata)
            case UsageDelta():
                self.usage = delta.usage
            case ProviderItem():
                run = _Run(("provider", delta.seq), name=delta.wire)
                run.metadata = delta.item
                self._runs.setdefault(delta.index, []).append(run)
            case RefusalDelta():
                self._grow(delta.index, ("refusal", 0), delta.refusal)
            case StreamSeam() | StreamReset():
                self._mark(delta)
            case RawDelta():
                pass
            case _:
                assert_never(delta)

    def _grow(self, index: int, key: tuple[str, int], piece: str) -> _Run:
        runs = self._runs.setdefault(index, [])
        if not runs or runs[-1].key != key:
            if runs and key[0] == "text" and runs[-1].key == ("text", _JOINED):
                runs[-1].key = key
            else:
                runs.append(_Run(key))
        runs[-1].pieces.append(piece)
        return runs[-1]

    def _mark(self, seam: StreamSeam | StreamReset) -> None:
        """What it takes back is gone; what it continues grows on, whatever the number of its new block."""
        if isinstance(seam, StreamReset):
            self._runs.clear()
            self._calls.clear()
            self.usage = NO_USAGE
            return
        runs = self._runs.get(seam.index, [])
        if seam.dropped == "tool_call":
            cut = [run for run in runs if run.key[0] == "tool_call" and not run.complete]
            self._runs[seam.index] = runs = [run for run in runs if run not in cut]
            self._calls = {place: run for place, run in self._calls.items() if run not in cut}
        elif runs and runs[-1].key[0] == {"reasoning": "reasoning", "json": "text"}.get(seam.dropped):
            runs.pop()
        if runs and runs[-1].key[0] == "text":
            runs[-1].key = ("text", _JOINED if seam.mode in ("prefix", "instruction") else _CLOSED)

    def _start_call(self, index: int, call_index: int, call_id: str, name: str = "") -> _Run:
        run = self._calls[index, call_index] = _Run(("tool_call", call_index), call_id, name)
        self._runs.setdefault(index, []).append(run)
        return run

    def _call(self, index: int, call_index: int, call_id: str) -> _Run:
        return self._calls.get((index, call_index)) or self._start_call(index, call_index, call_id)

    def choices(self, answer: Answer = NO_ANSWER) -> tuple[Choice, ...]:
        """One Choice an index, in order; at least one. Finish reasons come from the answer's end."""
        ends = {end.index: end for end in answer.ends}
        indexes = sorted(self._runs.keys() | ends.keys()) or [0]
        return tuple([self._choice(index, ends.get(index)) for index in indexes])

    def _choice(self, index: int, end: ChoiceEnd | None) -> Choice:
        return Choice(
            index=index,
            parts=tuple([run.part() for run in self._runs.get(index, ())]),
            finish_reason=None if end is None else end.reason,
            finish_reason_raw=None if end is None else end.raw,
        )


def fold(deltas: Iterable[Delta], answer: Answer = NO_ANSWER) -> tuple[Choice, ...]:
    """The choices that these deltas make."""
    folded = Fold()
    folded.add(deltas)
    return folded.choices(answer)
