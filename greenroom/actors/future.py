"""A future that can be waited for from anywhere: a thread, any asyncio loop, a callback.

Pykka's `Future` in its interface, with these differences: a second `set` is ignored (an asker may be answered
by the handler, by a death and by a shutdown, whichever is first); it can be awaited without blocking a loop,
and an await that is cancelled or timed out takes nothing away from it; it holds no Condition, so it is small;
and a blocking `get` on a dispatcher thread raises instead of waiting for itself.
"""

import asyncio
import functools
import logging
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any, Generic, TypeVar, cast

import pykka

from greenroom.actors.errors import AskTimeout, WouldDeadlock
from greenroom.messages.seconds import seconds

T = TypeVar("T")
M = TypeVar("M")
J = TypeVar("J")
R = TypeVar("R")

_log = logging.getLogger("greenroom.actors")
_PENDING: Any = object()
_NESTED_MAX = 16
"""A callback that resolves or takes the next future, whose callback does the same ...: from here on in turn."""
_dispatcher_threads: set[int] = set()


class _Guard:
    """One lock for all futures: it is held for a few stores.

    Re-entrant, as a finaliser may run inside it and set a future.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()


_guard = _Guard()


class _Nesting(threading.local):
    """How deep this thread stands in callbacks, and what waits for it to come up again."""

    def __init__(self) -> None:
        self.depth = 0
        self.later: deque[tuple[Callable[[Any], object], Any]] = deque()


_nesting = _Nesting()


def forget_locks() -> None:
    """After a fork: a lock that another thread held will never be released in this process."""
    _guard.lock = threading.RLock()
    _dispatcher_threads.clear()


def mark_dispatcher_thread(*, on: bool) -> None:
    """Blocking calls on this thread raise (`on`), or are allowed again."""
    (_dispatcher_threads.add if on else _dispatcher_threads.discard)(threading.get_ident())


def refuse_to_block(what: str, instead: str) -> None:
    """Raises WouldDeadlock on a dispatcher thread."""
    if threading.get_ident() in _dispatcher_threads:
        raise WouldDeadlock(
            f"{what} would block the dispatcher thread, which has to produce the answer; {instead}"
        )


class Future(pykka.Future[T], Generic[T]):
    """A value, or an error, that is there now or later. Every method may be called from any thread."""

    __slots__ = ("_callbacks", "_error", "_hook", "_parents", "_value")

    def __init__(self) -> None:
        # Pykka's own constructor would make the instance's dict; nothing of it is used here.
        self._value: Any = _PENDING
        self._error: tuple[BaseException, Any] | None = None
        self._callbacks: list[Callable[[Any], object]] | None = None
        self._hook: Callable[[float | None], T] | None = None
        self._parents: tuple[Any, ...] | None = None

    def __repr__(self) -> str:
        state = "pending" if not self.done() else "failed" if self._error is not None else "done"
        return f"<greenroom.Future {state}>"

    def done(self) -> bool:
        """True once there is a value or an error: then `get` does not wait."""
        if self._parents is not None:
            return self._value is not _PENDING or all(_is_done(parent) for parent in self._parents)
        return self._value is not _PENDING or self._error is not None

    def set(self, value: T | None = None) -> None:
        """The future has this value, unless it was resolved before.

        Raises queue.Full where it has a get hook.
        """
        self._resolve(value, None)

    def set_exception(self, exc_info: Any = None) -> None:
        """The future has this error, unless it was resolved before.

        Takes an exception, what `sys.exc_info()` gives, or nothing in an except block.
        """
        if isinstance(exc_info, BaseException):
            self._resolve(_PENDING, (exc_info, exc_info.__traceback__))
            return
        kind, error, traceback = exc_info or sys.exc_info()
        # Pykka allows a bare class.
        self._resolve(_PENDING, (cast("type[BaseException]", kind)() if error is None else error, traceback))

    def _resolve(self, value: Any, error: tuple[BaseException, Any] | None) -> bool:
        with _guard.lock:
            if self._hook is not None:
                raise queue.Full
            if self._value is not _PENDING or self._error is not None:
                return False
            self._value, self._error = value, error
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            _call(callback, self)
        return True

    def _unset(self) -> None:
        """It is pending again: for a subclass that can give its value back."""
        with _guard.lock:
            self._value = _PENDING

    def add_done_callback(self, callback: Callable[["Future[T]"], object]) -> None:
        """`callback(self)` runs once: in the thread that resolves it, or here and now if it is resolved.

        What it raises is logged. Raises TypeError where Pykka's `set_get_hook` was used: nothing says when
        such a future is done.
        """
        if self._parents is not None:
            _when_all_done(self._parents, functools.partial(_call, callback, self))
            return
        with _guard.lock:
            if self._hook is not None:
                raise TypeError("a future with a get hook does not know when it is done; use map() or join()")
            if not self.done():
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        _call(callback, self)

    def remove_done_callback(self, callback: Callable[["Future[T]"], object]) -> None:
        """`callback` is not called any more, unless it is running already."""
        with _guard.lock:
            if self._callbacks is not None and callback in self._callbacks:
                self._callbacks.remove(callback)

    def get(self, *, timeout: float | None = None) -> T:
        """The value, waited for up to `timeout` seconds.

        Raises:
            AskTimeout: it is not there yet. Both a pykka.Timeout and a TimeoutError.
            WouldDeadlock: called on a dispatcher thread while it is not there.
            InvalidInput: `timeout` is no number of seconds.
            Exception: the error it was resolved with.
        """
        if timeout is not None:
            timeout = seconds("timeout", timeout)
        if self._value is _PENDING and self._error is None:
            if self._hook is not None:
                return self._run_hook(self._hook, timeout)
            self._wait(timeout)
        try:
            return self._outcome()
        finally:
            # A raised error's traceback holds this frame, and this frame must not hold the error.
            del self

    def _outcome(self) -> T:
        if self._error is None:
            return cast("T", self._value)
        error, traceback = self._error
        try:
            # The stored traceback, so that it does not grow with every raise.
            raise error.with_traceback(traceback)
        finally:
            del self, error, traceback

    def _refuse_in_vain(self) -> None:
        """For subclasses: raises where nobody is left who could resolve it."""

    def _wait(self, timeout: float | None) -> None:
        refuse_to_block("get()", "await the future, or add_done_callback(fn)")
        self._refuse_in_vain()
        gate = threading.Lock()
        gate.acquire()

        def resolved(_: Any) -> None:
            gate.release()

        self.add_done_callback(resolved)
        if not gate.acquire(timeout=-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX)):
            self.remove_done_callback(resolved)
            if not self.done():
                raise AskTimeout(self._late(f"{timeout:g} s"))

    def _late(self, within: str) -> str:
        """What the AskTimeout says."""
        return f"no answer within {within}"

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            if self._hook is not None and self._parents is None:
                loop = asyncio.get_running_loop()
                return (yield from loop.run_in_executor(None, self.get).__await__())
            yield from self._wake_loop().__await__()
        try:
            return self.get()
        finally:
            del self

    __iter__ = __await__

    async def _wake_loop(self) -> None:
        self._refuse_in_vain()
        loop = asyncio.get_running_loop()
        thread = threading.get_ident()
        waiter = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def resolved(_: Any) -> None:
            if threading.get_ident() == thread:
                wake()
            elif not loop.is_closed():
                try:
                    loop.call_soon_threadsafe(wake)
                except RuntimeError:
                    # The waiter's loop was closed under it: nobody is waiting there any more.
                    return

        self.add_done_callback(resolved)
        try:
            await waiter
        finally:
            self.remove_done_callback(resolved)

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """`get` calls `func(timeout)` once and keeps what it returns.

        Raises queue.Full on a resolved future.
        """
        with _guard.lock:
            if self._value is not _PENDING or self._error is not None:
                raise queue.Full
            self._hook = func

    def _run_hook(self, hook: Callable[[float | None], T], timeout: float | None) -> T:
        value = hook(timeout)
        with _guard.lock:
            if self._value is _PENDING:
                self._value = value
        return cast("T", self._value)

    def after(self, parents: "tuple[Any, ...]", hook: Callable[[float | None], T]) -> None:
        """This future is what `hook` computes, in the thread that gets it, once `parents` are done."""
        self.set_get_hook(hook)
        if all(isinstance(parent, Future) and parent.tells_when_done() for parent in parents):
            self._parents = parents

    def tells_when_done(self) -> bool:
        """False only for a future with a get hook of unknown origin."""
        return self._hook is None or self._parents is not None

    def map(self, func: Callable[[T], M]) -> "Future[M]":
        """A future of `func(value)`, computed by whoever gets it."""
        future: Future[M] = Future()
        future.after((self,), lambda timeout: func(self.get(timeout=timeout)))
        return future

    def filter(self: "Future[Iterable[J]]", func: Callable[[J], bool]) -> "Future[Iterable[J]]":
        """A future of the items for which `func(item)` is true."""
        return self.map(lambda items: [item for item in items if func(item)])

    def reduce(self: "Future[Iterable[J]]", func: Callable[[R, J], R], *args: R) -> "Future[R]":
        """A future of `functools.reduce(func, value, *args)`."""
        return self.map(lambda items: functools.reduce(func, items, *args))

    def join(self: "Future[Any]", *futures: pykka.Future[Any]) -> "Future[Iterable[Any]]":
        """A future of the list of all values; `timeout` of its `get` is for all of them together."""
        everyone = (self, *futures)
        joined: Future[Iterable[Any]] = Future()
        joined.after(everyone, lambda timeout: _get_all(everyone, timeout))
        return joined


def _get_all(futures: "tuple[pykka.Future[Any], ...]", timeout: float | None) -> list[Any]:
    if timeout is None:
        return [future.get() for future in futures]
    end = time.monotonic() + timeout
    return [future.get(timeout=max(0.0, end - time.monotonic())) for future in futures]


def _is_done(future: Any) -> bool:
    return isinstance(future, Future) and future.done()


def _when_all_done(futures: "tuple[Any, ...]", callback: Callable[[], object]) -> None:
    missing = len(futures)

    def one_done(_: Any) -> None:
        nonlocal missing
        with _guard.lock:
            missing -= 1
            last = missing == 0
        if last:
            callback()

    for future in futures:
        future.add_done_callback(one_done)


def _call(callback: Callable[[Any], object], future: Any) -> None:
    nesting = _nesting
    if nesting.depth >= _NESTED_MAX:
        nesting.later.append((callback, future))
        return
    nesting.depth += 1
    try:
        _call_now(callback, future)
        while nesting.depth == 1 and nesting.later:
            _call_now(*nesting.later.popleft())
    finally:
        nesting.depth -= 1


def _call_now(callback: Callable[[Any], object], future: Any) -> None:
    try:
        callback(future)
    except BaseException as error:
        # It must not reach whoever resolved the future. A CancelledError is one too: result() of another one.
        _log.exception("A future's callback %r failed", callback)
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
