"""A route among the others: do its hops lead anywhere, and nowhere twice? Pure.

A hop that names another route stands for that route's hops. `leaves` gives what a route comes to then, and
finds each fault on the way, by the field that has to be mended.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from greenroom.messages.invalid import Problem
from greenroom.messages.routes import HopConfig, RouteConfig
from greenroom.messages.wording import nearest

HOPS_MAX = 32
"""Of one route, with those of the routes in it: each costs every request a look."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A hop that names a model, and the path of the hop that leads to it, seen from the route asked for."""

    provider: str
    model: str
    hop: HopConfig
    route: str
    """The route in whose list it stands."""


class RouteTable:
    """The configured routes beside the default model of each configured provider, by name."""

    __slots__ = ("_defaults", "_routes")

    def __init__(self, routes: Mapping[str, RouteConfig], defaults: Mapping[str, str | None]) -> None:
        self._routes, self._defaults = routes, defaults

    def problems(self) -> Iterator[Problem]:
        """Every fault, each with its field."""
        for name in self._routes:
            if name in self._defaults:
                text = "is a provider's name; a request that names it could mean either: name the route otherwise"
                yield Problem(f"routes.{name}", "", text)
        wrong = [problem for name in self._routes for problem in self._own_problems(name)]
        yield from wrong
        if not wrong:
            for name in self._routes:
                yield from self._repeated(name)

    def leaf(self, hop: HopConfig, route: str) -> Leaf | None:
        """Where the hop leads; None where it names a route, or nothing."""
        provider, _, model = hop.model.partition("/")
        if provider not in self._defaults:
            return None
        model = model or self._defaults[provider] or ""
        return Leaf(provider, model, hop, route) if model else None

    def leaves(self, name: str) -> Iterator[Leaf]:
        """The hops that a route without faults comes to, in the order of its list."""
        for hop in self._routes[name].hops:
            leaf = self.leaf(hop, name)
            if leaf is None:
                yield from self.leaves(hop.model)
            else:
                yield leaf

    def within(self, name: str) -> frozenset[str]:
        """The route and all that stand in it, of routes without faults."""
        inner = (hop.model for hop in self._routes[name].hops if hop.model in self._routes)
        return frozenset({name}).union(*map(self.within, inner))

    def _own_problems(self, name: str) -> Iterator[Problem]:
        for place, hop in enumerate(self._routes[name].hops):
            path = f"routes.{name}.hops.{place}"
            if hop.model not in self._routes:
                yield from self._unknown(path, hop.model, name)
                continue
            for field in _of_a_model(hop):
                yield Problem(f"{path}.{field}", "", f"{hop.model} is a route; its own hops say that")
            if circle := self._circle(name, hop.model):
                text = f"leads back to where it stands: {' -> '.join(circle)}"
                yield Problem(f"{path}.model", repr(hop.model), text)

    def _unknown(self, path: str, model: str, within: str) -> Iterator[Problem]:
        """Of a hop that names no route; `within`: the route in whose list it stands."""
        name, slash, rest = model.partition("/")
        if name in self._routes:
            text = f"{name} is a route, and has no models of its own; write {name!r} alone"
        elif name not in self._defaults:
            thing = "provider" if slash else "provider or route"
            names = {*self._defaults, *(() if slash else self._routes)} - {within}
            near, known = nearest(name, names), ", ".join(sorted(names)) or "none"
            text = f"no {thing} {name!r} is configured{near}{'' if near else ';'} configured: {known}"
        elif not rest and not self._defaults[name]:
            text = f"names no model, and {name} has no default_model; write {name}/MODEL"
        else:
            return
        yield Problem(f"{path}.model", repr(model), text)

    def _circle(self, start: str, via: str) -> list[str]:
        """The way from `start` through `via` back to `start`; [] where there is none."""
        # Every route on a circle finds it by itself, so each search need not find those of the others.
        ways, seen = [[start, via]], {via}
        while ways:
            way = ways.pop()
            if way[-1] == start:
                return way
            for hop in self._routes[way[-1]].hops:
                if hop.model in self._routes and (hop.model == start or hop.model not in seen):
                    seen.add(hop.model)
                    ways.append([*way, hop.model])
        return []

    def _repeated(self, name: str) -> Iterator[Problem]:
        first: dict[object, int] = {}
        count = 0
        for place, hop in enumerate(self._routes[name].hops):
            own = self.leaf(hop, name)
            for leaf in [own] if own is not None else self.leaves(hop.model):
                count += 1
                if count > HOPS_MAX:
                    text = f"must be at most {HOPS_MAX}, with those of the routes in it"
                    yield Problem(f"routes.{name}.hops", "", text)
                    return
                there = f"{leaf.provider}/{leaf.model}"
                before = first.setdefault((there, leaf.hop.options, *leaf.hop.patch().items()), place)
                if before != place:
                    text = f"asks {there} again, as hops.{before} does; leave one out, or say what is other there"
                    yield Problem(f"routes.{name}.hops.{place}.model", repr(hop.model), text)


def _of_a_model(hop: HopConfig) -> list[str]:
    """The fields that say something of a model, and are not as they are by default."""
    fields = HopConfig.model_fields.items()
    of_a_place = {"model", "weight", "after"}
    return [name for name, field in fields if name not in of_a_place and getattr(hop, name) != field.default]
