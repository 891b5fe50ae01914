"""Merged deltas cut apart again, at the places where they were joined. Pure.

A consumer that comes back may have seen any number of deltas, and what it saw last may stand in the middle of
what the journal has merged since. So the journal keeps the length of each piece: a byte for most.
"""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from greenroom.messages.deltas import Delta, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta

Lengths = Sequence[int]
"""Of the pieces of one merged delta, in characters."""

_FIELDS: dict[type, str] = {
    TextDelta: "text", ReasoningDelta: "reasoning", ToolCallDelta: "arguments", RefusalDelta: "refusal",
}  # fmt: skip


def cut(delta: Delta, lengths: Lengths, first: int, last: int) -> Delta:
    """The part of the merged `delta` that stands for `first` to `last`, both inside of it."""
    assert delta.first_seq is not None
    if (first, last) == (delta.first_seq, delta.seq):
        return delta
    before, until = first - delta.first_seq, last - delta.first_seq + 1
    begin, field = sum(lengths[:before]), _FIELDS[type(delta)]
    text: str = getattr(delta, field)[begin : begin + sum(lengths[before:until])]
    changes: dict[str, Any] = {field: text}
    return replace(delta, seq=last, first_seq=None if first == last else first, **changes)


def packed(lengths: list[int]) -> Lengths:
    """The same numbers in as little memory as they need."""
    try:
        return bytes(lengths)
    except ValueError:
        return array("I", lengths)
