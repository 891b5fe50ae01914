"""What a peer said before it closed the door, read from the socket of a connection that is being lost."""

import asyncio
import os
import socket
from collections.abc import Callable

_READS_MAX = 16


def read_last_words(
    transport: asyncio.BaseTransport, buffer: memoryview, take: Callable[[int], None]
) -> None:
    """Each read into `buffer` was given to `take` with its size. Called from `connection_lost` only.

    When a write fails, the loop closes the connection without reading on. A server that refuses a large
    request answers, closes, and so makes our writing fail: its answer lies in the socket, and says why.
    """
    known = transport.get_extra_info("socket")
    if known is None:
        return
    try:
        with socket.socket(fileno=os.dup(known.fileno())) as sock:
            sock.setblocking(False)
            for _ in range(_READS_MAX):
                read_bytes = sock.recv_into(buffer)
                if not read_bytes:
                    return
                take(read_bytes)
    except OSError:
        return
