"""What is written when, what a store's failure means, and what becomes of states: with a manual clock."""

from collections.abc import Iterator

import pytest

from greenroom.messages.attach_errors import NoStoredStream, StreamInUse
from greenroom.messages.commands import CancelAll, GetStatistics
from greenroom.messages.failures import (
    ConnectionFailed,
    InternalError,
    StreamCancelled,
    StreamError,
    StreamNotDurable,
)
from greenroom.messages.options import StreamingOptions
from greenroom.messages.statistics import RetryStoreStatistics
from greenroom.messages.store_errors import StoreUnavailable
from greenroom.supervision.stores.keeper import (
    HOME_TIMEOUT_S,
    SWEEP_S,
    CleanUp,
    GetStates,
    GiveBack,
    TakeUp,
)

from absent_rig import taken, text_of
from fake_provider import FakeWire
from keeping import FLUSH_S, STATES_MAX, KeepingRig
from request_path import PATIENT, Started, error_of

HASTY = StreamingOptions(max_reconnect_attempts=0, state_ttl_s=100.0)


@pytest.fixture
def rig() -> Iterator[KeepingRig]:
    rig = KeepingRig()
    rig.start()
    yield rig
    rig.settle()
    assert rig.ledger.kept == {}
    rig.stop()


@pytest.fixture
def memory_rig() -> Iterator[KeepingRig]:
    rig = KeepingRig(file=False)
    rig.start()
    yield rig
    rig.stop()


def statistics(rig: KeepingRig) -> RetryStoreStatistics:
    told: RetryStoreStatistics = rig.ask(GetStatistics())
    return told


def seen(started: Started) -> str:
    return text_of(taken(started.stream))


def half_kept(rig: KeepingRig, *more: str) -> tuple[Started, FakeWire]:
    """A stream that has said `a`, which the store has, and `b`, which it holds up; `done` is the end behind it."""
    started, wire = rig.durable("before_deliver")
    wire.send("t a")
    rig.store.mood = "hangs"
    wire.send("t b", *more)
    if more:
        wire.end()
    return started, wire


def cut_after_a(rig: KeepingRig, options: StreamingOptions = HASTY) -> Started:
    """A stream that has said `a` and failed."""
    started, wire = rig.open(options)
    wire.head().send("t a").cut()
    return started


def partial_text(started: Started, kind: type[StreamError]) -> str:
    """What the consumer has of a request that ended with this error."""
    error = error_of(started)
    assert isinstance(error, kind)
    assert error.partial is not None
    return error.partial.text


# ---- interval


def test_a_flush_appends_what_came_since_the_last(rig: KeepingRig) -> None:
    _, wire = rig.durable("interval")
    wire.send("t a", "t b")
    assert rig.text("s1") is None
    rig.advance(FLUSH_S)
    assert rig.text("s1") == "ab"
    wire.send("t c")
    rig.advance(FLUSH_S)
    (_, second) = rig.store.asked
    (write,) = second.changes
    assert (write.facts, write.after_seq, [p.delta.text for p in write.pieces]) == (None, 2, ["c"])
    assert (rig.text("s1"), second.durable) == ("abc", False)
    rig.advance(FLUSH_S)
    assert len(rig.store.asked) == 2
    wire.send("done").end()
    assert rig.text("s1") is None


def test_a_request_that_is_over_before_a_flush_is_never_told(rig: KeepingRig) -> None:
    started, wire = rig.durable("interval")
    wire.send("t a", "done").end()
    rig.advance(FLUSH_S)
    assert (rig.store.asked, seen(started)) == ([], "a")


def test_a_flush_of_many_streams_takes_turns(rig: KeepingRig) -> None:
    rig.max_connections = 100
    wires = [rig.durable("interval")[1] for _ in range(9)]
    for wire in wires:
        wire.send("t a")
    rig.advance(FLUSH_S)
    assert sum(len(each.changes) for each in rig.store.asked) == 9
    for wire in wires:
        wire.send("done").end()


def test_streams_live_on_where_the_store_cannot_write(rig: KeepingRig) -> None:
    started, wire = rig.durable("interval")
    wire.send("t a")
    rig.store.mood = "full"
    for _ in range(3):
        rig.advance(FLUSH_S)
        wire.send("t b")
    told = statistics(rig)
    assert (told.failing, told.write_failures_total, told.writes_total) == (True, 3, 0)
    assert rig.log.names("store.") == ["store.failed"]
    assert "disk is full" in rig.log.of("store.failed")[0].error
    rig.store.mood = "well"
    rig.advance(FLUSH_S)
    assert (rig.text("s1"), statistics(rig).failing) == ("abbb", False)
    assert rig.log.names("store.") == ["store.failed", "store.restored"]
    wire.send("done").end()
    assert (seen(started), rig.text("s1")) == ("abbb", None)


def test_an_end_that_could_not_be_written_is_written_later(rig: KeepingRig) -> None:
    started, wire = rig.durable("interval", options=HASTY)
    wire.send("t a")
    rig.advance(FLUSH_S)
    rig.store.mood = "full"
    wire.cut()
    assert isinstance(error_of(started), ConnectionFailed)
    rig.settle()
    rig.store.mood = "well"
    rig.advance(FLUSH_S)
    state = rig.stored("s1")
    assert state is not None
    assert (state.live, state.progress.failure is not None, rig.text("s1")) == (False, True, "a")


# ---- before_deliver


def test_a_delta_is_delivered_when_the_store_has_it(rig: KeepingRig) -> None:
    started, wire = rig.durable("before_deliver")
    rig.store.mood = "hangs"
    wire.send("t a")
    assert seen(started) == ""
    rig.let_go()
    assert (seen(started), rig.text("s1"), rig.store.asked[-1].durable) == ("a", "a", True)
    rig.store.mood = "hangs"
    wire.send("t b").send("t c")
    assert (seen(started), len(rig.store.asked)) == ("", 3)
    rig.let_go()
    assert (seen(started), rig.text("s1")) == ("bc", "abc")
    wire.send("t d", "done").end()
    assert started.stream.result(timeout=5).text == "abcd"
    rig.settle()
    assert rig.text("s1") is None


def test_many_streams_share_a_write(rig: KeepingRig) -> None:
    wires = [rig.durable("before_deliver")[1] for _ in range(5)]
    rig.store.mood = "hangs"
    for wire in wires:
        wire.send("t a")
    count = len(rig.store.asked)
    rig.let_go()
    assert len(rig.store.asked) == count + 1
    assert len(rig.store.asked[-1].changes) == 4
    for wire in wires:
        wire.send("done").end()


def test_the_end_waits_for_the_store(rig: KeepingRig) -> None:
    started, wire = rig.durable("before_deliver")
    rig.store.mood = "hangs"
    wire.send("t a", "done").end()
    assert not started.stream.done
    rig.let_go()
    assert started.stream.result(timeout=0).text == "a"


def test_a_cancel_does_not_wait_for_it_and_leaves_nothing(rig: KeepingRig) -> None:
    started, _ = half_kept(rig)
    started.stream.cancel()
    rig.settle()
    assert partial_text(started, StreamCancelled) == "a"
    rig.let_go()
    assert rig.text("s1") is None


def test_what_ended_and_is_not_in_the_store_is_not_completed_by_a_cancel(rig: KeepingRig) -> None:
    started, _ = half_kept(rig, "done")
    started.stream.cancel()
    rig.settle()
    assert partial_text(started, StreamCancelled) == "a"
    rig.let_go()


def test_a_crash_is_decided_on_when_the_store_has_what_came_before_it(rig: KeepingRig) -> None:
    started, _ = half_kept(rig)
    rig.crash("/requests/s1/stream-1")
    assert not started.stream.done
    rig.let_go()
    assert (partial_text(started, InternalError), seen(started)) == ("ab", "ab")


def test_a_cancel_does_not_wait_for_what_a_crash_left(rig: KeepingRig) -> None:
    started, _ = half_kept(rig)
    rig.crash("/requests/s1/stream-1")
    started.stream.cancel()
    rig.settle()
    assert partial_text(started, StreamCancelled) == "a"
    rig.let_go()


@pytest.mark.parametrize("mood", ["full", "hangs"])
def test_a_store_that_cannot_write_ends_those_who_wait_for_it_typed(rig: KeepingRig, mood: str) -> None:
    waits, wire = rig.durable("before_deliver")
    other, its_wire = rig.durable("interval")
    wire.send("t a")
    its_wire.send("t x")
    rig.store.mood = mood
    wire.send("t b")
    rig.advance(HOME_TIMEOUT_S if mood == "hangs" else 0.0)
    error = error_of(waits)
    assert isinstance(error, StreamNotDurable)
    assert (error.error_class, error.is_retryable, error.attempt) == ("refused", False, 1)
    assert ("disk is full" if mood == "full" else "no answer within 10 s") in str(error)
    assert error.partial is not None
    assert error.partial.text == "a"
    assert wire.aborted
    assert len(rig.codec.calls) == 2
    rig.store.let_go()
    rig.advance(FLUSH_S)
    its_wire.send("done").end()
    assert other.stream.result(timeout=5).text == "x"
    rig.advance(FLUSH_S)
    assert (rig.text("s1"), rig.text("s2")) == ("a", None)


def test_nothing_is_laid_before_a_home_that_does_not_answer(rig: KeepingRig) -> None:
    _, wire = rig.durable("interval")
    wire.send("t a")
    rig.store.mood = "hangs"
    rig.advance(FLUSH_S)
    for _ in range(30):
        wire.send("t b")
        rig.advance(2.0)
    assert len(rig.store.asked) == 1
    rig.let_go()
    rig.advance(FLUSH_S)
    assert rig.text("s1") == "a" + "b" * 30
    wire.send("done").end()


def test_a_crash_of_the_keeper_loses_nothing(rig: KeepingRig) -> None:
    started, wire = half_kept(rig)
    rig.crash("/services/store")
    rig.let_go()
    wire.send("t c", "done").end()
    assert started.stream.result(timeout=5).text == "abc"
    rig.settle()
    assert rig.text("s1") is None


# ---- what stays


def test_failed_states_stay_for_their_time_and_no_longer(memory_rig: KeepingRig) -> None:
    rig = memory_rig
    started = cut_after_a(rig)
    assert isinstance(error_of(started), ConnectionFailed)
    rig.settle()
    (state,) = rig.ask(GetStates())
    assert state.facts.request == started.job.request
    assert rig.text("s1") == "a"
    rig.advance(99)
    assert len(rig.ask(GetStates())) == 1
    rig.advance(2)
    assert rig.ask(GetStates()) == ()
    assert rig.ask(CleanUp()) == 1
    assert statistics(rig).states == 0


def test_clean_up_tells_how_many_and_the_sweep_comes_by_itself(memory_rig: KeepingRig) -> None:
    rig = memory_rig
    for _ in range(3):
        cut_after_a(rig, HASTY.replace(state_ttl_s=10.0))
    rig.settle()
    assert statistics(rig).states == 3
    rig.advance(11)
    assert rig.ask(CleanUp()) == 3
    assert rig.ask(CleanUp()) == 0
    cut_after_a(rig, HASTY.replace(state_ttl_s=10.0))
    rig.advance(SWEEP_S)
    assert (statistics(rig).states, statistics(rig).expired_total) == (0, 4)
    assert [event.states for event in rig.log.of("store.expired")] == [3, 1]


def test_completed_and_cancelled_ones_leave_nothing(memory_rig: KeepingRig) -> None:
    rig = memory_rig
    done, wire = rig.open()
    wire.head().send("t a", "done").end()
    cancelled, wire = rig.open()
    wire.head().send("t a")
    cancelled.stream.cancel()
    rig.settle()
    assert done.stream.result(timeout=0).outcome == "completed"
    assert (rig.ask(GetStates()), statistics(rig).writes_total) == ((), 0)


def test_the_oldest_goes_and_it_is_told(memory_rig: KeepingRig) -> None:
    rig = memory_rig
    for number in range(STATES_MAX + 2):
        _, wire = rig.open(HASTY)
        wire.head().send(f"t {number}").cut()
    rig.settle()
    assert [state.facts.stream_id for state in rig.ask(GetStates())] == ["s3", "s4", "s5", "s6", "s7"]
    assert [event.oldest for event in rig.log.of("store.evicted")] == ["s1", "s2"]
    assert statistics(rig).evicted_total == 2


def test_a_live_stream_never_expires(rig: KeepingRig) -> None:
    options = StreamingOptions(state_ttl_s=5.0, content_gap_timeout_s=900.0, deadline_s=900.0)
    _, wire = rig.durable("interval", options=options)
    wire.send("t a")
    rig.advance(FLUSH_S)
    rig.advance(500)
    assert rig.ask(CleanUp()) == 0
    assert rig.text("s1") == "a"
    wire.send("done").end()


def test_what_a_shutdown_cuts_stays_in_a_file(rig: KeepingRig) -> None:
    started, wire = rig.durable("interval")
    gone, its_wire = rig.durable("interval")
    wire.send("t a")
    its_wire.send("t b")
    rig.advance(FLUSH_S)
    gone.stream.cancel()
    rig.settle()
    wire.send("t z")
    rig.requests.ref.tell(CancelAll())
    rig.settle()
    assert isinstance(error_of(started), StreamCancelled)
    (state,) = rig.ask(GetStates())
    assert (state.facts.stream_id, state.progress.failure, rig.text("s1")) == ("s1", None, "az")


def test_a_scope_that_crashes_leaves_its_state(memory_rig: KeepingRig) -> None:
    rig = memory_rig
    _, wire = rig.open(PATIENT)
    wire.head().send("t a")
    rig.crash("/requests/s1")
    (state,) = rig.ask(GetStates())
    assert state.progress.failure is not None
    assert state.progress.failure.error_class == "bug"


# ---- taking up


def test_a_state_is_given_to_one_at_a_time(memory_rig: KeepingRig) -> None:
    rig = memory_rig
    cut_after_a(rig)
    rig.settle()
    assert rig.ask(TakeUp("s1")).facts.stream_id == "s1"
    with pytest.raises(StreamInUse):
        rig.ask(TakeUp("s1"))
    rig.keeper.ref.tell(GiveBack("s1"))
    assert rig.ask(TakeUp("s1")).facts.stream_id == "s1"
    rig.advance(11)
    assert rig.ask(TakeUp("s1")).facts.stream_id == "s1"
    for unknown in ("s9", ""):
        with pytest.raises(NoStoredStream):
            rig.ask(TakeUp(unknown))
    rig.advance(200)
    with pytest.raises(NoStoredStream):
        rig.ask(TakeUp("s1"))


def test_a_running_stream_cannot_be_taken_up(rig: KeepingRig) -> None:
    _, wire = rig.durable("interval")
    wire.send("t a")
    rig.advance(FLUSH_S)
    with pytest.raises(StreamInUse):
        rig.ask(TakeUp("s1"))
    wire.send("done").end()


def test_a_store_that_cannot_be_read_is_told_to_who_asks(rig: KeepingRig) -> None:
    def broken(_: object) -> object:
        raise StoreUnavailable("/x", "cannot be read")

    rig.store.inner.load = broken  # type: ignore[method-assign,assignment]
    for _ in ("at first", "and again: nobody has it"):
        with pytest.raises(StoreUnavailable):
            rig.ask(TakeUp("s1"))


def test_a_round_that_is_slower_than_the_interval_comes_to_all(rig: KeepingRig) -> None:
    for _ in range(90):
        rig.begin(durability="interval")
    rig.settle()
    told: set[str] = set()
    for number in range(1, 4):
        for started in rig.started:
            started.job.gate.mark_sent(number)
        rig.ledger.begin_flush()
        batch = rig.ledger.next_batch(0.0)
        assert batch is not None
        told |= {change.stream_id for change in batch.changes}
        rig.ledger.written(batch)
    assert len(told) == 90
    rig.requests.ref.tell(CancelAll("caller"))


def test_a_stream_that_dies_as_the_store_has_all_of_it_is_one_attempt(rig: KeepingRig) -> None:
    options = PATIENT.replace(on_cut="reset", max_reconnect_attempts=1)
    started, wire = rig.durable("before_deliver", options=options)
    wire.send("t a")
    rig.store.mood = "hangs"
    wire.send("t b", "fail busy")
    stream = rig.actor("/requests/s1/stream-1").ref

    def at_once() -> None:
        stream.kill()
        rig.store.let_go()

    # The scope hears of the death first, then of the end that the stream had waited for.
    rig.dispatcher.call(at_once)
    rig.settle()
    rig.clock.advance(PATIENT.backoff_max_s)
    rig.settle()
    rig.wire.head().send("t c", "done").end()
    rig.settle()
    completion = started.stream.result(timeout=0)
    assert completion.text == "c"
    assert [(each.epoch, each.decision) for each in completion.attempts] == [(1, "reset"), (2, "completed")]
