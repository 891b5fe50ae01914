"""Adjacent text of one block, merged without loss while nobody reads it. Linear: joined on taking."""

from dataclasses import replace
from typing import Any, cast

from greenroom.messages.deltas import (
    Delta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
)
from greenroom.messages.value import EMPTY_MAP

OVERHEAD_BYTES = 64
"""What a delta is counted as beside its text, so that empty ones cannot fill memory unseen."""


def content_bytes(delta: Delta) -> int:
    """UTF-8 bytes of the delta's content; its overhead for what has none, and for what is said beside it."""
    kind = delta.__class__
    if kind is TextDelta:
        text = delta.text
    elif kind is ReasoningDelta:
        text = cast("ReasoningDelta", delta).reasoning
    elif kind is ToolCallDelta:
        text = cast("ToolCallDelta", delta).arguments
    elif kind is RefusalDelta:
        text = cast("RefusalDelta", delta).refusal
    elif kind is ToolCallCompleted:
        text = cast("ToolCallCompleted", delta).arguments
    else:
        return OVERHEAD_BYTES
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return size if delta.metadata is EMPTY_MAP else size + OVERHEAD_BYTES


def mergeable(last: Delta, new: Delta) -> bool:
    """Same kind of text, same choice, same block, nothing said beside it."""
    if last.__class__ is not new.__class__ or last.index != new.index:
        return False
    if isinstance(last, (TextDelta, ReasoningDelta)):
        same = last.block == cast("TextDelta", new).block
    elif isinstance(last, ToolCallDelta):
        same = last.call_index == cast("ToolCallDelta", new).call_index
    else:
        same = isinstance(last, RefusalDelta)
    return same and last.metadata is EMPTY_MAP and new.metadata is EMPTY_MAP


class Merge:
    """A delta that still grows. `delta()` gives it whole, with `first_seq` and `seq`."""

    __slots__ = ("_first", "_last", "_pieces")

    def __init__(self, first: Delta, second: Delta) -> None:
        self._first, self._last = first, second
        self._pieces = [_text(first), _text(second)]

    def takes(self, new: Delta) -> bool:
        """True, and grown by it, where `new` belongs to the same text."""
        if not mergeable(self._last, new):
            return False
        self._pieces.append(_text(new))
        self._last = new
        return True

    def delta(self) -> Delta:
        first_seq = self._first.seq if self._first.first_seq is None else self._first.first_seq
        content: dict[str, Any] = {_field(self._last): "".join(self._pieces)}
        return replace(self._last, first_seq=first_seq, **content)


def _field(delta: Delta) -> str:
    match delta:
        case ReasoningDelta():
            return "reasoning"
        case ToolCallDelta():
            return "arguments"
        case RefusalDelta():
            return "refusal"
        case _:
            return "text"


def _text(delta: Delta) -> str:
    text: str = getattr(delta, _field(delta))
    return text


def merged(deltas: list[Delta]) -> list[Delta]:
    """The same deltas with every adjacent run of mergeable text as one delta."""
    out: list[Delta | Merge] = []
    for delta in deltas:
        last = out[-1] if out else None
        if isinstance(last, Merge):
            if last.takes(delta):
                continue
        elif last is not None and mergeable(last, delta):
            out[-1] = Merge(last, delta)
            continue
        out.append(delta)
    return [item.delta() if isinstance(item, Merge) else item for item in out]
