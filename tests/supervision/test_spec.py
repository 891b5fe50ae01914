"""What cannot work is refused when it is built, with the field, the value and what would be right."""

import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.invalid import InvalidInput
from greenroom.supervision.orders import DeleteChild, RestartChild, StartChild, TerminateChild
from greenroom.supervision.spec import (
    SHUTDOWN_S,
    Backoff,
    ChildSpec,
    Limit,
    SupervisorOptions,
    check_family,
    check_fit,
    without_arguments,
)


class Worker(LoopActor):
    """A child."""


def child(name: Any = "a", start: Any = Worker, **more: Any) -> ChildSpec:
    return ChildSpec(name, start, **more)


def family(*specs: Any, **options: Any) -> Any:
    return check_family(specs, SupervisorOptions(**options))


def options(**given: Any) -> SupervisorOptions:
    return SupervisorOptions(**given)


COUNT = "whole number of at least"
NUMBER = "number of"
FAULTY: list[tuple[str, Callable[[], object], str, str]] = [
    # what it is, how it is built, the field, a part of the remedy
    ("id that is no string", lambda: child(7), "id", "string"),
    ("empty id", lambda: child(""), "id", "path"),
    ("id with a slash", lambda: child("a/b"), "id", "without '/'"),
    ("id with a line break", lambda: child("a\nb"), "id", "path"),
    ("start is an instance", lambda: child(start=object()), "start", "subclass of LoopActor"),
    ("start is another class", lambda: child(start=int), "start", "subclass of LoopActor"),
    ("start is a function", lambda: child(start=lambda: None), "start", "subclass of LoopActor"),
    ("start is missing", lambda: child(start=None), "start", "subclass of LoopActor"),
    ("args is a string", lambda: child(args="abc"), "args", "tuple"),
    ("args is a list", lambda: child(args=[1]), "args", "tuple"),
    ("kwargs is no mapping", lambda: child(kwargs=("a", 1)), "kwargs", "mapping"),
    ("kwargs with a name that is none", lambda: child(kwargs={1: 2}), "kwargs", "mapping"),
    ("unknown restart", lambda: child(restart="always"), "restart", "permanent, transient, temporary"),
    ("restart as a list", lambda: child(restart=["permanent"]), "restart", "permanent, transient, temporary"),
    ("unknown type", lambda: child(type="actor"), "type", "worker, supervisor"),
    ("negative shutdown", lambda: child(shutdown_s=-1), "shutdown_s", f"{NUMBER} at least 0"),
    ("shutdown of no number", lambda: child(shutdown_s=math.nan), "shutdown_s", NUMBER),
    ("shutdown without end", lambda: child(shutdown_s=math.inf), "shutdown_s", "None"),
    ("shutdown in words", lambda: child(shutdown_s="infinity"), "shutdown_s", NUMBER),
    ("shutdown as a truth", lambda: child(shutdown_s=True), "shutdown_s", NUMBER),
    ("significant is no truth", lambda: child(significant="no"), "significant", "True or False"),
    ("significant and permanent", lambda: child(significant=True), "significant", "transient or temporary"),
    ("mailbox of nothing", lambda: child(mailbox_bound=0), "mailbox_bound", f"{COUNT} 1"),
    ("limit is a number", lambda: child(limit=3), "limit", "must be a Limit"),
    ("backoff is a number", lambda: child(backoff=0.5), "backoff", "must be a Backoff"),
    ("state that makes nothing", lambda: child(state=[]), "state", "callable"),
    ("check that checks nothing", lambda: child(state=list, check=True), "check", "callable"),
    ("check without state", lambda: child(check=print), "check", "needs `state`"),
    ("negative restarts", lambda: Limit(-1, 5.0), "restarts", f"{COUNT} 0"),
    ("half a restart", lambda: Limit(0.5, 5.0), "restarts", COUNT),  # type: ignore[arg-type]
    ("restarts as a truth", lambda: Limit(True, 5.0), "restarts", COUNT),
    ("a limit within no time", lambda: Limit(3, 0.0), "within_s", "more than 0"),
    ("a limit within less than none", lambda: Limit(3, -5.0), "within_s", "more than 0"),
    ("a limit within for ever", lambda: Limit(3, math.inf), "within_s", NUMBER),
    ("negative wait", lambda: Backoff(-0.1, 1.0), "min_s", f"{NUMBER} at least 0"),
    ("greatest wait below the least", lambda: Backoff(2.0, 1.0), "max_s", f"{NUMBER} at least 2"),
    ("wait for ever", lambda: Backoff(1.0, math.inf), "max_s", NUMBER),
    ("waits that shrink", lambda: Backoff(factor=0.5), "factor", f"{NUMBER} at least 1"),
    ("negative jitter", lambda: Backoff(jitter=-0.1), "jitter", f"{NUMBER} at least 0"),
    ("jitter of more than all", lambda: Backoff(jitter=1.1), "jitter", "at most 1"),
    ("negative at_once", lambda: Backoff(at_once=-1), "at_once", f"{COUNT} 0"),
    ("negative calm", lambda: Backoff(reset_after_s=-1.0), "reset_after_s", f"{NUMBER} at least 0"),
    ("unknown strategy", lambda: options(strategy="one"), "strategy", "one_for_one, one_for_all, rest_for_one"),
    ("strategy of another house", lambda: options(strategy="simple_one_for_one"), "strategy", "one_for_one"),
    ("negative intensity", lambda: options(intensity=-1), "intensity", f"{COUNT} 0"),
    ("half an intensity", lambda: options(intensity=1.5), "intensity", COUNT),
    ("no period", lambda: options(period_s=0), "period_s", "more than 0"),
    ("negative period", lambda: options(period_s=-5), "period_s", "more than 0"),
    ("unknown auto_shutdown", lambda: options(auto_shutdown="any"), "auto_shutdown", "any_significant"),
    ("unknown on_storm", lambda: options(on_storm="ignore"), "on_storm", "escalate, defer"),
    ("storms without room", lambda: options(on_storm="defer", intensity=0), "intensity", "at least 1"),
    ("backoff of another kind", lambda: options(backoff=Limit(1, 1)), "backoff", "must be a Backoff"),
    ("negative max_children", lambda: options(max_children=-1), "max_children", f"{COUNT} 0"),
    ("seed in words", lambda: options(seed="x"), "seed", "whole number"),
    ("a spec that is none", lambda: family("a"), "specs.0", "must be a ChildSpec"),
    ("a class for a spec", lambda: family(child(), Worker), "specs.1", "must be a ChildSpec"),
    ("duplicate ids", lambda: family(child(), child("b"), child()), "specs.2.id", "unique"),
    ("significant under never", lambda: family(child(restart="transient", significant=True)),
     "specs.0.significant", "auto_shutdown"),
    ("more specs than children", lambda: family(child(), child("b"), max_children=1),
     "options.max_children", "at least the number of specs (2)"),
    ("options that are none", lambda: check_family((), {"intensity": 1}), "options", "SupervisorOptions"),  # type: ignore[arg-type]
    ("no specs at all", lambda: check_family(None, SupervisorOptions()), "specs", "ChildSpec"),  # type: ignore[arg-type]
    ("one spec without a list", lambda: check_family(child(), SupervisorOptions()), "specs", "ChildSpec"),  # type: ignore[arg-type]
    ("start of no spec", lambda: StartChild("a"), "spec", "must be a ChildSpec"),  # type: ignore[arg-type]
    ("end of no id", lambda: TerminateChild(child()), "id", "id of a child"),  # type: ignore[arg-type]
    ("restart of no id", lambda: RestartChild(None), "id", "id of a child"),  # type: ignore[arg-type]
    ("removal of no id", lambda: DeleteChild(["a"]), "id", "id of a child"),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "path", "remedy"), [row[1:] for row in FAULTY], ids=[row[0] for row in FAULTY]
)
def test_it_is_refused_at_build(build: Callable[[], object], path: str, remedy: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        build()
    (problem,) = caught.value.problems
    assert problem.path == path
    assert remedy in problem.expected
    assert path in str(caught.value)


def test_the_defaults_are_otps_but_for_the_intensity() -> None:
    spec = child()
    assert (spec.restart, spec.shutdown_s, spec.type, spec.significant) == (
        "permanent",
        SHUTDOWN_S,
        "worker",
        False,
    )
    assert child(type="supervisor").shutdown_s is None
    assert child(type="supervisor", shutdown_s=3).shutdown_s == 3
    assert child(shutdown_s=None).shutdown_s is None
    made = SupervisorOptions()
    assert (made.strategy, made.auto_shutdown, made.on_storm) == ("one_for_one", "never", "escalate")


def test_a_significant_child_fits_where_its_end_means_something() -> None:
    spec = child(restart="temporary", significant=True)
    for mode in ("any_significant", "all_significant"):
        check_fit(spec, SupervisorOptions(auto_shutdown=mode))  # type: ignore[arg-type]
        assert check_family(iter([spec]), SupervisorOptions(auto_shutdown=mode)) == (spec,)  # type: ignore[arg-type]


def test_arguments_are_not_shown() -> None:
    spec = child(args=("sk-secret",), kwargs={"api_key": "sk-secret"}, state=lambda: "sk-secret")
    assert "secret" not in repr(spec)
    assert "secret" not in repr(SupervisorOptions())
    with pytest.raises(InvalidInput) as caught:
        child(args="sk-secret")
    assert "secret" not in str(caught.value)


def test_a_spec_is_frozen_and_so_are_options() -> None:
    for value, name in ((child(), "restart"), (SupervisorOptions(), "intensity"), (Limit(1, 1), "restarts")):
        with pytest.raises(AttributeError):
            setattr(value, name, "transient")


def test_options_pickle() -> None:
    made = SupervisorOptions("rest_for_one", intensity=3, backoff=Backoff(1.0, 2.0), seed=7)
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301


def test_without_its_arguments_all_else_of_a_spec_stands() -> None:
    spec = child(args=(1,), kwargs={"b": 2}, restart="temporary", shutdown_s=3.0, limit=Limit(1, 1))
    bare = without_arguments(spec)
    assert (bare.args, dict(bare.kwargs)) == ((), {})
    assert bare == child(restart="temporary", shutdown_s=3.0, limit=Limit(1, 1))


@given(
    min_s=st.floats(0, 1e6), more_s=st.floats(0, 1e6), factor=st.floats(1, 1e300), jitter=st.floats(0, 1),
    failures=st.integers(1, 10**6), random=st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_a_wait_lies_between_its_bounds(
    min_s: float, more_s: float, factor: float, jitter: float, failures: int, random: float
) -> None:
    backoff = Backoff(min_s, min_s + more_s, factor=factor, jitter=jitter)
    wait_s = backoff.delay_s(failures, random)
    assert min_s * (1 - jitter) <= wait_s <= min_s + more_s or math.isclose(wait_s, min_s * (1 - jitter))
