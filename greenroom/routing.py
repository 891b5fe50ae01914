"""From a request's model to the endpoint that serves it, or to the hops of a route. In the caller's thread.

A route's name is what a request's `model` says when it says no more. Each hop gets the caller's request with its
own patch, and each hop's wire is asked here whether it can take that: nobody finds out in an outage.
"""

import difflib
import os
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from greenroom.actors.job import Hop
from greenroom.actors.model_place import ModelLookUp, ModelPlace
from greenroom.endpoints import Endpoint
from greenroom.messages.config import SystemConfig
from greenroom.messages.failures import InvalidInput
from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.route_check import Leaf, RouteTable
from greenroom.messages.route_plan import HopRule, Plan, drawn
from greenroom.messages.routes import ATTEMPT_OPTIONS, HopConfig, RouteConfig
from greenroom.messages.wording import nearest
from greenroom.providers.capabilities import check_policy

E = TypeVar("E")


_ID_BYTES = 10
_random: list[str] = []
"""Drawn ahead: a draw is a system call, and lets other threads take the interpreter from us."""
os.register_at_fork(after_in_child=_random.clear)


def new_id(prefix: str) -> str:
    """A fresh id: the prefix and 80 random bits, safe in paths and headers. Unique across forks. Any thread."""
    try:
        drawn = _random.pop()
    except IndexError:
        ahead = os.urandom(128 * _ID_BYTES).hex()
        drawn, *rest = (ahead[at : at + 2 * _ID_BYTES] for at in range(0, len(ahead), 2 * _ID_BYTES))
        _random.extend(rest)
    return f"{prefix}_{drawn}"


@dataclass(slots=True)
class Routed:
    """Where a request goes. Without a plan there is one hop."""

    options: StreamingOptions
    """Of the whole request."""
    hops: tuple[Hop, ...]
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class _Stop:
    """A hop of a route that names a model, as it is for every request."""

    rule: HopRule
    leaf: Leaf
    endpoint: Endpoint
    options: StreamingOptions
    """For requests that bring none."""


class _Route:
    """A route with what is in it: `stops` gives the order for one request."""

    def __init__(self, config: RouteConfig, steps: "list[_Stop | _Route]") -> None:
        self.config, self._steps = config, steps
        self._weights = [1.0 if hop.weight is None else hop.weight for hop in config.hops]

    def stops(self, draw: Callable[[], float]) -> Iterator[_Stop]:
        listed = self.config.order == "listed"
        for place in range(len(self._steps)) if listed else drawn(self._weights, draw):
            step = self._steps[place]
            if isinstance(step, _Stop):
                yield step
            else:
                yield from step.stops(draw)


class Router:
    """All that a request may name. Made when the system starts; thread-safe.

    `look_up` says where a model is looked up, for requests that want that; `draw` gives numbers from 0 to 1, for
    routes by weight.
    """

    def __init__(
        self,
        config: SystemConfig,
        endpoints: Mapping[str, Endpoint],
        look_up: Callable[[ModelPlace], ModelLookUp],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._config, self._endpoints, self._look_up, self._draw = config, endpoints, look_up, draw
        self._learning = {name: (each.adjust, each.rate_limits) for name, each in endpoints.items()}
        """What an endpoint makes of what an attempt is told. Bound once: the hops of every request have both."""
        table = config.route_table()
        self._routes = {name: self._route(name, table, route, ()) for name, route in config.routes.items()}
        for name, route in self._routes.items():
            _check_policy_of_route(name, route)

    def way(self, request: ChatRequest, *, earlier: bool = False) -> Routed:
        """Where the request goes. Raises InvalidInput where it names nothing, or cannot be taken there.

        `earlier`: it was taken before, and bears the options that it got then, which need not be its own.
        """
        asked = request.model or self._config.default_model
        route = None if asked is None else self._routes.get(asked)
        if route is not None and asked is not None:
            return self._along(asked, route, request, checked=earlier)
        endpoint, model = resolve(asked, self._config, self._endpoints)
        options = request.options or endpoint.config.options or self._config.options
        return Routed(options, (self._hop(endpoint, model, request, options, checked=earlier),))

    def _along(self, name: str, route: _Route, request: ChatRequest, *, checked: bool) -> Routed:
        options = request.options or route.config.options or self._config.options
        rules, hops, refused = [], [], []
        for stop in route.stops(self._draw):
            try:
                hops.append(self._stopped(stop, request, checked=checked))
                rules.append(stop.rule)
            except InvalidInput as error:
                refused.append((stop.rule.name, error))
        if refused and (route.config.unfit == "refuse" or all(rule.after for rule in rules)):
            raise _unfit(name, refused, refuses=route.config.unfit == "refuse")
        unfit = tuple(hop for hop, _ in refused)
        return Routed(options, tuple(hops), Plan(name, tuple(rules), route.config.rounds, unfit))

    def _stopped(self, stop: _Stop, request: ChatRequest, *, checked: bool) -> Hop:
        own, options = stop.leaf.hop, stop.options
        if request.options is not None:
            options = _changed(request.options, own)
        patch = own.patch()
        patched = request.model_copy(update=patch) if patch else request
        return self._hop(stop.endpoint, stop.leaf.model, patched, options, checked=checked)

    def _hop(
        self,
        endpoint: Endpoint,
        model: str,
        request: ChatRequest,
        options: StreamingOptions,
        *,
        checked: bool,
    ) -> Hop:
        """`checked`: the policy of its options was."""
        target = endpoint.target(model)
        endpoint.codec.check(request, target, options)
        if request.options is not None and not checked:
            check_policy(target, options)
        adjust, rate_limits = self._learning[endpoint.name]
        return Hop(
            request=request, options=options, target=target, codec=endpoint.codec,
            connection=endpoint.child.cell.ref, api_keys=endpoint.api_keys, headers=endpoint.headers,
            adjust=adjust, rate_limits=rate_limits,
            models=self._look_up(endpoint.models) if options.validate_model else None,
        )  # fmt: skip

    def _route(
        self, name: str, table: RouteTable, asked: RouteConfig, above: tuple[frozenset[str], ...]
    ) -> _Route:
        """The route of that name, as it stands in the one that is asked for."""
        config = self._config.routes[name]
        steps: list[_Stop | _Route] = []
        for hop in config.hops:
            after = (*above, frozenset(hop.after)) if hop.after else above
            leaf = table.leaf(hop, name)
            if leaf is None:
                steps.append(self._route(hop.model, table, asked, after))
                continue
            rule = HopRule(
                f"{leaf.provider}/{leaf.model}", frozenset(config.fall_back_on), after, hop.retries
            )
            endpoint = self._endpoints[leaf.provider]
            steps.append(_Stop(rule, leaf, endpoint, self._usual(asked, endpoint, hop)))
        return _Route(config, steps)

    def _usual(self, route: RouteConfig, endpoint: Endpoint, hop: HopConfig) -> StreamingOptions:
        """For requests that bring none: the hop's options, the route's, the provider's, the system's."""
        if route.options is not None:
            return _changed(route.options, hop)
        given = endpoint.config.options
        names = given.model_fields_set.intersection(ATTEMPT_OPTIONS) if given is not None else ()
        return _changed(self._config.options.model_copy(update={n: getattr(given, n) for n in names}), hop)


def _check_policy_of_route(name: str, route: _Route) -> None:
    """A route's options are for all of its hops: what none of them can do is a mistake."""
    stops, refusals = [*route.stops(lambda: 0.5)], []
    for stop in stops if route.config.options is not None else ():
        try:
            check_policy(stop.endpoint.target(stop.leaf.model), stop.options)
        except InvalidInput as refusal:
            refusals.append(refusal)
    if refusals and len(refusals) == len(stops):
        raise InvalidInput("SystemConfig", refusals[0].under(f"routes.{name}").problems)


def _changed(options: StreamingOptions, hop: HopConfig) -> StreamingOptions:
    changes = {} if hop.options is None else hop.options.changes()
    return options.model_copy(update=changes) if changes else options


def _unfit(route: str, refused: list[tuple[str, InvalidInput]], *, refuses: bool) -> InvalidInput:
    problems = [problem for _, error in refused for problem in error.problems]
    if refuses:
        remedy = "'skip' asks the other hops alone; a hop's options may say on_unsupported='drop'"
        problems.append(Problem(f"routes.{route}.unfit", "'refuse'", remedy))
    names = ", ".join(hop for hop, _ in refused)
    return InvalidInput(f"request to route {route}, which leads to {names}", problems)


def resolve(model: str | None, config: SystemConfig, endpoints: Mapping[str, E]) -> tuple[E, str]:
    """The endpoint and the model's name there. The provider is what stands before the first slash.

    A model that names only a provider is that provider's `default_model`.
    Raises InvalidInput naming `model`, what stood there, and what would be right.
    """
    asked = model or config.default_model
    if asked is None:
        known = ", ".join(endpoints) or "none is configured"
        raise _wrong("None", f"name one as provider/model (providers: {known}), or set default_model")
    provider, _, name = asked.partition("/")
    if not name and provider in endpoints:
        name = config.providers[provider].default_model or ""
        if not name:
            raise _wrong(
                repr(asked), f"names no model, and {provider} has no default_model; write {provider}/MODEL"
            )
    if not name:
        example = _example(provider, endpoints)
        raise _wrong(repr(asked), f"must be provider/model{example}{_or_a_route(provider, config)}")
    if provider in config.routes:
        raise _wrong(
            repr(asked), f"{provider} is a route, and has no models of its own; write {provider!r} alone"
        )
    if provider not in endpoints:
        raise _wrong(repr(asked), _not_configured(provider, endpoints))
    return endpoints[provider], name


def configured(provider: object, endpoints: Mapping[str, E]) -> E:
    """The endpoint of that name. Raises InvalidInput naming `provider`."""
    if not isinstance(provider, str) or provider not in endpoints:
        raise InvalidInput("", [Problem("provider", repr(provider), _not_configured(provider, endpoints))])
    return endpoints[provider]


def _not_configured(provider: object, endpoints: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(str(provider), endpoints, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"no provider {provider!r} is configured; {hint}configured: {', '.join(endpoints) or 'none'}"


def _example(name: str, endpoints: Mapping[str, object]) -> str:
    first = next(iter(endpoints), None)
    return "" if first is None else f", such as {first}/{name}"


def _or_a_route(name: str, config: SystemConfig) -> str:
    if not config.routes:
        return ""
    known = ", ".join(sorted(config.routes))
    return f", or a route{nearest(name, config.routes) or f': {known}'}"


def _wrong(given: str, expected: str) -> InvalidInput:
    return InvalidInput("ChatRequest", [Problem("model", given, expected)])
