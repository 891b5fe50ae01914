"""The hops that one request may take, in their order: plain values, drawn at its submission."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log


@dataclass(frozen=True, slots=True)
class HopRule:
    """When a hop has its turn, and when it is left."""

    name: str
    """`provider/model`, for people."""
    leads_on: frozenset[str] = frozenset()
    """The error classes after which the next hop is asked."""
    after: tuple[frozenset[str], ...] = ()
    """Where there are any, it is asked only after a failure whose class is in each of them."""
    retries: int = 0
    """Further attempts here before the next hop is asked."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Of one request. Invariant: a hop without `after` is among them."""

    route: str
    hops: tuple[HopRule, ...]
    rounds: int = 1
    unfit: tuple[str, ...] = ()
    """Hops of the route that cannot take this request."""

    def first(self) -> int:
        """The place of the hop that is asked first."""
        return next(place for place, hop in enumerate(self.hops) if not hop.after)


def drawn(weights: Sequence[float], draw: Callable[[], float]) -> tuple[int, ...]:
    """All places, each next one drawn by weight among those that are left; those of weight 0 last, as they stand.

    `draw` gives numbers from 0 up to, not with, 1. Each place's clock rings after an exponential time of the rate
    that is its weight; they come in the order of ringing (Efraimidis and Spirakis, 2006).
    """
    rings = [(-log(1.0 - draw()) / weight, place) for place, weight in enumerate(weights) if weight > 0]
    last = (place for place, weight in enumerate(weights) if weight <= 0)
    return (*(place for _, place in sorted(rings)), *last)
