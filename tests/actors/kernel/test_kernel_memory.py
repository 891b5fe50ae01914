"""A stopped actor is gone at once: no collector needed, whatever is still held of it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import Probe, settle
from greenroom.messages.signals import Down


class Heavy:
    """What a message or an actor may hold."""


class Busy(LoopActor):
    """Has everything that could tie a knot: timers, asks, tasks, watches, a child."""

    def __init__(self, born: Future[Any], argument: Heavy | None = None) -> None:
        self.argument = argument
        born.set(weakref.ref(self))

    def on_start(self) -> None:
        self.timer(3600, self.on_int)  # a bound method: holds the actor
        self.timer(3600, 1, key="k", control=True)
        self.watch(self.spawn(LoopActor))
        self.watch(self.ref)
        self.ask(self.ref, "later", timeout_s=3600, tag=self.ref)
        self.run(self._wait(), "wait")

    async def _wait(self) -> None:
        await Future()

    @receives(str)
    def on_later(self, _: str) -> None:
        self.promise = self.defer()

    @receives(int)
    def on_int(self, number: int) -> None:
        here = self  # a frame that holds the actor
        if number:
            raise ValueError(f"{here.kind} failed")

    @receives(Down)
    def on_down(self, _: Down) -> None: ...


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("how", ["stop", "kill", "crash", "crash under ask"])
def test_a_stopped_actor_is_gone_at_once(
    dispatcher: Dispatcher, probe: Probe, no_collector: None, how: str
) -> None:
    born: Future[Any] = Future()
    ref = dispatcher.spawn(Busy, born)
    gone = born.get(timeout=10)
    probe.watch(ref)
    settle(dispatcher)
    assert gone() is not None

    if how == "stop":
        ref.stop(timeout=10)
    elif how == "kill":
        ref.kill()
    elif how == "crash":
        ref.tell(1)
    else:
        answer = ref.ask(1, block=False)
        with pytest.raises(ValueError, match="failed"):
            answer.get(timeout=10)
    down = probe.expect_down(ref)  # held, with its error and traceback
    settle(dispatcher)

    assert gone() is None
    if how.startswith("crash"):
        assert down.error is not None
        assert down.error.__traceback__ is not None


def test_an_actor_that_fails_to_start_is_gone_at_once(
    dispatcher: Dispatcher, probe: Probe, no_collector: None
) -> None:
    class Stillborn(Busy):
        def on_start(self) -> None:
            here = self
            raise ValueError(here.kind)

    born: Future[Any] = Future()
    ref = dispatcher.spawn(Stillborn, born)
    probe.watch(ref)
    down = probe.expect_down(ref)
    settle(dispatcher)

    assert born.get(timeout=10)() is None
    assert down.reason == "failed"


def test_a_handled_message_is_not_held_on_to(dispatcher: Dispatcher, no_collector: None) -> None:
    class Reader(LoopActor):
        @receives(Heavy)
        def on_heavy(self, message: Heavy) -> None: ...

    reader = dispatcher.spawn(Reader)
    for send in (reader.tell, reader.tell_control, reader.admit, reader.ask):
        message = Heavy()
        gone = weakref.ref(message)
        send(message)
        del message
        settle(dispatcher)
        assert gone() is None, send


def test_a_cancelled_timer_holds_nothing(dispatcher: Dispatcher, no_collector: None) -> None:
    class Cancelling(LoopActor):
        @receives(Heavy)
        def on_heavy(self, message: Heavy) -> None:
            self.timer(3600, message).cancel()

    message = Heavy()
    gone = weakref.ref(message)
    dispatcher.spawn(Cancelling).tell(message)
    del message
    settle(dispatcher)

    assert gone() is None


def test_constructor_arguments_are_not_held_on_to(dispatcher: Dispatcher, no_collector: None) -> None:
    class Forgetful(LoopActor):
        def __init__(self, argument: Heavy) -> None: ...

    argument = Heavy()
    gone = weakref.ref(argument)
    ref = dispatcher.spawn(Forgetful, argument)
    del argument
    settle(dispatcher)

    assert ref.is_alive()
    assert gone() is None


def test_a_dropped_cell_is_gone_at_once(dispatcher: Dispatcher, no_collector: None) -> None:
    unused = dispatcher.new_cell("/unused", "busy")
    used = dispatcher.spawn(LoopActor)
    used.stop()
    settle(dispatcher)
    cells: list[Any] = [weakref.ref(unused), weakref.ref(used.cell)]
    del unused, used

    assert [cell() for cell in cells] == [None, None]


def test_a_stopped_dispatcher_is_gone_with_the_collector() -> None:
    dispatcher = Dispatcher()
    dispatcher.start()
    dispatcher.spawn(LoopActor)
    gone = weakref.ref(dispatcher)
    assert dispatcher.stop()
    del dispatcher
    gc.collect()

    assert gone() is None
