"""For tests of actors, ours and yours: no sleeps, no mocks.

    def test_counter():
        with running_dispatcher(clock=ManualClock()) as dispatcher:
            probe = Probe(dispatcher)
            counter = dispatcher.spawn(Counter, report_to=probe.ref)
            counter.tell(Add(2))
            assert probe.expect(Total).value == 2

`ManualClock.advance` fires timers and waits for what follows; `settle` waits until nothing is under way;
`leak_check` fails where actors, threads, sockets or tasks are left behind.
"""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.leaks import leak_check
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.messages.contracts import Clock, EventSink
from greenroom.messages.events import Event
from greenroom.messages.signals import Down

E = TypeVar("E")


class Probe:
    """An actor that collects what it is sent, for the test's own thread to look at, in the order it came."""

    def __init__(self, dispatcher: Dispatcher, path: str = "/probe") -> None:
        self._dispatcher = dispatcher
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.ref: Ref[Any] = dispatcher.spawn(_Collector, self._inbox, path=path)

    def expect(self, message_type: type[E], within_s: float = 5.0) -> E:
        """The next message, which is of that type. Raises AssertionError if it is another, or none came."""
        try:
            message = self._inbox.get(timeout=within_s)
        except queue.Empty:
            raise AssertionError(f"no {message_type.__name__} came within {within_s:g} s") from None
        if not isinstance(message, message_type):
            raise AssertionError(f"{message!r} came where a {message_type.__name__} was expected")
        return message

    def expect_none(self) -> None:
        """Nothing came, and nothing that is under way sends anything. Raises AssertionError."""
        settle(self._dispatcher)
        left = self.drain()
        if left:
            raise AssertionError(f"nothing was expected, but these came: {left!r}")

    def drain(self) -> list[Any]:
        """All messages that have come and were not expected yet."""
        messages = []
        while not self._inbox.empty():
            messages.append(self._inbox.get_nowait())
        return messages

    def watch(self, ref: Ref[Any], *, through_restarts: bool = False) -> None:
        """The actor is watched from now on."""
        self.ref.ask(_Watch(ref, through_restarts, on=True))

    def unwatch(self, ref: Ref[Any]) -> None:
        """The actor is not watched any more."""
        self.ref.ask(_Watch(ref, through_restarts=False, on=False))

    def expect_down(self, ref: Ref[Any], within_s: float = 5.0) -> Down:
        """The next message, which is the Down of that actor. Raises AssertionError."""
        down = self.expect(Down, within_s)
        if down.ref != ref:
            raise AssertionError(f"{down!r} came where {ref} was expected to end")
        return down


class _Watch:
    def __init__(self, ref: Ref[Any], through_restarts: bool, *, on: bool) -> None:
        self.ref = ref
        self.through_restarts = through_restarts
        self.on = on


class _Collector(LoopActor):
    kind = "probe"

    def __init__(self, inbox: "queue.SimpleQueue[Any]") -> None:
        self._inbox = inbox

    def on_receive(self, message: Any) -> None:
        if not isinstance(message, _Watch):
            self._inbox.put(message)
        elif message.on:
            self.watch(message.ref, through_restarts=message.through_restarts)
        else:
            self.unwatch(message.ref)


class Recorder:
    """An event sink that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def wants(self, name: str) -> bool:
        """Everything."""
        return bool(name)

    def emit(self, event: Event) -> None:
        """It is kept."""
        self.events.append(event)

    def named(self, name: str) -> list[Any]:
        """The events of that name, oldest first."""
        return [event for event in self.events if event.name == name]


@contextmanager
def running_dispatcher(
    clock: Clock | None = None, events: EventSink | None = None, **options: Any
) -> Iterator[Dispatcher]:
    """A dispatcher that runs inside the block and is stopped after it. Raises AssertionError if stuck."""
    dispatcher = Dispatcher(clock=clock, events=events, **options)
    dispatcher.start()
    try:
        yield dispatcher
    finally:
        stopped = dispatcher.stop()
    if not stopped:
        raise AssertionError("the dispatcher is stuck in a handler and was abandoned")


def settle(dispatcher: Dispatcher, within_s: float = 5.0) -> None:
    """All mailboxes are empty and no turn is due. Raises TimeoutError.

    Tasks that wait for I/O are not waited for.
    """
    dispatcher.wait_idle(within_s)


__all__ = ["ManualClock", "Probe", "Recorder", "leak_check", "running_dispatcher", "settle"]
