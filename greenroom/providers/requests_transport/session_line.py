"""A line with the user's session: its adapters connect, its auth and hooks see every request.

What the session gives back is read as it comes, without `requests`' decoding: the body goes through the
reactor's inflater and bounds. The head is http.client's, with its bounds (100 headers, 64 KiB a line).
Nothing is changed in the session, and it is closed only where it was made for this line.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

import requests

from greenroom.messages.commands import HttpRequest, WireHead, WireRead
from greenroom.messages.contracts import Clock, Ear, NobodyListens, TransportError
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.requests_transport import failures
from greenroom.providers.requests_transport.hearing import Hearing
from greenroom.providers.requests_transport.interrupt import shut_what_blocks
from greenroom.providers.requests_transport.way import Way, dict_of, lost_read
from greenroom.providers.transport import evidence
from greenroom.providers.transport.response import Response

_log = logging.getLogger("greenroom.providers")

READ_BYTES = 16384
READ_TIMEOUT_S = 600.0
"""The read clock: as long as a request's default deadline, so that no other clock of ours is longer unasked."""


class SessionLine:
    """Implements messages.contracts.BlockingLine. `make` gives the session, in the line's thread."""

    def __init__(
        self,
        way: Way,
        make: Callable[[], requests.Session],
        clock: Clock,
        *,
        ours: bool,
        verify: str | None,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._way, self._make, self._clock = way, make, clock
        self._ours, self._verify, self._read_timeout_s = ours, verify, read_timeout_s
        self._connect_timeout_s = 0.0
        self._session: requests.Session | None = None
        self._answer: requests.Response | None = None
        self._thread: int | None = None
        """Whose stack shows what blocks; None while nothing can."""
        self._interrupted = False

    # ---- any thread

    def check(self, request: HttpRequest) -> None:
        self._way.form.head_of(request)

    def interrupt(self) -> None:
        self._interrupted = True
        thread = self._thread
        if thread is not None:
            shut_what_blocks(thread)

    def dial_timed_out(self, timeout_s: float) -> TransportError:
        return evidence.timed_out(self._way.origin, timeout_s, "making the session")

    def lost(self, epoch: int, reused: bool, body_bytes: int | None, *, by_us: bool) -> WireRead:
        return lost_read(self._way.origin, self._clock.now_s(), epoch, reused, body_bytes, by_us=by_us)

    def idle_fd(self) -> int | None:
        """The session's pool looks at its own connections when it uses them."""
        return None

    def idle_news(self) -> bool | None:
        return False

    # ---- the line's thread

    def dial(self, timeout_s: float) -> None:
        """The session is there; its pool connects when it sends."""
        self._connect_timeout_s = timeout_s
        try:
            made: object = self._make()
        except BaseException as error:  # noqa: BLE001  (user code; a SystemExit would end all Pykka actors)
            raise TransportError(failures.own_code_failed(error, sent=False)) from None
        if not isinstance(made, requests.Session):
            text = (
                f"the session callable returned a value of type {type(made).__name__}, not a requests.Session"
            )
            raise TransportError(
                ErrorEvidence(
                    kind="transport", phase="connect", code="session_failed", message=text, is_retryable=False
                )
            )
        self._session = made

    def exchange(self, request: HttpRequest, epoch: int, reused: bool, ear: Ear) -> None:
        response = Response(self._way.origin.name, request.method, self._way.limits)
        hearing = Hearing(response, epoch, reused, ear, self._clock)
        self._thread = threading.get_ident()
        try:
            self._converse(request, hearing)
        except NobodyListens:
            raise
        except BaseException as error:  # noqa: BLE001  (user code, and what urllib3 makes of a loss)
            self._go_on()
            self._ended_by(error, hearing)
        finally:
            self._thread = None
            self._let_go()

    def close(self) -> None:
        session, self._session = self._session, None
        if self._ours and session is not None:
            session.close()

    # ---- inside

    def _converse(self, request: HttpRequest, hearing: Hearing) -> None:
        prepared = self._prepared(request, hearing)
        if prepared is None:
            return
        hearing.may_read()
        self._go_on()
        answer = self._answer = self._sent(prepared)
        self._go_on()
        hearing.all_sent()
        read = _reader(answer)
        _begin(hearing, answer)
        if request.method == "HEAD" or answer.status_code in {204, 304}:
            # http.client would wait for the chunks that such an answer may name.
            read = _nothing
        while not hearing.over:
            hearing.may_read()
            self._go_on()
            data = read(READ_BYTES)
            if data:
                hearing.take(data)
            else:
                hearing.response.keep_alive = True
                hearing.lost("", orderly=True)

    def _prepared(self, request: HttpRequest, hearing: Hearing) -> requests.PreparedRequest | None:
        """Auth plugins have seen it. None where they could not; that was told."""
        assert self._session is not None
        # Compression would hold deltas back in the server's buffer, and the session's default asks for it.
        headers = {"Accept-Encoding": "identity"} | dict_of(request)
        asked = requests.Request(
            request.method, self._way.url_of(request), headers, data=request.body or None
        )
        try:
            prepared = self._session.prepare_request(asked)
        except NobodyListens:
            raise
        except BaseException as error:  # noqa: BLE001  (as above)
            self._go_on()
            hearing.fail(failures.not_prepared(error))
            return None
        register: Callable[[str, Any], None] = prepared.register_hook
        register("response", _not_redirected)
        return prepared

    def _sent(self, prepared: requests.PreparedRequest) -> requests.Response:
        session = self._session
        assert session is not None
        settings = session.merge_environment_settings(
            prepared.url or "", self._way.proxies, True, self._verify, None
        )
        return session.send(prepared, allow_redirects=False, timeout=self._timeouts_s, **settings)

    @property
    def _timeouts_s(self) -> tuple[float, float]:
        return self._connect_timeout_s, self._read_timeout_s

    def _ended_by(self, error: BaseException, hearing: Hearing) -> None:
        begun = hearing.response.begun and not failures.is_read_timeout(error)
        why = None if begun else failures.exchange_failed(self._way, error, self._timeouts_s)
        if why is not None:
            hearing.fail(why)
        else:
            hearing.lost(f"{failures.loss(error)} by {self._way.origin.name}", orderly=False)

    def _let_go(self) -> None:
        """The connection goes back to the session's pool after a whole answer, and is closed after any other."""
        answer, self._answer = self._answer, None
        if answer is not None:
            try:
                answer.close()
            except Exception as error:  # noqa: BLE001  (a user's adapter made it; the thread goes on)
                _log.warning("Closing an answer of a session failed: %s", type(error).__name__)

    def _go_on(self) -> None:
        if self._interrupted:
            raise NobodyListens


def _not_redirected(answer: requests.Response, *_: Any, **__: Any) -> None:
    """Runs after the session's own hooks. Where there is a Location, `requests` reads all of the body at once,
    however large, though it was told not to follow. `raw` keeps the header for us."""
    answer.headers.pop("location", None)


def _reader(answer: requests.Response) -> Callable[[int], bytes]:
    """Gives body bytes as they come, at most so many; b"" at the end. Raises what urllib3 does."""
    if getattr(answer, "_content_consumed", False):
        # A hook of the user's has read it.
        whole = iter([answer.content, b""])
        return lambda _: next(whole)
    raw: Any = answer.raw
    for source in (raw, getattr(raw, "_fp", None)):
        read1 = getattr(source, "read1", None)
        if read1 is not None:
            break
    else:
        return lambda size: raw.read(size) or b""
    if source is not raw or not hasattr(raw, "decode_content"):
        return lambda size: read1(size) or b""
    return lambda size: read1(size, decode_content=False) or b""


def _nothing(_: int) -> bytes:
    return b""


def _begin(hearing: Hearing, answer: requests.Response) -> None:
    """The head was read by http.client: the parser gets one that says as much as the body needs."""
    response = hearing.response
    fields = _fields(answer)
    coding = ", ".join(value for name, value in fields if name == "content-encoding")
    if getattr(answer, "_content_consumed", False):
        coding = ""
    limits = response.limits
    size = sum(len(name) + len(value) + 4 for name, value in fields)
    if answer.status_code is None or not 200 <= answer.status_code <= 999:
        text = (
            f"{response.peer} sent an interim answer ({answer.status_code}), and http.client reads no further"
        )
        hearing.fail(ErrorEvidence(kind="protocol", phase="head", message=text))
    elif size > limits.max_head_bytes:
        hearing.fail(
            evidence.too_big(
                response.peer, "an answer's head", limits.max_head_bytes, "max_head_bytes", "head"
            )
        )
    else:
        opening = b"HTTP/1.1 200 OK\r\n" + (f"Content-Encoding: {coding}\r\n" if coding else "").encode(
            "latin-1"
        )
        response.note(memoryview(opening))
        response.feed(memoryview(opening + b"\r\n"))
        hearing.head(WireHead(answer.status_code, fields))
        hearing.take(b"")


def _fields(answer: requests.Response) -> tuple[tuple[str, str], ...]:
    known = getattr(answer.raw, "headers", None)
    items = known.items() if known else answer.headers.items()
    return tuple((str(name).lower(), str(value)) for name, value in items)
