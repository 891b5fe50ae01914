"""A line with a session of our own: one socket, one urllib3 connection, read by the line itself.

    new --dial--> resting --exchange--> resting ... --interrupt or close--> closed

`interrupt` shuts the socket down, so that what blocks on it returns at once. Reads and writes wake up every
`TICK_S` besides: where a shutdown wakes nobody, that is the read clock.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import requests
from urllib3.util import SKIP_HEADER
from urllib3.util.wait import wait_for_socket

from greenroom.messages.commands import HttpRequest, WireHead, WireRead
from greenroom.messages.contracts import Clock, Ear, NobodyListens, TransportError
from greenroom.providers.requests_transport.adapter import LineAdapter, pool_of
from greenroom.providers.requests_transport.failures import dial_failed
from greenroom.providers.requests_transport.hearing import Hearing
from greenroom.providers.requests_transport.interrupt import shut_what_blocks
from greenroom.providers.requests_transport.way import Way, dict_of, lost_read
from greenroom.providers.transport import evidence
from greenroom.providers.transport.response import Response
from greenroom.providers.transport.tunnel import is_open, tunnel_request

TICK_S = 5.0
"""No read or write of the socket blocks longer without a look at whether anybody still listens."""
READ_BYTES = 16384
"""A TLS record. A thread that waits in `recv` holds as much memory meanwhile."""
PIECE_BYTES = 65536
"""Of a request, written between two looks for an early answer."""
_DRY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class OwnLine:
    """Implements messages.contracts.BlockingLine."""

    def __init__(self, way: Way, trusted: Callable[[], ssl.SSLContext], clock: Clock) -> None:
        self._way, self._trusted, self._clock = way, trusted, clock
        self._session: requests.Session | None = None
        self._pool: Any = None
        self._connection: Any = None
        self._sock: Any = None
        self._guard: socket.socket | None = None
        """The socket under a handshake, by a descriptor of its own: `ssl` takes the first one away meanwhile."""
        self._dialler: int | None = None
        """The thread that dials: while it connects, only its stack holds the socket."""
        self._step = "starting"
        self._dialled = self._interrupted = False
        self._hearing: Hearing | None = None
        self._used = self._body_follows = False
        self._held = b""
        self._cut_short = False
        """Not all of the request was written."""

    # ---- any thread

    def check(self, request: HttpRequest) -> None:
        self._way.form.head_of(request)

    def interrupt(self) -> None:
        self._interrupted = True
        dialler = self._dialler
        if dialler is not None and self._guard is None:
            shut_what_blocks(dialler)
        for sock in (self._guard, self._sock):
            if isinstance(sock, socket.socket):
                with contextlib.suppress(OSError):
                    # Not SSLSocket's own shutdown: that pulls the TLS state from under a reading thread.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def dial_timed_out(self, timeout_s: float) -> TransportError:
        return evidence.timed_out(self._way.origin, timeout_s, self._step)

    def lost(self, epoch: int, reused: bool, body_bytes: int | None, *, by_us: bool) -> WireRead:
        return lost_read(self._way.origin, self._clock.now_s(), epoch, reused, body_bytes, by_us=by_us)

    def idle_fd(self) -> int | None:
        sock = self._sock
        return sock.fileno() if isinstance(sock, socket.socket) and sock.fileno() >= 0 else None

    def idle_news(self) -> bool | None:
        sock = self._sock
        # What a TLS connection brings may be a session ticket, and has to be read to be known.
        secure = isinstance(sock, ssl.SSLSocket)
        try:
            sock.settimeout(0)
            came = sock.recv(1) if secure else sock.recv(1, socket.MSG_PEEK)
        except _DRY:
            return False
        except OSError:
            return True
        return None if came and not secure and not self._used else True

    # ---- the line's thread

    def dial(self, timeout_s: float) -> None:
        way = self._way
        self._step = "reading the trusted authorities"
        self._dialler = threading.get_ident()
        try:
            secure = way.origin.tls or (way.proxy is not None and way.proxy.origin.tls)
            self._pool = pool_of(self, way.origin, way.proxy, self._trusted() if secure else None, way.limits)
            connection = self._connection = self._pool._get_conn()  # noqa: SLF001
            connection.timeout = timeout_s
            try:
                self._connect(connection)
            except BaseException:
                connection.close()
                raise
        except BaseException as error:
            self.close()
            raise dial_failed(way, error, timeout_s, self._step) from error
        finally:
            self._dialler = None
        self._session = _session_on(LineAdapter(self._pool))

    def exchange(self, request: HttpRequest, epoch: int, reused: bool, ear: Ear) -> None:
        response = Response(self._way.origin.name, request.method, self._way.limits)
        hearing = self._hearing = Hearing(response, epoch, reused, ear, self._clock)
        self._cut_short, self._used = False, True
        self._held, self._body_follows = b"", bool(request.body)
        try:
            answer = self._send(request)
            while not hearing.over:
                self._hear(self._sock)
            raw: Any = answer.raw
            raw._original_response.close()  # noqa: SLF001
            raw.release_conn()
        except NobodyListens:
            raise
        except Exception:  # noqa: BLE001  (whatever requests makes of a loss that was told, or found at once)
            hearing.lost(f"connection closed by {self._way.origin.name}", orderly=False)
        finally:
            self._hearing = None

    def close(self) -> None:
        sock, self._sock = self._sock, None
        guard, self._guard = self._guard, None
        # The connection first: it lets go of the answer, which holds the socket open.
        for open_one in (self._connection, sock, guard):
            if open_one is not None:
                with contextlib.suppress(OSError):
                    open_one.close()
        if self._session is not None:
            self._session.close()
        if self._pool is not None:
            self._pool.close()

    # ---- for the connection

    def dialling(self) -> None:
        """One line is one connection: a lost one is not made again under an exchange."""
        if self._dialled:
            raise ConnectionAbortedError("the connection was closed")
        self._dialled = True
        hop = self._way.proxy.origin if self._way.proxy else self._way.origin
        self._step = f"connecting to {hop.name}"

    def reached(self, sock: socket.socket) -> None:
        """TCP is connected; a proxy or a handshake may follow."""
        self._guard = sock.dup()
        if self._interrupted:
            raise ConnectionAbortedError("given up")
        hop = self._way.proxy.origin if self._way.proxy else self._way.origin
        if hop.tls:
            self._step = f"shaking hands (TLS) with {hop.name}"

    def tunnel(self, sock: Any) -> None:
        """The proxy has opened a way to the server. Raises TransportError, OSError."""
        way, answer = self._way, b""
        assert way.proxy is not None
        self._step = f"asking the proxy {way.proxy.origin.name}"
        sock.sendall(tunnel_request(way.proxy, way.origin))
        while not is_open(answer, way.proxy, way.origin, way.limits.max_head_bytes):
            try:
                data = sock.recv(READ_BYTES)
            except ConnectionError as error:
                refused = evidence.proxy_refused(way.proxy.origin, way.origin, None, evidence.happened(error))
                raise refused from error
            if not data:
                raise evidence.proxy_refused(way.proxy.origin, way.origin, None, evidence.happened(None))
            answer += data
        self._step = f"shaking hands (TLS) with {way.origin.name}"

    def write(self, sock: Any, data: Any) -> None:
        """The bytes were written, or are not wanted any more (BrokenPipeError, on which urllib3 goes on)."""
        hearing = self._hearing
        if sock is None or hearing is None:
            raise ConnectionAbortedError("the connection was closed")
        if not isinstance(sock, socket.socket):
            sock.sendall(data)  # TLS within TLS has no other way
            return
        if self._body_follows and len(data) <= PIECE_BYTES:
            # Head and body leave together, as one packet where they fit.
            self._held, self._body_follows = bytes(data), False
            return
        if self._held:
            held, self._held = self._held, b""
            if len(data) <= PIECE_BYTES:
                data = held + bytes(data)
            else:
                self.write(sock, held)
        view = memoryview(data)
        sock.settimeout(0)
        look = len(data) > PIECE_BYTES
        while view:
            self._go_on()
            if look:
                self._hear_early(sock)
            if hearing.refused:
                self._cut_short = True
                raise BrokenPipeError("the server has answered")
            try:
                view = view[sock.send(view[:PIECE_BYTES]) :]
            except _DRY:
                look = True
                wait_for_socket(sock, read=True, write=True, timeout=TICK_S)
            except OSError as error:
                self._cut_short = True
                raise BrokenPipeError(str(error)) from error

    def hear_head(self, sock: Any) -> WireHead:
        """The answer's head, read within the bounds; what came with it was told. Raises OSError."""
        hearing = self._hearing
        assert hearing is not None
        if not self._cut_short:
            hearing.all_sent()
        while hearing.response.head is None and not hearing.over:
            self._hear(sock)
        head = hearing.response.head
        if head is None:
            raise ConnectionAbortedError("there was no answer")
        return head

    # ---- inside

    def _connect(self, connection: Any) -> None:
        if self._way.proxy is not None and self._way.origin.tls:
            self._pool._prepare_proxy(connection)  # noqa: SLF001
        else:
            connection.connect()
        sock = self._sock = connection.sock
        if hasattr(sock, "suppress_ragged_eofs"):
            # TCP's end is no end of TLS: somebody may have cut it.
            sock.suppress_ragged_eofs = False
        guard = self._guard
        if guard is not None and isinstance(sock, socket.socket):
            self._guard = None
            guard.close()
        self._go_on()
        self._pool._put_conn(connection)  # noqa: SLF001

    def _send(self, request: HttpRequest) -> requests.Response:
        session, way = self._session, self._way
        assert session is not None
        prepared = session.prepare_request(
            requests.Request(request.method, way.url_of(request), _headers(request, way), data=request.body)
        )
        # As it was given: requests would normalise it.
        prepared.url = way.url_of(request)
        timeout = (TICK_S, TICK_S)
        return session.send(
            prepared, stream=True, allow_redirects=False, timeout=timeout, proxies=way.proxies
        )

    def _go_on(self) -> None:
        if self._interrupted:
            raise NobodyListens

    def _hear(self, sock: Any) -> None:
        """One read of the socket was told."""
        hearing, peer = self._hearing, self._way.origin.name
        assert hearing is not None
        hearing.may_read()
        while True:
            self._go_on()
            try:
                data = sock.recv(READ_BYTES)
                break
            except OSError as error:
                if isinstance(error, TimeoutError) and error.errno is None:
                    continue  # a tick; TCP's own ETIMEDOUT has a number
                cut = None if isinstance(error, ssl.SSLEOFError) else error
                hearing.lost(f"{evidence.happened(cut)} by {peer}", orderly=False)
                return
        self._take(hearing, data)

    def _hear_early(self, sock: Any) -> None:
        """What the server says before it has read the request: it may not want the rest."""
        hearing = self._hearing
        assert hearing is not None
        with contextlib.suppress(*_DRY):
            try:
                data = sock.recv(READ_BYTES)
            except _DRY:
                raise
            except OSError:
                return  # the write will fail as well
            self._take(hearing, data)

    def _take(self, hearing: Hearing, data: bytes) -> None:
        if data:
            hearing.take(data)
        else:
            hearing.lost(f"connection closed by {self._way.origin.name}", orderly=True)


def _session_on(adapter: LineAdapter) -> requests.Session:
    """Adds nothing to a request: no header, cookie, .netrc or proxy that nobody asked for."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _headers(request: HttpRequest, way: Way) -> dict[str, str]:
    """The reactor's: its own where the request has none, and nothing of urllib3's."""
    headers = dict_of(request)
    given = {name.lower() for name in headers}
    usual = {
        "Host": way.form.authority,
        "Accept-Encoding": "identity",
        "Connection": "keep-alive",
        "User-Agent": SKIP_HEADER,
    }
    return headers | {name: value for name, value in usual.items() if name.lower() not in given}
