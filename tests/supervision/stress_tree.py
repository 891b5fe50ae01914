"""A tree of three levels whose actors fail at random in every hook, and what is asked of it when it has healed."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.messages.signals import Down
from greenroom.supervision.spec import Backoff, ChildSpec, Strategy, SupervisorOptions
from greenroom.supervision.supervisor import DynamicSupervisor, Supervisor

HOOKS = ("init", "on_start", "handler", "on_shutdown", "on_stop", "on_failure", "state", "check")
BRANCHES, LEAVES = 3, 4


class Mishap(Exception):
    """What a hook raises."""


class Fate:
    """Says whether a hook fails now. Dispatcher thread; the test turns it off to heal."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.odds = 0.0
        self.failed: Counter[str] = Counter()
        self.noted = 0

    def meet(self, hook: str) -> None:
        if self.luck.random() < self.odds:
            self.failed[hook] += 1
            raise Mishap(hook)

    def state(self) -> list[int]:
        self.meet("state")
        return []

    def check(self, kept: list[int]) -> None:
        self.meet("check")


@dataclass(frozen=True)
class Note:
    """Told, not asked: it is noted, or a dead letter."""


@dataclass(frozen=True)
class Owed:
    """An answer is due."""

    answer: Any


class Leaf(LoopActor):
    """Answers; watches a sibling; has timers, an answer that it owes and a child now and then."""

    mailbox_bound = 64

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.fate = fate
        fate.meet("init")

    def on_start(self) -> None:
        self.fate.meet("on_start")

    def on_stop(self) -> None:
        self.fate.meet("on_stop")

    def on_failure(self, *_: Any) -> None:
        self.fate.meet("on_failure")

    def on_shutdown(self) -> None:
        self.fate.meet("on_shutdown")
        if self.fate.luck.random() < self.fate.odds:
            return  # it takes longer than it may
        super().on_shutdown()

    @receives(int)
    def on_int(self, number: int) -> int:
        self.fate.meet("handler")
        if self.cell.state is not None:
            self.cell.state.append(number)
        return number

    @receives(tuple)
    def on_errand(self, errand: tuple[str, Any]) -> None:
        what, argument = errand
        self.fate.meet("handler")
        if what == "watch":
            self.watch(argument)
        elif what == "timer":
            self.timer(argument, 0, key="timer")
        elif what == "child":
            self.spawn(Leaf, self.fate, name=f"child{argument}")
        elif what == "owe":
            answer = self.defer()
            self.timer(argument, Owed(answer))
        else:
            self.exit(argument)

    @receives(Note)
    def on_note(self, _: Note) -> None:
        self.fate.noted += 1
        self.fate.meet("handler")

    @receives(Owed)
    def on_owed(self, owed: Owed) -> None:
        owed.answer.set(None)

    @receives(Down)
    def on_down(self, _: Down) -> None:
        self.fate.meet("handler")


def leaf(name: str, fate: Fate, luck: random.Random) -> ChildSpec:
    kept: dict[str, Callable[..., Any]] = {"state": fate.state, "check": fate.check}
    return ChildSpec(
        name, Leaf, (fate,), shutdown_s=luck.choice([0, 0.5]), **(kept if luck.random() < 0.5 else {})
    )  # fmt: skip


def tree(fate: Fate, luck: random.Random) -> list[ChildSpec]:
    """Branches of all strategies, one of them dynamic, each with leaves. One falls in a storm, others wait."""
    found = []
    backoff = Backoff(0.1, 1.0, at_once=2)
    strategies: tuple[Strategy, ...] = ("one_for_one", "one_for_all", "rest_for_one")
    for number, strategy in enumerate(strategies[:BRANCHES]):
        options = SupervisorOptions(
            strategy, intensity=50, period_s=5.0, on_storm="defer", backoff=backoff, seed=1
        )
        if strategy == "rest_for_one":
            options = SupervisorOptions(strategy, intensity=5, period_s=2.0)
        leaves = [leaf(f"leaf{n}", fate, luck) for n in range(LEAVES)]
        found.append(ChildSpec(f"branch{number}", Supervisor, (leaves, options), type="supervisor"))
    options = SupervisorOptions(intensity=50, period_s=5.0, on_storm="defer", max_children=2 * LEAVES)
    crowd = [leaf(f"leaf{n}", fate, luck) for n in range(LEAVES)]
    found.append(ChildSpec("crowd", DynamicSupervisor, (crowd, options), type="supervisor"))
    return found


def plant(dispatcher: Any, fate: Fate, luck: random.Random) -> Ref[Any]:
    options = SupervisorOptions(
        intensity=1000, period_s=1.0, on_storm="defer", backoff=Backoff(0.1, 0.5, at_once=5), seed=1
    )
    top: Ref[Any] = dispatcher.spawn(Supervisor, tree(fate, luck), options, path="/top")
    return top
