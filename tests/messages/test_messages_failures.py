"""Failures and the exception tree drawn on top of them."""

import copy
import pickle
import re
import typing
from typing import Any

import pytest
from hypothesis import given

from greenroom.messages import (
    Completion,
    ConfigError,
    ErrorClass,
    ErrorEvidence,
    Failure,
    GreenroomError,
    InternalError,
    InvalidInput,
    Problem,
    StartedBeforeFork,
    StreamError,
    StreamSystemDown,
    SystemDown,
    SystemStopped,
    WouldDeadlock,
    attach_errors,
    exception_of,
    models,
    store_errors,
)
from greenroom.messages import failures as module
from greenroom.messages.failures import SYSTEM_DOWN

from strategies import completions, failures

CLASSES = typing.get_args(ErrorClass)
DRAWN = re.compile(
    r"^    (?P<bars>[|' -]*)(?P<name>[A-Z]\w+)(?: \(also (?P<also>\w+)\))?(?: +(?P<says>.*))?$"
)


def below(kind: type[Any]) -> set[type[Any]]:
    return {kind}.union(*(below(sub) for sub in kind.__subclasses__()), set())


def drawn_tree() -> dict[str, tuple[str | None, str]]:
    """Each drawn class with the one above it and what is said of it."""
    tree: dict[str, tuple[str | None, str]] = {}
    above: dict[int, str] = {}
    for line in (module.__doc__ or "").splitlines():
        if found := DRAWN.match(line):
            depth = len(found["bars"]) // 3
            tree[found["name"]] = (above.get(depth - 1), found["says"] or "")
            above[depth] = found["name"]
    return tree


def test_the_drawing_is_the_tree() -> None:
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in below(GreenroomError) if _ours(kind)}
    assert {name: above or "Exception" for name, (above, _) in drawn_tree().items()} == real


def _ours(kind: type[Any]) -> bool:
    return kind.__module__ in (
        module.__name__, attach_errors.__name__, models.__name__, store_errors.__name__,
        InvalidInput.__module__,
    )  # fmt: skip


def test_the_drawing_names_each_class_of_error() -> None:
    drawn = drawn_tree()
    for error_class in CLASSES:
        kind = type(exception_of(Failure(error_class=error_class, message="x")))
        assert drawn[kind.__name__] == ("StreamError", error_class)


def test_exception_of_is_total_and_each_class_has_its_own() -> None:
    made = [exception_of(Failure(error_class=error_class, message="x")) for error_class in CLASSES]
    assert len({type(error) for error in made}) == len(CLASSES) == len(module._EXCEPTIONS)
    assert [error.error_class for error in made] == list(CLASSES)


@pytest.mark.parametrize(
    "kind", sorted(below(GreenroomError), key=lambda k: k.__name__), ids=lambda k: k.__name__
)
def test_every_class_says_what_it_means(kind: type[Any]) -> None:
    assert kind.__doc__


@given(failures, completions)
def test_errors_pickle_with_failure_and_partial(failure: Failure, partial: Completion[Any]) -> None:
    for error in (exception_of(failure, partial), exception_of(failure)):
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
            assert type(again) is type(error)
            assert again.failure == failure
            assert again.partial == error.partial
            assert str(again) == str(error)


@given(failures)
def test_errors_have_every_field(failure: Failure) -> None:
    error = exception_of(failure)
    for name in ("provider", "model", "request_id", "attempt", "status", "error_class", "is_retryable",
                 "retry_after_s", "limit", "used"):  # fmt: skip
        assert getattr(error, name) == getattr(failure, name)
    assert error.partial is None
    assert error.__cause__ is None
    assert failure.message in str(error)
    assert str(failure.request_id) in str(error) or not failure.request_id
    assert exception_of(failure) is not error


def test_the_message_reads_well() -> None:
    failure = Failure(error_class="timeout", message="no content came for 60 s")
    assert str(exception_of(failure)) == "no content came for 60 s [timeout]"
    known = {"provider": "openai", "model": "gpt-5", "request_id": "r-1"}
    text = str(
        exception_of(Failure(error_class="rate_limit", message="too many requests", attempt=2, **known))
    )
    assert text == "too many requests [rate_limit; provider=openai, model=gpt-5, request_id=r-1, attempt=2]"
    assert repr(exception_of(failure)) == "StreamTimedOut('no content came for 60 s [timeout]')"


def test_a_dead_dispatcher_is_a_bug_and_system_down() -> None:
    evidence = ErrorEvidence(kind="crash", message="x", code=SYSTEM_DOWN)
    error = exception_of(Failure(error_class="bug", message="x", evidence=evidence))
    assert type(error) is StreamSystemDown
    assert isinstance(error, SystemDown)
    assert isinstance(error, InternalError)
    assert isinstance(pickle.loads(pickle.dumps(error)), StreamError)  # noqa: S301


@pytest.mark.parametrize("kind", [SystemDown, StartedBeforeFork, SystemStopped, WouldDeadlock])
def test_plain_errors_pickle(kind: type[GreenroomError]) -> None:
    again = pickle.loads(pickle.dumps(kind("start after fork")))  # noqa: S301
    assert type(again) is kind
    assert str(again) == "start after fork"


@pytest.mark.parametrize("kind", [InvalidInput, ConfigError])
def test_invalid_input_pickles_and_is_a_value_error(kind: type[InvalidInput]) -> None:
    error = kind("file.toml", [Problem("a.b", "5", "must be a string"), Problem("c", "", "is required")])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    assert isinstance(again, ValueError)
    assert (again.where, again.problems) == (error.where, error.problems)
    assert str(again) == "file.toml: 2 problems\n  a.b = 5: must be a string\n  c: is required"
    assert type(error.under("x")) is kind
    assert [problem.path for problem in error.under("x").problems] == ["x.a.b", "x.c"]
    assert str(InvalidInput.at("n", "must be less", 5)) == "n = 5: must be less"


@pytest.mark.parametrize("error", [
    attach_errors.UnknownStream("s_1"), attach_errors.StreamInUse("s_1"),
    attach_errors.ReplayRefused("s_1", after_seq=3, earliest_after_seq=70, max_replay_bytes=1024),
])  # fmt: skip
def test_why_a_stream_cannot_be_attached_travels_and_says_what_to_do(error: Any) -> None:
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert type(copied) is type(error)
        assert vars(copied) == vars(error)
        assert str(copied) == str(error)
    assert "'s_1'" in str(error)
    assert re.search(r"send the request again|call detach\(\)|attach with after_seq=70", str(error))
