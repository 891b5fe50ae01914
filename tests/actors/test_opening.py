"""How an attempt's first deltas begin: the seam before them, what is taken off, what is held back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.opening import Opening, shifted
from greenroom.messages.deltas import (
    Delta,
    StreamReset,
    StreamSeam,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageDelta,
)
from greenroom.messages.usage import Usage

IDS: dict[str, Any] = {"stream_id": "s", "request_id": "r"}
SEAM = StreamSeam(seq=1, mode="instruction", epoch=2, provider="p", model="m", reason="cut", **IDS)
RESET = StreamReset(seq=1, epoch=2, provider="p", model="m", reason="cut", **IDS)


def text(seq: int, said: str) -> TextDelta:
    return TextDelta(seq=seq, text=said, **IDS)


def usage(seq: int) -> UsageDelta:
    return UsageDelta(seq=seq, usage=Usage(output_tokens=1), **IDS)


def started(seq: int, index: int = 0) -> ToolCallStarted:
    return ToolCallStarted(seq=seq, call_index=index, call_id="c", name="f", **IDS)


def told(deltas: list[Delta] | None) -> Any:
    return None if deltas is None else [(d.seq, d.type, d.text) for d in deltas]


def starts_with(prefix: str) -> Any:
    """Takes this off the head."""

    def trim(head: str, ended: bool) -> int | None:
        if prefix.startswith(head) and not ended:
            return None
        return len(prefix) if head.startswith(prefix) else 0

    return trim


def test_the_mark_comes_first_and_all_are_numbered_behind_what_was_delivered() -> None:
    begun = Opening(RESET).begin([usage(5), text(6, "a")], 5, last=False)
    assert told(begun) == [(5, "reset", ""), (6, "usage", ""), (7, "text", "a")]


def test_without_a_mark_nothing_is_put_before() -> None:
    assert told(Opening().begin([text(5, "a")], 5, last=False)) == [(5, "text", "a")]


def test_the_head_is_held_back_until_it_tells() -> None:
    opening = Opening(SEAM, starts_with("abc"))
    assert opening.begin([text(5, "a")], 5, last=False) is None
    assert opening.begin([text(5, "a"), text(6, "b")], 5, last=False) is None
    begun = opening.begin([text(5, "a"), text(6, "b"), text(7, "cd")], 5, last=False)
    assert told(begun) == [(5, "seam", ""), (6, "text", "d")]
    assert begun is not None
    assert isinstance(begun[0], StreamSeam)
    assert begun[0].overlap_removed_chars == 3


def test_the_end_and_a_tool_call_end_the_head() -> None:
    opening = Opening(SEAM, starts_with("abc"))
    assert told(opening.begin([text(5, "ab")], 5, last=True)) == [(5, "seam", ""), (6, "text", "ab")]
    assert told(opening.begin([text(5, "ab"), started(6)], 5, last=False)) == [
        (5, "seam", ""), (6, "text", "ab"), (7, "tool_call_started", ""),
    ]  # fmt: skip


def test_all_of_the_text_may_be_a_repeat() -> None:
    opening = Opening(SEAM, starts_with("abc"))
    begun = opening.begin([text(5, "abc"), usage(6)], 5, last=True)
    assert told(begun) == [(5, "seam", ""), (6, "usage", "")]


def test_calls_are_numbered_behind_those_that_stand() -> None:
    fragment = ToolCallDelta(seq=2, call_index=1, call_id="c", arguments="{", **IDS)
    moved = shifted([started(1), fragment, text(3, "a")], 2)
    assert [getattr(delta, "call_index", None) for delta in moved] == [2, 3, None]


@given(st.lists(st.text(alphabet="ab", max_size=4), min_size=1, max_size=6), st.integers(0, 8))
def test_text_is_neither_lost_nor_made_up(pieces: list[str], removed: int) -> None:
    said = "".join(pieces)
    removed = min(removed, len(said))
    opening = Opening(SEAM, lambda _head, _ended: removed)
    begun = opening.begin([text(n, piece) for n, piece in enumerate(pieces, 9)], 9, last=True)
    assert begun is not None
    assert "".join(delta.text for delta in begun) == said[removed:]
    assert [delta.seq for delta in begun] == list(range(9, 9 + len(begun)))
