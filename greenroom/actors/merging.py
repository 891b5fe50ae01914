"""Adjacent text of one block, merged without loss while nobody reads it. Linear: joined on taking."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from greenroom.messages.deltas import (
    Delta,
    ProviderItem,
    RawDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
)
from greenroom.messages.value import EMPTY_MAP

OVERHEAD_BYTES = 64
"""What a delta is counted as beside its text, so that empty ones cannot fill memory unseen."""

_VALUE_BYTES = 8


def content_bytes(delta: Delta) -> int:
    """UTF-8 bytes of the delta's content, and about as many as its metadata or raw data; at least an overhead
    for what has no content."""
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
    elif kind is RawDelta:
        return OVERHEAD_BYTES + json_bytes(cast("RawDelta", delta).data)
    elif kind is ProviderItem:
        return OVERHEAD_BYTES + json_bytes(cast("ProviderItem", delta).item)
    else:
        return OVERHEAD_BYTES
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return size if delta.metadata is EMPTY_MAP else size + OVERHEAD_BYTES + json_bytes(delta.metadata)


def json_bytes(value: Any) -> int:
    """About how many bytes of memory a frozen JSON value stands for: its text, and a little for each value."""
    if isinstance(value, str):
        return _VALUE_BYTES + len(value)
    if isinstance(value, Mapping):
        return _VALUE_BYTES + sum(len(name) + json_bytes(inner) for name, inner in value.items())
    if isinstance(value, tuple):
        return _VALUE_BYTES + sum(map(json_bytes, value))
    return _VALUE_BYTES


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

    __slots__ = ("_block", "_first", "_index", "_kind", "_last", "_pieces")

    def __init__(self, first: Delta, second: Delta) -> None:
        self._first, self._last = first, second
        self._pieces = [_text(first), _text(second)]
        self._kind = TextDelta if type(second) is TextDelta else None
        """What most deltas are: `takes` looks no further where the next one is of this kind and place."""
        self._index, self._block = second.index, getattr(second, "block", 0)

    def takes(self, new: Delta) -> bool:
        """True, and grown by it, where `new` belongs to the same text."""
        if new.__class__ is self._kind:
            same = new.index == self._index and new.metadata is EMPTY_MAP
            if not same or new.block != self._block:
                return False
            self._pieces.append(new.text)
        elif mergeable(self._last, new):
            self._pieces.append(_text(new))
        else:
            return False
        self._last = new
        return True

    @property
    def first(self) -> Delta:
        """What it began with."""
        return self._first

    @property
    def lengths(self) -> list[int]:
        """Of its pieces, in characters."""
        return list(map(len, self._pieces))

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


def append(items: list[Delta | Merge], delta: Delta) -> None:
    """The delta is the last item, or part of it."""
    if items:
        last = items[-1]
        if isinstance(last, Merge):
            if last.takes(delta):
                return
        elif mergeable(last, delta):
            items[-1] = Merge(last, delta)
            return
    items.append(delta)


def whole(item: Delta | Merge) -> Delta:
    """The item as a consumer gets it."""
    return item.delta() if isinstance(item, Merge) else item


def begin_of(item: Delta | Merge) -> int:
    """The seq of the first delta in it."""
    delta = item.first if isinstance(item, Merge) else item
    return delta.seq if delta.first_seq is None else delta.first_seq
