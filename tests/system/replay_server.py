"""A server that plays recorded bodies: the request's model names the recording. One thread a connection."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Self

Played = Callable[[str], tuple[list[tuple[str, str]], list[bytes]]]
"""Of a recording's name: the response's headers, and its body in pieces."""


class ReplayServer:
    """Use as a context. Each piece is one HTTP chunk and one send."""

    def __init__(self, played: Played) -> None:
        self._played = played
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _begin(self, run: Callable[..., None], *given: object) -> None:
        self._threads.append(threading.Thread(target=run, args=given, name="replay"))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socks.append(sock)
                self._begin(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as reader, contextlib.suppress(OSError):
            while head := self._head(reader):
                size = next(int(line[15:]) for line in head if line.lower().startswith(b"content-length:"))
                headers, pieces = self._played(json.loads(reader.read(size))["model"])
                lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *(f"{n}: {v}" for n, v in headers)]
                sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
                for piece in filter(None, pieces):
                    sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
                sock.sendall(b"0\r\n\r\n")

    @staticmethod
    def _head(reader: "socket.SocketIO | object") -> list[bytes]:
        lines = list[bytes]()
        while (line := reader.readline()) not in (b"\r\n", b""):  # type: ignore[union-attr]
            lines.append(line)
        return lines
