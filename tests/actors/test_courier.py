"""A stream told to an actor: batches with credit, and the end however that actor behaves."""

import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.actors.courier import ALIVE_CHECK_S, Courier
from greenroom.messages.batch import DeltaBatch
from greenroom.messages.failures import SlowConsumer, StreamCancelled, StreamSystemDown
from greenroom.messages.options import StreamingOptions

from batch_taker import Taker, ThreadTaker, text_of
from fake_provider import FakeWire
from request_path import PATIENT, Rig, Started

BOUNDED = PATIENT.replace(max_buffer_bytes=1024, max_pause_s=60.0)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig().start()
    yield made
    if made.dispatcher.is_running:
        made.stop()
    pykka.ActorRegistry.stop_all(timeout=5)


def told(rig: Rig, to: Any, options: StreamingOptions = PATIENT) -> tuple[Started, FakeWire]:
    """A request whose deltas go to that actor."""
    started, wire = rig.open(options)
    path = f"/requests/{started.job.stream_id}/courier"
    rig.dispatcher.spawn(Courier, started.job, started.cell.ref, to, path=path)
    rig.settle()
    return started, wire.head()


def taker_in(rig: Rig, *, at_once: bool = False) -> tuple[Taker, Any]:
    ref = rig.dispatcher.spawn(Taker, path="/taker", at_once=at_once)
    rig.settle()
    actor: Taker = rig.actor("/taker")
    return actor, ref


def answer(rig: Rig, taker: Taker, error: Exception | None = None) -> None:
    rig.dispatcher.call(taker.answer, error)
    rig.settle()


def inside(ref: Any) -> ThreadTaker:
    actor: ThreadTaker = ref._actor_weakref()
    return actor


def failures(rig: Rig) -> list[tuple[str, bool, str | None]]:
    return [(event.why, event.last, event.error_type) for event in rig.log.of("stream.tell_failed")]


# ---- credit


def test_one_batch_is_outstanding_and_the_next_has_all_that_came_since(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    started, wire = told(rig, ref)
    wire.send("t a")
    wire.send("t b").send("t c")
    assert [batch.text for batch in taker.batches] == ["a"]
    answer(rig, taker)
    assert [batch.text for batch in taker.batches] == ["a", "bc"]
    answer(rig, taker)
    assert len(taker.batches) == 2
    wire.send("t d", "done").end()
    answer(rig, taker)
    assert [batch.number for batch in taker.batches] == [1, 2, 3, 4]
    assert [batch.is_last for batch in taker.batches] == [False, False, False, True]
    assert taker.batches[-1].completion is started.channel.end
    assert text_of(taker.batches) == started.channel.ends[0].text == "abcd"
    answer(rig, taker)
    assert failures(rig) == []
    assert "/requests/s1/courier" not in rig.dispatcher.live_paths()


def test_what_came_before_the_end_comes_with_it(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    _, wire = told(rig, ref)
    wire.send("t a")
    wire.send("t b", "done").end()
    answer(rig, taker)
    assert [(batch.text, batch.is_last) for batch in taker.batches] == [("a", False), ("b", True)]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["t x", "t yy", "r why", "c call", "answer"]), max_size=25))
def test_batches_joined_are_the_completion(steps: list[str]) -> None:
    rig = Rig().start()
    try:
        taker, ref = taker_in(rig)
        started, wire = told(rig, ref, BOUNDED.replace(high_watermark_items=2))
        for step in steps:
            if step != "answer":
                wire.send(step)
            elif taker.answers:
                answer(rig, taker)
        wire.send("done").end()
        while taker.answers:
            answer(rig, taker)
        completion = started.channel.ends[0]
        assert text_of(taker.batches) == completion.text
        deltas = [delta for batch in taker.batches for delta in batch.deltas]
        seqs = [n for d in deltas for n in range(d.seq if d.first_seq is None else d.first_seq, d.seq + 1)]
        assert seqs == list(range(1, completion.last_seq + 1))
        assert [batch.is_last for batch in taker.batches].count(True) == 1
        assert all(batch.deltas or batch.is_last for batch in taker.batches)
        ref.stop()
        rig.check_nothing_left()
    finally:
        rig.stop()


def test_a_thread_actor_is_never_waited_for(rig: Rig) -> None:
    ref = ThreadTaker.start()
    _, wire = told(rig, ref)
    wire.send("t a").send("t b", "done").end()
    batches = inside(ref).wait_for_last()
    assert text_of(batches) == "ab"


# ---- an actor that does not do its part


def test_a_handler_that_raises_ends_the_request_and_gets_the_end(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    started, wire = told(rig, ref)
    wire.send("t a").send("t b")
    answer(rig, taker, ValueError("no"))
    assert wire.aborted
    assert failures(rig) == [("raised", False, "ValueError")]
    assert [batch.text for batch in taker.batches] == ["a", "b"]
    last = taker.batches[-1]
    assert isinstance(last.error, StreamCancelled)
    assert "the actor that the stream was told to raised" in str(last.error)
    assert [event.by for event in rig.log.of("stream.cancelled")] == ["consumer_failed"]
    answer(rig, taker, ValueError("again"))
    assert failures(rig)[1:] == [("raised", True, "ValueError")]
    assert "/requests/s1/courier" not in rig.dispatcher.live_paths()
    assert len(started.channel.ends) == 1


def test_a_dead_actor_ends_the_request(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    _, wire = told(rig, ref)
    wire.send("t a")
    assert len(taker.batches) == 1
    ref.kill()
    rig.settle()
    assert wire.aborted
    assert failures(rig) == [("dead", False, "ActorDead")]
    assert [event.by for event in rig.log.of("stream.cancelled")] == ["consumer_gone"]
    rig.check_nothing_left()


def test_an_actor_that_dies_while_nothing_is_outstanding_is_noticed(rig: Rig) -> None:
    ref = ThreadTaker.start()
    _, wire = told(rig, ref)
    ref.stop()
    assert not wire.aborted
    rig.advance(ALIVE_CHECK_S)
    assert wire.aborted
    assert failures(rig) == [("dead", False, None)]
    rig.check_nothing_left()


def test_an_actor_that_ended_inside_its_handler_is_noticed(rig: Rig) -> None:
    """Pykka answers nobody then: the ask would hang for ever."""
    entered, go = threading.Event(), threading.Event()

    def end(actor: ThreadTaker, _: DeltaBatch) -> None:
        actor.actor_stopped.set()
        entered.set()
        assert go.wait(5)

    ref = ThreadTaker.start(end)
    _, wire = told(rig, ref)
    wire.send("t a")
    assert entered.wait(5)
    rig.advance(ALIVE_CHECK_S)
    assert wire.aborted
    assert failures(rig) == [("dead", False, None)]
    go.set()
    rig.check_nothing_left()


def test_a_batch_that_waits_behind_a_stop_ends_the_request(rig: Rig) -> None:
    go = threading.Event()
    ref = ThreadTaker.start()
    ref.tell(lambda: go.wait(5))
    ref.stop(block=False)
    _, wire = told(rig, ref)
    wire.send("t a")
    go.set()
    ref.actor_stopped.wait(5)
    rig.advance(ALIVE_CHECK_S)
    assert wire.aborted
    assert [why for why, _, _ in failures(rig)] == ["dead"]


def test_an_actor_that_never_answers_is_a_slow_consumer_and_has_the_end_in_its_mail(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    started, wire = told(rig, ref, BOUNDED)
    wire.send("t a").send("t " + "b" * 2000)
    assert wire.paused
    rig.advance(61)
    rig.advance(1)
    assert started.channel.ends[0].failure is not None
    assert started.channel.ends[0].failure.error_class == "slow_consumer"
    assert len(taker.batches) == 1
    rig.advance(61)
    assert isinstance(taker.batches[-1].error, SlowConsumer)
    assert text_of(taker.batches) == started.channel.ends[0].text == "a" + "b" * 2000
    assert failures(rig) == [("silent", False, None)]
    rig.dispatcher.call(taker.answers.clear)
    rig.settle()
    assert "/requests/s1/courier" not in rig.dispatcher.live_paths()


def test_a_slow_answer_within_the_bounds_is_no_failure(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    _, wire = told(rig, ref)
    wire.send("t a").send("t b", "done").end()
    rig.advance(30)
    answer(rig, taker)
    rig.advance(50)
    answer(rig, taker)
    assert text_of(taker.batches) == "ab"
    assert failures(rig) == []


def test_an_unanswered_last_batch_is_told_and_holds_nothing(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    _, wire = told(rig, ref)
    wire.send("t a", "done").end()
    answer(rig, taker)
    assert [batch.is_last for batch in taker.batches] == [False, True]
    rig.advance(61)
    assert failures(rig) == [("silent", True, "AskTimeout")]
    assert "/requests/s1/courier" not in rig.dispatcher.live_paths()


# ---- ends of our own


def test_the_end_of_a_refused_request_is_told(rig: Rig) -> None:
    taker, ref = taker_in(rig, at_once=True)
    rig.live.admitting = False
    started = rig.begin()
    rig.dispatcher.spawn(Courier, started.job, started.cell.ref, ref, path="/courier")
    rig.settle()
    (last,) = taker.batches
    assert (last.number, last.deltas, last.is_last) == (1, (), True)
    assert last.error is not None
    assert last.error.error_class == "shutdown"


def test_a_courier_that_crashes_ends_the_request_and_the_end_is_told(rig: Rig) -> None:
    taker, ref = taker_in(rig)
    _, wire = told(rig, ref)
    wire.send("t a").send("t b")
    rig.crash("/requests/s1/courier")
    assert wire.aborted
    assert text_of(taker.batches) == "ab"
    assert isinstance(taker.batches[-1].error, StreamCancelled)


def test_a_courier_that_crashes_behind_the_end_has_told_it(rig: Rig) -> None:
    """One batch is not answered yet, so the end waited in the courier."""
    taker, ref = taker_in(rig)
    _, wire = told(rig, ref)
    wire.send("t a").send("t b", "done").end()
    assert [batch.is_last for batch in taker.batches] == [False]
    rig.crash("/requests/s1/courier")
    assert [batch.is_last for batch in taker.batches] == [False, True]
    assert text_of(taker.batches) == "ab"


def test_the_end_is_told_when_the_dispatcher_dies(rig: Rig) -> None:
    ref = ThreadTaker.start()
    _, wire = told(rig, ref)
    wire.send("t a")
    inside(ref).wait_for(1)
    rig.dispatcher.loop.call_soon_threadsafe(rig.dispatcher.loop.stop)
    rig.wait_for_death()
    last = inside(ref).wait_for_last()[-1]
    assert isinstance(last.error, StreamSystemDown)
    assert last.error.partial.text == "a"
