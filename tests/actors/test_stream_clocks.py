"""One attempt's clocks, back-pressure and bounds: real actors, a fake wire, a manual clock."""

from typing import Any

import pytest

from greenroom.actors.connection import BACKLOG_READS
from greenroom.messages.commands import WireRead
from greenroom.messages.failures import (
    ConnectionFailed,
    OutputLimitExceeded,
    SlowConsumer,
    StreamTimedOut,
)

from fake_provider import refused
from request_path import PATIENT, Rig, Started, error_of, in_thread

ONCE = PATIENT.replace(max_reconnect_attempts=0)


# ---- clocks


def test_no_first_content_in_time_is_a_timeout(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(first_content_timeout_s=20))
    wire.head()
    rig.advance(19.9)
    assert not started.stream.done
    rig.advance(0.2)
    error = error_of(started)
    assert isinstance(error, StreamTimedOut)
    assert error.failure.evidence is not None
    assert error.failure.evidence.clock == "first_content_timeout_s"
    assert wire.aborted


def test_an_error_whose_body_stands_still_is_told_as_what_it_was(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(first_content_timeout_s=20))
    wire.head(500).send("out of memory")
    rig.advance(21)
    evidence = error_of(started).failure.evidence
    assert evidence is not None
    assert (evidence.kind, evidence.status) == ("http", 500)
    assert "out of memory" in evidence.message


def test_a_local_server_has_longer_for_its_first_content(rig: Rig) -> None:
    started, wire = rig.open(ONCE, local=True)
    wire.head()
    rig.advance(299)
    assert not started.stream.done
    rig.advance(2)
    assert error_of(started).failure.evidence.clock == "local_first_content_timeout_s"  # type: ignore[union-attr]


def test_the_gap_clock_runs_from_the_first_content_on(rig: Rig) -> None:
    """Not from the first tick of the longer clock before it."""
    started, wire = rig.open(ONCE.replace(first_content_timeout_s=120, content_gap_timeout_s=10))
    wire.head()
    rig.advance(1)
    wire.send("t a")
    rig.advance(9.9)
    assert not started.stream.done
    rig.advance(0.2)
    assert error_of(started).failure.evidence.clock == "content_gap_timeout_s"  # type: ignore[union-attr]


def test_the_gap_clock_runs_again_after_hidden_work(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(content_gap_timeout_s=10, max_silent_s=100))
    wire.head().send("t a", ".")
    rig.advance(50)
    wire.send("t b")
    rig.advance(11)
    assert error_of(started).failure.evidence.clock == "content_gap_timeout_s"  # type: ignore[union-attr]


def test_work_behind_content_of_the_same_read_has_the_long_clock(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(content_gap_timeout_s=10, max_silent_s=100))
    wire.head()
    rig.dispatcher.call(wire._deliver, WireRead(1, rig.clock.now_s(), b"t a\n.\n"))
    rig.advance(95)
    assert not started.stream.done
    rig.advance(6)
    assert error_of(started).failure.evidence.clock == "max_silent_s"  # type: ignore[union-attr]


def test_a_finished_answer_does_not_wait_long_for_its_end(rig: Rig) -> None:
    started, wire = rig.open(ONCE)
    wire.head().send("t a")
    rig.advance(3)
    wire.send("fin", ":ping")
    rig.advance(4.9)
    wire.send("u 7")
    assert not started.stream.done
    rig.advance(0.2)
    completion = started.stream.result(timeout=0)
    assert (completion.text, completion.finish_reason, completion.usage.output_tokens) == ("a", "stop", 7)
    assert wire.aborted


def test_content_behind_a_finish_takes_the_word_for_it_away(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(content_gap_timeout_s=20))
    wire.head().send("t a", "fin")
    rig.advance(4)
    wire.send("t b", "fin")
    rig.advance(19)
    assert not started.stream.done
    rig.advance(2)
    assert error_of(started).failure.evidence.clock == "content_gap_timeout_s"  # type: ignore[union-attr]


def test_the_wait_for_the_end_stands_still_while_we_pause(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(max_buffer_bytes=1024))
    cursor = iter(started.stream)
    wire.head().send("t " + "x" * 2000, "fin")
    assert wire.paused
    rig.advance(30)
    assert not started.stream.done
    assert next(cursor).text
    rig.advance(6)
    assert started.stream.result(timeout=0).outcome == "completed"


def test_content_moves_the_gap_clock_and_comments_do_not(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(content_gap_timeout_s=10))
    wire.head().send("t a")
    for _ in range(5):
        rig.advance(8)
        wire.send("t b")
    rig.advance(8)
    wire.send(":ping")
    rig.advance(3)
    assert isinstance(error_of(started), StreamTimedOut)


def test_progress_without_content_has_its_own_clock(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(first_content_timeout_s=10, max_silent_s=100))
    wire.head().send(".")
    rig.advance(95)
    assert not started.stream.done
    rig.advance(6)
    assert error_of(started).failure.evidence.clock == "max_silent_s"  # type: ignore[union-attr]


def test_a_tick_is_judged_by_the_stamps_of_reads_that_still_wait(rig: Rig) -> None:
    """The read came in time; the tick, being control, is handled before it."""
    started, wire = rig.open(ONCE.replace(content_gap_timeout_s=10))
    wire.head().send("t a")
    in_time_s = rig.clock.now_s() + 9.0
    rig.advance(10.005)
    assert not started.stream.done
    rig.dispatcher.call(wire._deliver, WireRead(1, in_time_s, b"t b\n"))
    rig.advance(1.0)
    assert not started.stream.done
    rig.advance(8.5)
    assert isinstance(error_of(started), StreamTimedOut)


@pytest.mark.parametrize(("line", "late"), [(b"t a\n", False), (b"junk\n", True)])
def test_reads_that_were_held_up_here_are_no_silence_of_the_server(rig: Rig, line: bytes, late: bool) -> None:
    """They came long ago, and then the socket was paused until they were handled."""
    started, wire = rig.open(ONCE.replace(first_content_timeout_s=60, content_gap_timeout_s=60))
    wire.head().send("t first")
    stamp_s = rig.clock.now_s()
    rig.clock._now_s = stamp_s + 100

    def flood() -> None:
        for _ in range(BACKLOG_READS + 1):
            wire._deliver(WireRead(1, stamp_s + 1, line))

    rig.dispatcher.call(flood)
    rig.settle()
    rig.advance(0.05)
    rig.advance(0.05)
    assert started.stream.done is late
    if not late:
        wire.send("done").end()


def test_an_error_whose_body_never_ends_is_still_that_error(rig: Rig) -> None:
    started, wire = rig.open(ONCE.replace(first_content_timeout_s=120))
    rig.advance(60)
    wire.head(429)
    rig.advance(4.9)
    wire._read(data=b"slow down")
    assert not started.stream.done
    rig.advance(0.2)
    rig.advance(0.05)
    error = error_of(started)
    assert (error.error_class, error.status) == ("rate_limit", 429)
    assert "slow down" in str(error)
    assert wire.aborted


# ---- back-pressure

SMALL = ONCE.replace(max_buffer_bytes=2048, high_watermark_items=1, max_pause_s=30, content_gap_timeout_s=5)
BIG = "t " + "x" * 900


def filled(rig: Rig) -> tuple[Started, Any, Any]:
    """A stream that a reader has begun to read, with a full channel."""
    started, wire = rig.open(SMALL)
    cursor = iter(started.stream)
    wire.head().send(BIG, BIG)
    return started, wire, cursor


def test_a_full_channel_pauses_the_socket_and_an_emptied_one_resumes_it(rig: Rig) -> None:
    started, wire, cursor = filled(rig)
    assert wire.paused
    rig.advance(20)
    assert not started.stream.done, "the gap clock stands still while we pause"
    assert len(next(cursor).text) == 1800
    rig.settle()
    assert not wire.paused
    assert rig.log.names()[-2:] == ["stream.paused", "stream.resumed"]
    assert rig.log.of("stream.resumed")[0].paused_ms == 20_000
    rig.advance(4)
    wire.send("t end", "done").end()
    assert next(cursor).text == "end"
    assert started.stream.result(timeout=0).text == "x" * 1800 + "end"


def test_a_consumer_that_reads_nothing_fails_as_slow(rig: Rig) -> None:
    started, wire, cursor = filled(rig)
    rig.advance(29.9)
    assert not started.stream.done
    rig.advance(0.2)
    error = error_of(started)
    assert isinstance(error, SlowConsumer)
    assert error.partial is not None
    assert len(error.partial.text) == 1800
    assert wire.aborted
    assert len(next(cursor).text) == 1800, "what was buffered can still be read"


def test_a_slow_consumer_that_moves_does_not_fail(rig: Rig) -> None:
    options = SMALL.replace(high_watermark_items=100)
    started, wire = rig.open(options)
    cursor = iter(started.stream)
    wire.head().send(*["t " + "x" * 100] * 10)
    next(cursor)
    wire.send(*["t " + "x" * 100] * 10)
    assert wire.paused
    for _ in range(9):
        rig.advance(25)
        assert not started.stream.done
        assert len(next(cursor).text) == 100
    assert wire.paused
    next(cursor)
    rig.settle()
    assert not wire.paused
    wire.send("done").end()
    assert sum(len(delta.text) for delta in cursor) == 900


def test_nothing_pauses_before_the_first_reader(rig: Rig) -> None:
    started, wire = rig.open(SMALL)
    wire.head().send(*[BIG] * 20)
    assert not wire.paused
    wire.send("done").end()
    assert len(started.stream.result(timeout=0).text) == 18_000


def test_somebody_who_waits_for_the_result_resumes_the_socket(rig: Rig) -> None:
    started, wire, cursor = filled(rig)
    assert wire.paused
    result = in_thread(lambda: started.stream.result(timeout=5))
    while wire.paused:
        rig.settle()
    wire.send(BIG, "done").end()
    assert len(result.get().text) == 2700
    assert len("".join(delta.text for delta in cursor)) == 2700


def test_an_answer_that_fills_the_channel_with_its_end_does_not_pause(rig: Rig) -> None:
    started, wire = rig.open(SMALL)
    cursor = iter(started.stream)
    wire.head().send(BIG, BIG, "done").end()
    assert wire.pauses == 0
    assert len("".join(delta.text for delta in cursor)) == 1800
    assert rig.busy_links() == {}


# ---- bounds


@pytest.mark.parametrize("last", [(), ("done",)])
def test_an_answer_past_its_bound_fails_with_what_was_delivered(rig: Rig, last: tuple[str, ...]) -> None:
    started, wire = rig.open(PATIENT.replace(max_output_bytes=1024, max_event_bytes=1024))
    wire.head().send("t " + "x" * 1000)
    wire.send("t " + "y" * 100, *last)
    error = error_of(started)
    assert isinstance(error, OutputLimitExceeded)
    assert error.partial is not None
    assert error.partial.text == "x" * 1000
    assert len(rig.transport.wires) == 1
    assert wire.aborted


def test_deltas_without_text_are_bounded_too(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(max_output_bytes=1024, max_event_bytes=1024))
    wire.head().send("t a")
    wire.send(*["raw x"] * 20)
    assert isinstance(error_of(started), OutputLimitExceeded)


def test_batches_are_handed_over_together(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(batch_interval_s=0.5))
    wire.head().send("t a")
    wire.send("t b").send("t c")
    assert started.job.gate.checkpoint.seq == 1
    rig.advance(0.5)
    assert started.job.gate.checkpoint.seq == 3
    wire.send("t d", "done").end()
    assert started.stream.result(timeout=0).text == "abcd"


def test_a_held_batch_is_delivered_before_a_failure(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(batch_interval_s=0.5))
    wire.head().send("t a").send("t b").cut()
    error = error_of(started)
    assert error.partial is not None
    assert error.partial.text == "ab"


# ---- opening


def test_a_refused_connection_is_a_typed_failure(rig: Rig) -> None:
    rig.transport.failures = [refused()]
    started = rig.begin(ONCE)
    rig.settle()
    error = error_of(started)
    assert isinstance(error, ConnectionFailed)
    assert [a.sent for a in error.partial.attempts] == [False]  # type: ignore[union-attr]


def test_progress_is_told_at_most_once_in_its_interval(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(progress_interval_s=1.0))
    wire.head()
    for _ in range(30):
        wire.send("t a")
        rig.advance(0.1)
    wire.send("done").end()
    assert started.stream.done
    assert rig.log.names().count("stream.progress") == 2


def test_every_message_of_the_end_carries_the_ids(rig: Rig) -> None:
    """Reads bring none, and none of another request's: the socket is shared."""
    for number in (1, 2):
        started, wire = rig.open()
        wire.head().send("t a").cut()
        assert started.stream.done
        failed = rig.log.of("stream.failed")[-1]
        assert (failed.stream_id, failed.request_id) == (f"s{number}", f"r{number}")


def test_an_answer_without_content_is_bounded_too(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(max_output_bytes=1024, max_event_bytes=1024))
    wire.head().send(*["raw x"] * 20, "done").end()
    assert isinstance(error_of(started), OutputLimitExceeded)
    assert len(rig.log.of("stream.failed")) == 1


def test_an_answer_that_ends_while_paused_frees_its_connection(rig: Rig) -> None:
    _, wire, cursor = filled(rig)
    assert wire.paused
    wire.send("t end", "done")
    assert not wire.paused, "the body's end is read whatever the consumer does"
    wire.end()
    assert len(rig.endpoint.state.pool.idle) == 1
    assert "".join(delta.text for delta in cursor) == "x" * 1800 + "end"
