"""Waking a thread that blocks in somebody else's HTTP code: its socket is found on its stack, and shut down.

A user's session makes its own connections, and gives none of them away before the answer's head is there; a socket
that is still connecting nobody gives away. What blocks is http.client, urllib3 or `ssl` on a socket of theirs, so
the innermost of their frames that holds one has the one that blocks. Where there is none (an adapter of another
kind), the read timeout bounds the wait.
"""

import contextlib
import http.client
import socket
import sys
from types import FrameType

_HOLDERS = frozenset({"urllib3", "http", "ssl", "socket"})
"""Packages in whose frames a socket is the request's own. A user's frame may hold any."""
_FRAMES_MAX = 60


def shut_what_blocks(thread: int) -> bool:
    """The socket that this thread (by its ident) blocks on was shut down, and the thread wakes. Any thread."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001  (documented in sys)
    for _ in range(_FRAMES_MAX):
        if frame is None:
            return False
        sock = _socket_in(frame)
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own shutdown: that pulls the TLS state from under the reading thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
                return True
        frame = frame.f_back
    return False


def _socket_in(frame: FrameType) -> socket.socket | None:
    if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _HOLDERS:
        return None
    return next((sock for value in list(frame.f_locals.values()) if (sock := _socket_of(value))), None)


def _socket_of(value: object) -> socket.socket | None:
    if isinstance(value, socket.SocketIO):
        value = getattr(value, "_sock", None)
    elif isinstance(value, http.client.HTTPConnection):
        value = value.sock
    return value if isinstance(value, socket.socket) and value.fileno() >= 0 else None
