"""The journal holds everything, tells each delta to the aggregator once, and stays small."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from test_merging import numbered, runs, text

from greenroom.actors.journal import COMPACT_EVERY, Journal
from greenroom.messages.deltas import Delta
from greenroom.messages.fold import Fold, fold


@given(st.lists(runs, max_size=12), st.data())
def test_journal_and_what_was_told_are_both_the_whole(batches: list[list[Delta]], data: Any) -> None:
    deltas = numbered([delta for batch in batches for delta in batch])
    journal, told, place = Journal(), Fold(), 0
    for batch in batches:
        told.add(journal.extend(deltas[place : place + len(batch)]))
        place += len(batch)
        if data.draw(st.booleans()):
            told.add(journal.compact())
    told.add(journal.recent())
    assert told.choices() == fold(deltas)
    assert fold(journal) == fold(deltas)
    assert told.last_seq == len(deltas)


def test_a_long_answer_is_compacted_as_it_grows() -> None:
    journal = Journal()
    told = [journal.extend([text(n)]) for n in range(1, 10 * COMPACT_EVERY + 1)]
    assert len(journal) == 10
    assert [len(each) for each in told if each] == [1] * 10
    assert journal.recent() == ()


def test_before_the_first_compaction_nothing_is_told() -> None:
    journal = Journal()
    assert journal.extend([text(1), text(2)]) == ()
    assert [delta.seq for delta in journal] == [delta.seq for delta in journal.recent()] == [1, 2]
