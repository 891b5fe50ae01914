"""What a system leaves behind: its threads, sockets and sink. Holds no system, so that one can be dropped.

Somebody may drop a system without stop(). Its finaliser puts one note for the watchdog's thread, which lets the
remains end themselves: open streams are cancelled, threads end, and a ResourceWarning says so.
"""

import threading
import warnings
from collections.abc import Callable
from typing import Any

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead
from greenroom.actors.future import Future
from greenroom.actors.ref import Ref
from greenroom.messages.commands import AwaitIdle, CancelAll, StopAdmission
from greenroom.messages.contracts import Clock, EventSink
from greenroom.messages.failures import SYSTEM_DOWN, ErrorEvidence
from greenroom.supervision.requests import LiveRequests

_DROPPED = "an ActorSystem was dropped without stop(): {count} open streams were cancelled; use `with`"
CANCEL_TIMEOUT_S = 5.0
"""How long cancelled streams have to close their sockets."""


class Remains:
    """One system's. Any thread."""

    __slots__ = ("_clock", "_dispatcher", "_live", "_sink", "_stopped", "closers")

    def __init__(self, dispatcher: Dispatcher, live: LiveRequests, clock: Clock, sink: EventSink) -> None:
        self._dispatcher, self._live, self._clock, self._sink = dispatcher, live, clock, sink
        self._stopped = False
        self.closers: list[Callable[[], object]] = []
        """Called in this order once the dispatcher has ended; then the sink is closed."""

    def dispatcher_died(self, error: BaseException) -> None:
        """Every open stream has its end."""
        text = "the system was stopped under the stream" if self._stopped else f"the dispatcher died: {error}"
        self._live.fail_all(ErrorEvidence(kind="crash", code=SYSTEM_DOWN, message=text), self._clock.now_s())

    def drain(self, requests: "Ref[Any]", drain_s: float) -> None:
        """No further request is admitted; live ones had `drain_s` to end, and were then cancelled."""
        requests.tell(StopAdmission())
        idle = requests.ask(AwaitIdle(), block=False)
        if not _done_within(idle, drain_s):
            requests.tell(CancelAll("shutdown"))
            _done_within(idle, CANCEL_TIMEOUT_S)

    def end(self) -> None:
        """The thread has ended, with all actors, and the closers were called; streams still open have failed."""
        self._stopped = True
        self._dispatcher.stop()
        for close in self.closers:
            close()
        close_sink: Callable[[], object] | None = getattr(self._sink, "close", None)
        if close_sink is not None:
            close_sink()

    def tell(self, requests: "Ref[Any]") -> None:
        """From the finaliser of a system, by way of the watchdog, whose thread must not wait for itself."""
        threading.Thread(
            target=self._end_dropped, args=(requests,), name="greenroom-remains", daemon=True
        ).start()

    def _end_dropped(self, requests: "Ref[Any]") -> None:
        count = self._live.open_count()
        self.drain(requests, 0.0)
        self.end()
        warnings.warn(_DROPPED.format(count=count), ResourceWarning, stacklevel=1)


def _done_within(future: Future[Any], seconds: float) -> bool:
    if seconds <= 0:
        return future.done()
    try:
        future.get(timeout=seconds)
    except TimeoutError:
        return False
    except ActorDead:
        # The supervisor crashed while it drained; its successor has ended every request.
        return True
    return True
