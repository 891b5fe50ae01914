"""A request's attempts and its one end: real actors, a fake wire, a manual clock."""

from typing import Any

import pytest

from greenroom.actors.journal import COMPACT_EVERY
from greenroom.messages.commands import Cancel
from greenroom.messages.failures import (
    ConnectionFailed,
    RequestRejected,
    StreamCancelled,
    StreamError,
    StreamTimedOut,
)

from fake_provider import refused
from request_path import PATIENT, Rig, Started, error_of


def decisions(started: Started) -> list[str]:
    return [attempt.decision for attempt in started.channel.ends[0].attempts]


# ---- again


def test_a_failure_before_content_is_tried_again_after_its_back_off(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head(500).end()
    assert len(rig.transport.wires) == 1
    rig.advance(0.99)
    assert len(rig.transport.wires) == 1
    rig.advance(0.02)
    rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert decisions(started) == ["retry", "completed"]
    assert [delta.text for delta in started.stream] == ["a"]
    retrying = rig.log.of("stream.retrying")
    assert [(event.delay_s, event.next_epoch, event.error_class) for event in retrying] == [
        (1.0, 2, "transient")
    ]
    attempts = started.channel.ends[0].attempts
    assert (attempts[0].waited_s, attempts[0].status, attempts[0].sent) == (1.0, 500, True)


def test_attempts_end_with_their_count(rig: Rig) -> None:
    started = rig.begin(PATIENT.replace(max_reconnect_attempts=2))
    rig.settle()
    for _ in range(3):
        rig.wire.head(503).end()
        rig.advance(10)
    assert len(rig.transport.wires) == 3
    error = error_of(started)
    assert decisions(started) == ["retry", "retry", "give_up"]
    assert error.attempt == 3
    assert "max_reconnect_attempts=2" in str(error)


def test_refused_connections_are_tried_again(rig: Rig) -> None:
    rig.transport.failures = [refused(), refused(), None]
    started = rig.begin()
    rig.advance(5)
    rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert [attempt.sent for attempt in started.channel.ends[0].attempts] == [False, False, True]


def test_connection_errors_are_final_where_the_caller_said_so(rig: Rig) -> None:
    rig.transport.failures = [refused()]
    started = rig.begin(PATIENT.replace(retry_on_connection_error=False))
    rig.settle()
    assert isinstance(error_of(started), ConnectionFailed)
    assert decisions(started) == ["give_up"]


def test_nothing_is_sent_again_after_content(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t Hel").cut()
    rig.advance(100)
    assert len(rig.transport.wires) == 1
    error = error_of(started)
    assert error.partial is not None
    assert error.partial.text == "Hel"
    assert error.partial.outcome == "failed"


def test_a_refusal_that_no_second_try_changes_is_final(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head(400)._read(data=b"temperature is too high")
    wire.end()
    error = error_of(started)
    assert isinstance(error, RequestRejected)
    assert "temperature is too high" in str(error)
    assert error.status == 400


def test_retry_after_is_kept(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head(429, retry_after="30").end()
    rig.advance(29.9)
    assert len(rig.transport.wires) == 1
    rig.advance(0.2)
    rig.wire.head().send("done").end()
    assert started.stream.result(timeout=0).outcome == "completed"


def test_a_wait_past_the_deadline_fails_now(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(deadline_s=20))
    wire.head(429, retry_after="30").end()
    error = error_of(started)
    assert error.error_class == "rate_limit"
    assert error.retry_after_s == 30


def test_a_fact_about_the_server_is_respected_at_once_and_remembered(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head(400, adjust="no_stream_options").end()
    assert rig.codec.calls[1].target.adjustments == {"no_stream_options"}
    assert rig.adjusted == ["no_stream_options"]
    rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert decisions(started) == ["adjust", "completed"]


def test_the_same_fact_is_respected_only_once(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head(400, adjust="x").end()
    rig.wire.head(400, adjust="x").end()
    assert isinstance(error_of(started), RequestRejected)
    assert decisions(started) == ["adjust", "give_up"]


def test_a_wire_that_pauses_is_continued_without_a_seam(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t one ", "u 1", "pause").end()
    rig.wire.head().send("t two", "u 2", "done").end()
    assert started.stream.result(timeout=0).text == "one two"
    assert [(delta.seq, delta.type) for delta in started.stream] == [
        (1, "text"), (2, "usage"), (3, "text"), (4, "usage"),
    ]  # fmt: skip
    assert decisions(started) == ["continue", "completed"]
    assert started.stream.result(timeout=0).usage.output_tokens == 3
    assert rig.log.of("stream.retrying") == []


def test_usage_of_a_paused_turn_is_counted_once(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t one ", "u 7", "pause").end()
    rig.wire.head().send("t two", "done").end()
    assert started.stream.result(timeout=0).usage.output_tokens == 7


def test_a_wire_that_pauses_for_ever_fails(rig: Rig) -> None:
    started = rig.begin()
    rig.settle()
    for _ in range(11):
        rig.wire.head().send("pause").end()
    assert len(rig.transport.wires) == 11
    error = error_of(started)
    assert error.error_class == "protocol"
    assert "the provider paused 10 times" in str(error)
    assert len(started.channel.ends[0].attempts) == 11


def test_a_failure_behind_a_pause_is_tried_again_from_there(rig: Rig) -> None:
    """What was delivered stands in the turn that goes back: nothing of it is said again."""
    started, wire = rig.open()
    wire.head().send("t one ", "u 1", "pause").end()
    rig.wire.head(503).end()
    rig.advance(1.01)
    rig.wire.head().send("t two", "u 2", "done").end()
    assert started.stream.result(timeout=0).text == "one two"
    assert [delta.seq for delta in started.stream] == [1, 2, 3, 4]
    assert decisions(started) == ["continue", "retry", "completed"]


def test_a_crash_behind_a_pause_is_tried_again_from_there(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t one ", "pause").end()
    rig.wire.head()
    rig.crash("/requests/s1/stream-2")
    rig.advance(1.01)
    rig.wire.head().send("t two", "done").end()
    assert started.stream.result(timeout=0).text == "one two"
    assert decisions(started) == ["continue", "retry", "completed"]


def test_content_behind_a_pause_is_not_asked_for_again(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t one ", "pause").end()
    rig.wire.head().send("t tw").cut()
    assert decisions(started) == ["continue", "give_up"]
    assert error_of(started).partial.text == "one tw"


@pytest.mark.parametrize("by", ["user", "deadline"])
def test_a_wait_behind_a_pause_ends_at_once(rig: Rig, by: str) -> None:
    """Cancel and deadline between two epochs: what was delivered is the answer, and nothing is sent."""
    started, wire = rig.open()
    wire.head().send("t one ", "pause").end()
    rig.wire.head(503).end()
    sent = len(rig.transport.wires)
    if by == "user":
        started.stream.cancel()
        rig.settle()
    else:
        started.cell.ref.tell_control(Cancel("deadline"))
        rig.settle()
    rig.advance(2)
    assert len(rig.transport.wires) == sent
    assert error_of(started).partial.text == "one "


def test_an_answer_that_grows_long_behind_its_pause_has_an_aggregator(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "u 1", "pause").end()
    rig.wire.head().send(*["t b"] * (2 * COMPACT_EVERY))
    assert "/requests/s1/aggregator" in rig.dispatcher.live_paths()
    rig.wire.send("u 2", "done").end()
    completion = started.stream.result(timeout=0)
    assert completion.text == "a" + "b" * 2 * COMPACT_EVERY
    assert completion.usage.output_tokens == 3


def test_the_bound_of_an_answer_counts_across_its_pauses(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(max_output_bytes=1024, max_event_bytes=1024))
    wire.head().send("t " + "a" * 600, "pause").end()
    rig.wire.head().send("t " + "b" * 600)
    error = error_of(started)
    assert "max_output_bytes" in str(error)
    assert error.partial.text == "a" * 600


def test_a_stale_connection_is_replaced_at_once_and_counts_as_no_retry(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("done").end()
    started, wire = rig.open(PATIENT.replace(max_reconnect_attempts=1))
    assert wire.link.exchanges == 2
    wire.cut(reused=True)
    rig.wire.head(503).end()
    rig.advance(1)
    rig.wire.head(503).end()
    error = error_of(started)
    assert decisions(started) == ["retry", "retry", "give_up"]
    assert error.attempt == 3
    assert "given up after 1 retry (max_reconnect_attempts=1)" in str(error)


def test_a_request_that_may_be_sent_once_is_sent_once(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("done").end()
    started, wire = rig.open(PATIENT.replace(max_reconnect_attempts=0))
    wire.cut(reused=True)
    assert decisions(started) == ["give_up"]
    assert len(rig.transport.wires) == 2


# ---- the deadline


def test_the_deadline_ends_a_running_attempt(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(deadline_s=50))
    wire.head().send("t a")
    rig.advance(50)
    error = error_of(started)
    assert isinstance(error, StreamTimedOut)
    assert error.failure.evidence is not None
    assert error.failure.evidence.clock == "deadline_s"
    assert error.partial is not None
    assert (error.partial.text, error.partial.outcome) == ("a", "failed")
    assert wire.aborted


def test_the_deadline_ends_a_wait(rig: Rig) -> None:
    """attempts.py decides on no wait past it; the scope does not rely on that."""
    started, wire = rig.open(PATIENT.replace(deadline_s=50))
    wire.head(500).end()
    scope = rig.actor("/requests/s1")
    rig.dispatcher.call(scope._back_off.cancel)
    rig.advance(49)
    assert not started.stream.done
    rig.advance(1)
    assert isinstance(error_of(started), StreamTimedOut)


def test_the_deadline_counts_from_the_submission(rig: Rig) -> None:
    started = rig.begin(PATIENT.replace(deadline_s=50), before=lambda _: rig.clock.advance(50))
    rig.settle()
    rig.advance(0)
    assert isinstance(error_of(started), StreamTimedOut)


# ---- being cancelled


def cancelled(rig: Rig, started: Started) -> StreamError:
    error = error_of(started)
    assert isinstance(error, StreamCancelled)
    assert error.partial is not None
    assert error.partial.outcome == "cancelled"
    assert [event.by for event in rig.log.of("stream.cancelled")] == ["caller"]
    return error


def test_cancel_while_running(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t Hel", "u 2")
    started.stream.cancel()
    rig.settle()
    assert wire.aborted
    partial: Any = cancelled(rig, started).partial
    assert (partial.text, partial.usage.output_tokens, partial.usage.source) == ("Hel", 2, "partial")
    assert decisions(started) == ["cancelled"]
    with pytest.raises(StreamCancelled):
        list(started.stream)


def test_cancel_is_idempotent(rig: Rig) -> None:
    started, _ = rig.open()
    for _ in range(3):
        started.stream.cancel()
    rig.settle()
    started.stream.cancel()
    rig.settle()
    assert cancelled(rig, started).attempt == 1
    assert decisions(started) == ["cancelled"]


def test_cancel_while_connecting(rig: Rig) -> None:
    rig.transport.held = []
    started = rig.begin()
    rig.settle()
    started.stream.cancel()
    rig.settle()
    cancelled(rig, started)
    rig.transport.let_connect()
    assert rig.transport.wires == [], "the connection that came too late is kept for the next"
    assert len(rig.endpoint.state.pool.idle) == 1


def test_cancel_while_queued_for_a_connection() -> None:
    rig = Rig(max_connections=1).start()
    first, wire = rig.open()
    second = rig.begin()
    rig.settle()
    second.stream.cancel()
    rig.settle()
    cancelled(rig, second)
    wire.head().send("done").end()
    assert first.stream.result(timeout=0).outcome == "completed"
    assert len(rig.transport.wires) == 1
    rig.check_nothing_left()
    rig.stop()


def test_cancel_while_waiting(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("u 9").cut()
    assert not started.stream.done
    started.stream.cancel()
    rig.settle()
    error = cancelled(rig, started)
    assert error.partial is not None
    assert error.partial.usage.output_tokens == 9, "what the failed attempt cost is not forgotten"
    rig.advance(100)
    assert len(rig.transport.wires) == 1


def test_cancel_before_the_scope_starts_sends_nothing(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("done").end()
    assert len(rig.endpoint.state.pool.idle) == 1, "a connection stands ready"
    started = rig.begin(before=lambda started: started.stream.cancel())
    rig.settle()
    cancelled(rig, started)
    assert len(rig.transport.wires) == 1
    assert len(rig.codec.calls) == 1


def test_cancel_while_ending_has_no_effect(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")

    def end_and_cancel() -> None:
        wire._deliver(_read(rig, b"done\n"))
        started.stream.cancel()

    rig.dispatcher.call(end_and_cancel)
    rig.settle()
    wire.end()
    assert len(started.channel.ends) == 1


@pytest.mark.parametrize("overtakes", [True, False])
def test_cancel_after_the_attempt_has_completed_has_no_effect(rig: Rig, overtakes: bool) -> None:
    """The stream has exited; its Down, or all that it said of its end, still waits in the scope's mail."""
    started, wire = rig.open()
    wire.head().send("t a")
    scope = rig.actor("/requests/s1")
    stream = rig.actor("/requests/s1/stream-1")
    tell = scope.cell.post

    def late_cancel(item: Any) -> None:
        tell(item)
        if type(getattr(item, "message", None)).__name__ == "AttemptOver":
            ref = started.cell.ref
            (ref.tell_control if overtakes else ref.tell)(Cancel())

    stream._scope = _Posting(scope.ref, late_cancel)
    wire.send("done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert started.channel.ends[0].outcome == "completed"
    assert overtakes or rig.dispatcher.statistics().dead_letters == {}


class _Posting:
    def __init__(self, ref: Any, post: Any) -> None:
        self._ref, self._post = ref, post

    def tell(self, message: Any, ids: Any = None) -> None:
        from greenroom.actors.mailbox import Letter

        self._post(Letter(message, None, ids))


def _read(rig: Rig, data: bytes) -> Any:
    from greenroom.messages.commands import WireRead

    return WireRead(1, rig.clock.now_s(), data)


# ---- fencing


def test_from_the_cancel_on_nothing_is_delivered(rig: Rig) -> None:
    """Not even by a stream that has not heard of it yet."""
    from greenroom.actors.gate import Commit
    from greenroom.messages.deltas import TextDelta

    started, wire = rig.open()
    wire.head()
    scope, committed = rig.actor("/requests/s1"), []

    def cancel_and_commit() -> None:
        scope._stop_request("caller")
        late = TextDelta(seq=1, stream_id="s1", request_id="r1", text="late")
        committed.append(started.job.gate.commit(1, [late]))

    rig.dispatcher.call(cancel_and_commit)
    rig.settle()
    assert committed == [Commit.FENCED]
    cancelled(rig, started)


def test_what_an_older_epoch_commits_is_refused(rig: Rig) -> None:
    from greenroom.actors.gate import Commit
    from greenroom.messages.deltas import TextDelta

    started, wire = rig.open()
    wire.head(500).end()
    rig.advance(1)
    gate = started.job.gate
    stale = TextDelta(seq=1, stream_id="s1", request_id="r1", text="ghost")
    assert gate.commit(1, [stale]) is Commit.FENCED
    gate.mark_sent(1)
    assert gate.checkpoint.sent_epoch == 2
    rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"


def test_only_a_long_answer_has_an_aggregator(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send(*["t a"] * (COMPACT_EVERY - 1))
    assert "/requests/s1/aggregator" not in rig.dispatcher.live_paths()
    wire.send(*["t b"] * 2)
    assert "/requests/s1/aggregator" in rig.dispatcher.live_paths()
    wire.send(*["t c"] * 3 * COMPACT_EVERY, "done").end()
    expected = "a" * (COMPACT_EVERY - 1) + "bb" + "c" * 3 * COMPACT_EVERY
    assert started.stream.result(timeout=0).text == expected
