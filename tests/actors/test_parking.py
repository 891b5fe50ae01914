"""Deltas that are delivered when a store has them: in order, once, or never."""

import pytest
from test_gate import Told, taken
from test_merging import text

from greenroom.actors.channel import Channel
from greenroom.actors.gate import Commit
from greenroom.actors.parking import ParkingGate
from greenroom.messages.commands import WireRead
from greenroom.messages.failures import NOT_DURABLE, ErrorEvidence
from greenroom.messages.options import StreamingOptions

OPTIONS = StreamingOptions(max_output_bytes=4096, max_event_bytes=1024, max_buffer_bytes=1024)
REFUSAL = ErrorEvidence(kind="refusal", code=NOT_DURABLE, message="disk full")


class Door(ParkingGate):
    """Counts what it asked of the store, and what it told its stream."""

    __slots__ = ("asked", "demands", "told")

    def __init__(self, options: StreamingOptions = OPTIONS) -> None:
        self.asked, self.demands, self.told = 0, 0, Told()
        super().__init__(Channel(options), options, self._ask)
        self.producer = self.told  # type: ignore[assignment]
        self.channel.demand = self._demand
        self.open_epoch(1)

    def _ask(self) -> None:
        self.asked += 1

    def _demand(self) -> None:
        self.demands += 1


def text_in(door: Door) -> str:
    return "".join(delta.text for delta in taken(door))


def test_nothing_is_delivered_before_the_store_has_it() -> None:
    door = Door()
    assert door.commit(1, [text(1, "a"), text(2, "b")]) is Commit.TAKEN
    assert door.commit(1, [text(3, "c")]) is Commit.TAKEN
    assert (door.asked, door.taken_seq, door.checkpoint.seq, taken(door)) == (2, 3, 0, [])
    checkpoint, pieces = door.unsaved(0)
    assert (checkpoint.seq, checkpoint.epoch, checkpoint.committed_epoch) == (3, 1, 1)
    assert [(piece.delta.text, piece.lengths) for piece in pieces] == [("abc", bytes([1, 1, 1]))]
    door.saved(2)
    assert (text_in(door), door.checkpoint.seq) == ("ab", 2)
    assert [piece.delta.text for piece in door.unsaved(2)[1]] == ["c"]
    door.saved(3)
    assert (text_in(door), "".join(delta.text for delta in door.journal)) == ("c", "abc")


def test_a_gap_is_a_bug_of_ours() -> None:
    door = Door()
    door.commit(1, [text(1)])
    with pytest.raises(RuntimeError, match="do not follow 1"):
        door.commit(1, [text(3)])
    with pytest.raises(RuntimeError):
        door.commit(1, [text(1)])


def test_the_end_waits_for_what_is_parked() -> None:
    door, ends = Door(), []
    door.settled(ends.append)
    assert ends == [None]
    door.commit(1, [text(1)])
    door.settled(ends.append)
    assert ends == [None]
    door.saved(1)
    assert ends == [None, None]


def test_a_fence_drops_what_is_parked_and_lets_the_end_go() -> None:
    door, ends = Door(), []
    door.commit(1, [text(1)])
    door.settled(ends.append)
    door.fence()
    assert [getattr(end, "code", None) for end in ends] == ["stopped"], "not all of it was delivered"
    assert (door.taken_seq, door.commit(1, [text(1)])) == (0, Commit.FENCED)
    door.saved(1)
    assert taken(door) == []


def test_a_store_that_fails_ends_the_attempt_and_any_further_one() -> None:
    door = Door()
    door.commit(1, [text(1, "a")])
    door.saved(1)
    door.commit(1, [text(2, "b")])
    door.refuse(REFUSAL)
    (read,) = door.told.messages
    assert isinstance(read, WireRead)
    assert read.end is not None
    assert read.end.evidence == REFUSAL
    ends: list[ErrorEvidence | None] = []
    assert door.commit(1, [text(2, "b")]) is Commit.FENCED
    door.settled(ends.append)
    door.open_epoch(2)
    assert door.commit(2, [text(2, "b")]) is Commit.FENCED
    door.refuse(REFUSAL)
    assert (ends, text_in(door), len(door.told.messages)) == ([REFUSAL], "a", 1)


def test_an_attempt_that_waits_for_its_end_is_told_there() -> None:
    door, ends = Door(), []
    door.commit(1, [text(1)])
    door.settled(ends.append)
    door.refuse(REFUSAL)
    assert (ends, door.told.messages) == ([REFUSAL], [])


def test_the_socket_pauses_at_the_cap_and_is_read_again_when_the_store_keeps_up() -> None:
    door = Door()
    assert door.commit(1, [text(1, "x" * 600)]) is Commit.TAKEN
    assert door.commit(1, [text(2, "x" * 600)]) is Commit.FULL
    door.saved(1)
    assert door.demands == 1
    door.saved(2)
    assert door.demands == 1


def test_a_channel_that_filled_up_meanwhile_pauses_it_too() -> None:
    door = Door()
    door.channel.reader_opened()
    door.commit(1, [text(1, "x" * 900)])
    door.saved(1)
    assert door.channel.full
    assert door.commit(1, [text(2, "x")]) is Commit.FULL
    door.saved(2)
    assert door.demands == 0
    assert len(taken(door)) == 2
    assert door.demands == 1


def test_too_large_an_answer_is_refused_where_it_would_be_delivered() -> None:
    door = Door()
    for seq in range(1, 6):
        door.commit(1, [text(seq, "x" * 1000)])
    door.saved(5)
    assert door.checkpoint.seq == 4
    (read,) = door.told.messages
    assert read.end.evidence.clock == "max_output_bytes"
