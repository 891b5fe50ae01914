"""What requests, urllib3 and the sockets below raise, as ErrorEvidence. By type: their words may hold a secret."""

import http.client
import socket
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import requests
from urllib3 import exceptions as pool_errors

from greenroom.messages.contracts import TransportError
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.requests_transport.way import Way
from greenroom.providers.transport import evidence
from greenroom.providers.transport.trust import BundleError

E = TypeVar("E", bound=BaseException)

_CAUSES_MAX = 30
_LOSSES = (http.client.RemoteDisconnected, http.client.IncompleteRead, http.client.NotConnected)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of: `requests` wraps what `urllib3` wraps, in arguments and causes."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < _CAUSES_MAX:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and not any(one is other for other in seen):
            seen.append(one)
            yield one
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def first(error: BaseException, *kinds: type[E]) -> E | None:
    """The outermost cause of one of these types."""
    return next((one for one in causes(error) if isinstance(one, kinds)), None)


def dial_failed(way: Way, error: BaseException, timeout_s: float, step: str) -> TransportError:
    """A connection could not be made, while `step` was under way."""
    hop = way.proxy.origin if way.proxy else way.origin
    if isinstance(error, TransportError):
        return error
    secure = first(error, ssl.SSLError, BundleError)
    if secure is not None or step.startswith("shaking"):
        below = secure or first(error, ConnectionError) or error
        timed_out = isinstance(below, TimeoutError) or first(error, TimeoutError) is not None
        if timed_out and not isinstance(below, ssl.SSLCertVerificationError):
            return evidence.timed_out(way.origin, timeout_s, step)
        shaken_by = hop if way.proxy is not None and not way.origin.tls else way.origin
        return evidence.tls_failed(shaken_by, below if isinstance(below, Exception) else ConnectionError())
    name_error = first(error, socket.gaierror)
    if name_error is not None:
        return evidence.connect_failed(hop, name_error, proxy=way.proxy is not None)
    if first(error, TimeoutError) is not None:
        return evidence.timed_out(way.origin, timeout_s, step)
    below_it = first(error, ConnectionError) or _bare_os_error(error)
    if below_it is None:
        text = f"cannot connect to {hop.name}: {type(error).__name__}{_place_of(error)}"
        return TransportError(ErrorEvidence(kind="transport", phase="connect", message=text))
    return evidence.connect_failed(hop, below_it, proxy=way.proxy is not None)


def not_prepared(error: BaseException) -> ErrorEvidence:
    """A user's session could not make the request: nothing was sent."""
    if isinstance(error, requests.exceptions.RequestException):
        text = f"the session cannot send the request: {type(error).__name__}"
        return ErrorEvidence(kind="refusal", code="unsendable", phase="request", message=text)
    return own_code_failed(error, sent=False)


def exchange_failed(way: Way, error: BaseException, timeouts_s: tuple[float, float]) -> ErrorEvidence | None:
    """What a user's session raised before an answer; None where the connection was lost: `loss` has the words."""
    connect_s, read_s = timeouts_s
    if is_read_timeout(error):
        return read_timed_out(way, read_s)
    if first(error, ssl.SSLError) is not None and not first(error, ssl.SSLEOFError):
        return dial_failed(way, error, connect_s, "shaking hands").evidence
    if _is_dialling(error) or isinstance(error, requests.exceptions.ProxyError):
        return dial_failed(way, error, connect_s, "connecting").evidence
    bad = first(error, http.client.HTTPException)
    if bad is not None and not isinstance(bad, _LOSSES):
        return _broken_head(way, bad)
    if isinstance(error, requests.exceptions.InvalidHeader):
        text = (
            f"{way.origin.name} sent an HTTP answer that breaks the rules (its headers contradict each other)"
        )
        return ErrorEvidence(kind="protocol", phase="head", message=text)
    lost = first(error, requests.exceptions.ConnectionError, ConnectionError, pool_errors.ProtocolError)
    return (
        None if lost is not None or _bare_os_error(error) is not None else own_code_failed(error, sent=True)
    )


def loss(error: BaseException) -> str:
    """How the connection was lost, as the first words of a sentence."""
    if first(error, *_LOSSES, ssl.SSLEOFError) is not None:
        return evidence.happened(None)
    return evidence.happened(first(error, ConnectionError) or _bare_os_error(error))


def own_code_failed(error: BaseException, *, sent: bool) -> ErrorEvidence:
    """The user's code (auth, adapter, hook) raised: its type and place, and none of its words."""
    when = "while the request was sent" if sent else "before anything was sent"
    text = f"the session's own code failed {when}: {type(error).__name__}{_place_of(error)}"
    return ErrorEvidence(
        kind="transport", phase="request", status=None if sent else 401, code="session_failed", message=text
    )


def is_read_timeout(error: BaseException) -> bool:
    """The session's own read clock ran out."""
    return first(error, requests.exceptions.ReadTimeout, pool_errors.ReadTimeoutError) is not None


def read_timed_out(way: Way, read_s: float) -> ErrorEvidence:
    text = f"{way.origin.name} sent nothing within {read_s:g} s, the read clock of the session's connection"
    return ErrorEvidence(kind="clock", clock="read_timeout_s", phase="head", message=text)


def _is_dialling(error: BaseException) -> bool:
    return (
        first(error, pool_errors.NewConnectionError, pool_errors.ConnectTimeoutError, requests.ConnectTimeout)
        is not None
    )


def _broken_head(way: Way, error: http.client.HTTPException) -> ErrorEvidence:
    if isinstance(error, http.client.BadStatusLine):
        line = str(getattr(error, "line", ""))
        return evidence.not_http(way.origin.name, line.encode("latin-1", "replace"), "its status line")
    if isinstance(error, http.client.LineTooLong):
        return evidence.too_big(
            way.origin.name, "a line of an answer's head", 65536, "max_head_bytes", "head"
        )
    text = f"{way.origin.name} sent an HTTP answer that breaks the rules ({type(error).__name__})"
    return ErrorEvidence(kind="protocol", phase="head", message=text)


def _bare_os_error(error: BaseException) -> OSError | None:
    """requests' and urllib3's own are OSErrors too, and say less."""
    for one in causes(error):
        if isinstance(one, OSError) and not isinstance(one, requests.exceptions.RequestException):
            return one
    return None


def _place_of(error: BaseException) -> str:
    """Where it was raised: file and line, no text."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if len(frames) < 2:
        return ""
    frame, line = frames[-1]
    return f" at {Path(frame.f_code.co_filename).name}:{line}"
