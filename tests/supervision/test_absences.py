"""Detached streams: what goes on, what is kept, who may come back, and when it is over."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.actors import journal
from greenroom.messages.attach_errors import ReplayRefused, StreamInUse, UnknownStream
from greenroom.messages.commands import Cancel, ReaderGone
from greenroom.messages.failures import ConnectionFailed, InternalError, StreamDetached, StreamTimedOut
from greenroom.messages.invalid import InvalidInput
from greenroom.supervision import absences

from absent_rig import Doors, seqs, taken, text_of
from request_path import PATIENT, Rig, in_thread

SMALL = PATIENT.replace(max_buffer_bytes=1024, max_replay_bytes=4096, detach_grace_s=30.0)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig().start()
    yield made
    if made.dispatcher.is_running:
        made.stop()


@pytest.fixture
def doors(rig: Rig) -> Doors:
    return Doors(rig)


async def read(stream: Any) -> list[int]:
    return [delta.seq async for delta in stream]


def event(rig: Rig, name: str) -> Any:
    (found,) = rig.log.of(name)
    return found


# ---- where it goes on


def test_the_next_handle_goes_on_where_the_last_one_stopped(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "t b", "t c")
    assert text_of(taken(started.stream, 2)) == "ab"
    doors.detach(started)
    wire.send("t d")
    again = doors.attach("s1")
    wire.send("t e", "done").end()
    assert text_of(taken(again)) == "cde"
    assert again.result(timeout=0).text == "abcde"
    assert event(rig, "stream.detached").seq == 2
    attached = event(rig, "stream.attached")
    assert (attached.after_seq, attached.replayed_bytes, attached.outcome) == (2, 0, None)
    assert rig.live.absent == {}


def test_a_stream_that_ended_meanwhile_gives_the_rest_and_its_end(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    doors.detach(started)
    wire.send("t b", "fail too bad").end()
    again = doors.attach("s1")
    cursor = iter(again)
    assert next(cursor).text == "ab"
    with pytest.raises(ConnectionFailed, match="too bad"):
        next(cursor)
    assert event(rig, "stream.attached").outcome == "failed"


def test_a_stream_that_had_ended_can_be_detached_and_repeated(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "t b", "done").end()
    assert len(taken(started.stream)) == 2
    doors.detach(started)
    assert text_of(taken(doors.attach("s1", after_seq=1))) == "b"


def test_what_was_taken_is_repeated_on_request_from_any_delta(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head()
    for n in range(600):
        wire.send(f"t {n % 10}")
    assert len(seqs(taken(started.stream))) == 600
    whole = "".join(str(n % 10) for n in range(600))
    for after in (0, 1, 255, 256, 300, 599, 600):
        doors.detach(started)
        stream = doors.attach("s1", after_seq=after)
        again = taken(stream)
        assert (text_of(again), seqs(again)) == (whole[after:], list(range(after + 1, 601)))
    wire.send("t !", "done").end()
    doors.detach(started)
    assert text_of(taken(doors.attach("s1", after_seq=598))) == "89!"


STEPS = st.lists(
    st.sampled_from(["t x", "t \u00e9\u00e9", "r why", "c call", "take", "detach", "attach", "end"]),
    max_size=30,
)


@settings(max_examples=40)
@given(STEPS, st.data())
def test_across_all_handles_each_delta_once_and_in_order(steps: list[str], data: Any) -> None:
    with patch.object(journal, "COMPACT_EVERY", 3):
        _come_and_go(steps, data)


def _come_and_go(steps: list[str], data: Any) -> None:
    rig = Rig().start()
    try:
        doors, got, away, ended = Doors(rig), [], False, False
        started, wire = rig.open(PATIENT.replace(high_watermark_items=2))
        wire.head()
        stream: Any = started.stream
        for step in steps:
            if step == "take":
                got += [] if away else taken(stream, data.draw(st.integers(1, 3)))
            elif step == "detach" and not away:
                doors.detach(started)
                away = True
            elif step == "attach" and away:
                after = data.draw(st.none() | st.integers(0, len(seqs(got))))
                stream, away = doors.attach("s1", after), False
                if after is not None:
                    got = started.job.gate.journal.between(0, after)
            elif step == "end" and not ended:
                wire.send("done").end()
                ended = True
            elif step[1] == " " and not ended:
                wire.send(step)
        if not ended:
            wire.send("done").end()
        got += taken(doors.attach("s1") if away else stream)
        completion = started.job.channel.end
        assert completion is not None
        assert seqs(got) == list(range(1, completion.last_seq + 1))
        assert text_of(got) == completion.text
    finally:
        rig.stop()


# ---- the former handle


def test_the_former_handle_reads_no_more_and_its_going_cancels_nothing(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "t b")
    cursor = iter(started.stream)
    pending = [started.stream.next_delta() for _ in range(3)]
    waiting = in_thread(started.stream.result)
    while not started.channel._closers:
        rig.settle()
    doors.detach(started)
    for attempt in (
        lambda: next(cursor), waiting.get, lambda: next(iter(started.stream)), started.stream.result,
        lambda: started.stream.next_delta().get(timeout=0), lambda: pending[2].get(timeout=0),
        lambda: asyncio.run(read(started.stream)),
    ):  # fmt: skip
        with pytest.raises(StreamDetached, match=r"system\.attach") as caught:
            attempt()
        assert caught.value.partial is None
    assert [future.get(timeout=0).text for future in pending[:2]] == ["a", "b"]
    assert (started.stream.detached, started.stream.done) == (True, True)
    assert repr(started.stream).endswith(": detached>")
    assert doors.detach(started, started.channel) is None
    started.stream.cancel()
    with started.stream:
        pass
    cursor = pending = waiting = caught = attempt = None  # type: ignore[assignment]
    started.stream = None  # type: ignore[assignment]
    gc.collect()
    rig.settle()
    assert not wire.aborted
    assert not rig.log.of("stream.cancelled")


def test_a_reader_waiting_in_a_loop_that_was_closed_cancels_nothing(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head()
    loop = asyncio.new_event_loop()
    pending = loop.create_task(read(started.stream))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    doors.detach(started)
    pending._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine: Any = pending.get_coro()
    coroutine.close()
    rig.settle()
    assert not wire.aborted


def test_a_note_of_a_former_reader_that_comes_late_counts_no_more(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    next(iter(started.stream))
    doors.detach(started)
    again = doors.attach("s1")
    cursor = iter(again)
    started.cell.ref.tell(ReaderGone(0))
    rig.settle()
    assert not wire.aborted
    assert again._channel.generation == 2
    del cursor
    rig.dispatcher.wait_idle()
    started.cell.ref.tell(ReaderGone(2))
    rig.settle()
    assert wire.aborted


# ---- bounds and clocks


def test_while_it_is_away_it_runs_on_to_its_bound_and_no_clock_of_a_reader_runs(
    rig: Rig, doors: Doors
) -> None:
    started, wire = rig.open(SMALL.replace(detach_grace_s=200.0, max_pause_s=10.0))
    wire.head()
    cursor = iter(started.stream)
    wire.send("t " + "a" * 600)
    assert wire.paused
    doors.detach(started)
    assert not wire.paused
    wire.send("t " + "b" * 3000)
    assert not wire.paused
    wire.send("t " + "c" * 1000)
    assert wire.paused
    for _ in range(15):
        rig.advance(10)
    assert not rig.log.of("stream.failed")
    again = doors.attach("s1")
    assert not wire.paused
    wire.send("t d", "done").end()
    assert text_of(taken(again)) == "a" * 600 + "b" * 3000 + "c" * 1000 + "d"
    del cursor


def test_nobody_came_within_the_grace(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open(SMALL)
    wire.head().send("t a")
    doors.detach(started)
    rig.advance(29)
    assert not wire.aborted
    rig.advance(2)
    assert wire.aborted
    assert [event(rig, "stream.cancelled").by, event(rig, "stream.forgotten").why] == [
        "detached_expired", "grace_over",
    ]  # fmt: skip
    with pytest.raises(UnknownStream, match="'s1'"):
        doors.attach("s1")
    assert (rig.live.absent, rig.live.jobs) == ({}, {})


def test_the_grace_of_an_earlier_absence_counts_no_more(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open(SMALL)
    wire.head()
    doors.detach(started)
    rig.advance(20)
    again = doors.attach("s1")
    doors.detach(started)
    rig.advance(20)
    assert not wire.aborted
    rig.advance(11)
    assert wire.aborted
    assert again.detached


def test_an_ended_one_is_kept_for_the_grace_only(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open(SMALL)
    doors.detach(started)
    wire.head().send("t a", "done").end()
    rig.advance(31)
    assert (event(rig, "stream.forgotten").why, event(rig, "stream.forgotten").outcome) == (
        "grace_over", "completed",
    )  # fmt: skip
    with pytest.raises(UnknownStream):
        doors.attach("s1")


def test_of_ended_ones_only_so_many_are_kept(rig: Rig, doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absences, "ENDED_MAX", 2)
    for _ in range(4):
        started, wire = rig.open()
        doors.detach(started)
        wire.head().send("t a", "done").end()
    assert list(rig.live.absent) == ["s3", "s4"]
    assert [event.why for event in rig.log.of("stream.forgotten")] == ["too_many"] * 2


def test_the_deadline_runs_on(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open(SMALL.replace(detach_grace_s=100.0, deadline_s=50.0))
    wire.head().send("t a")
    doors.detach(started)
    rig.advance(51)
    assert wire.aborted
    with pytest.raises(StreamTimedOut, match="deadline_s"):
        doors.attach("s1").result(timeout=0)


# ---- what is refused


def test_more_than_may_be_repeated_is_refused_and_says_from_where_it_can_be(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open(SMALL)
    wire.head()
    for _ in range(100):
        wire.send("t " + "x" * 100)
        taken(started.stream)
    doors.detach(started)
    with pytest.raises(ReplayRefused, match="after_seq=60") as caught:
        doors.attach("s1", after_seq=3)
    assert caught.value.earliest_after_seq == 60
    with pytest.raises(ReplayRefused):
        doors.attach("s1", after_seq=59)
    assert seqs(taken(doors.attach("s1", after_seq=60))) == list(range(61, 101))
    assert event(rig, "stream.attached").replayed_bytes == 4000


def test_only_what_is_detached_can_be_attached_and_only_what_was_delivered_repeated(
    rig: Rig, doors: Doors
) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    with pytest.raises(StreamInUse, match=r"'s1'.*detach\(\)"):
        doors.attach("s1")
    with pytest.raises(UnknownStream, match="'s2'"):
        doors.attach("s2")
    doors.detach(started)
    with pytest.raises(InvalidInput, match=r"after_seq = 2: must be at most 1"):
        doors.attach("s1", after_seq=2)
    again = doors.attach("s1")
    with pytest.raises(StreamInUse):
        doors.attach("s1")
    assert not again.detached


# ---- beside everything else


def test_detached_before_its_scope_began(rig: Rig, doors: Doors) -> None:
    started = rig.begin(before=lambda started: doors.detach(started) and None)
    rig.settle()
    rig.wire.head().send("t a", "done").end()
    assert started.channel.ends == []
    assert text_of(taken(doors.attach("s1"))) == "a"


def test_the_requests_supervisor_crashes_meanwhile(rig: Rig, doors: Doors) -> None:
    for _ in range(2):
        started, wire = rig.open(SMALL)
        wire.head().send("t a")
        doors.detach(started)
    rig.crash("/requests")
    again = doors.attach("s1")
    assert text_of(taken(again)) == "a"
    with pytest.raises(InternalError):
        again.result(timeout=0)
    rig.advance(31)
    assert rig.live.absent == {}


def test_detached_by_its_own_future_in_the_turn_of_its_delivery(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head()
    future = started.stream.next_delta()
    future.add_done_callback(lambda _: doors.absences.detach(started.job, started.cell.ref, started.channel))
    wire.send("t a", "t b", "t c")
    wire.send("t d", "done").end()
    assert future.get(timeout=0).text == "a"  # type: ignore[union-attr]
    again = doors.attach("s1")
    assert text_of(taken(again)) == "bcd"
    assert again.result(timeout=0).text == "abcd"


def test_a_cancel_of_the_new_handle_ends_it(rig: Rig, doors: Doors) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    doors.detach(started)
    again = doors.attach("s1")
    again.cancel()
    rig.settle()
    assert wire.aborted
    assert event(rig, "stream.cancelled").by == "caller"
    started.cell.ref.tell_control(Cancel())


def test_consumers_that_go_and_come_all_day_leave_no_timers(rig: Rig, doors: Doors) -> None:
    idle = rig.dispatcher.statistics().timers
    for _ in range(4):
        streams = [rig.begin() for _ in range(60)]
        rig.settle()
        for started in streams:
            for _ in range(3):
                doors.detach(started)
                started.stream = doors.attach(started.job.stream_id)
            started.stream.cancel()
        rig.settle()
    assert rig.live.absent == {}
    assert rig.dispatcher.statistics().timers - idle <= 64
