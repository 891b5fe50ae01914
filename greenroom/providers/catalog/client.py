"""Blocking requests for a list: one session, one time for all of its pages, every answer bounded.

No redirects, no retries, nothing from .netrc: the key goes where the configuration says and nowhere else.
Imports requests, so this package is imported when the first list is asked for.
"""

import codecs
import os
import ssl
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import requests
import urllib3
from pydantic_core import from_json

from greenroom.messages.contracts import ModelListError, ModelQuery
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.catalog.adapter import Cutter, session_for
from greenroom.providers.response_headers import lower
from greenroom.providers.transport.evidence import bomb, connect_failed, tls_failed, too_big
from greenroom.providers.transport.inflate import ENCODINGS, InflateBombError, InflateError, Inflater
from greenroom.providers.transport.limits import MIB, TransportLimits
from greenroom.providers.transport.origin import Origin, origin_of
from greenroom.providers.transport.proxies import Proxy, proxy_for
from greenroom.providers.transport.trust import BundleError, tls_context
from greenroom.providers.wire.evidence import http_evidence, without_secret, wrong_body

PAGES_MAX = 20
BODY_BYTES_MAX = 16 * MIB
"""Of one page. OpenRouter's list of all its models is about 1 MiB."""
CONNECT_TIMEOUT_S = 10.0
_CUT_AFTER_S = 0.25
"""Behind our own look at the clock, which sees most of it."""
_READ_BYTES = 65_536
_NATIVE_ENDS = ("/api/v0", "/api/v1", "/v1", "/api")
_LIMITS = TransportLimits()


class Client:
    """Made for one list, used in one thread, closed after it. Answers are read inside its `with`: the errors that
    leave it have the key hidden, which some servers repeat."""

    def __init__(self, query: ModelQuery, headers: Mapping[str, str]) -> None:
        self._query, self._clock = query, query.clock
        self._origin = origin_of(query.target.base_url)
        self._root = query.target.base_url.partition("://")[0] + "://" + self._origin.authority
        self._end_s = self._clock.now_s() + query.timeout_s
        ours = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "greenroom"}
        self._headers = ours | dict(headers) | lower(query.headers)
        self._cutter = Cutter(query.timeout_s + _CUT_AFTER_S)
        if query.abandoned is not None:
            query.abandoned(self._cutter.cut)
        try:
            self._session = _session(self._origin, query, self._cutter)
        except BundleError as error:
            self._cutter.close()
            raise ModelListError(tls_failed(self._origin, error).evidence) from None
        except ValueError as error:
            self._cutter.close()
            raise ModelListError(ErrorEvidence(kind="transport", phase="proxy", message=str(error))) from None

    def left_s(self) -> float:
        """What is left of the time for the whole list."""
        return self._end_s - self._clock.now_s()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The answer's JSON. Raises ModelListError."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The same of a POST of this JSON."""
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        if self.left_s() <= 0:
            raise ModelListError(self._late())
        timeout = (min(CONNECT_TIMEOUT_S, self.left_s()), self.left_s())
        try:
            with self._session.request(
                method, self._root + path, headers=self._headers, timeout=timeout, allow_redirects=False,
                stream=True, **given,
            ) as response:  # fmt: skip
                headers = lower(response.headers.items())
                body = self._body(response, headers)
        except requests.RequestException as error:
            raise ModelListError(self._late() if self.left_s() <= 0 else self._evidence(error)) from None
        except InflateError as error:
            told = bomb(self._origin.name, str(error)) if isinstance(error, InflateBombError) else None
            raise ModelListError(told or ErrorEvidence(kind="protocol", message=str(error))) from None
        return self._read(response.status_code, headers, body)

    def _body(self, response: Any, headers: Mapping[str, str]) -> bytes:
        encoding = headers.get("content-encoding", "").strip().lower()
        inflater = Inflater(encoding, _LIMITS) if encoding in ENCODINGS else None
        parts: list[bytes] = []
        size = 0
        for data in _pieces(response):
            part = data if inflater is None else inflater.feed(data)
            parts.append(part)
            size += len(part)
            if size > BODY_BYTES_MAX:
                raise ModelListError(
                    too_big(self._origin.name, "a list of models", BODY_BYTES_MAX, "max_body_bytes")
                )
            if self.left_s() <= 0:
                break
        if self.left_s() <= 0:
            # Also where the cutter ended it: a head that is cut reads as one that is whole.
            raise ModelListError(self._late())
        return b"".join(parts)

    def _read(self, status: int, headers: dict[str, str], body: bytes) -> Any:
        if not 200 <= status < 300:
            raise ModelListError(http_evidence(status, headers, body, self._clock.wall_s()))
        try:
            return from_json(body.removeprefix(codecs.BOM_UTF8))
        except ValueError:
            evidence = wrong_body(headers, body, status, wanted="a list of models")
            raise ModelListError(evidence) from None

    def _late(self) -> ErrorEvidence:
        text = f"{self._origin.name} gave no list of models within {self._query.timeout_s:g} s"
        return ErrorEvidence(kind="clock", clock="model_list", message=text, phase="body")

    def _evidence(self, error: Exception) -> ErrorEvidence:
        causes = list(_causes(error))
        if isinstance(error, requests.ReadTimeout):
            return self._late()
        if isinstance(error, requests.exceptions.ProxyError):
            return ErrorEvidence(
                kind="transport",
                phase="proxy",
                message=f"the proxy did not open a way to {self._origin.name}",
            )
        for cause in causes:
            if isinstance(cause, ssl.SSLError):
                return tls_failed(self._origin, cause).evidence
        if isinstance(error, requests.ConnectTimeout):
            text = f"no connection to {self._origin.name} within {CONNECT_TIMEOUT_S:g} s"
            return ErrorEvidence(kind="clock", clock="connect_timeout_s", phase="connect", message=text)
        unconnected = any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes)
        for cause in reversed(causes):
            if (
                unconnected
                and isinstance(cause, OSError)
                and not isinstance(cause, requests.RequestException)
            ):
                return connect_failed(self._origin, cause).evidence
        text = f"{self._origin.name} broke off: {_plain(causes[-1])}"
        return ErrorEvidence(kind="transport", phase="body", message=text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session.close()
        self._cutter.close()
        if isinstance(error, ModelListError) and self._query.api_key:
            error.evidence = without_secret(error.evidence, self._query.api_key)
            error.args = (error.evidence,)


def is_elsewhere(evidence: ErrorEvidence) -> bool:
    """The server is there and let us in, but has no such list: another dialect's may be there."""
    if evidence.kind == "http":
        return evidence.status in (404, 405, 501)
    return evidence.kind in ("protocol", "in_stream")


def server_path(path: str) -> str:
    """Where a local server's own API begins, whichever of its base URLs was configured."""
    end = next((end for end in _NATIVE_ENDS if path.endswith(end)), "")
    return path.removesuffix(end)


def _session(origin: Origin, query: ModelQuery, cutter: Cutter) -> Any:
    proxy: Proxy | None = proxy_for(origin, query.proxy)
    context = tls_context(query.ca_bundle, os.environ) if origin.tls or (proxy and proxy.origin.tls) else None
    return session_for(proxy, context, cutter)


def _pieces(response: Any) -> Iterator[bytes]:
    """What each socket read brings, so that a body that drips does not outlive the time for it."""
    raw = response.raw
    read = getattr(raw, "read1", raw.read)  # urllib3 before 2 has no read1
    try:
        while data := read(_READ_BYTES, decode_content=False):
            yield data
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.ConnectionError(error) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of; requests and urllib3 keep that in three places."""
    seen: set[int] = set()
    now: Any = error
    while isinstance(now, BaseException) and id(now) not in seen:
        seen.add(id(now))
        yield now
        inner = [getattr(now, "reason", None), *now.args, now.__cause__, now.__context__]
        now = next((each for each in inner if isinstance(each, BaseException)), None)


def _plain(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
