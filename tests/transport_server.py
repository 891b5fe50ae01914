"""A server made of one socket and a script: what real servers do, and what they should not do."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Self

LIMIT_S = 20.0


class Peer:
    """The server's side of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""

    def read_head(self) -> bytes:
        """One request's head; b"" where the client has gone."""
        while b"\r\n\r\n" not in self._rest:
            got = self.sock.recv(65536)
            if not got:
                return b""
            self._rest += got
        head, self._rest = self._rest.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def read_request(self) -> tuple[bytes, bytes]:
        """Head and body."""
        head = self.read_head()
        size = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        return head, self.read_body(size)

    def read_body(self, size: int) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < size:
            got = self.sock.recv(1 << 20)
            if not got:
                break
            parts.append(got)
            have += len(got)
        self._rest = b""
        return b"".join(parts)

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.sock.sendall(part)

    def answer(self, body: bytes, *headers: bytes, status: bytes = b"200 OK") -> None:
        lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def finish_sending(self) -> None:
        """Half-close."""
        self.sock.shutdown(socket.SHUT_WR)

    def wait_gone(self) -> None:
        """Until the client has closed; what it still sends is thrown away."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while self.sock.recv(65536):
                pass


Script = Callable[[Peer], None]


class RawServer:
    """Plays `script` for every connection, each in a thread; leaving it raises what one raised."""

    def __init__(
        self, script: Script, context: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._script = script
        self._context = context
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self.gone = threading.Semaphore(0)
        """Released once a script is over."""
        self._last_place: object = None
        self._last_met = threading.Event()
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.name}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT_S)
            assert not thread.is_alive(), "a server's script hangs"
        if self._errors and exc[0] is None:
            raise self._errors[0]

    def wait_over(self) -> None:
        """Until one more script is over."""
        assert self.gone.acquire(timeout=LIMIT_S), "the connection was not closed"

    def all_over(self) -> None:
        """Until the script of every connection made so far is over; the listener takes no more."""
        with socket.socket(self._listener.family) as last:
            last.bind((self._listener.getsockname()[0], 0))
            self._last_place = last.getsockname()
            # Connections are accepted in order: whoever came before this one has a script by then.
            last.connect(self._listener.getsockname())
            assert self._last_met.wait(LIMIT_S), "connections wait to be accepted"
        for thread in self._threads[1:]:
            thread.join(LIMIT_S)
            assert not thread.is_alive(), "a connection was not closed"

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, place = self._listener.accept()
            except OSError:
                return
            if place == self._last_place:
                sock.close()
                self._last_met.set()
                return
            self.accepted += 1
            sock.settimeout(LIMIT_S)
            # Or an answer waits behind a session ticket, and is dropped by the reset that follows it.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socks.append(sock)
            self._start(self._play, sock)

    def _play(self, sock: socket.socket) -> None:
        try:
            if self._context is not None:
                try:
                    sock = self._context.wrap_socket(sock, server_side=True)
                except (OSError, ssl.SSLError):
                    return
                self._socks.append(sock)
            self._script(Peer(sock))
        except (ConnectionError, ssl.SSLError):
            pass  # the client left first, as many tests let it
        except BaseException as error:
            self._errors.append(error)
        finally:
            sock.close()
            self.gone.release()
