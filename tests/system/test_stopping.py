"""Stopping at the wrong moment, in the wrong thread, twice, or interrupted."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, StreamError, SystemStopped, WouldDeadlock
from greenroom.actors.future import Future
from greenroom.providers.simulator import Script, Simulator, Stall

from tests_system import LIMIT_S, wait_until

STALLED = Script(text="one two three", stall=Stall(after_deltas=1))


def test_stop_on_the_dispatcher_thread_is_refused_and_stops_nothing(system: ActorSystem) -> None:
    caught: list[BaseException] = []
    told = threading.Event()

    def stop(_: Any) -> None:
        try:
            system.stop(drain_s=0)
        except WouldDeadlock as error:
            caught.append(error)
        told.set()

    system.ask(ChatRequest(messages="x")).add_done_callback(stop)
    assert told.wait(LIMIT_S)
    assert len(caught) == 1
    assert system.ask(ChatRequest(messages="x")).get(timeout=LIMIT_S).outcome == "completed"
    system.stop(drain_s=0)
    with pytest.raises(SystemStopped):
        system.stream(ChatRequest(messages="x"))


def test_an_interrupt_while_it_drains_ends_everything_at_once(
    simulator: Simulator, system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.set_default(STALLED)
    stream = system.stream(ChatRequest(messages="x"))
    next(iter(stream))

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Future, "get", interrupted)
        with pytest.raises(KeyboardInterrupt):
            system.stop(drain_s=60)
    assert stream.done
    assert not system._dispatcher.is_running
    system.stop()


def test_many_threads_may_stop_it_at_once_while_others_send(
    simulator: Simulator, start: Callable[..., ActorSystem]
) -> None:
    system = start(simulator.base_url)
    streams: list[Any] = []
    refused: list[Exception] = []
    begin = threading.Barrier(8)

    def send() -> None:
        begin.wait()
        while True:
            try:
                streams.append(system.stream(ChatRequest(messages="x")))
            except SystemStopped as error:
                refused.append(error)
                return

    def stop() -> None:
        begin.wait()
        wait_until(lambda: len(streams) > 20)
        system.stop(drain_s=0)

    threads = [threading.Thread(target=send) for _ in range(5)]
    threads += [threading.Thread(target=stop) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert len(refused) == 5
    ends = {_outcome(stream) for stream in streams}
    assert ends <= {"completed", "cancelled", "shutdown", "refused", "bug"}


def _outcome(stream: Any) -> str:
    try:
        outcome: str = stream.result(timeout=LIMIT_S).outcome
    except StreamError as error:
        return error.error_class
    return outcome


def test_statistics_of_a_system_with_an_endpoint_that_is_down(system: ActorSystem) -> None:
    cell = system._endpoints["sim"].child.cell
    for _ in range(11):
        cell.kill()
        system._dispatcher.wait_idle()
    counts = system.statistics().endpoints[0]
    assert (counts.provider, counts.busy, counts.idle) == ("sim", 0, 0)
