"""The endpoint's actor: pool, hand-over, and what is left of both when it crashes."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.actors.connection import BACKLOG_BYTES, BACKLOG_READS
from greenroom.messages.commands import GetStatistics, HttpRequest, Open, WireRead
from greenroom.messages.failures import ConnectionFailed, StreamTimedOut
from greenroom.messages.statistics import EndpointStatistics

from crashing import Boom
from fake_provider import refused
from request_path import PATIENT, Rig, error_of

ONCE = PATIENT.replace(max_reconnect_attempts=0)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig(max_connections=2, pool_timeout_s=30, keep_alive_s=20).start()
    yield rig
    rig.check_nothing_left()
    rig.stop()
    assert rig.transport.closed
    assert all(link.closed or not link.reusable for link in rig.transport.links)


def statistics(rig: Rig) -> EndpointStatistics:
    answer: EndpointStatistics = rig.endpoint.ref.ask(GetStatistics(), timeout=5)
    return answer


def finish(rig: Rig, *wires: Any) -> None:
    for wire in wires:
        wire.head().send("done").end()


def test_more_requests_than_connections_wait_their_turn(rig: Rig) -> None:
    started = [rig.begin() for _ in range(5)]
    rig.settle()
    assert [wire.epoch for wire in rig.transport.wires] == [1, 1]
    counts = statistics(rig)
    assert (counts.busy, counts.waiting, counts.connecting) == (2, 3, 0)
    for number in range(5):
        finish(rig, rig.transport.wires[number])
    assert [each.stream.result(timeout=0).outcome for each in started] == ["completed"] * 5
    counts = statistics(rig)
    assert (counts.busy, counts.idle, counts.connected_total, counts.reused_total) == (0, 2, 2, 3)


def test_a_wait_for_a_free_connection_has_its_own_clock(rig: Rig) -> None:
    options = PATIENT.replace(first_content_timeout_s=500)
    wires = [rig.open(options)[1], rig.open(options)[1]]
    third = rig.begin(options)
    rig.advance(29.9)
    assert not third.stream.done
    rig.advance(0.2)
    error = error_of(third)
    assert isinstance(error, StreamTimedOut)
    assert error.failure.evidence is not None
    assert error.failure.evidence.clock == "pool_timeout_s"
    assert "max_connections=2" in str(error)
    finish(rig, *wires)
    assert len(rig.transport.wires) == 2


def test_who_gives_up_waiting_gives_its_place_to_the_next(rig: Rig) -> None:
    wires = [rig.open()[1], rig.open()[1]]
    waiting = [rig.begin() for _ in range(3)]
    rig.settle()
    waiting[0].stream.cancel()
    rig.settle()
    assert statistics(rig).waiting == 2
    finish(rig, wires[0])
    assert len(rig.transport.wires) == 3
    finish(rig, rig.wire)
    assert waiting[1].stream.result(timeout=0).text == ""
    finish(rig, wires[1], rig.wire)
    assert [each.stream.done for each in waiting] == [True] * 3
    assert len(rig.transport.wires) == 4, "nothing was sent for who had gone"


def test_a_closed_connection_makes_room_for_a_new_one(rig: Rig) -> None:
    _, first = rig.open()
    _, second = rig.open()
    third = rig.begin()
    rig.settle()
    first.head().send("done").end(keep=False)
    assert rig.transport.connects == 3
    finish(rig, second, rig.wire)
    assert third.stream.result(timeout=0).outcome == "completed"


def test_a_failed_connect_fails_the_first_and_the_next_gets_its_own(rig: Rig) -> None:
    rig.transport.held = []
    rig.transport.failures = [refused("first"), refused("second"), None]
    started = [rig.begin(ONCE) for _ in range(3)]
    rig.settle()
    assert statistics(rig).connecting == 2
    rig.transport.let_connect()
    errors = [error_of(started[0]), error_of(started[1])]
    assert all(isinstance(error, ConnectionFailed) for error in errors)
    finish(rig, rig.wire)
    assert started[2].stream.result(timeout=0).outcome == "completed"
    assert statistics(rig).connect_failed_total == 2


def test_what_connect_raises_beside_transport_errors_is_a_typed_failure_too(rig: Rig) -> None:
    rig.transport.failures = [ValueError("odd")]
    started = rig.begin(ONCE)
    rig.settle()
    error = error_of(started)
    assert isinstance(error, ConnectionFailed)
    assert "ValueError: odd" in str(error)


def test_a_connection_that_came_too_late_serves_the_next(rig: Rig) -> None:
    rig.transport.held = []
    started = rig.begin()
    rig.settle()
    started.stream.cancel()
    rig.settle()
    rig.transport.let_connect()
    _, wire = rig.open()
    assert rig.transport.connects == 1
    finish(rig, wire)


def test_idle_connections_are_closed_in_time(rig: Rig) -> None:
    _, wire = rig.open()
    finish(rig, wire)
    assert not wire.link.closed
    rig.advance(41)
    assert wire.link.closed
    assert statistics(rig).idle == 0
    assert [event.reason for event in rig.log.of("provider.disconnected")] == ["idle"]


def test_an_idle_connection_that_the_server_closed_is_not_used(rig: Rig) -> None:
    _, wire = rig.open()
    finish(rig, wire)
    wire.link.reusable = False
    _, wire = rig.open()
    assert rig.transport.connects == 2
    finish(rig, wire)


def test_an_idle_connection_that_is_lost_makes_room_at_once(rig: Rig) -> None:
    _, first = rig.open()
    _, second = rig.open()
    finish(rig, first, second)
    assert statistics(rig).idle == 2
    first.link.reusable = False
    rig.dispatcher.call(first.link.on_close)
    rig.settle()
    assert statistics(rig).idle == 1
    assert [event.reason for event in rig.log.of("provider.disconnected")] == ["closed"]
    assert not second.link.closed


def test_an_idle_connection_is_closed_when_its_server_will(rig: Rig) -> None:
    _, wire = rig.open()
    wire.link.idle_limit_s = 4.0
    finish(rig, wire)
    rig.advance(3.9)
    assert not wire.link.closed
    rig.advance(0.2)
    assert wire.link.closed


def test_reads_that_pile_up_pause_their_socket_until_they_are_handled(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head()
    paused: list[bool] = []

    def flood() -> None:
        for number in range(50):
            wire._deliver(WireRead(1, rig.clock.now_s(), f"t {number},\n".encode()))
            paused.append(wire.paused)

    rig.dispatcher.call(flood)
    rig.settle()
    assert paused == [False] * BACKLOG_READS + [True] * (50 - BACKLOG_READS)
    assert not wire.paused
    finish(rig, wire)
    assert started.stream.result(timeout=0).text.startswith("0,1,2,")


def test_a_full_channel_is_not_read_on_when_the_pile_is_handled(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(max_buffer_bytes=1024))
    cursor = iter(started.stream)
    wire.head()

    def flood() -> None:
        for _ in range(20):
            wire._deliver(WireRead(1, rig.clock.now_s(), b"t " + b"x" * 200 + b"\n"))

    rig.dispatcher.call(flood)
    rig.settle()
    assert wire.paused
    started.stream.cancel()
    rig.settle()
    assert started.stream.done
    del cursor


def test_one_huge_read_pauses_its_socket_until_it_is_handled(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("t " + "x" * BACKLOG_BYTES)
    assert (wire.pauses, wire.paused) == (1, False)
    finish(rig, wire)


def test_a_holder_that_died_is_not_served(rig: Rig) -> None:
    first, one = rig.open()
    _, two = rig.open()
    third = rig.begin(ONCE)
    rig.settle()
    rig.actor("/requests/s3/stream-1").ref.kill()
    rig.settle()
    assert third.stream.done
    finish(rig, one, two)
    assert len(rig.transport.wires) == 2
    assert first.stream.done


def test_nothing_is_sent_for_a_holder_that_is_dead_already(rig: Rig) -> None:
    """Its Open had waited for this incarnation."""
    first, wire = rig.open()
    holder = rig.actor("/requests/s1/stream-1").ref
    finish(rig, wire)
    request, sent = HttpRequest("POST", "/", ()), []
    rig.endpoint.ref.tell(Open(holder, "s1", 1, request, 3.0, lambda: sent.append(1)))
    rig.settle()
    assert (sent, len(rig.transport.wires)) == ([], 1)
    assert first.stream.done


# ---- crashes


def test_live_exchanges_go_on_when_the_actor_crashes(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    rig.crash("/endpoints/fake")
    assert not wire.aborted
    wire.send("t b", "done").end()
    assert started.stream.result(timeout=0).text == "ab"
    assert rig.endpoint.incarnation == 2
    assert not rig.transport.closed
    _, wire = rig.open()
    assert rig.transport.connects == 1, "the pool's table survived"
    finish(rig, wire)


def test_a_holder_is_watched_by_the_next_incarnation_too(rig: Rig) -> None:
    started, wire = rig.open(ONCE)
    wire.head().send("t a")
    rig.crash("/endpoints/fake")
    rig.actor("/requests/s1/stream-1").ref.kill()
    rig.settle()
    assert wire.aborted
    assert started.stream.done
    assert statistics(rig).busy == 0


def test_pending_opens_fail_as_transport_when_the_actor_crashes(rig: Rig) -> None:
    live = [rig.open()[1], rig.open()[1]]
    waiting = rig.begin(ONCE)
    rig.settle()
    rig.crash("/endpoints/fake")
    error = error_of(waiting)
    assert isinstance(error, ConnectionFailed)
    assert error.failure.evidence is not None
    assert error.failure.evidence.kind == "transport"
    finish(rig, *live)
    assert len(rig.transport.wires) == 2
    assert statistics(rig).waiting == 0


def test_a_connection_being_made_when_the_actor_crashes_is_made_again(rig: Rig) -> None:
    rig.transport.held = []
    started = rig.begin()
    rig.settle()
    rig.crash("/endpoints/fake")
    assert statistics(rig).connecting == 0
    rig.transport.held = None
    rig.advance(1)
    finish(rig, rig.wire)
    assert started.stream.result(timeout=0).outcome == "completed"


def test_an_exchange_that_raises_loses_neither_the_request_nor_the_place(rig: Rig) -> None:
    rig.transport.exchange_errors = [Boom("write")]
    started = rig.begin()
    rig.settle()
    rig.advance(1)
    finish(rig, rig.wire)
    assert started.stream.result(timeout=0).outcome == "completed"
    counts = statistics(rig)
    assert (counts.busy, counts.idle) == (0, 1)


def test_while_an_endpoint_waits_for_its_restart_requests_fail_typed_and_then_go_on(rig: Rig) -> None:
    rig.crash_into_wait("/endpoints/fake")
    started = rig.begin(ONCE)
    rig.settle()
    assert isinstance(error_of(started), ConnectionFailed)
    patient = rig.begin()
    rig.settle()
    rig.advance(1)
    finish(rig, rig.wire)
    assert patient.stream.result(timeout=0).outcome == "completed"


def test_a_system_that_stops_closes_every_socket() -> None:
    rig = Rig().start()
    started, wire = rig.open()
    wire.head().send("t a")
    rig.stop()
    assert wire.aborted
    assert rig.transport.closed
    assert started.stream.done
