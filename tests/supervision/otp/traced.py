"""The actors of a case on our side, which obey it and note what happens to them.

All is noted on the dispatcher thread, in the order in which it happens there: a start by the actor itself, an end
by its `actor.stopped`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from greenroom.actors.errors import IgnoreStart
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.events import ActorStopped
from greenroom.supervision.orders import TerminateChild, WhichChildren
from greenroom.supervision.spec import ChildSpec, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor

from otp.cases import Child, Leaf, Path, Reason, Sup

PERIOD_S = 1e6


class Planned(Exception):
    """What a leaf or a start dies of."""


class World:
    """What happens in one case, and what is to happen."""

    def __init__(self, plans: Mapping[Path, tuple[str, ...]]) -> None:
        self.plans = {path: list(outcomes) for path, outcomes in plans.items()}
        self.events: list[list[Any]] = []
        self.cells: dict[Path, Any] = {}
        self.broke_off = False
        """A child was terminated while it started."""
        self._up: dict[tuple[str, int], bool] = {}
        """Of those that live, by path and incarnation: whether their start is over."""
        self._numbers: dict[tuple[str, int], int] = {}
        """Of the same: which start of that path it was."""
        self._starts: Counter[str] = Counter()

    def outcome(self, path: Path) -> str:
        """How this start goes."""
        planned = self.plans.get(path)
        return planned.pop(0) if planned else "ok"

    def not_started(self, path: Path, how: str) -> None:
        """A start failed, or was none."""
        name = "/".join(path)
        self.events.append(["start", name, how, self._starts[name]])

    def started(self, actor: LoopActor, path: Path) -> None:
        """The actor lives; if it is a supervisor, its start goes on."""
        name = "/".join(path)
        self.cells[path] = actor.cell
        self._starts[name] += 1
        self._numbers[actor.path, actor.incarnation] = self._starts[name]
        self._up[actor.path, actor.incarnation] = isinstance(actor, TracedLeaf)
        self.events.append(["start", name, "ok", self._starts[name]])

    def up(self, actor: LoopActor, path: Path) -> None:
        """The supervisor's start is over."""
        if not self._up[actor.path, actor.incarnation]:
            self._up[actor.path, actor.incarnation] = True
            name = "/".join(path)
            self.events.append(["start", name, "up", self._starts[name]])

    def stopped(self, event: ActorStopped) -> None:
        """An actor has ended."""
        which = event.actor, event.incarnation
        number = self._numbers.pop(which, None)
        if number is not None:
            ended = ["exit", event.reason] if self._up.pop(which) else ["start", "fail"]
            self.events.append([ended[0], event.actor.removeprefix("/"), ended[1], number])


class Die:
    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class TracedLeaf(LoopActor):
    """A leaf of the case."""

    def __init__(self, world: World, path: Path, dying: str) -> None:
        super().__init__()
        self.world, self.whole_path, self.dying = world, path, dying
        self.outcome = world.outcome(path)
        if self.outcome == "raise":
            world.not_started(path, "fail")
            raise Planned(path)
        if self.outcome == "ignore":
            world.not_started(path, "ignore")
            raise IgnoreStart

    def on_start(self) -> None:
        if self.outcome == "fail":
            self.world.not_started(self.whole_path, "fail")
            raise Planned(self.whole_path)
        self.world.started(self, self.whole_path)

    def on_shutdown(self) -> None:
        if self.dying == "obey":
            super().on_shutdown()
        elif self.dying != "never":
            _end(self, self.dying)

    def on_receive(self, message: Any) -> Any:
        return _end(self, message.reason) if isinstance(message, Die) else super().on_receive(message)


class TracedSupervisor(Supervisor):
    """A supervisor of the case."""

    def __init__(self, world: World, path: Path, specs: Any, options: SupervisorOptions) -> None:
        super().__init__(specs, options)
        self.world, self.whole_path = world, path

    def on_start(self) -> None:
        match self.world.outcome(self.whole_path):
            case "ok":
                self.world.started(self, self.whole_path)
                super().on_start()
            case "ignore":
                self.world.not_started(self.whole_path, "ignore")
                raise IgnoreStart
            case _:
                self.world.not_started(self.whole_path, "fail")
                raise Planned(self.whole_path)

    def started(self) -> None:
        self.world.up(self, self.whole_path)
        super().started()

    def on_terminate_child(self, message: TerminateChild) -> None:
        children = {child.id: child for child in self.on_which_children(WhichChildren())}
        if message.id in children and children[message.id].status == "starting":
            self.world.broke_off = True
        super().on_terminate_child(message)

    def on_receive(self, message: Any) -> Any:
        return _end(self, message.reason) if isinstance(message, Die) else super().on_receive(message)


def _end(actor: LoopActor, reason: str) -> None:
    if reason == "crash":
        raise Planned(actor.path)
    actor.exit(reason)  # type: ignore[arg-type]


def spec_of(world: World, above: Path, child: Child) -> ChildSpec:
    """Our spec for a child of the case."""
    path = (*above, child.id)
    shared: dict[str, Any] = {"restart": child.restart, "significant": child.significant}
    if isinstance(child, Leaf):
        shutdown_s = {"infinity": None, "brutal_kill": 0}.get(child.shutdown, 0)
        if isinstance(child.shutdown, int):
            shutdown_s = child.shutdown / 1000
        return ChildSpec(child.id, TracedLeaf, (world, path, child.dying), shutdown_s=shutdown_s, **shared)
    return ChildSpec(child.id, TracedSupervisor, sup_args(world, path, child), type="supervisor", **shared)


def sup_args(world: World, path: Path, sup: Sup) -> tuple[Any, ...]:
    options = SupervisorOptions(
        sup.strategy, intensity=sup.intensity, period_s=PERIOD_S, auto_shutdown=sup.auto_shutdown
    )
    return world, path, [spec_of(world, path, child) for child in sup.children], options
