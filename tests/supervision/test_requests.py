"""The supervisor of all requests: admission, its own death and its scopes', stopping."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.messages.commands import (
    AwaitIdle,
    CancelAll,
    GetStatistics,
    HttpRequest,
    StartRequest,
    StopAdmission,
    WireRead,
)
from greenroom.messages.failures import (
    AdmissionRefused,
    ConnectionFailed,
    InternalError,
    ShutDown,
    StreamCancelled,
    SystemDown,
)
from greenroom.messages.retry_state import Capabilities
from greenroom.messages.statistics import RequestStatistics
from greenroom.supervision.requests import closing, judged

from fake_provider import LineCodec
from request_path import PATIENT, Rig, Started, error_of


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig(max_streams=3).start()
    yield rig
    rig.check_nothing_left()
    rig.stop()


def statistics(rig: Rig) -> RequestStatistics:
    answer: RequestStatistics = rig.requests.ref.ask(GetStatistics(), timeout=5)
    return answer


def test_one_stream_too_many_is_refused_typed(rig: Rig) -> None:
    opened = [rig.open() for _ in range(3)]
    refused = rig.begin()
    rig.settle()
    error = error_of(refused)
    assert isinstance(error, AdmissionRefused)
    assert "max_streams" in str(error)
    assert error.attempt == 0
    assert not error.is_retryable
    opened[0][1].head().send("done").end()
    fourth, wire = rig.open()
    wire.head().send("done").end()
    for _, wire in opened[1:]:
        wire.head().send("t a").cut()
    assert fourth.stream.done
    counts = statistics(rig)
    assert (counts.live, counts.max_streams) == (0, 3)
    assert (counts.admitted_total, counts.refused_total, counts.completed_total) == (4, 1, 2)
    assert (counts.failed_total, counts.attempts_total) == (2, 4)
    assert counts.decided_total == {"give_up": 2}


def test_a_crash_ends_every_live_request_and_the_next_incarnation_admits(rig: Rig) -> None:
    (one, wire), (two, other) = rig.open(), rig.open()
    wire.head().send("t a")
    rig.crash("/requests")
    for started, text in ((one, "a"), (two, "")):
        error = error_of(started)
        assert isinstance(error, InternalError)
        assert error.partial is not None
        assert error.partial.text == text
        assert "Boom" in str(error)
    assert wire.aborted
    assert other.aborted
    assert rig.log.names().count("stream.failed") == 2
    third, wire = rig.open()
    wire.head().send("done").end()
    assert third.stream.result(timeout=0).outcome == "completed"


def test_a_killed_supervisor_leaves_nobody_waiting(rig: Rig) -> None:
    started, wire = rig.open()
    rig.requests.kill()
    rig.settle()
    assert isinstance(error_of(started), InternalError)
    assert wire.aborted


def test_a_request_on_its_way_survives_the_crash(rig: Rig) -> None:
    started: list[Started] = []

    def crash_and_begin() -> None:
        life = rig.actor("/requests")._life
        life.fail(RuntimeError("x"), "tell")
        started.append(rig.begin())
        life.cell.kick()

    rig.dispatcher.call(crash_and_begin)
    rig.settle()
    rig.wire.head().send("t a", "done").end()
    assert started[0].stream.result(timeout=0).text == "a"


def test_a_supervisor_that_crashes_too_often_takes_the_system_down_and_nobody_hangs() -> None:
    rig = Rig().start()
    started, _ = rig.open()
    for _ in range(10):
        rig.crash("/requests")
    late = rig.begin()
    rig.settle()
    life = rig.actor("/requests")._life
    rig.dispatcher.call(life.fail, RuntimeError("x"), "tell")
    rig.dispatcher.call(life.cell.kick)
    rig.wait_for_death()
    assert not rig.dispatcher.is_running
    assert isinstance(error_of(started), InternalError)
    assert isinstance(error_of(late), InternalError)
    assert "supervisor.intensity_exceeded" in rig.log.names("supervisor.")
    with pytest.raises(RuntimeError):
        rig.dispatcher.new_cell("/x", "x")


def test_a_dispatcher_that_dies_ends_every_request() -> None:
    rig = Rig().start()
    for _ in range(3):
        rig.open()
    rig.dispatcher.call(rig.dispatcher.loop.stop)
    rig.wait_for_death()
    for started in rig.started:
        assert isinstance(error_of(started), SystemDown)
        assert len(started.channel.ends) == 1


def test_a_dispatcher_that_dies_ends_a_request_on_its_way_too() -> None:
    rig = Rig()
    started = rig.begin()
    assert list(rig.live.submitted) == ["s1"]
    rig.stop()
    assert isinstance(error_of(started), SystemDown)
    assert (rig.live.submitted, rig.live.jobs) == ({}, {})


def test_a_journal_that_cannot_be_folded_still_gets_its_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from greenroom.messages.fold import Fold
    from greenroom.supervision import requests

    class Poisoned(Fold):
        def add(self, deltas: object) -> None:
            raise ValueError("poisoned")

    monkeypatch.setattr(requests, "Fold", Poisoned)
    started, wire = rig.open()
    wire.head().send("t a")
    rig.crash("/requests/s1")
    assert isinstance(error_of(started), InternalError)
    assert rig.requests.incarnation == 1


def test_a_request_that_had_its_end_before_it_came_is_not_started(rig: Rig) -> None:
    from greenroom.messages.failures import ErrorEvidence

    evidence = ErrorEvidence(kind="crash", message="gone")
    started = rig.begin(
        before=lambda s: s.job.channel.close(closing(s.job, judged(s.job, evidence), 0.0)) and None
    )
    rig.settle()
    assert rig.transport.wires == []
    assert isinstance(error_of(started), InternalError)


# ---- stopping


def test_stop_with_drain_waits_for_live_streams_and_refuses_new_ones(rig: Rig) -> None:
    live, wire = rig.open()
    rig.requests.ref.tell(StopAdmission())
    idle = rig.requests.ref.ask(AwaitIdle(), block=False)
    late = rig.begin()
    rig.settle()
    assert isinstance(error_of(late), ShutDown)
    assert not idle.done()
    wire.head().send("t a", "done").end()
    assert idle.get(timeout=5) is None
    assert live.stream.result(timeout=0).text == "a"


def test_stop_cancels_what_did_not_end_in_time(rig: Rig) -> None:
    (one, wire), (two, other) = rig.open(), rig.open()
    wire.head().send("t a")
    other.head(500).end()
    rig.requests.ref.tell(StopAdmission())
    idle = rig.requests.ref.ask(AwaitIdle(), block=False)
    rig.requests.ref.tell(CancelAll())
    assert idle.get(timeout=5) is None
    for started in (one, two):
        assert isinstance(error_of(started), StreamCancelled)
    assert wire.aborted
    assert {event.by for event in rig.log.of("stream.cancelled")} == {"shutdown"}


def test_a_supervisor_without_requests_is_idle(rig: Rig) -> None:
    assert rig.requests.ref.ask(AwaitIdle(), timeout=5) is None


def test_refusal_outlives_a_crash(rig: Rig) -> None:
    rig.requests.ref.tell(StopAdmission())
    rig.settle()
    rig.crash("/requests")
    late = rig.begin()
    rig.settle()
    assert isinstance(error_of(late), ShutDown)


def test_admission_mail_is_bounded() -> None:
    rig = Rig(max_streams=2)
    admitted = [rig.requests.ref.admit(StartRequest(None, None)) for _ in range(4)]
    assert admitted == [True, True, False, False]
    rig.dispatcher.stop()


def test_hundreds_of_requests_do_not_mix_and_leave_nothing() -> None:
    rig = Rig(max_streams=300, max_connections=300).start()
    opened = [rig.begin() for _ in range(200)]
    rig.settle()
    wires = {call.stream_id: wire for call, wire in zip(rig.codec.calls, rig.transport.wires, strict=True)}
    for stream_id, wire in wires.items():
        rig.dispatcher.call(wire._deliver, WireRead(1, rig.clock.now_s(), f"t {stream_id} \n".encode()))
    rig.settle()
    for cancelled, completed in zip(opened[::2], opened[1::2], strict=True):
        cancelled.stream.cancel()
        wire = wires[completed.job.stream_id]
        rig.dispatcher.call(wire._deliver, WireRead(1, rig.clock.now_s(), b"done\n"))
    rig.settle()
    assert [started.channel.ends[0].outcome for started in opened] == ["cancelled", "completed"] * 100
    for started in opened:
        assert started.channel.ends[0].text == f"{started.job.stream_id} "
    rig.advance(1)
    rig.check_nothing_left()
    assert rig.dispatcher.statistics().timers <= 1
    rig.stop()


class CancellingCodec(LineCodec):
    """Of a server that keeps its answers."""

    def cancel(self, call: Any, response_id: str) -> HttpRequest:
        return HttpRequest("POST", f"/lines/{response_id}/cancel", ())


@pytest.mark.parametrize("first_to_end", ["earlier", "later"])
def test_a_stream_is_taken_up_while_its_earlier_scope_still_tells_the_provider_to_stop(
    first_to_end: str,
) -> None:
    rig = Rig(codec=CancellingCodec()).start()
    keeping = PATIENT.replace(server_resume=True)

    def as_earlier(started: Started) -> None:
        started.job.capabilities = lambda target: Capabilities(server_cursor=True)
        started.job.stream_id = "s1"

    earlier, wire = rig.open(keeping, before=as_earlier)
    wire.head().send("t a").cut()
    assert isinstance(error_of(earlier), ConnectionFailed)
    cancel = rig.wire
    assert cancel is not wire
    later = rig.begin(keeping, before=as_earlier)
    rig.settle()
    answer = rig.wire.head().send("t b")
    if first_to_end == "earlier":
        cancel.head().end()
        answer.send("done").end()
    else:
        answer.send("done").end()
        cancel.head().end()
    assert later.stream.result(timeout=0).text == "b"
    again, third = rig.open(keeping, before=as_earlier)
    rig.crash("/requests/s3")
    assert error_of(again).error_class == "bug"
    assert third.aborted
    rig.check_nothing_left()
    rig.stop()
