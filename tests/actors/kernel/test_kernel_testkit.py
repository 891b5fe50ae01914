"""The test kit itself must fail where it should."""

from __future__ import annotations

import asyncio
import socket
import threading
from functools import partial
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import Probe, leak_check, running_dispatcher, settle
from greenroom.messages.signals import Down


class Idle(LoopActor):
    pass


def test_a_probe_gives_what_came_and_fails_for_what_did_not(dispatcher: Dispatcher, probe: Probe) -> None:
    probe.ref.tell("hello")
    assert probe.expect(str) == "hello"
    probe.expect_none()

    with pytest.raises(AssertionError, match="no int came within"):
        probe.expect(int, within_s=0.01)
    probe.ref.tell("other")
    with pytest.raises(AssertionError, match="'other' came where a int was expected"):
        probe.expect(int)
    probe.ref.tell("more")
    with pytest.raises(AssertionError, match="'more'"):
        probe.expect_none()


def test_a_probe_knows_who_ended(dispatcher: Dispatcher, probe: Probe) -> None:
    one, other = dispatcher.spawn(Idle), dispatcher.spawn(Idle)
    probe.watch(one)
    probe.watch(other)
    one.stop()

    with pytest.raises(AssertionError, match="was expected to end"):
        probe.expect_down(other)
    other.stop()
    assert isinstance(probe.expect_down(other), Down)


def test_settle_waits_for_all_that_follows(dispatcher: Dispatcher) -> None:
    class Chain(LoopActor):
        def on_receive(self, number: Any) -> None:
            if number:
                dispatcher.spawn(Chain).tell(number - 1)
            else:
                reached.append(True)

    reached: list[bool] = []
    dispatcher.spawn(Chain).tell(200)
    settle(dispatcher)

    assert reached == [True]


def test_a_leak_check_passes_where_all_is_cleaned_up() -> None:
    with leak_check():
        with running_dispatcher() as dispatcher:
            idle = dispatcher.spawn(Idle)
            settle(dispatcher)
            assert idle.is_alive()
        with socket.socket() as sock:
            assert sock.fileno() >= 0
    assert not idle.is_alive()


def test_a_leak_check_names_what_is_left(dispatcher: Dispatcher) -> None:
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait, name="left-thread")

    async def forever() -> None:
        await asyncio.sleep(3600)

    def leak() -> None:
        dispatcher.loop.create_task(forever(), name="left-task")

    sockets = []

    def leave() -> None:
        with leak_check(within_s=0.05):
            thread.start()
            dispatcher.spawn(Idle, path="/left-actor")
            dispatcher.call(leak)
            sockets.append(socket.socket())
            settle(dispatcher)

    with pytest.raises(AssertionError) as caught:
        leave()
    sockets.pop().close()
    gate.set()
    thread.join()

    for what in ("/left-actor", "left-thread", "left-task", "socket:"):
        assert what in str(caught.value)


def test_a_leak_check_does_not_hide_the_bodys_own_error() -> None:
    with pytest.raises(KeyError, match="body"), leak_check(within_s=0.05):
        raise KeyError("body")


def test_a_stuck_dispatcher_is_an_error_of_the_test() -> None:
    held, gate = threading.Event(), threading.Event()

    def get_stuck() -> None:
        with running_dispatcher() as dispatcher:
            dispatcher.stop = partial(dispatcher.stop, timeout_s=0.05)  # type: ignore[method-assign]
            dispatcher.call(held.set)
            dispatcher.call(gate.wait, 30)
            assert held.wait(10)

    with pytest.raises(AssertionError, match="stuck"):
        get_stuck()
    gate.set()
