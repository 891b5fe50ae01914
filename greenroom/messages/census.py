"""`system.census()`: one frozen picture of the tree of actors, for people and for dashboards."""

from collections.abc import Iterator
from typing import Literal

from greenroom.messages.value import Value

ActorState = Literal["starting", "running", "ended", "restarting", "waiting", "stopping", "down"]
"""ended: its end is not dealt with yet; restarting: its siblings must stop first, or its start is tried again;
waiting: for its back-off, or for room in its supervisor's window; down: known to its supervisor, not running."""


class RestartWindow(Value):
    """A supervisor's: how many restarts it has made in the last `period_s`, of how many."""

    restarts: int
    intensity: int
    period_s: float


class ActorCensus(Value):
    """One actor, or one place where none lives at the moment."""

    path: str
    parent: str | None
    kind: str
    actor_class: str
    state: ActorState
    incarnation: int
    """Of the present actor, or the last one; from 1."""
    supervised: bool = False
    """Its parent restarts it by a child spec; else what becomes of it is its parent's own business."""
    restart: Literal["permanent", "transient", "temporary"] | None = None
    restarts: int = 0
    """By its supervisor, since it was first started."""
    wait_s: float | None = None
    """How long until it is started again, where it is waiting."""
    window: RestartWindow | None = None
    """Where it is a supervisor."""
    children: int = 0
    age_s: float | None = None
    """Of this incarnation; None where none lives."""
    mailbox: int
    """Mail that waits now."""
    mailbox_high: int
    """The most that was found waiting when it got a turn."""
    handled: int
    """Messages, over all incarnations."""
    last_error: str | None = None
    """What its last failure was, as `Type: text`."""


class Census(Value):
    """All actors at one moment, each behind its parent, siblings in the order of their start."""

    at_s: float
    """Seconds since 1970 UTC."""
    actors: tuple[ActorCensus, ...]
    left_out: int = 0
    """Actors beyond `max_actors`."""

    def find(self, path: str) -> ActorCensus | None:
        """The actor at that path."""
        return next((actor for actor in self.actors if actor.path == path), None)

    def children(self, path: str) -> tuple[ActorCensus, ...]:
        """The children of the actor at that path."""
        return tuple(actor for actor in self.actors if actor.parent == path)

    def tree(self) -> str:
        """As text, one line an actor, for people."""
        return "\n".join([*self._lines(), *([f"... and {self.left_out} more"] if self.left_out else [])])

    def _lines(self) -> Iterator[str]:
        depth: dict[str, int] = {}
        for actor in self.actors:
            depth[actor.path] = level = 0 if actor.parent is None else depth.get(actor.parent, 0) + 1
            yield f"{'  ' * level}{_line(actor)}"


def _line(actor: ActorCensus) -> str:
    name = actor.path if actor.parent is None else actor.path.rsplit("/", 1)[-1]
    state: str = actor.state if actor.wait_s is None else f"waiting {actor.wait_s:.1f} s"
    facts = [f"{name}  {actor.kind}  {state}", f"incarnation {actor.incarnation}"]
    if actor.window is not None:
        window = actor.window
        facts.append(f"restarts {window.restarts}/{window.intensity} in {window.period_s:g} s")
    facts.append(f"mail {actor.mailbox} (at most {actor.mailbox_high}), {actor.handled} handled")
    if actor.last_error is not None:
        facts.append(f"last error {actor.last_error}")
    return ", ".join(facts)
