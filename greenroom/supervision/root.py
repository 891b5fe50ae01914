"""The root of the tree: starts the long-lived actors and starts one again, in its own cell, when it crashes.

one_for_one: a child's crash touches no other. Too many restarts in the period: the child stays down, that is
told, its class's `given_up(state, *args)` frees what it held, and what needs it fails typed; with an essential
child the root falls, and with it the dispatcher, whose death ends every open stream. What a child must not lose
stands in its cell, or is an argument that outlives it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.events import ChildRestarted, IntensityExceeded
from greenroom.messages.signals import Down
from greenroom.supervision.intensity import add_restart

INTENSITY = 10
PERIOD_S = 60.0


@dataclass(slots=True)
class Permanent:
    """A child that is started with the system and again after a crash. `cell` holds its stable address."""

    name: str
    cls: type[LoopActor]
    args: tuple[Any, ...]
    cell: Any
    restarts: tuple[float, ...] = field(default=())


class TooManyRestarts(Exception):  # noqa: N818  (reads as what happened)
    """An essential child crashed too often."""


class Root(LoopActor):
    """See the module."""

    kind = "root"

    def __init__(self, children: tuple[Permanent, ...]) -> None:
        super().__init__()
        self._children = {child.cell: child for child in children}

    def on_start(self) -> None:
        for child in self._children.values():
            self._start(child)

    def on_failure(self, *_: Any) -> None:
        self.dispatcher.loop.stop()

    def _start(self, child: Permanent) -> None:
        self.spawn(child.cls, *child.args, cell=child.cell)

    @receives(Down)
    def on_down(self, down: Down) -> None:
        child = self._children.get(down.ref.cell)
        if child is None or down.reason == "shutdown":
            return
        now_s = self.clock.now_s()
        child.restarts, allowed = add_restart(child.restarts, now_s, INTENSITY, PERIOD_S)
        facts: dict[str, Any] = {
            "at_s": self.clock.wall_s(), "actor": child.cell.path, "child": child.name,
            "restarts": len(child.restarts), "window_s": PERIOD_S,
        }  # fmt: skip
        if not allowed:
            self.events.emit(IntensityExceeded(intensity=INTENSITY, **facts))
            if getattr(child.cls, "essential", False):
                raise TooManyRestarts(f"{child.name} crashed {len(child.restarts)} times in {PERIOD_S:g} s")
            child.cell.close()
            given_up: Callable[..., None] | None = getattr(child.cls, "given_up", None)
            if given_up is not None:
                given_up(child.cell.state, *child.args)
            return
        self._start(child)
        self.events.emit(ChildRestarted(incarnation=child.cell.incarnation, **facts))
