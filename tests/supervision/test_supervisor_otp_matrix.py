"""Every strategy, restart type and reason, for every child of a tree of three: OTP and we do the same."""

from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import pytest

from otp.both import Both
from otp.cases import (
    Action,
    Burst,
    Case,
    Command,
    Kill,
    Leaf,
    Outcome,
    Plan,
    Quit,
    Reason,
    Restart,
    Stop,
    Sup,
)

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
RESTARTS = get_args(Restart)
REASONS = get_args(Reason)
IDS = ("a", "b", "c")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_child_dies(both: Both, strategy: Any) -> None:
    """27 families of three restart types x 4 reasons x 3 children; it dies twice, once more than it may."""
    for restarts, reason, victim in product(product(RESTARTS, repeat=3), REASONS, IDS):
        kill = Kill(("top", victim), reason)
        both.agree(Case(_top(restarts, strategy, 1), (kill, kill, Stop())))


@pytest.mark.parametrize("auto", ["any_significant", "all_significant"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_significant_children_die(both: Both, strategy: Any, auto: Any) -> None:
    """Two significant ones and a bystander; each of the two dies, in either order, of each reason."""
    for restart, reason, first in product(("transient", "temporary"), REASONS, ("a", "b")):
        children = (
            Leaf("a", restart, significant=True), Leaf("b", restart, significant=True), Leaf("c"),
        )  # fmt: skip
        second = "b" if first == "a" else "a"
        script = (
            Kill(("top", first), reason),
            Kill(("top", "c"), "crash"),
            Kill(("top", second), reason),
            Stop(),
        )
        both.agree(Case(Sup("top", children, strategy, 5, auto), script))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_restart_fails_in_every_place(both: Both, strategy: Any) -> None:
    """Each child dies while each child's next start fails, once or twice, or is not needed."""
    outcomes: list[tuple[Outcome, ...]] = [("fail",), ("raise", "fail"), ("ignore",), ("fail", "ignore")]
    for victim, failing, planned, intensity in product(IDS, IDS, outcomes, (1, 2, 5)):
        script = (Plan(("top", failing), planned), Kill(("top", victim), "crash"), Kill(("top", "b")), Stop())
        both.agree(Case(_top(("permanent", "transient", "permanent"), strategy, intensity), script))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_die_before_the_supervisor_looks(both: Both, strategy: Any) -> None:
    for restarts, (first, second) in product(product(RESTARTS, repeat=2), product("ab", repeat=2)):
        for reasons in product(("crash", "normal"), repeat=2):
            parts = tuple(
                Kill(("top", child), reason) for child, reason in zip((first, second), reasons, strict=True)
            )
            top = _top((*restarts, "permanent"), strategy, 1)
            both.agree(Case(top, (Burst(("top",), parts), Stop())))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_waits_in_the_mailbox(both: Both, strategy: Any) -> None:
    """Every pair of ends and commands, alone and behind a start that keeps the supervisor busy."""
    top = Sup("top", (Leaf("a"), Leaf("b", "transient", significant=True)), strategy, 2, "all_significant")
    asks = [
        Command(("top",), "terminate", "a"), Command(("top",), "restart", "a"), Command(("top",), "delete", "a"),
        Command(("top",), "start", Leaf("a")),
    ]  # fmt: skip
    kills = [Kill(("top", "a")), Kill(("top", "b")), Kill(("top", "b"), "normal")]
    start = Command(("top",), "start", Leaf("n", "temporary", significant=True))
    for pair, before, planned in product(product([*asks, *kills], repeat=2), ((), (start,)), ((), ("fail",))):
        script = (Plan(("top", "a"), planned), Burst(("top",), (*before, *pair)), Stop())
        both.agree(Case(top, script))


@pytest.mark.parametrize("outer", STRATEGIES)
def test_a_supervisor_below_dies(both: Both, outer: Any) -> None:
    """By itself, killed, and of too many restarts: the one above decides by its restart type."""
    for restart, (action, times) in product(RESTARTS, _ends_of_inner()):
        inner = Sup("b", (Leaf("x"), Leaf("y", "temporary")), "one_for_one", 1, restart=restart)
        top = Sup("top", (Leaf("a"), inner, Leaf("c")), outer, 3)
        both.agree(Case(top, (*times * [action], Stop())))


def _ends_of_inner() -> Iterator[tuple[Action, int]]:
    path = ("top", "b")
    yield Kill((*path, "x"), "crash"), 5
    yield Kill(path, "kill"), 2
    yield Quit(path, "crash"), 2
    yield Quit(path, "normal"), 2
    yield Quit(path, "shutdown"), 2


def _top(restarts: tuple[Any, ...], strategy: Any, intensity: int) -> Sup:
    children = tuple(Leaf(id_, restart) for id_, restart in zip(IDS, restarts, strict=True))
    return Sup("top", children, strategy, intensity)
