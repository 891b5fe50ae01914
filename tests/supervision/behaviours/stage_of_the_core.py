"""The stage without actors: the pure core, and children that are a name and a number. See stages.py.

Orders are carried out in their order, as supervisor.py does; what children say of it is mail, handled after them.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from types import SimpleNamespace
from typing import Any

from stages import Boom, HowItDies, Stage

from greenroom.actors.future import Future
from greenroom.supervision.crowd import Crowd
from greenroom.supervision.family import Family
from greenroom.supervision.orders import (
    Answer,
    CountChildren,
    DeleteChild,
    Forget,
    Kill,
    Launch,
    Leave,
    Order,
    Ready,
    RestartChild,
    StartChild,
    Stop,
    Tell,
    TerminateChild,
    Unwake,
    Wake,
    WhichChildren,
)
from greenroom.supervision.spec import ChildSpec, SupervisorOptions, check_family, check_fit

Act = Callable[[], list[Order]]


class StageOfTheCore(Stage):
    """See the module."""

    real = False

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.ready = False
        self.forgotten: list[str] = []
        self._end: tuple[str, BaseException | None] | None = None
        self._lines: list[str] = []
        self._tells: list[Tell] = []
        self._living: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._mail: deque[Act] = deque()
        self._timers: list[tuple[float, int, Any, Act]] = []
        self._serial = count()

    def open(self, specs: Iterable[ChildSpec], *, dynamic: bool = False, **options: Any) -> None:
        made = SupervisorOptions(**options)
        cls: Any = Crowd if dynamic else Family
        self.core = cls(check_family(specs, made), made)
        self._hear(lambda: self.core.begin(self.now_s))

    def die(self, name: str, how: HowItDies = "failed") -> None:
        self._ends(name, self._living[name], how, Boom("it was told to") if how == "failed" else None)
        self._pump()

    def advance(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self._timers and self._timers[0][0] <= end_s:
            self.now_s, _, _, act = heapq.heappop(self._timers)
            self._hear(act)
        self.now_s = end_s

    def call(self, message: Any) -> Future[Any]:
        token: Future[Any] = Future()
        match message:
            case StartChild(spec):
                check_fit(spec, self.core.options)
                self._hear(lambda: self.core.start_child(spec, token, self.now_s))
            case TerminateChild(name):
                self._hear(lambda: self.core.terminate_child(name, token, self.now_s))
            case RestartChild(name):
                self._hear(lambda: self.core.restart_child(name, token, self.now_s))
            case DeleteChild(name):
                self._hear(lambda: self.core.delete_child(name, token, self.now_s))
            case WhichChildren():
                token.set(self.core.infos(lambda name: name, self.now_s))
            case CountChildren():
                token.set(self.core.counts())
        return token

    def shut(self) -> None:
        self._hear(lambda: self.core.shut(self.now_s))

    @property
    def end(self) -> tuple[str, BaseException | None] | None:
        assert self._end is None or not self._living, f"the supervisor has left with {self._living} alive"
        return self._end

    def lines(self) -> list[str]:
        return list(self._lines)

    def told(self, what: str) -> list[Any]:
        return [SimpleNamespace(child=tell.child, **tell.facts) for tell in self._tells if tell.what == what]

    # -- the shell ----------------------------------------------------------------------------------------

    def _hear(self, act: Act) -> None:
        self._mail.append(act)
        self._pump()

    def _pump(self) -> None:
        while self._mail:
            for order in self._mail.popleft()():
                assert self._end is None, f"{order} after the end"
                self._obey(order)

    def _obey(self, order: Order) -> None:
        match order:
            case Launch(name):
                self._launch(name)
            case Stop(name, within_s):
                self._order_down(name, within_s)
            case Kill(name):
                self._ends(name, self._numbers[name], "killed")
            case Wake(name, delay_s):
                self._in(delay_s, ("wait", name), lambda: self.core.woke(name, self.now_s))
            case Unwake(name):
                self._timers = [timer for timer in self._timers if timer[2] != ("wait", name)]
                heapq.heapify(self._timers)
            case Forget(name):
                self.forgotten.append(name)
            case Tell():
                self._tells.append(order)
            case Answer(token, name, error):
                token.set(name) if error is None else token.set_exception(error)
            case Ready():
                self.ready = True
            case Leave(reason, error):
                self._end = reason, error

    def _in(self, delay_s: float, key: Any, act: Act) -> None:
        heapq.heappush(self._timers, (self.now_s + delay_s, next(self._serial), key, act))

    def _launch(self, name: str) -> None:
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        self._living[name] = number
        self._lines.append(f"start {name}")
        self.core.launched(name, number)
        how = self.scripts[name].next_start()
        if how in ("up", "ignore"):
            ignored = how == "ignore"
            self._mail.append(lambda: self.core.started(name, number, self.now_s, ignored=ignored))
        if how in ("quit", "ignore"):
            self._ends(name, number, "normal")
        elif how == "fail":
            self._ends(name, number, "failed", Boom("it does not start"))

    def _order_down(self, name: str, within_s: float | None) -> None:
        number, stop_s = self._numbers[name], self.scripts[name].stop_s
        if within_s is not None:
            self._in(within_s, ("stop", name), lambda: self.core.overdue(name, number))
        if stop_s == 0:
            self._ends(name, number, "shutdown")
        elif stop_s is not None:
            self._in(stop_s, ("ends", name), lambda: self._ends(name, number, "shutdown") or [])

    def _ends(self, name: str, number: int, how: HowItDies, error: BaseException | None = None) -> None:
        if self._living.get(name) != number:
            return
        del self._living[name]
        self._lines.append(f"stop {name} {how}")
        self._mail.append(lambda: self.core.exited(name, number, how, error, self.now_s))
