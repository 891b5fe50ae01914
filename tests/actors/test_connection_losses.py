"""Sockets and requests that a crash or a refusal might lose."""

from collections.abc import Iterator

import pytest

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.blocking import WAITING_MAX, KeyAsker
from greenroom.actors.ids import current_ids
from greenroom.actors.stream import StreamActor
from greenroom.messages.commands import Opened
from greenroom.messages.failures import CredentialRefused, StreamError
from greenroom.messages.signals import Ids

from crashing import Boom
from request_path import PATIENT, Rig, in_thread

ONCE = PATIENT.replace(max_reconnect_attempts=0)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig(max_connections=1).start()
    yield rig
    rig.stop()


def test_a_connection_that_was_made_when_the_actor_crashed_is_not_lost(rig: Rig) -> None:
    rig.transport.held = []
    started = rig.begin()
    rig.settle()
    life = rig.actor("/endpoints/fake")._life
    waiting = rig.transport.held[0]

    def connected_and_crashed() -> None:
        waiting.set_result(None)
        # The task ends in the loop's next pass; its news comes in the one after that: now is in between.
        rig.dispatcher.loop.call_soon(rig.dispatcher.loop.call_soon, crash)

    def crash() -> None:
        life.fail(Boom("now"), "tell")
        life.cell.kick()

    rig.transport.held = None
    rig.dispatcher.call(connected_and_crashed)
    rig.settle()
    rig.advance(1)
    rig.wire.head().send("done").end()
    assert started.stream.result(timeout=0).outcome == "completed"
    unused = [link for link in rig.transport.links if not link.exchanges]
    assert unused
    assert all(link.closed for link in unused)
    assert not rig.endpoint.state.fresh


def test_hundreds_that_cannot_be_sent_are_refused_one_after_the_other(rig: Rig) -> None:
    rig.max_streams = 1000
    rig.transport.held = []
    rig.transport.exchange_errors = [ValueError("a line end")] * 700
    rig.requests.bound = 1000
    rig.actor("/requests")._max_streams = 1000
    started = [rig.begin(ONCE) for _ in range(700)]
    rig.settle()
    rig.transport.let_connect()
    assert all(each.stream.done for each in started)
    assert rig.endpoint.incarnation == 1
    assert all("a line end" in str(each.channel.ends[0].failure.message) for each in started)
    rig.check_nothing_left()


def test_a_table_that_crashed_two_in_a_row_is_dropped_and_the_live_end_well(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    for _ in range(2):
        rig.crash("/endpoints/fake")
    dropped = rig.log.of("supervisor.state_dropped")
    assert [(event.child, event.why) for event in dropped] == [("fake", "poisoned")]
    assert not wire.aborted
    wire.send("done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert wire.link.closed, "the pool that it came from is no more"


def test_a_table_whose_actor_lived_calmly_between_its_crashes_is_kept(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("done").end()
    for _ in range(3):
        rig.crash("/endpoints/fake")
        rig.advance(6)
    assert not wire.link.closed
    assert rig.log.of("supervisor.state_dropped") == []


def test_a_table_that_is_not_fit_is_dropped(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("t a")
    rig.endpoint.state.pool.busy.clear()
    rig.crash("/endpoints/fake")
    dropped = rig.log.of("supervisor.state_dropped")
    assert [(event.child, event.why) for event in dropped] == [("fake", "unfit")]
    wire.send("done").end()


def test_a_stream_whose_table_was_dropped_leaves_no_exchange_behind(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("t a")
    for _ in range(2):
        rig.crash("/endpoints/fake")
    assert not wire.aborted
    rig.actor("/requests/s1/stream-1").ref.kill()
    rig.settle()
    assert wire.aborted, "the next incarnation watches the holders of the dropped table too"


def test_nor_does_one_that_dies_while_nobody_is_there_to_watch(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("t a")
    rig.crash_into_wait("/endpoints/fake")
    rig.actor("/requests/s1/stream-1").ref.kill()
    rig.settle()
    rig.advance(1)
    assert wire.aborted


def test_a_system_that_stops_closes_the_exchanges_of_dropped_tables(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("t a")
    for _ in range(2):
        rig.crash("/endpoints/fake")
    rig.actor("/endpoints").ref.kill()
    rig.settle()
    assert wire.aborted


def test_an_endpoint_that_waits_when_the_system_stops_closes_its_links(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("done").end()
    rig.crash_into_wait("/endpoints/fake")
    rig.stop()
    assert wire.link.closed
    assert rig.transport.closed


def test_a_stream_that_ends_with_its_system_lets_its_wire_go_though_nobody_watches(rig: Rig) -> None:
    _, wire = rig.open()
    rig.crash_into_wait("/endpoints/fake")
    rig.stop()
    assert wire.aborted


def test_a_killed_supervisor_of_endpoints_costs_their_connections_and_no_more(rig: Rig) -> None:
    _, wire = rig.open()
    wire.head().send("done").end()
    rig.actor("/endpoints").ref.kill()
    rig.settle()
    assert wire.link.closed
    started, wire = rig.open()
    wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"


def test_what_is_opened_comes_with_the_ids_of_its_own_request(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Ids | None] = []
    opened = StreamActor.on_opened

    def note(actor: StreamActor, message: Opened) -> None:
        seen.append(current_ids.get())
        opened(actor, message)

    monkeypatch.setitem(StreamActor.handler_table, Opened, note)
    _, wire = rig.open()
    rig.begin()
    rig.settle()
    wire.head().send("done").end()
    rig.wire.head().send("done").end()
    assert seen == [Ids("r1", "s1"), Ids("r2", "s2")]


def test_the_actors_of_an_attempt_after_a_back_off_have_the_ids(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Ids | None] = []
    start = StreamActor.on_start

    def note(actor: StreamActor) -> None:
        seen.append(current_ids.get())
        start(actor)

    monkeypatch.setattr(StreamActor, "on_start", note)
    _, wire = rig.open()
    wire.head(503).end()
    rig.advance(1)
    rig.wire.head().send("done").end()
    assert seen == [Ids("r1", "s1")] * 2


# ---- keys


def test_a_call_for_a_key_answers_all_that_were_asked_before_it(rig: Rig) -> None:
    import threading

    from greenroom.messages.commands import GetKey

    may, calls = threading.Semaphore(0), []

    def key() -> str:
        calls.append(1)
        may.acquire()
        return f"key-{len(calls)}"

    asker = KeyAsker.start(key)
    first = asker.ask(GetKey(), block=False)
    while not calls:
        pass
    waiting = [asker.ask(GetKey(), block=False) for _ in range(5)]
    may.release()
    may.release()
    assert first.get(timeout=5) == "key-1"
    assert [future.get(timeout=5) for future in waiting] == ["key-2"] * 5
    may.release()
    assert asker.ask(GetKey(), timeout=5) == "key-3"
    in_thread(lambda: asker.stop(block=True)).get()


def test_nobody_queues_without_bound_behind_a_key_that_never_comes(rig: Rig) -> None:
    class Inbox:
        def qsize(self) -> int:
            return WAITING_MAX

    class Asker:
        actor_inbox = Inbox()

    started = rig.begin(ONCE, api_keys=ApiKeys(asker=Asker))  # type: ignore[arg-type]
    rig.settle()
    with pytest.raises(StreamError) as caught:
        started.stream.result(timeout=0)
    assert isinstance(caught.value, CredentialRefused)
    assert "wait for it" in str(caught.value)
