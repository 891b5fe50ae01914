"""One attempt, from the open socket to AttemptOver: real actors, a fake wire, a manual clock."""

import pytest

from greenroom.actors.api_keys import ApiKeys
from greenroom.messages.commands import WireRead
from greenroom.messages.failures import (
    ConnectionFailed,
    InternalError,
    ProtocolViolation,
)

from request_path import PATIENT, Rig, error_of, in_thread

ONCE = PATIENT.replace(max_reconnect_attempts=0)


# ---- the way of the bytes


def test_stream_delivers_what_the_wire_said_and_completes(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t Hello", "t , ", "t world").send("u 3", "done").end()
    deltas = list(started.stream)
    assert "".join(delta.text for delta in deltas) == "Hello, world"
    assert [delta.seq for delta in deltas] == [1, 2, 3, 4]
    completion = started.stream.result(timeout=0)
    assert (completion.text, completion.outcome, completion.finish_reason) == (
        "Hello, world",
        "completed",
        "stop",
    )
    assert (completion.usage.output_tokens, completion.usage.source) == (3, "provider")
    assert (completion.model, completion.model_asked, completion.response_id) == ("m-1", "m", "resp")
    assert completion.last_seq == 4
    assert [a.decision for a in completion.attempts] == ["completed"]
    assert rig.log.names() == ["stream.opened", "stream.first_delta", "stream.completed"]


def test_a_completed_stream_leaves_no_dead_letter(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "done")
    wire.end()
    started.stream.result(timeout=0)
    assert rig.dispatcher.statistics().dead_letters == {}


def test_reads_that_wait_behind_the_answer_are_no_dead_letters(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head()

    def burst() -> None:
        for data in (b"t a\ndone\n", b"\n", b"\n"):
            wire._deliver(WireRead(1, rig.clock.now_s(), data))

    rig.dispatcher.call(burst)
    rig.settle()
    wire.end()
    assert started.stream.result(timeout=0).text == "a"
    assert rig.dispatcher.statistics().dead_letters == {}


def test_the_link_of_a_whole_answer_is_used_again(rig: Rig) -> None:
    for _ in range(3):
        _, wire = rig.open()
        wire.head().send("t a", "done").end()
    assert rig.transport.connects == 1
    assert [event.reused_connection for event in rig.log.of("stream.opened")] == [False, True, True]


def test_a_body_that_does_not_end_after_its_answer_loses_its_link(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "done")
    assert started.stream.result(timeout=0).text == "a"
    assert not wire.aborted
    rig.advance(1.0)
    assert wire.aborted
    assert rig.busy_links() == {}


def test_usage_waits_for_the_first_content(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("u 1", "raw x")
    assert started.job.gate.checkpoint.seq == 0
    wire.send("t a")
    assert started.job.gate.checkpoint.seq == 3
    wire.send("done").end()
    assert [delta.type for delta in started.stream] == ["usage", "raw", "text"]


def test_usage_of_an_answer_without_content_comes_with_its_end(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("u 7").send("done").end()
    assert [delta.type for delta in started.stream] == ["usage"]
    assert started.stream.result(timeout=0).usage.output_tokens == 7


def test_usage_of_a_replaced_attempt_is_never_seen(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("u 1").cut()
    rig.advance(1.0)
    rig.wire.head().send("u 5", "t a", "done").end()
    deltas = list(started.stream)
    assert [(delta.seq, delta.type) for delta in deltas] == [(1, "usage"), (2, "text")]
    assert started.stream.result(timeout=0).usage.output_tokens == 6


def test_a_failure_inside_the_stream_keeps_what_was_delivered(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t Hel", "t lo", "u 2", "fail it broke")
    error = error_of(started)
    assert isinstance(error, ConnectionFailed)
    assert error.partial is not None
    assert error.partial.text == "Hello"
    assert error.partial.usage.source == "partial"
    assert "it broke" in str(error)
    assert "r1" in str(error)
    assert wire.aborted


def test_deltas_before_a_failure_in_the_same_read_are_delivered(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "t b", "fail x")
    cursor = iter(started.stream)
    assert [next(cursor).text, next(cursor).text] == ["a", "b"]
    with pytest.raises(ConnectionFailed):
        next(cursor)


def test_a_body_cut_short_is_the_connections_failure_not_the_decoders(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a").cut()
    error = error_of(started)
    assert error.error_class == "transient"
    assert "reset" in str(error)


def test_a_body_that_ends_cleanly_without_an_answer_breaks_the_protocol(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a").end()
    assert isinstance(error_of(started), ProtocolViolation)


def test_a_decoder_that_crashes_ends_the_attempt_as_a_bug(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a", "u 4").send("boom oh")
    error = error_of(started)
    assert isinstance(error, InternalError)
    assert "Boom" in str(error)
    assert error.partial is not None
    assert (error.partial.text, error.partial.usage.output_tokens) == ("a", 4)
    assert wire.aborted


def test_an_encoder_that_crashes_sends_nothing(rig: Rig) -> None:
    rig.codec.encode_errors = [ValueError("no")]
    started = rig.begin(ONCE)
    rig.settle()
    assert isinstance(error_of(started), InternalError)
    assert rig.transport.wires == []


# ---- keys


def test_keys_are_taken_in_turn(rig: Rig) -> None:
    from pydantic import SecretStr

    keys = ApiKeys((SecretStr("one"), SecretStr("two")))
    for _ in range(3):
        _, wire = rig.open(api_keys=keys)
        wire.head().send("done").end()
    assert [call.api_key for call in rig.codec.calls] == ["one", "two", "one"]


def test_a_key_that_a_callable_gives(rig: Rig) -> None:
    from greenroom.actors.blocking import KeyAsker

    asker = KeyAsker.start(lambda: "asked")
    started = rig.begin(api_keys=ApiKeys(asker=lambda: asker))
    rig.settle()
    in_thread(lambda: asker.stop(block=True)).get()
    rig.settle()
    rig.wire.head().send("done").end()
    assert rig.codec.calls[0].api_key == "asked"
    assert started.stream.result(timeout=0).outcome == "completed"


def test_a_key_callable_that_fails_is_never_quoted(rig: Rig) -> None:
    from greenroom.actors.blocking import KeyAsker

    def broken() -> str:
        raise ValueError("sk-secret")

    asker = KeyAsker.start(broken)
    started = rig.begin(api_keys=ApiKeys(asker=lambda: asker))
    rig.settle()
    in_thread(lambda: asker.stop(block=True)).get()
    rig.settle()
    error = error_of(started)
    assert error.error_class == "credential"
    assert "ValueError" in str(error)
    assert "sk-secret" not in str(error) + repr(error.failure)
