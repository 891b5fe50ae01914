"""What a supervisor is told: the specs of its children, and its own options. Refused where they cannot work.

Words and defaults after https://www.erlang.org/doc/apps/stdlib/supervisor.html; what OTP has not is said at
its field. A spec is checked when it is made, a spec against its supervisor's options by `check_family`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from math import inf
from types import MappingProxyType
from typing import Any, Literal, get_args

from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.invalid import InvalidInput

Restart = Literal["permanent", "transient", "temporary"]
"""permanent: restarted whatever ended it; transient: unless it ended as normal or shutdown; temporary: never."""
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
OnStorm = Literal["escalate", "defer"]
ChildType = Literal["worker", "supervisor"]
SHUTDOWN_S = 5.0
"""Of a worker, as in OTP."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits before restarts; not in OTP. The k-th wait in a row is `min_s * factor**(k-1)`, at most `max_s`.

    Up to `jitter` of it is taken off at random. The first `at_once` restarts in a row do not wait. After
    `reset_after_s` of calm (half of min_s + max_s unless given) the next failure is the first again.
    Source: https://pekko.apache.org/docs/pekko/current/typed/fault-tolerance.html (SupervisorStrategy)
    """

    min_s: float = 0.1
    max_s: float = 30.0
    _: KW_ONLY
    factor: float = 2.0
    jitter: float = 0.2
    at_once: int = 0
    reset_after_s: float | None = None

    def __post_init__(self) -> None:
        _number("Backoff", "min_s", self.min_s, least=0.0)
        _number("Backoff", "max_s", self.max_s, least=self.min_s)
        _number("Backoff", "factor", self.factor, least=1.0)
        _number("Backoff", "jitter", self.jitter, least=0.0)
        if self.jitter > 1:
            raise _wrong("Backoff", "jitter", "must be at most 1: all of the wait", self.jitter)
        _count("Backoff", "at_once", self.at_once)
        if self.reset_after_s is not None:
            _number("Backoff", "reset_after_s", self.reset_after_s, least=0.0)

    @property
    def calm_s(self) -> float:
        """So long a child has to live before its failures in a row are forgotten."""
        return (self.min_s + self.max_s) / 2 if self.reset_after_s is None else self.reset_after_s

    def delay_s(self, failures: int, random: float) -> float:
        """The wait after this many failures in a row, from 1. `random` is in [0, 1)."""
        waits = failures - self.at_once
        if waits <= 0:
            return 0.0
        try:
            grown_s = self.min_s * self.factor ** (waits - 1)
        except OverflowError:
            grown_s = self.max_s
        return min(self.max_s, grown_s) * (1.0 - self.jitter * random)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many restarts within the time."""

    restarts: int
    within_s: float

    def __post_init__(self) -> None:
        _count("Limit", "restarts", self.restarts)
        _number("Limit", "within_s", self.within_s, least=0.0, open_end=True)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child: how it is started, what its end means, and how long it may take to end."""

    id: str
    """Unique in its supervisor; the last part of its path."""
    start: type[LoopActor]
    args: tuple[Any, ...] = field(default=(), repr=False)
    """Of the constructor. Every incarnation gets the same objects."""
    kwargs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _: KW_ONLY
    restart: Restart = "permanent"
    shutdown_s: float | Literal["default"] | None = "default"
    """How long it may take to end in order before it is killed; 0: killed at once; None: as long as it takes.
    Unless given SHUTDOWN_S for a worker, None for a supervisor."""
    type: ChildType = "worker"
    significant: bool = False
    """Its own end may be its supervisor's (`auto_shutdown`)."""
    limit: Limit | None = None
    """Its own budget; not in OTP. Past it the child stays down, which is told, and its supervisor goes on."""
    backoff: Backoff | None = None
    """Its own; the supervisor's unless given."""
    state: Callable[[], Any] | None = field(default=None, repr=False)
    """Makes what its cell holds for it (`self.cell.state`), kept when it crashes and given to the next one."""
    check: Callable[[Any], object] | None = field(default=None, repr=False)
    """Looks at kept state before it is given on; raises where it is not fit, and it is made anew."""
    cell: Any = field(default=None, repr=False)
    """A held cell whose ref is known already. Unless given the supervisor makes one, and closes it at its end."""
    mailbox_bound: int | None = None
    """How much mail waits for it between two incarnations; that of the class unless given."""

    def __post_init__(self) -> None:
        _id(self.id)
        if not (isinstance(self.start, type) and issubclass(self.start, LoopActor)):
            raise _wrong("ChildSpec", "start", "must be a subclass of LoopActor", self.start)
        _arguments(self.args, self.kwargs)
        _one_of("ChildSpec", "restart", self.restart, get_args(Restart))
        _one_of("ChildSpec", "type", self.type, get_args(ChildType))
        if self.shutdown_s == "default":
            object.__setattr__(self, "shutdown_s", SHUTDOWN_S if self.type == "worker" else None)
        elif self.shutdown_s is not None and not _is_number(self.shutdown_s, 0.0):
            remedy = "must be a number of at least 0, or None: as long as it takes"
            raise _wrong("ChildSpec", "shutdown_s", remedy, self.shutdown_s)
        if type(self.significant) is not bool:
            raise _wrong("ChildSpec", "significant", "must be True or False", self.significant)
        if self.significant and self.restart == "permanent":
            remedy = (
                "must be False for a permanent child, which never ends by itself; use transient or temporary"
            )
            raise _wrong("ChildSpec", "significant", remedy, self.significant)
        if self.mailbox_bound is not None:
            _count("ChildSpec", "mailbox_bound", self.mailbox_bound, least=1)
        _kind("ChildSpec", "limit", self.limit, Limit)
        _kind("ChildSpec", "backoff", self.backoff, Backoff)
        _callable("state", self.state)
        _callable("check", self.check)
        if self.check is not None and self.state is None:
            raise _wrong("ChildSpec", "check", "needs `state`, which makes what it looks at", self.check)


_NOTHING = {"args": (), "kwargs": MappingProxyType({})}
_KEPT = tuple(each.name for each in fields(ChildSpec) if each.name not in _NOTHING)


def without_arguments(spec: ChildSpec) -> ChildSpec:
    """The same spec for the books alone: its child cannot be started with it."""
    # As `dataclasses.replace`, without checking again what was checked: this is paid by every dynamic child.
    bare, put = object.__new__(ChildSpec), object.__setattr__
    for name in _KEPT:
        put(bare, name, getattr(spec, name))
    for name, nothing in _NOTHING.items():
        put(bare, name, nothing)
    return bare


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """How a supervisor behaves. More than `intensity` restarts within `period_s` are a storm.

    The default is wider than OTP's 1 in 5 s, which is too small for many children.
    """

    strategy: Strategy = "one_for_one"
    """one_for_all: all others are stopped and all started again; rest_for_one: those started after it."""
    _: KW_ONLY
    intensity: int = 10
    period_s: float = 60.0
    auto_shutdown: AutoShutdown = "never"
    on_storm: OnStorm = "escalate"
    """escalate: the supervisor stops its children and exits as `shutdown`, as in OTP. defer: it lives, and the
    restart waits until the window has room again (after RabbitMQ's supervisor2)."""
    backoff: Backoff | None = None
    """For children that have none of their own; None: restarts come at once."""
    max_children: int | None = None
    """Running and restarting ones together. None: no bound but `start_child`'s callers."""
    seed: int | None = None
    """Of the jitter."""

    def __post_init__(self) -> None:
        name = "SupervisorOptions"
        _one_of(name, "strategy", self.strategy, get_args(Strategy))
        _count(name, "intensity", self.intensity)
        _number(name, "period_s", self.period_s, least=0.0, open_end=True)
        _one_of(name, "auto_shutdown", self.auto_shutdown, get_args(AutoShutdown))
        _one_of(name, "on_storm", self.on_storm, get_args(OnStorm))
        _kind(name, "backoff", self.backoff, Backoff)
        if self.max_children is not None:
            _count(name, "max_children", self.max_children)
        if self.seed is not None and type(self.seed) is not int:
            raise _wrong(name, "seed", "must be a whole number", self.seed)
        if self.on_storm == "defer" and self.intensity == 0:
            remedy = "must be at least 1 with on_storm='defer': with 0 no restart would ever be due"
            raise _wrong(name, "intensity", remedy, self.intensity)


def check_family(specs: Iterable[ChildSpec], options: SupervisorOptions) -> tuple[ChildSpec, ...]:
    """The specs, which fit together and to the options. Raises InvalidInput."""
    if not isinstance(options, SupervisorOptions):
        raise _wrong("Supervisor", "options", "must be SupervisorOptions", options)
    if not isinstance(specs, Iterable):
        raise _wrong("Supervisor", "specs", "must be a list or another iterable of ChildSpecs", specs)
    family: dict[str, ChildSpec] = {}
    for number, spec in enumerate(specs):
        path = f"specs.{number}"
        check_is_spec(spec, "Supervisor", path)
        if spec.id in family:
            raise _wrong("Supervisor", f"{path}.id", "must be unique in its supervisor", spec.id)
        check_fit(spec, options, path)
        family[spec.id] = spec
    if options.max_children is not None and len(family) > options.max_children:
        remedy = f"must be at least the number of specs ({len(family)})"
        raise _wrong("Supervisor", "options.max_children", remedy, options.max_children)
    return tuple(family.values())


def check_fit(spec: ChildSpec, options: SupervisorOptions, path: str = "spec") -> None:
    """Raises InvalidInput where a spec cannot work under these options."""
    if spec.significant and options.auto_shutdown == "never":
        remedy = "needs a supervisor with auto_shutdown='any_significant' or 'all_significant'"
        raise _wrong("Supervisor", f"{path}.significant", remedy, spec.significant)


def check_is_spec(given: object, model: str, path: str) -> None:
    """Raises InvalidInput where it is no spec."""
    if not isinstance(given, ChildSpec):
        raise _wrong(model, path, "must be a ChildSpec", given)


def check_is_text(given: object, model: str, path: str) -> None:
    """Raises InvalidInput where it cannot be a child's id."""
    if not isinstance(given, str):
        raise _wrong(model, path, "must be a string, the id of a child", given)


def _wrong(model: str, path: str, expected: str, given: object) -> InvalidInput:
    return InvalidInput(model, InvalidInput.at(path, expected, given).problems)


def _id(given: object) -> None:
    if not isinstance(given, str) or not given or "/" in given or not given.isprintable():
        raise _wrong("ChildSpec", "id", "must be a string that can stand in a path, without '/'", given)


def _one_of(model: str, path: str, given: object, known: tuple[str, ...]) -> None:
    if given not in known:
        raise _wrong(model, path, f"must be one of {', '.join(known)}", given)


def _kind(model: str, path: str, given: object, kind: type) -> None:
    if given is not None and not isinstance(given, kind):
        raise _wrong(model, path, f"must be a {kind.__name__}", given)


def _count(model: str, path: str, given: object, least: int = 0) -> None:
    if type(given) is not int or given < least:
        raise _wrong(model, path, f"must be a whole number of at least {least}", given)


def _callable(path: str, given: object) -> None:
    if given is not None and not callable(given):
        raise _wrong("ChildSpec", path, "must be callable", given)


def _arguments(args: object, kwargs: object) -> None:
    # Their values may be secrets: of what is wrong only the type is told.
    if not isinstance(args, tuple):
        raise _wrong("ChildSpec", "args", "must be a tuple, as in (value,)", type(args))
    if not isinstance(kwargs, Mapping) or not all(isinstance(name, str) for name in kwargs):
        raise _wrong("ChildSpec", "kwargs", "must be a mapping of names to values", type(kwargs))


def _is_number(given: object, least: float) -> bool:
    return type(given) in (int, float) and least <= given < inf  # type: ignore[operator]


def _number(model: str, path: str, given: object, *, least: float, open_end: bool = False) -> None:
    if not _is_number(given, least) or (open_end and given == least):
        bound = f"more than {least:g}" if open_end else f"at least {least:g}"
        raise _wrong(model, path, f"must be a number of {bound}", given)
