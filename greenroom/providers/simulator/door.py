"""The listening side of a simulator: open, crashed, or turning clients away. The loop's thread only.

    open      connections are taken
    crash     the port is closed, every connection has got an RST
    close     connections are taken and closed at once
    reset     the same, with an RST
    backlog   nobody takes them and the queue is full: connecting hangs

A time limit leads back to open. Every change ends the one before it.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Literal

from greenroom.providers.simulator.pacing import Alarm, Pacer

BACKLOG = 4096
State = Literal["open", "crash", "close", "reset", "backlog", "stopped"]
_QUEUE_FILLERS = 4
_log = logging.getLogger("greenroom.simulator")


class Door:
    """Owns the listening socket. `protocol`: makes the server's side of a connection."""

    def __init__(
        self, address: tuple[str, int], pacer: Pacer, protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        self._address, self._pacer, self._protocol = address, pacer, protocol
        self.state: State = "stopped"
        self._server: asyncio.Server | None = None
        self._listener: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._alarm: Alarm | None = None
        self._opening: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        """One change at a time: each takes some turns of the loop."""

    async def open(self, listener: socket.socket | None = None) -> None:
        """Connections are taken. Raises OSError where another program has the port by now."""
        async with self._turn:
            self._forget_time()
            await self._open(listener)

    async def _open(self, listener: socket.socket | None = None) -> None:
        if self._server is None:
            self._free()
            self._listener = listener or listen(*self._address)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, sock=self._listener, backlog=BACKLOG)
        self.state = "open"

    async def go(self, state: Literal["crash", "close", "reset", "backlog"], for_s: float | None) -> None:
        """Be away like this; for so long, or until `open`."""
        async with self._turn:
            self._forget_time()
            if state in ("close", "reset"):
                await self._open()
            else:
                await self._shut()
            self.state = state
            if state == "backlog":
                self._fill_queue()
            if for_s is not None:
                self._alarm = self._pacer.at(self._pacer.now_s() + for_s, self._come_back)

    async def close(self) -> None:
        """The port is closed."""
        async with self._turn:
            self._forget_time()
            await self._shut()

    async def _shut(self) -> None:
        self.state = "stopped"
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await asyncio.sleep(0)  # uvloop closes the socket in its next turn
            await asyncio.sleep(0)
        self._free()

    def _free(self) -> None:
        for sock in (*self._fillers, *([] if self._listener is None else [self._listener])):
            sock.close()
        self._fillers, self._listener = [], None

    def _fill_queue(self) -> None:
        """A listener with no queue to speak of, and enough connections of our own to fill it."""
        self._listener = listen(*self._address, backlog=0)
        for _ in range(_QUEUE_FILLERS):
            sock = socket.socket(self._listener.family, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex(self._address)
            self._fillers.append(sock)

    def _come_back(self) -> None:
        self._alarm = None
        self._opening = asyncio.get_running_loop().create_task(self._open_again())

    async def _open_again(self) -> None:
        try:
            async with self._turn:
                await self._open()
        except OSError:
            _log.exception("the simulator could not take its port again")

    def _forget_time(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None


def listen(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """A listening socket. Raises OSError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
