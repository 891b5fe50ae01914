"""A Link whose connection is read by blocking calls: a ThreadingActor for each, which lives as long as the link.

    dialling --dialled--> resting <--exchange, end--> serving
        '------------------- any --> shut --the thread has ended--> gone

On the dispatcher thread nothing waits. A line that is to end is interrupted at once and again until its thread
has come back; one that has not within `ZOMBIE_AFTER_S` is a zombie, is counted, and holds nobody up.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pykka

from greenroom.actors.blocking_wire import BlockingWire
from greenroom.actors.pykka_compat import BlockingActor
from greenroom.messages.commands import HttpRequest, WireRead
from greenroom.messages.contracts import BlockingLine, NobodyListens

CHASE_FIRST_S = 0.02
CHASE_MAX_S = 1.0
"""Between two interruptions of a thread that has not come back: it may have been about to block."""
ZOMBIE_AFTER_S = 2.0

_log = logging.getLogger("greenroom.actors")


class Post(Protocol):
    """`fn(*args)` runs on the dispatcher thread soon; False where that is down. Any thread."""

    def __call__(self, fn: Callable[..., object], /, *args: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class Dial:
    timeout_s: float
    told: Callable[[BaseException | None], object]


@dataclass(frozen=True, slots=True)
class Serve:
    request: HttpRequest
    reused: bool
    wire: BlockingWire


class LineKeeper(BlockingActor):
    """The home of one line: does what blocks, one message at a time, and lets nothing out of its thread."""

    def __init__(self, line: BlockingLine, gone: Callable[[], None]) -> None:
        super().__init__()
        self._line, self._gone = line, gone

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Dial):
            self._dial(message)
        elif isinstance(message, Serve):
            self._serve(message)
        else:
            super().on_receive(message)

    def on_stop(self) -> None:
        try:
            self._line.close()
        except BaseException as error:  # noqa: BLE001  (a user's session, and what ends here ends anyway)
            _log.warning("Closing a connection failed: %s", type(error).__name__)
        finally:
            gone, self._gone = self._gone, _nothing
            gone()

    def _dial(self, dial: Dial) -> None:
        try:
            self._line.dial(dial.timeout_s)
        except BaseException as error:  # noqa: BLE001  (raised where it is awaited)
            dial.told(error)
        else:
            dial.told(None)

    def _serve(self, serve: Serve) -> None:
        try:
            self._line.exchange(serve.request, serve.wire.epoch, serve.reused, serve.wire)
        except NobodyListens:
            return
        except BaseException as error:  # noqa: BLE001  (a fault of ours must not leave the exchange open)
            _log.error("A blocking line failed: %s", type(error).__name__)
            with contextlib.suppress(NobodyListens):
                wire = serve.wire
                wire.tell(self._line.lost(wire.epoch, False, wire.body_bytes, by_us=False))


class BlockingLink:
    """Implements messages.contracts.Link. Dispatcher thread only."""

    def __init__(
        self,
        line: BlockingLine,
        post: Post,
        zombie: Callable[[], None],
        forget: "Callable[[BlockingLink], None]",
    ) -> None:
        self._line, self.post, self._zombie, self._forget = line, post, zombie, forget
        self._loop = asyncio.get_running_loop()
        self._wire: BlockingWire | None = None
        self._watched: int | None = None
        self._shut = self._lost_idle = self.gone = False
        self._done = threading.Event()
        self._keeper = LineKeeper.start(line, self._thread_done)
        self.reusable = False
        self.exchanges = 0
        self.idle_limit_s: float | None = None
        self.on_close: Callable[[], None] | None = None

    # ---- for the transport

    async def dial(self, timeout_s: float) -> None:
        """The line stands. Raises TransportError, within the time; then the link is shut."""
        dialled: asyncio.Future[None] = self._loop.create_future()
        self._keeper.tell(Dial(timeout_s, lambda error: self.post(_settle, dialled, error)))
        try:
            async with asyncio.timeout(timeout_s) as limit:
                await dialled
        except TimeoutError:
            self.close()
            if not limit.expired():
                raise
            raise self._line.dial_timed_out(timeout_s) from None
        except BaseException:
            self.close()
            raise
        self.reusable = True
        self._watch()

    def join(self, within_s: float) -> bool:
        """The thread has done all that it had to; False where it has not within this time. Any thread."""
        if not self._done.is_set():
            # A dispatcher that hangs has closed nothing, and takes no read that its line would hand over.
            self._stop_keeper()
            self._line.interrupt()
            if (wire := self._wire) is not None:
                wire.hang_up()
        return self._done.wait(within_s)

    # ---- the contract

    def exchange(
        self,
        request: HttpRequest,
        epoch: int,
        deliver: Callable[[WireRead], None],
        free: Callable[[], None],
    ) -> BlockingWire:
        """The request is being sent by the thread; the answer goes to `deliver`, never before this returns.

        On a link that was lost meanwhile the answer is a WireEnd that says so. Raises ValueError where the
        request cannot be one (nothing was sent, the link is as before), RuntimeError while another is served.
        """
        if self._wire is not None:
            raise RuntimeError("a link serves one exchange at a time")
        self._line.check(request)
        wire = BlockingWire(self, epoch, deliver, free)
        reused = self.exchanges > 0
        if self._shut or not self._keeper.is_alive():
            by_us = not self._lost_idle
            self._loop.call_soon(lambda: wire.end_with(self._line.lost(epoch, reused, None, by_us=by_us)))
            return wire
        self._unwatch()
        self._wire = wire
        self._keeper.tell(Serve(request, reused, wire))
        return wire

    def close(self) -> None:
        """Close the socket. A live exchange is told. Idempotent."""
        wire = self._wire
        self._end()
        if wire is not None:
            wire.end_with(self._line.lost(wire.epoch, False, wire.body_bytes, by_us=True))

    # ---- for the wire

    def over(self, wire: BlockingWire, *, keep: bool, hint_s: float | None) -> None:
        """The exchange ended; the link rests, or closes."""
        if self._wire is not wire:
            return
        self._wire = None
        self.exchanges += 1
        if hint_s is not None:
            # A request sent at the server's last moment would meet its close: leave a margin.
            self.idle_limit_s = max(hint_s - 1.0, hint_s / 2)
        if keep and self.reusable:
            self._watch()
        else:
            self._end()

    # ---- resting

    def _watch(self) -> None:
        """A server that closes a resting connection is seen at once."""
        number = self._line.idle_fd()
        if number is not None and self._watched is None:
            self._loop.add_reader(number, self._idle_news)
            self._watched = number

    def _unwatch(self) -> None:
        number, self._watched = self._watched, None
        if number is not None and not self._loop.is_closed():
            self._loop.remove_reader(number)

    def _idle_news(self) -> None:
        news = self._line.idle_news()
        if news is None:
            self._unwatch()
        elif news:
            self._lost_idle = True
            self._end()

    # ---- the end

    def _end(self) -> None:
        if self._shut:
            return
        self._shut = True
        self.reusable = False
        self._unwatch()
        self._line.interrupt()
        self._stop_keeper()
        self._chase(CHASE_FIRST_S, 0.0)

    def _stop_keeper(self) -> None:
        with contextlib.suppress(pykka.ActorDeadError):
            self._keeper.stop(block=False)

    def _chase(self, wait_s: float, waited_s: float) -> None:
        def again() -> None:
            if self.gone:
                return
            if waited_s < ZOMBIE_AFTER_S <= waited_s + wait_s:
                self._zombie()
            self._line.interrupt()
            self._chase(min(2 * wait_s, CHASE_MAX_S), waited_s + wait_s)

        if not self._loop.is_closed():
            self._loop.call_later(wait_s, again)

    def _thread_done(self) -> None:
        self._done.set()
        self._forget(self)
        self.post(self._ended)

    def _ended(self) -> None:
        """The thread has closed the line, perhaps unasked (`pykka.ActorRegistry.stop_all`)."""
        self.gone = True
        wire, self._lost_idle = self._wire, self._lost_idle or not self._shut
        self._end()
        if wire is not None:
            wire.end_with(self._line.lost(wire.epoch, False, wire.body_bytes, by_us=True))
        if self.on_close is not None:
            on_close, self.on_close = self.on_close, None
            on_close()


def _nothing() -> None:
    """There is nobody to tell any more."""


def _settle(dialled: "asyncio.Future[None]", error: BaseException | None) -> None:
    if dialled.done():
        return
    if error is None:
        dialled.set_result(None)
    else:
        dialled.set_exception(error)
