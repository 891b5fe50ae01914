"""One source of configuration: nested values as in SystemConfig, and where each of them stood."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_WHOLE = frozenset({"headers", "metadata"})
"""Fields whose tables are values: a stronger source replaces them, it does not mix keys in."""
_WHOLE_IN = ("routes",)
"""Tables whose entries are such values: the hops of two sources make no route."""


@dataclass(slots=True)
class Layer:
    """`values` mirrors SystemConfig; `stood` maps dotted paths (tables too) to a place a user can open."""

    values: dict[str, Any] = field(default_factory=dict)
    stood: dict[str, str] = field(default_factory=dict)

    def put(self, path: tuple[str, ...], value: Any, stood: str) -> None:
        """Set one value, making the tables above it."""
        table = self.values
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = value
        self.stood[".".join(path)] = stood


def merged(layers: Iterable[Layer]) -> Layer:
    """All layers in one; a later one wins, field by field."""
    result = Layer()
    for layer in layers:
        _merge(result, layer, layer.values, ())
        for path, stood in layer.stood.items():
            result.stood.setdefault(path, stood)  # the fields that won have overwritten theirs already
    return result


def _merge(result: Layer, layer: Layer, table: Mapping[str, Any], above: tuple[str, ...]) -> None:
    target = result.values
    for name in above:
        target = target.setdefault(name, {})
    for name, value in table.items():
        path = (*above, name)
        if isinstance(value, dict) and name not in _WHOLE and above != _WHOLE_IN:
            # A wrong value under a table's name stays, to be found and told; nothing is mixed into it.
            if isinstance(target.setdefault(name, {}), dict):
                _merge(result, layer, value, path)
        else:
            target[name] = value
            result.stood[".".join(path)] = stood_of(layer.stood, ".".join(path))


def stood_of(stood: Mapping[str, str], path: str) -> str:
    """Where the path stood, or the nearest table above it; "" where nothing is known."""
    return next((stood[p] for p in _upwards(path) if p in stood), "")


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]
