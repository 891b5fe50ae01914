"""What the caller holds: `Stream`, and the cursors that read it.

The handle addresses the request, never an attempt. Letting go ends the spending: when the handle and its
cursors are gone, or the last cursor of an unfinished stream is, the request is cancelled. A finaliser only
puts a note on a queue (it may run inside any of our own locks); the request's scope decides.
"""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, SupportsIndex

from typing_extensions import TypeVar

from greenroom.actors.channel import Channel, Nothing
from greenroom.actors.delta_future import DeltaFuture, completion_future, error_of
from greenroom.actors.future import Future, refuse_to_block
from greenroom.actors.wakes import LoopWaiter, ThreadWaiter, WakeHubs
from greenroom.messages.commands import Cancel, CancelledBy, ReaderGone
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.failures import DETACHED
from greenroom.messages.seconds import seconds

if TYPE_CHECKING:
    from greenroom.actors.dispatcher import Dispatcher
    from greenroom.actors.ref import Ref

T = TypeVar("T", default=Any)

_YIELD_EVERY = 64
"""Deltas that an `async for` takes without a wait before it lets its loop run once."""


class Stream(Generic[T]):
    """One request's answer. Iterate it, await it, or ask for its result; any thread, any asyncio loop.

    `for delta in stream` and `async for` end normally when the stream completed, raise the typed StreamError
    when it failed and StreamCancelled when it was cancelled. As a context manager it cancels on leaving.

    Several readers share the deltas: each delta goes to exactly one of them, and what one reader gets is in the
    stream's order. Futures of `next_delta()` that wait are served in the order of asking, and before any cursor
    that waits, even one that began to wait earlier; of several cursors, the one that comes first takes. A cursor
    and futures used at once by one consumer are therefore in order only if it asks for one thing at a time.
    """

    __slots__ = (
        "__weakref__", "_channel", "_dispatcher", "_hubs", "_parting", "_scope", "model", "provider",
        "request_id", "stream_id",
    )  # fmt: skip

    def __init__(
        self, ids: tuple[str, str], target: tuple[str, str], channel: Channel, scope: "Ref[Any]",
        dispatcher: "Dispatcher", hubs: WakeHubs, parting: "Callable[[Channel], None] | None" = None,
    ) -> None:  # fmt: skip
        self.stream_id, self.request_id = ids
        self.provider, self.model = target
        self._channel, self._scope, self._dispatcher, self._hubs = channel, scope, dispatcher, hubs
        self._parting = parting

    def __repr__(self) -> str:
        end = self._channel.end
        state = "streaming" if end is None else "detached" if self.detached else end.outcome
        return f"<Stream {self.stream_id} of {self.provider}/{self.model}: {state}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refused: a second handle would cancel the request when it is dropped."""
        raise TypeError(
            "a Stream cannot be copied or pickled: it is one handle of one live request in this process; "
            "share the handle itself, or send on its completion, stream.result()"
        )

    @property
    def done(self) -> bool:
        """True after the one end; deltas may still be unread. For a handle, detaching it is its end."""
        return self._channel.end is not None

    @property
    def detached(self) -> bool:
        """True after `detach()`: this handle reads no more."""
        end = self._channel.end
        evidence = None if end is None or end.failure is None else end.failure.evidence
        return evidence is not None and evidence.code == DETACHED

    def __iter__(self) -> "Cursor":
        return Cursor(self)

    def __aiter__(self) -> "AsyncCursor":
        return AsyncCursor(self)

    def next_delta(self) -> "Future[Delta | None]":
        """A future of the next delta; None after a completed stream's last. Several are served in order.

        Fails with the stream's error where the stream failed or was cancelled.
        """
        self._dispatcher.refuse_after_fork()
        return DeltaFuture(self, self._channel)

    def result(self, timeout: float | None = None) -> Completion[T]:
        """Blocks until the end and returns the Completion.

        Raises TimeoutError after `timeout` seconds, which ends nothing; StreamError where the stream failed
        or was cancelled (it carries the partial Completion); WouldDeadlock on a dispatcher thread;
        StartedBeforeFork in a fork's child; InvalidInput where `timeout` is no number of seconds.
        """
        timeout = seconds("timeout", timeout)
        if self._channel.end is None:
            refuse_to_block("result()", "await the stream, or iterate it elsewhere")
            self._dispatcher.refuse_after_fork()
            waiter = ThreadWaiter()

            def ended(_: Completion[Any]) -> None:
                waiter.wake()

            self._channel.on_end(ended)
            self._channel.result_awaited()
            try:
                woken = waiter.wait(-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX))
            finally:
                self._channel.result_left()
                self._channel.off_end(ended)
            if not woken and self._channel.end is None:
                raise TimeoutError(
                    f"no result within {timeout:g} s; the stream goes on [request_id={self.request_id}]"
                )
        return self._outcome()

    def __await__(self) -> Generator[Any, None, Completion[T]]:
        return self._wait().__await__()

    async def _wait(self) -> Completion[T]:
        if self._channel.end is None:
            self._dispatcher.refuse_after_fork()
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            hub = self._hubs.of(loop)

            def ended(_: Completion[Any]) -> None:
                hub.wake(future)

            self._channel.on_end(ended)
            self._channel.result_awaited()
            try:
                await future
            finally:
                self._channel.result_left()
                self._channel.off_end(ended)
        return self._outcome()

    def text(self, timeout: float | None = None) -> str:
        """The whole text of the answer: `result(timeout).text`."""
        return self.result(timeout).text

    def cancel(self) -> None:
        """Ask for the end: the provider's socket is closed, what was received is kept. Returns at once.

        Idempotent; no effect on a stream that has ended. Any thread.
        """
        self._cancel("caller")

    def detach(self) -> None:
        """Let the request go on without a consumer; `system.attach(stream_id)` gives another handle.

        That has `detach_grace_s` of time, also where the stream ends meanwhile; then the request is cancelled.
        What was not read waits, and what comes is kept, up to the larger of max_buffer_bytes and
        max_replay_bytes; then the socket is paused. From now on this handle, its cursors and its pending futures
        raise StreamDetached, and dropping or leaving them cancels nothing.

        Keep the cursor in a variable until here: where a loop over the stream is left, its own cursor is
        dropped, which cancels. Any thread; waits for the dispatcher thread for a moment. Idempotent; of no
        effect where the system has ended. Raises StartedBeforeFork in a fork's child.
        """
        if self._parting is None:
            raise RuntimeError(f"{self!r} belongs to no system that could keep it")
        self._dispatcher.refuse_after_fork()
        self._parting(self._channel)

    def _cancel(self, by: CancelledBy) -> None:
        if self._channel.end is None:
            self._scope.tell_control(Cancel(by))

    def _outcome(self) -> Completion[T]:
        end = self._channel.end
        if end is None:
            raise RuntimeError(f"{self!r} was asked for its outcome before its end")
        if end.outcome != "completed":
            _raise(end)
        return end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()

    def __del__(self) -> None:
        channel = getattr(self, "_channel", None)
        if channel is not None and channel.end is None:
            self._dispatcher.from_finalizer(self._scope, Cancel("consumer_gone"))


class _Cursor:
    """What both kinds of cursor share: one reader of the channel, let go once."""

    __slots__ = ("_channel", "_stream")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a cursor cannot be copied or pickled; iter(stream) gives another one")

    def __init__(self, stream: Stream[Any]) -> None:
        self._stream = stream
        self._channel = stream._channel  # noqa: SLF001  (one subject, two classes)
        self._channel.reader_opened()

    def _ended(self) -> bool:
        """True at a completed stream's end; raises its error at any other."""
        end = self._channel.end
        if end is not None and end.outcome != "completed":
            _raise(end)
        return True

    def __del__(self) -> None:
        channel = getattr(self, "_channel", None)
        if channel is not None and channel.end is None:
            stream = self._stream
            gone = ReaderGone(channel.generation)
            stream._dispatcher.from_finalizer(stream._scope, gone)  # noqa: SLF001


class Cursor(_Cursor, Iterator[Delta]):
    """Reads a stream in the calling thread. Dropping it (`break`) cancels an unfinished stream."""

    __slots__ = ()

    def __next__(self) -> Delta:
        take = self._channel.take
        while True:
            item = take()
            if item is Nothing.YET:
                refuse_to_block("iterating a stream", "use `async for`, or next_delta()")
                self._stream._dispatcher.refuse_after_fork()  # noqa: SLF001
                waiter = ThreadWaiter()
                try:
                    if self._channel.wait(waiter):
                        waiter.wait()
                except BaseException:
                    self._channel.forget(waiter)
                    raise
            elif item is Nothing.MORE:
                self._ended()
                raise StopIteration
            else:
                return item


class AsyncCursor(_Cursor, AsyncIterator[Delta]):
    """Reads a stream in any asyncio loop. Dropping it cancels an unfinished stream; keep it to go on.

    A cancelled or timed-out `anext` loses no delta and ends nothing.
    """

    __slots__ = ("_streak", "_waiter")

    def __init__(self, stream: Stream[Any]) -> None:
        super().__init__(stream)
        self._streak = 0
        self._waiter: LoopWaiter | None = None

    async def __anext__(self) -> Delta:
        channel = self._channel
        if self._streak >= _YIELD_EVERY:
            # Before it takes: a cancellation here has nothing to give back.
            self._streak = 0
            await asyncio.sleep(0)
        while True:
            item = channel.take()
            if item is Nothing.YET:
                self._streak = 0
                waiter = self._waiter_here()
                if channel.wait(waiter):
                    try:
                        await waiter.future
                    except BaseException:
                        channel.forget(waiter)
                        raise
                # Only now, when nobody else can know it: a wait given up may be woken, or forgotten, later.
                self._waiter = waiter
            elif item is Nothing.MORE:
                self._ended()
                raise StopAsyncIteration
            else:
                self._streak += 1
                return item

    def _waiter_here(self) -> LoopWaiter:
        """A waiter with a fresh future, the caller's alone until it is put back. This cursor's own, unless
        another task waits with that (two read by one cursor), or the reader has moved to another loop."""
        loop, stream = asyncio.get_running_loop(), self._stream
        waiter, self._waiter = self._waiter, None
        if stream._dispatcher.down is not None:  # noqa: SLF001
            stream._dispatcher.refuse_after_fork()  # noqa: SLF001
        if waiter is None or waiter.future.get_loop() is not loop:
            # Of the channel and the scope alone: what waits must not hold the cursor or the handle.
            lost = functools.partial(_cancel_lost, self._channel, stream._scope)  # noqa: SLF001
            return LoopWaiter(stream._hubs.of(loop), loop.create_future(), lost)  # noqa: SLF001
        waiter.future = loop.create_future()
        return waiter


def _cancel_lost(channel: Channel, scope: "Ref[Any]") -> None:
    if channel.end is None:
        scope.tell_control(Cancel("loop_closed"))


def _raise(end: Completion[Any]) -> NoReturn:
    raise error_of(end)


__all__ = ["AsyncCursor", "Cursor", "Stream", "completion_future"]
