"""The lines of one endpoint: with a session of our own for each, or with the user's.

Raises ValueError for a URL or a proxy that cannot be used. The environment's proxy is read here, once, for our
own sessions; a user's session finds its own, unless one is configured.
"""

import os
import ssl
import threading
from collections.abc import Callable

import requests

from greenroom.messages.contracts import Clock
from greenroom.providers.requests_transport.own_line import OwnLine
from greenroom.providers.requests_transport.session_line import READ_TIMEOUT_S, SessionLine
from greenroom.providers.requests_transport.way import Way
from greenroom.providers.transport.limits import TransportLimits
from greenroom.providers.transport.origin import origin_of
from greenroom.providers.transport.proxies import proxy_for
from greenroom.providers.transport.request_form import RequestForm
from greenroom.providers.transport.trust import tls_context

SessionSource = requests.Session | Callable[[], requests.Session] | None


class RequestsLines:
    """Gives a fresh line at every call. Thread-safe."""

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        session: SessionSource = None,
        proxy: str | None = None,
        ca_bundle: str | None = None,
        limits: TransportLimits | None = None,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self.origin = origin_of(base_url)
        self._clock, self._session, self._ca_bundle = clock, session, ca_bundle
        self._read_timeout_s = read_timeout_s
        way = None if session is not None and proxy is None else proxy_for(self.origin, proxy)
        limits = limits or TransportLimits()
        self._way = Way(self.origin, way, limits, RequestForm(self.origin.authority))
        self._context: ssl.SSLContext | None = None
        self._context_loading = threading.Lock()

    def __call__(self) -> OwnLine | SessionLine:
        """A line that has not dialled yet."""
        given = self._session
        if given is None:
            return OwnLine(self._way, self._trusted, self._clock)
        if isinstance(given, requests.Session):
            shared = given
            return self._of_session(lambda: shared, ours=False)
        return self._of_session(given, ours=True)

    def _of_session(self, make: Callable[[], requests.Session], *, ours: bool) -> SessionLine:
        return SessionLine(
            self._way,
            make,
            self._clock,
            ours=ours,
            verify=self._ca_bundle,
            read_timeout_s=self._read_timeout_s,
        )

    def _trusted(self) -> ssl.SSLContext:
        with self._context_loading:
            if self._context is None:
                self._context = tls_context(self._ca_bundle, os.environ)
            return self._context
