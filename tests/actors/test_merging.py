"""Merging loses nothing and joins nothing that belongs apart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.merging import OVERHEAD_BYTES, Merge, append, content_bytes, mergeable, whole
from greenroom.messages.deltas import (
    Delta,
    RawDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
    UsageDelta,
)
from greenroom.messages.fold import fold
from greenroom.messages.usage import Usage
from greenroom.messages.value import FrozenMap

from strategies import deltas as any_delta
from strategies import replaced

IDS: dict[str, Any] = {"stream_id": "s", "request_id": "r"}


def merged(deltas: list[Delta]) -> list[Delta]:
    """One by one, as the journal takes them."""
    items: list[Delta | Merge] = []
    for delta in deltas:
        append(items, delta)
    return [whole(item) for item in items]


def text(seq: int, words: str = "x", **more: Any) -> TextDelta:
    return TextDelta(seq=seq, text=words, **IDS, **more)


def numbered(deltas: list[Delta]) -> list[Delta]:
    return [replaced(delta, seq=n, first_seq=None) for n, delta in enumerate(deltas, 1)]


runs = st.lists(
    st.one_of(
        st.builds(
            text,
            st.just(1),
            st.text("ab\u00e9", max_size=3),
            index=st.integers(0, 1),
            block=st.integers(0, 1),
        ),
        st.builds(
            ReasoningDelta, seq=st.just(1), reasoning=st.text("ab", max_size=3), block=st.integers(0, 1),
            **{k: st.just(v) for k, v in IDS.items()},
        ),
        st.builds(
            ToolCallDelta, seq=st.just(1), call_index=st.integers(0, 1), call_id=st.just("c"),
            arguments=st.text("{}", max_size=2), **{k: st.just(v) for k, v in IDS.items()},
        ),
        any_delta,
    ),
    max_size=30,
).map(numbered)  # fmt: skip


@given(runs)
def test_merging_loses_nothing(deltas: list[Delta]) -> None:
    out = merged(deltas)
    assert fold(out) == fold(deltas)
    assert "".join(delta.text for delta in out) == "".join(delta.text for delta in deltas)
    next_seq = 1
    for delta in out:
        assert (delta.seq if delta.first_seq is None else delta.first_seq) == next_seq
        next_seq = delta.seq + 1
    assert next_seq == len(deltas) + 1


@given(runs)
def test_merging_again_changes_nothing_more(deltas: list[Delta]) -> None:
    once = merged(deltas)
    assert merged(once) == once


@given(runs, st.integers(0, 30))
def test_merging_in_parts_keeps_the_ranges(deltas: list[Delta], cut: int) -> None:
    assert merged([*merged(deltas[:cut]), *merged(deltas[cut:])]) == merged(deltas)


@pytest.mark.parametrize(
    "other",
    [
        text(2, index=1),
        text(2, block=1),
        text(2, metadata=FrozenMap({"logprob": -1})),
        ReasoningDelta(seq=2, reasoning="x", **IDS),
        UsageDelta(seq=2, usage=Usage(), **IDS),
    ],
)
def test_what_belongs_apart_stays_apart(other: Delta) -> None:
    assert not mergeable(text(1), other)
    assert not mergeable(other, text(1))
    assert not Merge(text(1), text(2)).takes(other)


def test_calls_are_merged_by_call() -> None:
    a, b = (ToolCallDelta(seq=n, call_index=n, call_id="c", arguments="", **IDS) for n in (1, 2))
    assert not mergeable(a, b)
    assert mergeable(a, replaced(b, call_index=1))
    refusal = RefusalDelta(seq=1, refusal="no", **IDS)
    assert mergeable(refusal, refusal)
    usage = UsageDelta(seq=1, usage=Usage(), **IDS)
    assert not mergeable(usage, usage)


@pytest.mark.parametrize(
    ("delta", "size"),
    [
        (text(1, "abc"), 3),
        (text(1, "\u20ac"), 3),
        (text(1, "\ud83d"), 3),
        (text(1, ""), 0),
        (text(1, "a", metadata=FrozenMap({"a": 1})), 1 + OVERHEAD_BYTES + 17),
        (RawDelta(seq=1, event="x", data=FrozenMap({"a": "b" * 50}), **IDS), OVERHEAD_BYTES + 67),
        (ReasoningDelta(seq=1, reasoning="ab", **IDS), 2),
        (RefusalDelta(seq=1, refusal="ab", **IDS), 2),
        (ToolCallDelta(seq=1, call_index=0, call_id="c", arguments="{}", **IDS), 2),
        (ToolCallCompleted(seq=1, call_index=0, call_id="c", name="f", arguments="{}", **IDS), 2),
        (UsageDelta(seq=1, usage=Usage(), **IDS), OVERHEAD_BYTES),
    ],
)
def test_what_counts_as_content(delta: Delta, size: int) -> None:
    assert content_bytes(delta) == size
