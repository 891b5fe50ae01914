"""One `Endpoint` a configured provider: its codec, keys, transport and connection actor, put together."""

import functools
import threading
from typing import Any

from pydantic import SecretStr

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.blocking import KeyAsker, Standing
from greenroom.actors.blocking_transport import BlockingTransport
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.model_place import ModelPlace
from greenroom.messages.commands import WireHead
from greenroom.messages.config import ProviderConfig, SystemConfig
from greenroom.messages.contracts import Clock, Codec, Target, Transport
from greenroom.messages.events import ActorZombie
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.rate_limits import RateLimits
from greenroom.providers.capabilities import check_policy
from greenroom.providers.profile import Profile
from greenroom.providers.profiles import fitting_profile
from greenroom.providers.rate_limit_headers import rate_limits_of
from greenroom.providers.registry import codec_for, model_source_for
from greenroom.providers.transport import BundleError, ReactorTransport, check_bundle
from greenroom.supervision.root import connection

ADJUSTMENTS_MAX = 256
"""Facts that are kept of one server. Most are of one model, and names of models come from requests; what goes is
learnt again by one refused request."""
THREADS_END_S = 1.0
"""Interrupted connections end in a moment; what hangs longer is left to end with the process."""


class Endpoint:
    """Built when the system starts. Thread-safe; what it learns of the server it keeps until the end."""

    def __init__(self, name: str, config: ProviderConfig, dispatcher: Dispatcher, clock: Clock) -> None:
        self.name, self.config = name, config
        try:
            profile = fitting_profile(name, config.profile, config.base_url, config.kind)
            self._kind = config.kind or profile.kind
            self.codec: Codec = codec_for(self._kind)
        except InvalidInput as unknown:
            raise InvalidInput("SystemConfig", unknown.under(f"providers.{name}").problems) from None
        self.base_url = _base_url(name, config, profile)
        self._profile = profile.name
        _require_key(name, config, profile)
        self._own_model_names = profile.own_model_names
        self._limit_windows_s = profile.limit_windows_s
        self._local = profile.local if config.local is None else config.local
        self._learnt: dict[str, None] = {}
        """In the order in which it was; `_adjustments` is the same for requests."""
        self._adjustments: frozenset[str] = frozenset()
        self._newest: Target | None = None
        """The last that `target` made: most requests are for the model of the one before."""
        self._lock = threading.Lock()
        self._asker: Standing | None = None
        transport = _transport(name, self.base_url, config, dispatcher, clock)
        self._threads = transport if isinstance(transport, BlockingTransport) else None
        self.api_keys = self._keys(config, dispatcher)
        self.headers = tuple((key, value.get_secret_value()) for key, value in config.headers.items())
        place = self.target("")
        if config.options is not None:
            try:
                check_policy(place, config.options)
            except InvalidInput as wrong:
                raise InvalidInput("SystemConfig", wrong.under(f"providers.{name}").problems) from None
        source = functools.partial(model_source_for, place.kind, place.profile)
        self.models = ModelPlace(place, self.api_keys, self.headers, source, config.proxy, config.ca_bundle)
        cell = dispatcher.new_cell(f"/endpoints/{name}", "connection")
        self.child = connection(name, config, transport, cell)

    def _keys(self, config: ProviderConfig, dispatcher: Dispatcher) -> ApiKeys:
        source: Any = config.api_key
        if source is None:
            return ApiKeys()
        if isinstance(source, SecretStr):
            return ApiKeys((source,))
        if isinstance(source, tuple):
            return ApiKeys(source)
        start = functools.partial(KeyAsker.start, source)
        self._asker = Standing(start, dispatcher.report, f"/endpoints/{self.name}", "api_key")
        return ApiKeys(asker=self._asker.ref)

    def target(self, model: str) -> Target:
        """Where a request for this model goes, with all that was learnt of the server so far."""
        target, adjustments = self._newest, self._adjustments
        if target is None or target.model != model or target.adjustments is not adjustments:
            self._newest = target = Target(
                provider=self.name, kind=self._kind, model=model, profile=self._profile,
                base_url=self.base_url, local=self._local, own_model_names=self._own_model_names,
                adjustments=adjustments,
            )  # fmt: skip
        return target

    def rate_limits(self, head: WireHead, at: float) -> RateLimits | None:
        """What an answer's headers tell of this provider's limits. `at`: seconds since 1970 UTC."""
        return rate_limits_of(head.headers, self._limit_windows_s, at)

    def adjust(self, patch: str) -> None:
        """Remember a fact about the server for later requests, of `ADJUSTMENTS_MAX` the newest."""
        with self._lock:
            self._learnt.pop(patch, None)
            self._learnt[patch] = None
            if len(self._learnt) > ADJUSTMENTS_MAX:
                del self._learnt[next(iter(self._learnt))]
            self._adjustments = frozenset(self._learnt)

    def close(self) -> None:
        """Its threads, if it has any, end with what they are doing now. Waits for those of connections, for
        `THREADS_END_S` at most.
        """
        if self._asker is not None:
            self._asker.close()
        if self._threads is not None:
            self._threads.join(THREADS_END_S)


def _base_url(name: str, config: ProviderConfig, profile: Profile) -> str:
    url = config.base_url or profile.base_url
    if url is None:
        raise _wrong(
            name, "base_url", "is required, such as http://127.0.0.1:8080/v1; no profile knows this provider"
        )
    return url


def _transport(
    name: str, base_url: str, config: ProviderConfig, dispatcher: Dispatcher, clock: Clock
) -> Transport:
    """Opens nothing; but a CA bundle that cannot be read is said now, not by the first request."""
    if config.ca_bundle is not None:
        try:
            check_bundle(config.ca_bundle)
        except BundleError as error:
            raise _wrong(name, "ca_bundle", f"must be a PEM file that can be read: {error}") from None
    try:
        if config.transport == "requests":
            return _in_threads(name, base_url, config, dispatcher, clock)
        return ReactorTransport(base_url, proxy=config.proxy, ca_bundle=config.ca_bundle, clock=clock)
    except InvalidInput:
        raise
    except ValueError as error:
        # The field itself was checked when the configuration was made.
        remedy = "set HTTPS_PROXY, HTTP_PROXY or ALL_PROXY right, NO_PROXY for this host, or the field"
        raise _wrong(
            name, "proxy", f"is not set, and the environment's cannot be used: {error}; {remedy}"
        ) from None


def _in_threads(
    name: str, base_url: str, config: ProviderConfig, dispatcher: Dispatcher, clock: Clock
) -> BlockingTransport:
    from greenroom.providers.requests_transport import RequestsLines, unfit

    if (why := unfit()) is not None:
        raise _wrong(name, "transport", f"'requests' {why}; update it, or leave the field out")
    lines = RequestsLines(
        base_url, clock=clock, session=config.session, proxy=config.proxy, ca_bundle=config.ca_bundle
    )

    def zombie() -> None:
        dispatcher.count_zombie()
        fields = {"kind": "line_keeper", "incarnation": 1, "reason": "a blocking read was not interrupted"}
        dispatcher.report(ActorZombie, actor=f"/endpoints/{name}", **fields)

    return BlockingTransport(lines, dispatcher.call, zombie)


def _require_key(name: str, config: ProviderConfig, profile: Profile) -> None:
    hosted = config.base_url is None and profile.key_env and not profile.local
    if hosted and config.api_key is None:
        variables = " or ".join(profile.key_env)
        raise _wrong(name, "api_key", f"is required; give it in the configuration or set {variables}")


def _wrong(name: str, field: str, expected: str) -> InvalidInput:
    return InvalidInput("SystemConfig", [Problem(f"providers.{name}.{field}", "", expected)])


def build_endpoints(config: SystemConfig, dispatcher: Dispatcher, clock: Clock) -> dict[str, Endpoint]:
    """One for each configured provider, by name. Raises InvalidInput where one cannot work; then none is left."""
    built: dict[str, Endpoint] = {}
    try:
        for name, provider in config.providers.items():
            built[name] = Endpoint(name, provider, dispatcher, clock)
        _check_policy_of_all(config, built)
    except BaseException:
        for endpoint in built.values():
            endpoint.close()
        raise
    return built


def _check_policy_of_all(config: SystemConfig, built: dict[str, Endpoint]) -> None:
    """The system's options are for all providers: what none of them can do is a mistake."""
    refusals: list[InvalidInput] = []
    for endpoint in built.values():
        try:
            check_policy(endpoint.target(""), config.options)
        except InvalidInput as refusal:
            refusals.append(refusal)
    if refusals and len(refusals) == len(built):
        raise InvalidInput("SystemConfig", refusals[0].problems)
