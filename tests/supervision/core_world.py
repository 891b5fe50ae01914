"""A supervisor's shell without actors: carries out a core's orders, and asserts that they can be carried out.

A child is a `Life` in a dict. The tests say when it has started and when it ends; time is a number.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.signals import ExitReason
from greenroom.supervision.crowd import Crowd
from greenroom.supervision.family import Family
from greenroom.supervision.member import Verdict
from greenroom.supervision.orders import (
    ALIVE,
    Answer,
    Forget,
    Kill,
    Launch,
    Leave,
    LieIdle,
    Order,
    Ready,
    Stop,
    Tell,
    Unwake,
    Wake,
)
from greenroom.supervision.spec import ChildSpec, SupervisorOptions


class Boom(Exception):
    """What children die of."""


@dataclass
class Life:
    """One incarnation of a child."""

    number: int
    up: bool = False
    ordered: bool = False
    """It was told to stop."""
    killed: bool = False


def spec(name: str, **fields: Any) -> ChildSpec:
    return ChildSpec(name, LoopActor, **fields)


class World:
    """One core and what it believes to exist."""

    def __init__(self, core_class: Any, specs: list[ChildSpec], options: SupervisorOptions) -> None:
        self.core: Any = core_class(specs, options)
        self.now_s = 0.0
        self.lives: dict[str, Life] = {}
        self.wakes: dict[str, float] = {}
        self.asked: dict[int, str] = {}
        self.answers: dict[int, Answer] = {}
        self.fails_to_launch: set[str] = set()
        self.readies, self.left = 0, list[Leave]()
        self.launches: list[tuple[float, str, bool]] = []
        self.stops: list[str] = []
        self.judged: list[tuple[float, str, Verdict]] = []
        self.told: list[Tell] = []
        self._numbers: Counter[str] = Counter()
        self._orders: deque[Order] = deque()
        self._busy = False
        judge = self.core.books.judge

        def judged(member: Any, now_s: float) -> Verdict:
            verdict: Verdict = judge(member, now_s)
            self.judged.append((now_s, member.spec.id, verdict))
            return verdict

        self.core.books.judge = judged

    # -- orders ---------------------------------------------------------------------------------------

    def give(self, orders: list[Order]) -> None:
        self._orders.extend(orders)
        if self._busy:
            return
        self._busy = True
        while self._orders:
            order = self._orders.popleft()
            assert not self.left, f"{order} behind Leave"
            self._obey(order)
        self._busy = False
        self.check()

    def _obey(self, order: Order) -> None:
        match order:
            case Launch(child, fresh):
                self._launch(child, fresh=fresh)
            case Stop(child, _) | Kill(child, _):
                life = self.lives[child]
                assert not life.killed
                life.ordered, life.killed = True, isinstance(order, Kill)
                self.stops.append(child)
            case Wake(child, delay_s):
                assert child not in self.wakes
                assert self.core.members[child].status == "waiting"
                self.wakes[child] = self.now_s + delay_s
            case Unwake(child):
                self.wakes.pop(child, None)
            case Forget(child, _):
                assert child not in self.lives
            case LieIdle(child):
                assert child not in self.lives
                assert self.core.members[child].status == "down"
            case Tell():
                self.told.append(order)
            case Answer(token, _, _):
                assert token in self.asked
                assert token not in self.answers, f"{order} is the second answer"
                self.answers[token] = order
            case Ready():
                self.readies += 1
            case Leave():
                assert not self.lives
                assert not self.wakes
                self.left.append(order)

    def _launch(self, child: str, *, fresh: bool) -> None:
        assert child in self.core.members
        assert child not in self.lives, f"{child} is launched while it lives"
        assert not self.core.leaving
        self.launches.append((self.now_s, child, fresh))
        self._numbers[child] += 1
        number = self._numbers[child]
        self.core.launched(child, number)
        if child in self.fails_to_launch:
            self.fails_to_launch.remove(child)
            self.give(self.core.exited(child, number, "failed", Boom(child), self.now_s))
        else:
            self.lives[child] = Life(number)

    def check(self) -> None:
        """What always holds between two inputs."""
        assert self.readies <= 1
        for name, member in self.core.members.items():
            assert (member.status in ALIVE) == (name in self.lives), f"{name} is {member.status}"
        assert self.lives.keys() <= self.core.members.keys()
        for name in self.wakes:
            assert self.core.members[name].status == "waiting"
        lives = self.lives.values()
        if isinstance(self.core, Family):
            unwanted = sum(member.unwanted for member in self.core.members.values())
            assert sum(not life.up and not life.ordered for life in lives) <= 1, "two starts at a time"
            assert sum(life.ordered for life in lives) <= 1 + unwanted, "two stops at a time"
        if self.left or not any(life.ordered or not life.up for life in lives):
            assert self.answers.keys() == self.asked.keys()

    # -- what children and time do --------------------------------------------------------------------

    def started(self, child: str, *, ignored: bool = False) -> None:
        life = self.lives[child]
        if life.killed:
            return
        life.up = True
        if ignored:
            del self.lives[child]
        self.give(self.core.started(child, life.number, self.now_s, ignored=ignored))

    def ended(self, child: str, reason: ExitReason) -> None:
        life = self.lives.pop(child)
        error = Boom(child) if reason == "failed" else None
        self.give(self.core.exited(child, life.number, reason, error, self.now_s))

    def overdue(self, child: str) -> None:
        self.give(self.core.overdue(child, self.lives[child].number))

    def advance(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while (due := min(self.wakes.items(), key=lambda each: each[1], default=None)) is not None:
            child, due_s = due
            if due_s > end_s:
                break
            self.now_s = max(self.now_s, due_s)
            del self.wakes[child]
            self.give(self.core.woke(child, self.now_s))
        self.now_s = max(self.now_s, end_s)

    def ask(self, command: str, argument: Any) -> int:
        """Behind Leave nobody is there any more to be asked: the token is -1."""
        if self.left:
            return -1
        token = len(self.asked)
        self.asked[token] = command
        self.give(getattr(self.core, command)(argument, token, self.now_s))
        return token

    def obliging(self) -> bool:
        """Whoever is to start has, whoever is to stop has. False: nobody was."""
        for child, life in list(self.lives.items()):
            if life.ordered:
                self.ended(child, "killed" if life.killed else "shutdown")
                return True
            if not life.up:
                self.started(child)
                return True
        return False

    def settle(self) -> None:
        while self.obliging():
            pass

    def heal(self) -> None:
        """Nobody fails any more, and all waits are over."""
        self.fails_to_launch.clear()
        self.settle()
        while self.wakes:
            self.advance(min(self.wakes.values()) - self.now_s)
            self.settle()

    def begin(self) -> None:
        self.give(self.core.begin(self.now_s))

    def shut(self) -> None:
        if self.left:
            return
        self.give(self.core.shut(self.now_s))
        self.settle()

    def running(self) -> list[str]:
        return [name for name, member in self.core.members.items() if member.status == "running"]


def most_in_any_window(times: list[float], period_s: float) -> int:
    """The most of these that lie within one period."""
    return max((sum(start_s <= at <= start_s + period_s for at in times) for start_s in times), default=0)


CORES = (Family, Crowd)
