"""Commit is all or nothing, for the open epoch alone, without a gap."""

import dataclasses
from typing import Any

import pytest
from test_merging import IDS, text

from greenroom.actors.channel import Channel, Nothing
from greenroom.actors.gate import Commit, Gate
from greenroom.actors.journal import COMPACT_EVERY
from greenroom.messages.commands import Accepted
from greenroom.messages.deltas import (
    Delta,
    RawDelta,
    StreamReset,
    ToolCallCompleted,
    ToolCallDelta,
    UsageDelta,
)
from greenroom.messages.options import StreamingOptions
from greenroom.messages.usage import Usage
from greenroom.messages.value import FrozenMap

SMALL = StreamingOptions(max_output_bytes=1024, max_event_bytes=1024, max_buffer_bytes=1024)


class Told:
    """Stands where the aggregator's ref does."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def tell(self, message: Any) -> None:
        self.messages.append(message)


def gate(options: StreamingOptions = SMALL) -> Gate:
    made = Gate(Channel(options), options.max_output_bytes)
    made.open_epoch(1)
    return made


def taken(of: Gate) -> list[Delta]:
    out: list[Delta] = []
    while not isinstance(item := of.channel.take(), Nothing):
        out.append(item)
    return out


def test_a_commit_moves_journal_checkpoint_and_channel_together() -> None:
    door = gate()
    assert door.commit(1, [text(1, "ab"), text(2, "c")]) is Commit.TAKEN
    assert "".join(delta.text for delta in door.journal) == "abc"
    checkpoint = door.checkpoint
    assert (checkpoint.seq, checkpoint.delivered_bytes, checkpoint.epoch) == (2, 3, 1)
    assert checkpoint.committed_epoch == 1
    assert [delta.seq for delta in taken(door)] == [1, 2]


@pytest.mark.parametrize("epoch", [0, 2])
def test_another_epoch_commits_nothing(epoch: int) -> None:
    door = gate()
    assert door.commit(epoch, [text(1)]) is Commit.FENCED
    assert (len(door.journal), door.checkpoint.seq, taken(door)) == (0, 0, [])


def test_after_the_fence_nobody_commits() -> None:
    door = gate()
    door.fence()
    assert all(door.commit(epoch, [text(1)]) is Commit.FENCED for epoch in (0, 1, 2))


@pytest.mark.parametrize("seqs", [(2,), (0,), (1, 3), (1, 1), (1, 2, 4)])
def test_a_gap_is_a_bug_and_takes_nothing(seqs: tuple[int, ...]) -> None:
    door = gate()
    with pytest.raises(RuntimeError, match="do not follow"):
        door.commit(1, [text(seq) for seq in seqs])
    assert (len(door.journal), door.checkpoint.seq, taken(door)) == (0, 0, [])


def test_too_much_takes_nothing_of_the_batch() -> None:
    door = gate()
    assert door.commit(1, [text(1, "x" * 1000)]) is Commit.TAKEN
    assert door.commit(1, [text(2, "x"), text(3, "x" * 24)]) is Commit.TOO_MUCH
    assert door.checkpoint.seq == 1
    assert door.commit(1, [text(2, "x" * 24)]) is Commit.TAKEN


def arguments(seq: int, words: str) -> ToolCallDelta:
    return ToolCallDelta(seq=seq, call_index=0, call_id="c", arguments=words, **IDS)


def completed(seq: int, words: str) -> ToolCallCompleted:
    return ToolCallCompleted(seq=seq, call_index=0, call_id="c", name="f", arguments=words, **IDS)


def test_arguments_of_a_completed_call_are_counted_once() -> None:
    door = gate()
    assert door.commit(1, [arguments(1, "x" * 400), arguments(2, "y" * 400)]) is Commit.TAKEN
    assert door.commit(1, [completed(3, "x" * 400 + "y" * 400)]) is Commit.TAKEN
    assert door.checkpoint.delivered_bytes == 800
    assert door.commit(1, [completed(4, "z" * 300)]) is Commit.TOO_MUCH
    assert door.commit(1, [completed(4, "z" * 200), arguments(5, "a" * 24)]) is Commit.TAKEN


def test_what_is_said_beside_text_counts() -> None:
    door = gate()
    beside = FrozenMap({"logprobs": {"content": [{"token": "x" * 800, "logprob": -1.0}]}})
    delta = dataclasses.replace(text(1), metadata=beside)
    assert door.commit(1, [delta]) is Commit.TAKEN
    assert door.commit(1, [dataclasses.replace(delta, seq=2)]) is Commit.TOO_MUCH
    raw = RawDelta(seq=2, event="message", data=FrozenMap({"a": ["x" * 2000]}), **IDS)
    assert door.commit(1, [raw]) is Commit.TOO_MUCH


def test_only_content_commits_an_attempt() -> None:
    door = gate()
    door.commit(1, [UsageDelta(seq=1, usage=Usage(), **IDS)])
    assert not door.delivered_behind(0)
    door.commit(1, [text(2)])
    assert door.delivered_behind(0)
    assert not door.delivered_behind(door.epoch)


def test_full_is_told_where_somebody_reads() -> None:
    door = gate()
    assert door.commit(1, [text(1, "x" * 500)]) is Commit.TAKEN
    door.channel.reader_opened()
    assert door.commit(1, [text(2, "x" * 100)]) is Commit.FULL


def test_sent_never_goes_back_to_an_older_attempt() -> None:
    door = gate()
    door.mark_sent(2)
    door.mark_sent(1)
    assert door.checkpoint.sent_epoch == 2


def test_the_aggregator_is_told_compacted_deltas() -> None:
    door, told = gate(StreamingOptions()), Told()
    door.aggregator = told  # type: ignore[assignment]
    for seq in range(1, COMPACT_EVERY + 2):
        door.commit(1, [text(seq)])
    assert [type(message) for message in told.messages] == [Accepted]
    assert told.messages[0].deltas[0].text == "x" * COMPACT_EVERY
    assert [delta.seq for delta in door.journal.recent()] == [COMPACT_EVERY + 1]


def reset(seq: int) -> StreamReset:
    return StreamReset(seq=seq, epoch=2, provider="p", model="m", reason="cut", **IDS)


def test_behind_a_reset_the_bound_is_the_new_answers() -> None:
    door = gate()
    assert door.commit(1, [text(1, "x" * 1000)]) is Commit.TAKEN
    door.open_epoch(2)
    assert door.commit(2, [reset(2), text(3, "y" * 900)]) is Commit.TAKEN
    assert door.checkpoint.delivered_bytes < 1024
    assert door.commit(2, [text(4, "y" * 200)]) is Commit.TOO_MUCH


def test_the_servers_place_is_swapped_with_the_batch() -> None:
    door = gate()
    assert door.commit(1, [text(1)], ("resp", "7")) is Commit.TAKEN
    assert door.checkpoint[-2:] == ("resp", "7")
    assert door.commit(1, [text(2)]) is Commit.TAKEN
    assert door.checkpoint[-2:] == ("resp", "7")
    assert door.commit(1, [text(3, "x" * 2000)], ("resp", "8")) is Commit.TOO_MUCH
    assert door.checkpoint[-2:] == ("resp", "7")


def test_what_an_earlier_process_delivered_is_gone_on_behind() -> None:
    door = gate()
    first = gate()
    first.commit(1, [text(1), text(2)], ("resp", "7"))
    door.restore(first.journal.pieces(0), first.checkpoint)
    assert (door.epoch_opened, taken(door)) == (1, [])
    door.open_epoch(2)
    assert door.commit(2, [text(3)]) is Commit.TAKEN
    assert [delta.seq for delta in door.journal][-1] == 3
