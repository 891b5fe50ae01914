"""What the end of an attempt says of an endpoint, and what of one model there."""

from typing import Any, get_args

import pytest

from greenroom.actors.breaker_scope import (
    CONNECTION_DIED,
    FINE,
    NOTHING,
    SICK,
    SICK_AND_SLOW,
    SLOW,
    UNREACHED,
    verdict_of,
)
from greenroom.messages import BreakerConfig, ErrorClass, ErrorEvidence, Place, Usage
from greenroom.messages.commands import Settle

PLACE = Place("p", "http://a.example", "m")
RULES = BreakerConfig()
SAYS_NOTHING = {
    "rate_limit", "quota", "credential", "permission",  # of the key
    "model_not_found", "context_length", "content_policy", "invalid_request",  # the caller's
    "slow_consumer", "output_limit", "budget", "refused", "shutdown", "cancelled", "bug",  # ours
    "model_loading", "unknown",
}  # fmt: skip


def report(**fields: Any) -> Settle:
    return Settle("s1", 1, PLACE, **{"outcome": "failed", "sent": True, **fields})


def failed(error_class: ErrorClass, kind: str = "http", **evidence: Any) -> Settle:
    told = ErrorEvidence(kind=kind, message="no", **evidence)  # type: ignore[arg-type]
    return report(error_class=error_class, evidence=told)


@pytest.mark.parametrize("outcome", ["completed", "paused"])
def test_an_answer_that_came_whole_speaks_well_of_both(outcome: str) -> None:
    assert verdict_of(report(outcome=outcome), RULES) == FINE


@pytest.mark.parametrize("error_class", get_args(ErrorClass))
def test_an_error_that_was_answered_speaks_of_the_model_or_says_nothing(error_class: ErrorClass) -> None:
    expected = NOTHING if error_class in SAYS_NOTHING else SICK
    assert verdict_of(failed(error_class, status=500), RULES) == expected
    assert verdict_of(failed(error_class, "in_stream"), RULES) == expected


def test_cancelled_attempts_and_the_deadline_say_nothing() -> None:
    assert verdict_of(report(outcome="cancelled"), RULES) == NOTHING
    assert verdict_of(failed("timeout", "clock", clock="deadline_s"), RULES) == NOTHING
    assert verdict_of(failed("timeout", "clock", clock="pool_timeout_s", phase="connect"), RULES) == NOTHING


@pytest.mark.parametrize("phase", ["connect", "tls", "proxy", "request", "head"])
def test_what_broke_before_an_answer_speaks_of_the_endpoint_alone(phase: str) -> None:
    assert verdict_of(failed("transient", "transport", phase=phase), RULES) == UNREACHED


def test_what_broke_in_the_answer_speaks_of_the_model() -> None:
    assert verdict_of(failed("transient", "transport", phase="body"), RULES) == SICK
    assert verdict_of(failed("protocol", "protocol", phase="end"), RULES) == SICK


def test_a_connection_that_was_closed_in_good_order_or_by_our_own_crash_says_nothing() -> None:
    stale = failed("transient", "transport", phase="head", reused_connection=True)
    ours = failed("transient", "transport", phase="connect", code=CONNECTION_DIED)
    assert verdict_of(stale, RULES) == verdict_of(ours, RULES) == NOTHING


def test_what_cannot_end_otherwise_says_nothing_as_its_own_error_tells_more() -> None:
    certificate = failed("transient", "transport", phase="tls", is_retryable=False)
    no_http = failed("protocol", "protocol", phase="head", is_retryable=False)
    assert verdict_of(certificate, RULES) == verdict_of(no_http, RULES) == NOTHING


@pytest.mark.parametrize(
    ("clock", "waited_s", "expected"),
    [
        ("connect_timeout_s", 10.0, UNREACHED),
        ("connect_timeout_s", 0.5, NOTHING),
        ("first_content_timeout_s", 120.0, SICK),
        ("first_content_timeout_s", 2.0, NOTHING),
        ("local_first_content_timeout_s", 300.0, SICK),
        ("content_gap_timeout_s", 60.0, SICK),
        ("content_gap_timeout_s", 9.9, NOTHING),
        ("max_silent_s", 600.0, SICK),
        ("read_timeout_s", None, SICK),
    ],
)
def test_a_clock_of_ours_counts_only_where_it_was_patient(
    clock: str, waited_s: float | None, expected: object
) -> None:
    told = ErrorEvidence(kind="clock", clock=clock, message="no")
    ended = report(error_class="timeout", evidence=told, waited_s=waited_s)
    assert verdict_of(ended, RULES) == expected


def test_a_first_content_that_came_too_late_is_slow() -> None:
    rules = BreakerConfig(slow_ttft_s=5)
    assert verdict_of(report(outcome="completed", ttft_s=5.1), rules) == SLOW
    assert verdict_of(report(outcome="completed", ttft_s=5.0), rules) == FINE
    assert verdict_of(report(outcome="completed", ttft_s=500.0), RULES) == FINE
    sick = failed("overloaded", status=529)
    assert (
        verdict_of(report(error_class=sick.error_class, evidence=sick.evidence, ttft_s=9.0), rules)
        == SICK_AND_SLOW
    )
    late = ErrorEvidence(kind="clock", clock="first_content_timeout_s", message="no")
    assert verdict_of(report(error_class="timeout", evidence=late, waited_s=120.0), rules) == SICK_AND_SLOW


@pytest.mark.parametrize(
    ("tokens", "generation_s", "expected"),
    [(100, 20.0, SLOW), (100, 5.0, FINE), (19, 20.0, FINE), (None, 20.0, FINE), (100, None, FINE)],
)
def test_tokens_that_come_too_slowly_are_slow_where_both_are_known(
    tokens: int | None, generation_s: float | None, expected: object
) -> None:
    ended = report(outcome="completed", usage=Usage(output_tokens=tokens), generation_s=generation_s)
    assert verdict_of(ended, BreakerConfig(slow_tokens_per_s=10)) == expected
    assert verdict_of(ended, RULES) == FINE
