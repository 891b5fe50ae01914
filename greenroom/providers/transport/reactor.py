"""The default transport: connections on the running asyncio loop, uvloop or asyncio's own.

connect: look up -> TCP (happy eyeballs) -> [CONNECT through a proxy] -> [TLS] -> link. One time limit covers
all of it; whatever step fails says which, and leaves no socket behind.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import aiohappyeyeballs

from greenroom.messages.contracts import Clock
from greenroom.providers.transport import evidence
from greenroom.providers.transport.dial import DIALLER
from greenroom.providers.transport.limits import TransportLimits
from greenroom.providers.transport.link import ReactorLink
from greenroom.providers.transport.lookup import Lookup
from greenroom.providers.transport.origin import Origin, origin_of
from greenroom.providers.transport.proxies import proxy_for
from greenroom.providers.transport.request_form import RequestForm
from greenroom.providers.transport.tls_pipe import TlsPipe
from greenroom.providers.transport.trust import tls_context
from greenroom.providers.transport.tunnel import Tunnel


@dataclass(slots=True)
class _Step:
    """What a connecting attempt is doing, for the message when its time runs out."""

    name: str = "starting"


class ReactorTransport:
    """Implements messages.contracts.Transport for one endpoint; used on one loop.

    `proxy` wins over the environment's, which is read here, once. Raises ValueError for a URL or a proxy that
    cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        proxy: str | None = None,
        ca_bundle: str | None = None,
        limits: TransportLimits | None = None,
    ) -> None:
        self.origin = origin_of(base_url)
        self._clock = clock
        self._limits = limits or TransportLimits()
        self._proxy = proxy_for(self.origin, proxy)
        self._ca_bundle = ca_bundle
        first_hop = self._proxy.origin if self._proxy else self.origin
        self._lookup = Lookup(first_hop, clock, self._limits.dns_ttl_s)
        self._handshakes = asyncio.Semaphore(self._limits.tls_handshakes_max)
        self._context: ssl.SSLContext | None = None
        self._context_loading = asyncio.Lock()
        self._buffer = memoryview(bytearray(self._limits.read_buffer_bytes))
        self._form = RequestForm(self.origin.authority)
        if self._proxy and not self.origin.tls:
            self._form = RequestForm(
                self.origin.authority, f"http://{self.origin.authority}", self._proxy.headers
            )

    async def connect(self, timeout_s: float) -> ReactorLink:
        """A fresh connection. Raises TransportError within the time."""
        step = _Step()
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await self._connect(step)
        except TimeoutError:
            if not limit.expired():
                raise
            raise evidence.timed_out(self.origin, timeout_s, step.name) from None

    def close(self) -> None:
        """A look-up that nobody waits for any more is ended. Links live on."""
        self._lookup.close()

    async def _connect(self, step: _Step) -> ReactorLink:
        hop = self._proxy.origin if self._proxy else self.origin
        link = ReactorLink(self.origin.name, self._form, self._buffer, self._limits, self._clock)
        if self._proxy and self.origin.tls:
            tunnel = Tunnel(self._proxy, self.origin, self._buffer, self._limits.max_head_bytes)
            way = await self._reach(hop, tunnel, step)
            with _aborted_unless_done(way):
                step.name = f"asking the proxy {hop.name}"
                await tunnel.opened
                pipe = TlsPipe(self.origin.host, link, self._buffer)
                way.set_protocol(pipe)
                pipe.connection_made(way)
                await self._shake(pipe, self.origin, step)
        else:
            await self._reach(hop, link, step)
        return link

    async def _reach(self, hop: Origin, above: asyncio.BufferedProtocol, step: _Step) -> asyncio.Transport:
        """`above` is connected to the hop, by TLS where the hop speaks it."""
        sock = await self._tcp(hop, step)
        pipe = TlsPipe(hop.host, above, self._buffer) if hop.tls else None
        # From here on the loop closes the socket, also where this is cancelled.
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: pipe or above, sock=sock)
        if pipe is None:
            return transport
        with _aborted_unless_done(transport):
            await self._shake(pipe, hop, step)
        return pipe

    async def _tcp(self, hop: Origin, step: _Step) -> socket.socket:
        try:
            step.name = f"looking up the host {hop.host!r}"
            addresses = await self._lookup.addresses()
            step.name = f"connecting to {hop.name}"
            delay_s = self._limits.happy_eyeballs_delay_s
            sock = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=delay_s, loop=DIALLER
            )
        except (OSError, RuntimeError) as error:
            self._lookup.forget()
            raise evidence.connect_failed(hop, error, proxy=self._proxy is not None) from error
        try:
            _tune(sock, self._limits)
        except OSError as error:
            sock.close()
            raise evidence.connect_failed(hop, error, proxy=self._proxy is not None) from error
        return sock

    async def _shake(self, pipe: TlsPipe, hop: Origin, step: _Step) -> None:
        """The handshake is done. A few at a time."""
        try:
            step.name = "waiting for other TLS handshakes"
            async with self._handshakes:
                step.name = "reading the trusted authorities"
                context = await self._trusted()
                step.name = f"shaking hands (TLS) with {hop.name}"
                pipe.shake(context)
                await pipe.shaken
        except OSError as error:
            raise evidence.tls_failed(hop, error) from error

    async def _trusted(self) -> ssl.SSLContext:
        async with self._context_loading:
            if self._context is None:
                self._context = await asyncio.to_thread(tls_context, self._ca_bundle, os.environ)
            return self._context


@contextlib.contextmanager
def _aborted_unless_done(transport: asyncio.Transport) -> Iterator[None]:
    try:
        yield
    except BaseException:
        transport.abort()
        raise


def _tune(sock: socket.socket, limits: TransportLimits) -> None:
    """Small writes leave at once; a peer that is silently gone is noticed within about a minute."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    settings = {
        "TCP_KEEPIDLE": limits.tcp_keepalive_idle_s,
        "TCP_KEEPALIVE": limits.tcp_keepalive_idle_s,
        "TCP_KEEPINTVL": limits.tcp_keepalive_interval_s,
        "TCP_KEEPCNT": limits.tcp_keepalive_probes,
    }
    for name, value in settings.items():
        # macOS calls the first one TCP_KEEPALIVE.
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
