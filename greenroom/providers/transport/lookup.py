"""Where a host is: one look-up at a time, shared by all who wait for it, remembered for a while.

The resolver blocks, so it runs in a daemon thread of its own. Not in libuv's pool, which uvloop's getaddrinfo
takes: a process that has used it cannot fork, as its child crashes when it exits (libuv issue 4443), and a
hung resolver would hold up this process's exit, as it would in asyncio's executor.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Any

from aiohappyeyeballs import AddrInfoType

from greenroom.messages.contracts import Clock
from greenroom.providers.transport.origin import Origin, address_of


class Lookup:
    """The addresses of one origin. Used on one loop."""

    def __init__(self, origin: Origin, clock: Clock, ttl_s: float) -> None:
        self._origin = origin
        self._clock = clock
        self._ttl_s = ttl_s
        self._task: asyncio.Task[list[AddrInfoType]] | None = None
        self._known: list[AddrInfoType] = []
        self._until_s = 0.0

    async def addresses(self) -> list[AddrInfoType]:
        """In the resolver's order. Raises OSError. Cancelling a waiter leaves the look-up to the others."""
        if self._known and self._clock.now_s() < self._until_s:
            return self._known
        if self._task is None:
            self._task = asyncio.create_task(self._ask())
            self._task.add_done_callback(self._answered)
        return await asyncio.shield(self._task)

    def forget(self) -> None:
        """None of the addresses answered: ask again next time."""
        self._known = []

    def close(self) -> None:
        """End a look-up that nobody waits for any more."""
        if self._task is not None:
            self._task.cancel()

    async def _ask(self) -> list[AddrInfoType]:
        if address_of(self._origin.host):
            return self._resolve(socket.AI_NUMERICHOST)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[AddrInfoType]] = loop.create_future()

        def resolve() -> None:
            told: tuple[Any, ...]
            try:
                told = (_settle, answer, self._resolve(0), None)
            except Exception as error:  # noqa: BLE001  (raised where it is awaited)
                told = (_settle, answer, None, error)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(*told)

        threading.Thread(target=resolve, name="greenroom-lookup", daemon=True).start()
        return await answer

    def _resolve(self, flags: int) -> list[AddrInfoType]:
        origin, tcp = self._origin, socket.IPPROTO_TCP
        return list(
            socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM, proto=tcp, flags=flags)
        )

    def _answered(self, task: asyncio.Task[list[AddrInfoType]]) -> None:
        self._task = None
        # Reading the exception also marks it as seen: every waiter may have given up.
        if not task.cancelled() and task.exception() is None:
            self._known = task.result()
            self._until_s = self._clock.now_s() + self._ttl_s


def _settle(
    answer: "asyncio.Future[list[AddrInfoType]]", found: list[AddrInfoType] | None, error: Exception | None
) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(found or [])
