"""One TCP connect to an address that is known already.

uvloop's own `sock_connect` hands even an IP address to getaddrinfo in libuv's thread pool: slow names would hold
up every connect, and a process that has used that pool cannot fork (see `lookup`).
"""

import asyncio
import errno
import os
import socket
from typing import Any, cast

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR, errno.EALREADY})


class _Dialler:
    """Stands for the loop where aiohappyeyeballs asks it to connect a socket, and for nothing else."""

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """The non-blocking socket is connected. Raises OSError. Cancelled, it leaves the socket to its owner."""
        number = sock.connect_ex(address)
        if number in _UNDER_WAY:
            number = await _outcome(sock)
        if number:
            raise OSError(number, f"{os.strerror(number)} {address}")


async def _outcome(sock: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    writable: asyncio.Future[None] = loop.create_future()
    descriptor = sock.fileno()
    loop.add_writer(descriptor, _tell, writable)
    try:
        await writable
    finally:
        loop.remove_writer(descriptor)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _tell(writable: "asyncio.Future[None]") -> None:
    if not writable.done():
        writable.set_result(None)


DIALLER = cast("asyncio.AbstractEventLoop", _Dialler())
