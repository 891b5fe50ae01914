"""Cases of the differential test, as values: a tree of supervisors and a script of what happens to it.

`erlang` writes them as the terms that oracle.escript reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Path = tuple[str, ...]
"""Ids from the top's on: ("top", "a")."""
Restart = Literal["permanent", "transient", "temporary"]
Shutdown = int | Literal["infinity", "brutal_kill"]
"""Milliseconds, or one of OTP's two words."""
Dying = Literal["obey", "normal", "crash", "never"]
"""What a leaf does when its supervisor wants it down: end as `shutdown`, as something else, or not at all."""
Outcome = Literal["ok", "ignore", "fail", "raise"]
"""How a start goes. `raise` is `fail` in another place: for ours the constructor, not on_start."""
Reason = Literal["normal", "shutdown", "crash", "kill"]
"""How something ends. `kill` comes from outside; all others it does itself."""
TOP: Path = ("top",)


@dataclass(frozen=True)
class Leaf:
    id: str
    restart: Restart = "permanent"
    significant: bool = False
    shutdown: Shutdown = 5000
    dying: Dying = "obey"


@dataclass(frozen=True)
class Sup:
    id: str
    children: tuple["Leaf | Sup", ...] = ()
    strategy: Literal["one_for_one", "one_for_all", "rest_for_one"] = "one_for_one"
    intensity: int = 3
    auto_shutdown: Literal["never", "any_significant", "all_significant"] = "never"
    restart: Restart = "permanent"
    significant: bool = False


Child = Leaf | Sup


@dataclass(frozen=True)
class Plan:
    """The next starts of what stands there go so; behind them all go well."""

    path: Path
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Kill:
    """A leaf dies; a supervisor can only be killed so by `kill`."""

    path: Path
    reason: Reason = "crash"


@dataclass(frozen=True)
class Quit:
    """A supervisor ends by itself, as if its own code had decided so (in OTP `gen_server:stop`)."""

    path: Path
    reason: Literal["normal", "shutdown", "crash"] = "crash"


@dataclass(frozen=True)
class Command:
    """Somebody asks the supervisor."""

    sup: Path
    what: Literal["terminate", "restart", "delete", "start"]
    child: str | Child
    """The id; for `start` what is to be started."""


@dataclass(frozen=True)
class Burst:
    """All of it stands in the supervisor's mailbox, in this order, before it looks at the first.

    Parts are Kills of its own children, and Commands to it.
    """

    sup: Path
    parts: tuple[Kill | Command, ...]


@dataclass(frozen=True)
class Stop:
    """The top is shut down from above."""


Action = Plan | Kill | Quit | Command | Burst | Stop


@dataclass(frozen=True)
class Case:
    top: Sup
    script: tuple[Action, ...] = ()
    plans: Mapping[Path, tuple[Outcome, ...]] = field(default_factory=dict)


def below(child: Child, above: Path = ()) -> Iterator[tuple[Path, Child]]:
    """The child and all under it, with their paths, in the order of their start."""
    path = (*above, child.id)
    yield path, child
    if isinstance(child, Sup):
        for inner in child.children:
            yield from below(inner, path)


# -- as Erlang terms ------------------------------------------------------------------------------------------


def erlang(term: Any) -> str:
    """The term, as Erlang reads it: tuples, lists, whole numbers; every string is an atom."""
    match term:
        case bool():
            return "true" if term else "false"
        case str():
            return f"'{term}'"
        case int():
            return str(term)
        case tuple():
            return "{" + ",".join(map(erlang, term)) + "}"
        case list():
            return "[" + ",".join(map(erlang, term)) + "]"
    raise TypeError(f"no Erlang term for {term!r}")


def case_term(case: Case) -> str:
    """The line that the oracle reads, with its full stop."""
    plans = [(list(path), list(outcomes)) for path, outcomes in case.plans.items()]
    return erlang((plans, _child(case.top), [_action(action) for action in case.script])) + "."


def _child(child: Child) -> Any:
    if isinstance(child, Leaf):
        return ("leaf", child.id, child.restart, child.significant, child.shutdown, child.dying)
    flags = (child.strategy, child.intensity, child.auto_shutdown)
    return ("sup", child.id, child.restart, child.significant, flags, [_child(c) for c in child.children])


def _action(action: Action) -> Any:
    match action:
        case Plan(path, outcomes):
            return ("plan", list(path), list(outcomes))
        case Kill(path, reason):
            return ("kill", list(path), reason)
        case Quit(path, reason):
            return ("quit", list(path), reason)
        case Command(sup, what, child):
            return ("command", list(sup), _command(what, child))
        case Burst(sup, parts):
            return ("burst", list(sup), [_part(part) for part in parts])
        case Stop():
            return "stop"


def _part(part: Kill | Command) -> Any:
    return ("kill", part.path[-1], part.reason) if isinstance(part, Kill) else _command(part.what, part.child)


def _command(what: str, child: str | Child) -> Any:
    return (what, child if isinstance(child, str) else _child(child))
