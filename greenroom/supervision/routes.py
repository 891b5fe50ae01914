"""Which hop of a route comes next, given what failed and what is known of the others. Pure.

    the failure's class          the next hop is
    in the hop's `leads_on`      the first that has no `after`, or has the class there
    not there                    the first that has the class in its `after`; else there is none

Passed over: a hop that had all its turns (`rounds`), one whose last failure no second try can mend, one whose
breaker is open, one that told to come back later than the deadline allows. Hops with fewer turns go first; among
those that had some, the one whose wait is the shortest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite

from greenroom.messages.route_plan import HopRule, Plan


@dataclass(frozen=True, slots=True)
class HopState:
    """What one request knows of one of its hops."""

    turns: int = 0
    hopeless: bool = False
    """Its last failure does not pass by trying again."""
    again_at_s: float = 0.0
    """Not before, by its own word (Retry-After)."""


@dataclass(frozen=True, slots=True)
class RouteState:
    """Where a request stands on its route."""

    at: int
    hops: tuple[HopState, ...]


@dataclass(frozen=True, slots=True)
class NextHop:
    """Ask this one, `wait_s` from now. `passed_over` says which were not asked, and why."""

    place: int
    wait_s: float
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoHop:
    """`why` is for whoever reads the error."""

    why: str


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen at a failure, beside the failure itself."""

    now_s: float
    deadline_left_s: float
    open_s: Callable[[int], float | None]
    """For how long the breaker of the hop at this place lets nothing through; None: it does."""
    backoff_s: float = 0.0
    """Before a hop that has failed once is asked again."""


def begun(plan: Plan, at: int | None = None) -> RouteState:
    """The hop at this place has its turn; None: the first."""
    return moved(RouteState(-1, (HopState(),) * len(plan.hops)), plan.first() if at is None else at)


def moved(state: RouteState, place: int) -> RouteState:
    """This hop has its turn."""
    return RouteState(
        place, _with(state, place, replace(state.hops[place], turns=state.hops[place].turns + 1))
    )


def failed(state: RouteState, *, hopeless: bool, again_at_s: float) -> RouteState:
    """The hop that had its turn has failed, and this is known of it now."""
    hop = state.hops[state.at]
    later_s = max(hop.again_at_s, again_at_s)
    return replace(state, hops=_with(state, state.at, replace(hop, hopeless=hopeless, again_at_s=later_s)))


def next_hop(plan: Plan, state: RouteState, error_class: str, look: Look) -> NextHop | NoHop:
    """What comes after the hop that has just failed. `state` knows of that failure."""
    leads_on = error_class in plan.hops[state.at].leads_on
    takers = [place for place, hop in enumerate(plan.hops) if _takes(hop, error_class, leads_on)]
    if not takers:
        return NoHop(f"route {plan.route} does not lead on after {error_class}")
    passed_over: list[str] = []
    left: list[tuple[int, float, int]] = []
    for place in takers:
        hop, turns = state.hops[place], state.hops[place].turns
        wait_s = max(hop.again_at_s - look.now_s, look.backoff_s) if turns else 0.0
        if turns >= plan.rounds or hop.hopeless:
            continue
        if why := _closed(look, place, wait_s):
            passed_over.append(f"{plan.hops[place].name} {why}")
        else:
            left.append((turns, wait_s, place))
    if not left:
        unfit = (f"{name} cannot take this request" for name in plan.unfit)
        return NoHop("; ".join([f"route {plan.route} has no further hop", *passed_over, *unfit]))
    _, wait_s, place = min(left)
    return NextHop(place, wait_s, tuple(passed_over))


def _takes(hop: HopRule, error_class: str, leads_on: bool) -> bool:
    return all(error_class in classes for classes in hop.after) if hop.after else leads_on


def _closed(look: Look, place: int, wait_s: float) -> str:
    """Why this hop cannot be asked; "" where it can."""
    open_s = look.open_s(place)
    if open_s is not None and open_s > wait_s:
        return "is not asked: its breaker is open" + (f" for {open_s:.3g} s" if isfinite(open_s) else "")
    if wait_s >= look.deadline_left_s:
        return f"is not asked: its wait of {wait_s:.3g} s would pass the deadline"
    return ""


def _with(state: RouteState, place: int, hop: HopState) -> tuple[HopState, ...]:
    return (*state.hops[:place], hop, *state.hops[place + 1 :])
