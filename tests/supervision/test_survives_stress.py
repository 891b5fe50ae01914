"""Behaviour 42, after Pekko's SupervisorHierarchySpec "survive being stressed": random failures in every hook.

Seeded: a failing seed is printed, and replays. Longer, or again, as a command:

    GREENROOM_STRESS_STEPS=100000 GREENROOM_STRESS_SEED=7,8 \\
        python -m pytest tests/supervision/test_survives_stress.py -s
"""

import gc
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from stress_tree import BRANCHES, HOOKS, LEAVES, Fate, Leaf, Note, leaf, plant

from greenroom.actors.cell import Cell
from greenroom.actors.claims import Claim, Hold, Watch
from greenroom.actors.incarnation import Incarnation
from greenroom.actors.testkit import ManualClock, Recorder, running_dispatcher
from greenroom.supervision.orders import (
    ChildCounts,
    CountChildren,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)

STEPS = int(os.environ.get("GREENROOM_STRESS_STEPS", "10000"))
SEEDS = [int(seed) for seed in os.environ.get("GREENROOM_STRESS_SEED", "1").split(",")]
ODDS = 0.15
BURST = 5
MORTAL = (Cell, Incarnation, Claim, Leaf)


class Letters(Recorder):
    """Keeps the dead letters; nothing else of what is told."""

    def wants(self, name: str) -> bool:
        return name == "deadletter"

    def count(self, dispatcher: Any, message_type: str) -> int:
        """All of that type: told, and since then not told."""
        told = sum(1 + each.suppressed for each in self.events if each.message_type == message_type)  # type: ignore[attr-defined]
        waiting = dispatcher._dead_letters._told.items()
        return told + sum(suppressed for (_, kind, _), (_, suppressed) in waiting if kind == message_type)


class Stress:
    """Steps that hurt a tree, and the mail that was sent meanwhile."""

    def __init__(self, dispatcher: Any, clock: ManualClock, seed: int) -> None:
        self.dispatcher, self.clock = dispatcher, clock
        self.luck, self.fate = random.Random(seed), Fate(seed + 1)
        self.asked: list[pykka.Future[Any]] = []
        self.done: Counter[str] = Counter()
        self.noted = 0
        self.top = plant(dispatcher, self.fate, self.luck)
        dispatcher.wait_idle()
        self.refs: dict[str, Any] = {}

    def look(self) -> None:
        """What lives now, by path."""
        self.refs = {
            cell.path: cell.ref for cell in list(self.dispatcher._cells) if cell.path.startswith("/top/")
        }

    def leaves(self) -> list[Any]:
        return [ref for path, ref in self.refs.items() if path.count("/") >= 3]

    def burst(self) -> None:
        """Some steps at once, then all that follows from them, then some time perhaps."""
        self.look()
        weights = {
            self.tell: 12,
            self.ask: 12,
            self.errand: 8,
            self.kill: 3,
            self.command: 3,
            self.branch: 0.3,
        }
        steps = self.luck.choices(list(weights), list(weights.values()), k=BURST)
        self.done.update(step.__name__ for step in steps)
        # On the dispatcher's thread: what comes of a seed does not hang on how two threads meet.
        self.dispatcher.call(lambda: [step() for step in steps])
        self.dispatcher.wait_idle()
        if self.luck.random() < 0.4:
            self.clock.advance(self.luck.choice([0.01, 0.1, 0.7, 3.0]))

    def tell(self) -> None:
        if leaves := self.leaves():
            self.noted += 1
            self.luck.choice(leaves).tell(Note())

    def ask(self) -> None:
        if leaves := self.leaves():
            self.asked.append(self.luck.choice(leaves).ask(self.luck.randrange(100), block=False))

    def errand(self) -> None:
        leaves = self.leaves()
        if not leaves:
            return
        errands = [
            ("watch", self.luck.choice(leaves)), ("timer", self.luck.random()), ("owe", self.luck.random()),
            ("child", self.luck.randrange(3)), ("exit", self.luck.choice(["normal", "shutdown", "failed"])),
        ]  # fmt: skip
        self.asked.append(self.luck.choice(leaves).ask(self.luck.choice(errands), block=False))

    def kill(self) -> None:
        if leaves := self.leaves():
            self.luck.choice(leaves).kill()

    def branch(self) -> None:
        branches = [ref for path, ref in self.refs.items() if path.count("/") == 2]
        if branches:
            self.luck.choice(branches).kill()

    def command(self) -> None:
        branches = [ref for path, ref in self.refs.items() if path.count("/") == 2]
        if not branches:
            return
        name = f"leaf{self.luck.randrange(LEAVES + 2)}"
        commands = [
            TerminateChild(name), RestartChild(name), WhichChildren(), CountChildren(),
            StartChild(leaf(name, self.fate, self.luck)),
        ]  # fmt: skip
        self.asked.append(self.luck.choice(branches).ask(self.luck.choice(commands), block=False))

    def heal(self) -> None:
        """Nobody fails any more; whoever was terminated is started again, as an operator would."""
        self.fate.odds = 0.0
        for _ in range(40):
            self.clock.advance(2.0)
        for branch in self.branches():
            known = {info.id: info for info in branch.ref.ask(WhichChildren(), timeout=5)}
            for number in range(LEAVES):
                name = f"leaf{number}"
                if name not in known:
                    branch.ref.ask(StartChild(leaf(name, self.fate, self.luck)), timeout=5)
                elif known[name].status == "down":
                    branch.ref.ask(RestartChild(name), timeout=5)
            for name in known.keys() - {f"leaf{number}" for number in range(LEAVES)}:
                branch.ref.ask(TerminateChild(name), timeout=5)
        self.clock.advance(10.0)

    def branches(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.top.ask(WhichChildren(), timeout=5)
        return found


@pytest.fixture
def _unlogged() -> Iterator[None]:
    """What pytest captures of the log holds each failure, and with it who failed."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


@pytest.mark.usefixtures("_unlogged")
@pytest.mark.timeout(60 + STEPS / 50)
@pytest.mark.parametrize("seed", SEEDS)
def test_b42_it_survives_being_stressed(seed: int) -> None:
    print(f"\nGREENROOM_STRESS_SEED={seed} GREENROOM_STRESS_STEPS={STEPS}")
    gc.collect()
    before = Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, MORTAL))
    clock, letters = ManualClock(), Letters()
    # A stopwatch that stands still: turns end by their number of messages, never by the time they took.
    with running_dispatcher(clock=clock, events=letters, stopwatch=lambda: 0.0) as dispatcher:
        stress = Stress(dispatcher, clock, seed)
        stress.fate.odds = ODDS
        for _ in range(STEPS // BURST):
            stress.burst()
        stress.heal()
        _all_is_well(stress)
        assert stress.noted == stress.fate.noted + letters.count(dispatcher, "Note")
        print(dict(stress.done), dict(stress.fate.failed), dispatcher.statistics())
    del stress
    gc.collect()
    left = Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, MORTAL))
    assert left - before == Counter()


def _all_is_well(stress: Stress) -> None:
    dispatcher = stress.dispatcher
    assert stress.fate.failed.keys() == set(HOOKS)
    branches = stress.branches()
    assert [info.status for info in branches] == ["running"] * (BRANCHES + 1)
    for info in branches:
        children = info.ref.ask(WhichChildren(), timeout=5)
        assert {child.id for child in children} >= {f"leaf{number}" for number in range(LEAVES)}
        extra = [child for child in children if child.status != "running"]
        assert all(child.status == "down" and child.id not in known_leaves() for child in extra)
        counts = info.ref.ask(CountChildren(), timeout=5)
        assert counts == ChildCounts(len(children), LEAVES, 0, len(children), 0)
        for child in children:
            if child.status == "running":
                assert child.ref.ask(1, timeout=5) == 1
    assert stress.top.ask(CountChildren(), timeout=5) == ChildCounts(
        BRANCHES + 1, BRANCHES + 1, BRANCHES + 1, 0, 0
    )
    _nothing_leaks(dispatcher)
    for asked in stress.asked:
        assert asked.done(), "an ask has no answer"
    assert {type(_error_of(each)).__name__ for each in stress.asked} <= {
        "NoneType", "Mishap", "ActorDead", "ChildError", "RuntimeError", "InvalidInput",
    }  # fmt: skip


def known_leaves() -> set[str]:
    return {f"leaf{number}" for number in range(LEAVES)}


def _nothing_leaks(dispatcher: Any) -> None:
    """Everything that lives hangs on an actor of the tree; nothing is kept for what was."""
    paths = [path for path in dispatcher.live_paths() if "child" not in path]
    assert len(paths) == 1 + (BRANCHES + 1) * (1 + LEAVES)
    statistics = dispatcher.statistics()
    assert statistics.actors == len(dispatcher.live_paths())
    assert statistics.timers == statistics.tasks == 0
    for cell in list(dispatcher._cells):
        life = cell.life
        claims = life.claims or ()
        assert not life.keyed
        assert all(isinstance(claim, Watch | Hold) for claim in claims)
        watches = [claim for claim in claims if type(claim) is Watch]
        assert all(not claim.fired for claim in watches)
        assert len({claim.target for claim in watches}) == len(watches)
        assert (cell.depth(), len(cell.control or {}), cell.admitted) == (0, 0, 0)
        if cell.kind in ("supervisor", "dynamic_supervisor"):
            actor = life.actor
            assert actor._cells.keys() <= actor.core.members.keys()
            assert len(actor._names) == len(actor._cells)
            assert actor._holds.keys() == actor._cells.keys()
        assert all(watch.owner is not None for watch in cell.watchers or ())


def _error_of(asked: Any) -> BaseException | None:
    try:
        asked.get(timeout=0)
    except BaseException as error:
        return error
    return None
