"""Ends that meet other threads, hosts that raise, and mail that must not be forgotten."""

import asyncio
import itertools
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead, SystemStopped
from greenroom.actors.future import Future
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import running_dispatcher
from greenroom.messages.events import Event

WAIT_S = 5.0


class Idle(LoopActor):
    """Takes everything."""

    def on_receive(self, message: Any) -> Any:
        return message


class Parent(LoopActor):
    def on_start(self) -> None:
        for number in range(3):
            self.spawn(Idle, name=f"c{number}")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_downs_of_ones_own_children_are_no_dead_letters_at_ones_own_end(how: str) -> None:
    with running_dispatcher() as dispatcher:
        parent = dispatcher.spawn(Parent)
        dispatcher.wait_idle()
        parent.stop(block=True) if how == "stop" else parent.kill()
        dispatcher.wait_idle()
        assert dispatcher.statistics().dead_letters == {}
        assert dispatcher.statistics().actors == 0


def test_a_cell_made_while_the_dispatcher_ends_is_refused_or_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller had looked, and the stop came before the cell was made."""
    dispatcher = Dispatcher("racing")
    dispatcher.start()
    check, calls = dispatcher._check_up, []

    def looked() -> None:
        check()
        calls.append(1)
        if len(calls) == 1:
            dispatcher.stop()

    monkeypatch.setattr(dispatcher, "_check_up", looked)
    with pytest.raises(SystemStopped):
        dispatcher.new_cell("/late", "late")
    assert not list(dispatcher._held)


def test_what_is_asked_of_a_vacant_cell_after_its_system_was_given_up_is_answered() -> None:
    dispatcher = Dispatcher("given up")
    cell = dispatcher.new_cell("/vacant", "vacant")
    before = cell.ref.ask("x", block=False)
    cell.abandon()
    after = cell.ref.ask("y", block=False)
    dispatcher.stop()
    for future in (before, after):
        with pytest.raises((ActorDead, SystemStopped)):
            future.get(timeout=WAIT_S)


def test_an_admission_that_is_dropped_is_counted_out() -> None:
    dispatcher = Dispatcher("admissions")
    cell = dispatcher.new_cell("/full", "full", 2)
    assert cell.ref.admit("a")
    cell.post("other")
    item = cell.mail[0]
    cell.admitted += 1
    cell.post(item)
    assert cell.admitted == 1
    dispatcher.stop()


class Broken:
    """An event sink that fails at everything."""

    def wants(self, name: str) -> bool:
        raise RuntimeError(name)

    def emit(self, event: Event) -> None:
        raise RuntimeError(event.name)


def test_a_sink_that_fails_ends_no_actor() -> None:
    class Teller(LoopActor):
        def on_receive(self, message: Any) -> Any:
            wanted = self.events.wants("x")
            self.events.emit(message)
            return wanted

    class Halfway(Broken):
        def wants(self, name: str) -> bool:
            return True

    for sink in (Broken(), Halfway()):
        with running_dispatcher(events=sink) as dispatcher:
            teller = dispatcher.spawn(Teller)
            event = type("E", (), {"name": "e"})()
            teller.ask(event, timeout=WAIT_S)
            assert teller.is_alive()


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit, GeneratorExit])
def test_a_callback_may_raise_anything(error: type[BaseException]) -> None:
    def raises(_: Any) -> None:
        raise error

    future: Future[int] = Future()
    called: list[int] = []
    future.add_done_callback(raises)
    future.add_done_callback(lambda f: called.append(f.get()))
    future.set(1)
    future.add_done_callback(raises)
    assert called == [1]


def test_callbacks_that_resolve_the_next_future_do_not_dig_themselves_in() -> None:
    futures: list[Future[int]] = [Future() for _ in range(5000)]
    for one, following in itertools.pairwise(futures):
        one.add_done_callback(lambda f, n=following: n.set(f.get() + 1))
    futures[0].set(0)
    assert futures[-1].get(timeout=0) == 4999


def test_a_pass_that_fails_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_dispatcher() as dispatcher:
        idle = dispatcher.spawn(Idle)
        dispatcher.wait_idle()
        end, times = dispatcher.turn.end, []

        class Turn:
            def __getattr__(self, name: str) -> Any:
                return getattr(turn, name)

            def end(self) -> None:
                end()
                if not times:
                    times.append(1)
                    raise RuntimeError("kernel")

        turn = dispatcher.turn
        monkeypatch.setattr(dispatcher, "turn", Turn())
        idle.tell("a")
        dispatcher.call(lambda: None)
        other = dispatcher.spawn(Idle)
        assert other.ask("b", timeout=WAIT_S) == "b"
        monkeypatch.setattr(dispatcher, "turn", turn)


class Stopping(LoopActor):
    """Notes what it handles; told to, it asks for its end: in its own turn, or through who calls it."""

    seen: list[Any]

    def on_start(self) -> None:
        type(self).seen = []

    def on_stop(self) -> None:
        self.seen.append("on_stop")

    def on_receive(self, message: Any) -> Any:
        self.seen.append(message)
        match message:
            case "stop":
                self.stop()
            case "stop behind a word to itself":
                self.ref.tell("the word")
                self.stop()
            case "call me":
                return self.stop
        return None


class Calling(LoopActor):
    """Calls what it is given, in its own turn."""

    def on_receive(self, message: Any) -> Any:
        return message()


@pytest.mark.parametrize(
    ("told", "handled"),
    [
        (["stop"], ["stop", "on_stop"]),
        (["stop", "late"], ["stop", "late", "on_stop"]),
        (
            ["stop behind a word to itself"],
            ["stop behind a word to itself", "the word", "on_stop"],
        ),
    ],
)
def test_a_stop_of_its_own_comes_behind_the_mail_that_waits(told: list[str], handled: list[str]) -> None:
    with running_dispatcher() as dispatcher:
        stopping = dispatcher.spawn(Stopping)
        dispatcher.wait_idle()
        # In one call on its thread: the actor has no turn between them.
        dispatcher.call(lambda: [stopping.tell(message) for message in told])
        dispatcher.wait_idle()
        assert Stopping.seen == handled
        assert not stopping.is_alive()
        assert dispatcher.statistics().actors == 0


def test_an_actor_that_is_stopped_in_anothers_turn_ends_too() -> None:
    with running_dispatcher() as dispatcher:
        stopping, calling = dispatcher.spawn(Stopping), dispatcher.spawn(Calling)
        stop = stopping.ask("call me", timeout=WAIT_S)
        calling.ask(stop, timeout=WAIT_S)
        dispatcher.wait_idle()
        assert Stopping.seen == ["call me", "on_stop"]
        assert (stopping.is_alive(), calling.is_alive()) == (False, True)
