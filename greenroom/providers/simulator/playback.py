"""Plays one reply on a socket: its steps at their times, at the speed of the reader, to its ending.

Rules. At most one thing is waited for: an alarm, or the socket (`pause`/`resume`). Steps due together go
out in one write, and a write a turn of the loop: a long answer keeps no other waiting. An ending takes effect
once the socket has taken everything before it. `done` is told the ending once, with the last bytes to send:
so the record can be closed before the client has its answer. A stall tells none.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator

from greenroom.providers.simulator.pacing import Alarm, Pacer
from greenroom.providers.simulator.records import Entry
from greenroom.providers.simulator.reply import Ending, Step

_WRITE_MAX_BYTES = 65_536
_LINGER_ZERO = struct.pack("ii", 1, 0)
_log = logging.getLogger("greenroom.simulator")
_LAST = Step(b"", ending=Ending.END)


class Playback:
    """One answer under way on `transport`: `steps` are the bytes as the socket shall have them."""

    def __init__(
        self,
        transport: asyncio.Transport,
        pacer: Pacer,
        steps: Iterator[Step],
        entry: Entry,
        done: Callable[[Ending, bytes], None],
    ) -> None:
        self._transport = transport
        self._pacer = pacer
        self._entry = entry
        self._steps = steps
        self._done = done
        self._next: Step | None = None
        self._due_s = pacer.now_s()
        self._ending: Ending | None = None
        self._alarm: Alarm | None = None
        self._paused = False
        self._over = False
        self._last = b""

    def play(self) -> None:
        """Send what is due and arm for the rest."""
        try:
            self._advance()
        except Exception:  # noqa: BLE001  (the one place where a crash becomes an ending)
            _log.exception("the simulator failed in an answer; this is a bug in it")
            self._finish(Ending.CRASH)

    def _advance(self) -> None:
        while not (self._paused or self._over or self._alarm):
            if self._ending is not None:
                self._finish(self._ending)
            elif (wait_until_s := self._send_due()) is not None:
                self._alarm = self._pacer.at(wait_until_s, self._wake)
            elif self._ending is None:
                self._alarm = self._pacer.soon(self._wake)

    def pause(self) -> None:
        """The socket takes no more for now."""
        self._paused = True

    def resume(self) -> None:
        """The socket has taken everything."""
        self._paused = False
        self.play()

    def stop(self) -> None:
        """Nothing more is sent and `done` is not called. What it held is let go."""
        self._over = True
        if self._alarm is not None:
            self._alarm.cancel()
        self._steps = iter(())

    def _wake(self) -> None:
        self._alarm = None
        self.play()

    def _send_due(self) -> float | None:
        """One write of what is due. Returns the time of the next step where nothing was due."""
        now_s = self._pacer.now_s()
        out: list[bytes] = []
        size = body = deltas = 0
        wait_until_s = None
        while size < _WRITE_MAX_BYTES and self._ending is None:
            step = self._next or next(self._steps, _LAST)
            if self._next is None:
                self._due_s += step.delay_s
            if self._due_s > now_s:
                self._next = step
                wait_until_s = self._due_s
                break
            self._next = None
            self._ending = step.ending
            out.append(step.data)
            size += len(step.data)
            body += step.body_bytes
            deltas += step.deltas
        if self._ending is Ending.END:
            self._last = out.pop()
        if data := b"".join(out):
            self._transport.write(data)
        if size:
            self._entry.sent(body, deltas, now_s)
        return wait_until_s

    def _finish(self, ending: Ending) -> None:
        self._over = True
        if ending is Ending.STALL:
            self._entry.stalled_s = self._pacer.now_s()
        else:
            self._done(ending, self._last)


def reset(transport: asyncio.Transport) -> None:
    """Close the connection with RST in place of FIN."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
