"""The futures that `Stream.next_delta()` gives: each has a seat in the channel, and gets its delta in turn.

A future that nobody holds any more takes nothing: the channel knows it weakly, unless a callback waits on it.
One that was dropped unread gives its delta back. And one whose only `await` was cancelled leaves its seat, and
takes another when it is used again: the error's traceback may keep it long after its owner let it go (from
Python 3.12 on `wait_for` does). So `wait_for(stream.next_delta(), 1)` loses nothing.
"""

import weakref
from asyncio import CancelledError
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from greenroom.actors.channel import Channel, Nothing
from greenroom.actors.future import Future
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.failures import StreamError, exception_of

if TYPE_CHECKING:
    from greenroom.actors.dispatcher import Dispatcher
    from greenroom.actors.handle import Stream


class DeltaFuture(Future[Delta | None]):
    """Holds the handle, so that the stream goes on while it is pending."""

    def __init__(self, stream: "Stream[Any]", channel: Channel) -> None:
        super().__init__()
        self._stream, self._channel = stream, channel
        self._read = False
        self._awaits = 0
        self._seat: _Seat | None = None
        self._sit()

    def _sit(self) -> None:
        """It has a seat, or its value."""
        if self._seat is None and not self.done():
            self._seat = _Seat(self, self._channel)
            self._channel.sit(self._seat)

    def _stand_up(self) -> None:
        """Whoever awaited it gave up: what it would get, or has got unread, is the next one's."""
        seat, self._seat = self._seat, None
        if seat is None:
            return
        if seat.leave():
            self._channel.stand_up(seat)
        else:
            # It is being given, in another thread perhaps: back it goes as soon as it is here.
            super().add_done_callback(DeltaFuture._give_back)

    def _give_back(self: Any) -> None:
        delta = self._value
        if isinstance(delta, Delta) and not self._read:
            self._unset()
            self._channel.untake(delta)

    def __await__(self) -> Generator[Any, None, Delta | None]:
        self._sit()
        self._awaits += 1
        try:
            return (yield from super().__await__())
        except (CancelledError, GeneratorExit):
            if self._awaits == 1 and not self._callbacks:
                self._stand_up()
            raise
        finally:
            self._awaits -= 1
            del self

    __iter__ = __await__

    def _refuse_in_vain(self) -> None:
        self._stream._dispatcher.refuse_after_fork()  # noqa: SLF001

    def _late(self, within: str) -> str:
        return f"no delta within {within}; the stream goes on [request_id={self._stream.request_id}]"

    def get(self, *, timeout: float | None = None) -> Delta | None:
        """As every future's; what was got is not given back."""
        self._sit()
        value = super().get(timeout=timeout)
        self._read = True
        return value

    def add_done_callback(self, callback: Callable[[Future[Delta | None]], object]) -> None:
        """As every future's; until it was called, the future is held."""
        self._sit()
        if (seat := self._seat) is not None:
            seat.pin = self
        super().add_done_callback(callback)
        if self.done() and seat is not None:
            seat.pin = None

    def remove_done_callback(self, callback: Callable[[Future[Delta | None]], object]) -> None:
        super().remove_done_callback(callback)
        if not self._callbacks and self._seat is not None:
            self._seat.pin = None

    def __del__(self) -> None:
        delta = getattr(self, "_value", None)
        if isinstance(delta, Delta) and not self._read:
            self._channel.leave(delta)
            self._stream._dispatcher.from_finalizer(_Left(self._channel), None)  # noqa: SLF001


class _Left:
    """Stands where a ref does for what a finaliser wants told: somebody may wait for what was given back."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def tell(self, _: Any) -> None:
        self._channel.stir()


class _Seat:
    """Implements channel.Seat."""

    __slots__ = ("_channel", "_future", "_held", "_taken", "pin")

    def __init__(self, future: DeltaFuture, channel: Channel) -> None:
        self._future = weakref.ref(future)
        self._channel = channel
        self._held: DeltaFuture | None = None
        self._taken = [True]
        """Popped once, by who gives or who leaves, whichever is first."""
        self.pin: DeltaFuture | None = None

    def leave(self) -> bool:
        """Nobody sits here any more. False: it is being given to. Any thread."""
        try:
            self._taken.pop()
        except IndexError:
            return False
        self.pin = None
        return True

    def wanted(self) -> bool:
        return bool(self._taken) and self._future() is not None

    def hold(self) -> bool:
        self._held = self._future() if self._taken else None
        return self._held is not None

    def give(self, item: Delta | Nothing) -> None:
        future, self._held = self._held, None
        assert future is not None
        if not self.leave():
            if not isinstance(item, Nothing):
                self._channel.leave(item)
            return
        if not isinstance(item, Nothing):
            future.set(item)
        elif (end := self._channel.end) is not None and end.outcome != "completed":
            future.set_exception(error_of(end))
        else:
            future.set(None)


class _CompletionFuture(Future[Completion[Any]]):
    __slots__ = ("_dispatcher", "_request_id", "_system")

    def __init__(self, dispatcher: "Dispatcher", system: Any, request_id: str) -> None:
        super().__init__()
        self._dispatcher, self._system, self._request_id = dispatcher, system, request_id

    def _refuse_in_vain(self) -> None:
        self._dispatcher.refuse_after_fork()

    def _late(self, within: str) -> str:
        return f"no completion within {within}; the request goes on [request_id={self._request_id}]"

    def end_with(self, end: Completion[Any]) -> None:
        self._system = None
        if end.outcome == "completed":
            self.set(end)
        else:
            self.set_exception(error_of(end))


def completion_future(
    channel: Channel, dispatcher: "Dispatcher", request_id: str, system: Any = None
) -> Future[Completion[Any]]:
    """A future of the channel's end; it keeps no handle, and needs none. Until the end it holds the system."""
    future = _CompletionFuture(dispatcher, system, request_id)
    channel.on_end(future.end_with)
    return future


def error_of(end: Completion[Any]) -> StreamError:
    """A fresh exception for this end, which is not a completed one."""
    if end.failure is None:
        raise RuntimeError(f"stream {end.stream_id} ended as {end.outcome} without a failure")
    return exception_of(end.failure, end)
