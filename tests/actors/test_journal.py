"""The journal holds everything, tells each delta to the aggregator once, and stays small."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from test_merging import merged, numbered, runs, text

from greenroom.actors.journal import COMPACT_EVERY, Journal
from greenroom.messages.deltas import Delta
from greenroom.messages.fold import Fold, fold


@given(st.lists(runs, max_size=6), st.data())
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
    assert [(delta.first_seq, delta.seq) for delta in journal] == [(1, 2)]
    assert tuple(journal) == journal.recent()


@given(st.lists(runs, max_size=6), st.data())
def test_any_part_of_it_can_be_had_wherever_it_was_merged(batches: list[list[Delta]], data: Any) -> None:
    deltas = numbered([delta for batch in batches for delta in batch])
    journal, place = Journal(), 0
    for batch in batches:
        journal.extend(deltas[place : place + len(batch)])
        place += len(batch)
        if data.draw(st.booleans()):
            journal.compact()
    after = data.draw(st.integers(0, len(deltas) + 1))
    last = data.draw(st.none() | st.integers(0, len(deltas) + 1))
    part = journal.between(after, last)
    wanted = deltas[after : None if last is None else max(last, after)]
    assert merged(part) == merged(wanted)
    seqs = [n for d in part for n in range(d.seq if d.first_seq is None else d.first_seq, d.seq + 1)]
    assert seqs == [delta.seq for delta in wanted]


def test_pieces_longer_than_a_byte_are_cut_too() -> None:
    journal = Journal()
    journal.extend([text(n, "\u00e9" * 300 * n) for n in (1, 2, 3)])
    journal.compact()
    (part,) = journal.between(1, 2)
    assert (part.seq, part.first_seq, part.text) == (2, None, "\u00e9" * 600)
    (rest,) = journal.between(1)
    assert (rest.first_seq, rest.seq, len(rest.text)) == (2, 3, 1500)
