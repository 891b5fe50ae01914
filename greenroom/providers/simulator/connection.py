"""One client's connection: reads requests, answers one after the other, sees at once when it is gone.

Rules. Reading never stops while an answer is under way, or a client's leaving would be seen only at the next
write; a client that pipelines more than `_PIPELINED_MAX` requests gives that up. A client that closes its
sending side is gone: a half-open reader cannot be told from a closed one. After bytes that are no request the
answer goes out, the sending side is closed, and what still comes is thrown away for `_LINGER_S`, so that the
answer is not lost in a reset.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from greenroom.providers.simulator.control import PREFIX
from greenroom.providers.simulator.framing import CONTINUE, Framing, framing_of
from greenroom.providers.simulator.host import Host
from greenroom.providers.simulator.http_request import BadRequest, RequestReader
from greenroom.providers.simulator.pacing import Alarm
from greenroom.providers.simulator.playback import Playback, reset
from greenroom.providers.simulator.records import Ended, Entry
from greenroom.providers.simulator.reply import Ending, HttpRequest, Reply, SeenHeaders
from greenroom.providers.simulator.wires import Served

_PIPELINED_MAX = 32
_LINGER_S = 1.0
_ENDED: dict[Ending, Ended] = {
    Ending.END: "completed",
    Ending.FIN: "cut",
    Ending.HALF_CLOSE: "cut",
    Ending.RESET: "reset",
    Ending.SERVER_CRASH: "crashed",
    Ending.CRASH: "server_error",
}
_log = logging.getLogger("greenroom.simulator")


class Connection(asyncio.Protocol):
    """The server's side of one socket. Everything in here runs on the simulator's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._reader = RequestReader(host.limits.max_head_bytes, host.limits.max_body_bytes)
        self._pending: deque[HttpRequest | BadRequest] = deque()
        self._transport: asyncio.Transport | None = None
        self._playback: Playback | None = None
        self._entry: Entry | None = None
        self._number = 0
        self._idle_since_s = 0.0
        self._alarm: Alarm | None = None
        self._closing = False
        self._paused = False
        self._continued = False
        self._answering = False
        self._refusing = False
        self._asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        # With 0 the transport tells when its buffer is empty, so "sent" means that the kernel has it.
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._host.connections.add(self)
        self._number = self._host.history.connected()
        self._idle_since_s = self._host.pacer.now_s()
        if self._host.stopping:  # accepted in the very turn in which the simulator stopped
            self.abort()
        elif (away := self._host.turns_away) is not None:
            self._turn_away(away)
        elif len(self._host.connections) > self._host.limits.max_connections:
            self._pending.append(BadRequest(503, "too many connections"))
            self._answer_pending()
        else:
            self._arm_idle()

    def data_received(self, data: bytes) -> None:
        if self._closing or self._transport is None:
            return
        self._idle_since_s = self._host.pacer.now_s()
        self._pending.extend(self._reader.feed(data))
        self._answer_pending()
        if len(self._pending) > _PIPELINED_MAX:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        return False  # the transport closes, and connection_lost comes at once

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._playback is not None:
            self._playback.stop()
        if self._entry is not None:
            self._host.finish(self._entry, "server_stopped" if self._host.stopping else "client_disconnected")
        if self._alarm is not None:
            self._alarm.cancel()
        self._reader.close()
        self._pending.clear()
        self._transport = self._playback = self._entry = self._alarm = None
        self._host.leave(self)

    def pause_writing(self) -> None:
        self._paused = True
        if self._playback is not None:
            self._playback.pause()

    def resume_writing(self) -> None:
        self._paused = False
        if self._playback is not None:
            self._playback.resume()

    def abort(self) -> None:
        """Close now; what was not sent is dropped."""
        if self._transport is not None:
            self._transport.abort()

    def crash(self) -> None:
        """Closed with RST, as everything of a server that dies."""
        if self._entry is not None:
            self._host.finish(self._entry, "crashed")
        self._closing = True
        if self._transport is not None:
            reset(self._transport)

    def _turn_away(self, how: str) -> None:
        self._host.history.refused()
        self._closing = True
        if self._transport is not None and how == "close":
            self._transport.close()
        elif self._transport is not None:
            reset(self._transport)

    def _answer_pending(self) -> None:
        self._answering = True  # Invariant: answers that end at once are taken by this loop, not by recursion
        while self._pending and self._playback is None and not self._closing:
            item = self._pending.popleft()
            if isinstance(item, BadRequest):
                self._answer_bad(item)
            elif item.path.startswith(PREFIX) and self._host.control is not None:
                refused = self._host.service.check_key(item)
                self._answer_unrecorded(refused or self._host.control.answer(item), item)
            else:
                self._answer(item)
        self._answering = False
        if self._transport is None or self._closing:
            return
        if not self._pending:
            self._transport.resume_reading()
        if self._playback is None and self._reader.expects_continue and not self._continued:
            self._continued = True
            self._transport.write(CONTINUE)

    def _answer(self, request: HttpRequest) -> None:
        now_at_s = time.time()
        entry = Entry(request, self._number, self._host.pacer.now_s(), now_at_s)
        self._continued = False
        self._entry = entry
        served = self._served(request, int(now_at_s))
        entry.model, entry.body, entry.script = served.model, served.body, served.script
        entry.dialect, entry.chaos, entry.reused = served.dialect, served.chaos, self._asked > 0
        self._asked += 1
        self._host.history.began(entry)
        entry.status = 0 if served.reply.instead else served.reply.status
        reply = replace(served.reply, steps=()) if request.method == "HEAD" else served.reply
        self._play(entry, framing_of(reply, request, entry.number, now_at_s))

    def _served(self, request: HttpRequest, created_s: int) -> Served:
        try:
            return self._host.service.answer(request, created_s)
        except Exception:  # noqa: BLE001  (the one place where a crash becomes an ending)
            _log.exception("the simulator could not answer; this is a bug in it")
            return Served(Reply(500, (), (), instead=Ending.CRASH))

    def _answer_bad(self, bad: BadRequest) -> None:
        self._host.history.bad_request()
        self._refusing = True
        self._answer_unrecorded(self._host.service.bad_request(bad), None)

    def _answer_unrecorded(self, reply: Reply, request: HttpRequest | None) -> None:
        unrecorded = Entry(HttpRequest("", "", SeenHeaders()), self._number, 0.0, 0.0)
        self._play(unrecorded, framing_of(reply, request, 0, time.time()))

    def _play(self, entry: Entry, framing: Framing) -> None:
        assert self._transport is not None

        def done(ending: Ending, last: bytes) -> None:
            self._answered(ending, last, framing)

        self._playback = Playback(self._transport, self._host.pacer, framing.steps, entry, done)
        if self._paused:
            self._playback.pause()
        self._playback.play()

    def _answered(self, ending: Ending, last: bytes, framing: Framing) -> None:
        self._playback = None
        entry, self._entry = self._entry, None
        if entry is not None:  # Invariant: the record is closed before the client can know of the end
            self._host.finish(entry, _ENDED[ending])
        if self._transport is None:
            return
        if last:
            self._transport.write(last)
        self._idle_since_s = self._host.pacer.now_s()
        if ending in {Ending.RESET, Ending.CRASH}:
            self._closing = True
            reset(self._transport)
        elif ending is Ending.SERVER_CRASH:
            self._host.away_soon("crash", framing.down_s)
            self._closing = True
            reset(self._transport)
        elif self._refusing:
            self._linger(_LINGER_S)
        elif ending is Ending.HALF_CLOSE:
            self._linger(self._host.limits.idle_s)
        elif framing.close or ending is not Ending.END:
            self._close()
        elif not self._answering:
            self._answer_pending()

    def _close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def _linger(self, wait_s: float) -> None:
        self._closing = True
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write_eof()
        self._arm(self._host.pacer.now_s() + wait_s, self.abort)

    def _arm_idle(self) -> None:
        self._arm(self._idle_since_s + self._host.limits.idle_s, self._check_idle)

    def _arm(self, due_s: float, callback: Callable[[], None]) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._host.pacer.at(due_s, callback)

    def _check_idle(self) -> None:
        self._alarm = None
        if self._playback is not None:
            self._idle_since_s = self._host.pacer.now_s()
        if self._idle_since_s + self._host.limits.idle_s <= self._host.pacer.now_s():
            self._close()
        else:
            self._arm_idle()
