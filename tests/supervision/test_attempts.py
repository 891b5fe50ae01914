"""The one decision, branch by branch."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.options import StreamingOptions
from greenroom.supervision.attempts import (
    CONTINUE_MAX,
    Adjust,
    Continue,
    GiveUp,
    Next,
    Retry,
    Situation,
    after_failure,
    after_pause,
)

from strategies import evidences

OPTIONS = StreamingOptions(backoff_initial_s=1, backoff_factor=2, backoff_max_s=8, backoff_jitter=0.5)


def situation(**changes: Any) -> Situation:
    return Situation(**{"retries": 0, "delivered": False, "deadline_left_s": 600.0, **changes})


def evidence(kind: Any = "http", **facts: Any) -> ErrorEvidence:
    return ErrorEvidence(kind=kind, message="m", **facts)


BROKEN = evidence("transport", phase="body")
STALE = evidence("transport", reused_connection=True)
BUSY = evidence(status=503)
ODD = evidence(status=400, adjust="no_stream_options")

NO_KEY = evidence(status=401)
OTHER_KEY = situation(another_key=True)
ANOTHER = Retry(0.0, counted=False)

TABLE: list[tuple[str, ErrorEvidence, Situation, StreamingOptions, Next]] = [
    ("first back-off", BUSY, situation(), OPTIONS, Retry(1.0)),
    ("third back-off", BUSY, situation(retries=2), OPTIONS, Retry(4.0)),
    ("jitter shortens", BUSY, situation(random=1.0), OPTIONS, Retry(0.5)),
    ("retry-after is longer", evidence(status=429, retry_after_s=5), situation(), OPTIONS, Retry(5.0)),
    ("retry-after is shorter", evidence(status=429, retry_after_s=0.1), situation(), OPTIONS, Retry(1.0)),
    ("retry-after passes the cap", evidence(status=429, retry_after_s=99), situation(), OPTIONS, Retry(99.0)),
    ("broken before content", BROKEN, situation(), OPTIONS, Retry(1.0)),
    (
        "one of our clocks",
        evidence("clock", clock="first_content_timeout_s"),
        situation(),
        OPTIONS,
        Retry(1.0),
    ),
    ("a crash of ours", evidence("crash"), situation(), OPTIONS, Retry(1.0)),
    ("the provider says so", evidence(status=400, is_retryable=True), situation(), OPTIONS, Retry(1.0)),
    ("adjust", ODD, situation(), OPTIONS, Adjust("no_stream_options")),
    (
        "adjust again, another fact",
        ODD,
        situation(adjustments=frozenset({"x"})),
        OPTIONS,
        Adjust("no_stream_options"),
    ),
    ("adjust counts as no retry", ODD, situation(retries=99), OPTIONS, Adjust("no_stream_options")),
    ("stale at once, uncounted", STALE, situation(retries=99), OPTIONS, Retry(0.0, counted=False)),
    ("a refused key, and another", NO_KEY, OTHER_KEY, OPTIONS, ANOTHER),
    ("a spent key, and another", evidence(status=402), OTHER_KEY, OPTIONS, ANOTHER),
    (
        "a limited key, and another: its wait is not waited for",
        evidence(status=429, retry_after_s=50, is_retryable=False),
        OTHER_KEY,
        OPTIONS,
        ANOTHER,
    ),
    ("another key counts as no retry", NO_KEY, replace(OTHER_KEY, retries=99), OPTIONS, ANOTHER),
    ("all keys are limited", evidence(status=429, retry_after_s=5), situation(), OPTIONS, Retry(5.0)),
    ("overloaded, whatever the key", BUSY, OTHER_KEY, OPTIONS, Retry(1.0)),
    ("stale a second time", STALE, situation(stale_retries=1), OPTIONS, Retry(1.0)),
]

FINAL: list[tuple[str, ErrorEvidence, Situation, StreamingOptions, str]] = [
    ("delivered", BROKEN, situation(delivered=True), OPTIONS, "after content"),
    ("delivered and stale", STALE, situation(delivered=True), OPTIONS, "after content"),
    ("delivered and adjustable", ODD, situation(delivered=True), OPTIONS, "invalid_request"),
    (
        "adjusted before",
        ODD,
        situation(adjustments=frozenset({"no_stream_options"})),
        OPTIONS,
        "invalid_request",
    ),
    (
        "another key, ten times",
        NO_KEY,
        replace(OTHER_KEY, key_retries=10),
        OPTIONS,
        "credential does not pass",
    ),
    ("another key, content delivered", NO_KEY, replace(OTHER_KEY, delivered=True), OPTIONS, "credential"),
    (
        "another key, but no retries at all",
        NO_KEY,
        OTHER_KEY,
        OPTIONS.replace(max_reconnect_attempts=0),
        "credential does not pass",
    ),
    ("not retryable", evidence(status=401), situation(), OPTIONS, "credential does not pass"),
    ("the provider says no", evidence(status=503, is_retryable=False), situation(), OPTIONS, "does not pass"),
    (
        "connection errors are final",
        BROKEN,
        situation(),
        OPTIONS.replace(retry_on_connection_error=False),
        "is off",
    ),
    ("count", BUSY, situation(retries=3), OPTIONS, "given up after 3 retries (max_reconnect_attempts=3)"),
    ("never", BUSY, situation(), OPTIONS.replace(max_reconnect_attempts=0), "max_reconnect_attempts=0"),
    ("once", BUSY, situation(retries=1), OPTIONS.replace(max_reconnect_attempts=1), "after 1 retry ("),
    ("stale, and never again", STALE, situation(), OPTIONS.replace(max_reconnect_attempts=0), "=0"),
    (
        "stale, and connection errors are final",
        STALE,
        situation(),
        OPTIONS.replace(retry_on_connection_error=False),
        "is off",
    ),
    ("deadline", BUSY, situation(deadline_left_s=1.0), OPTIONS, "deadline"),
    (
        "retry-after past it",
        evidence(status=429, retry_after_s=99),
        situation(deadline_left_s=98),
        OPTIONS,
        "99.0 s",
    ),
]


@pytest.mark.parametrize(
    ("name", "seen", "where", "options", "expected"), TABLE, ids=[row[0] for row in TABLE]
)
def test_again(
    name: str, seen: ErrorEvidence, where: Situation, options: StreamingOptions, expected: Next
) -> None:
    assert after_failure(seen, where, options) == expected


@pytest.mark.parametrize(("name", "seen", "where", "options", "words"), FINAL, ids=[row[0] for row in FINAL])
def test_not_again(
    name: str, seen: ErrorEvidence, where: Situation, options: StreamingOptions, words: str
) -> None:
    decided = after_failure(seen, where, options)
    assert isinstance(decided, GiveUp)
    assert words in decided.reason


def test_a_pause_is_continued_up_to_a_bound() -> None:
    assert after_pause(situation(pauses=CONTINUE_MAX - 1)) == Continue()
    assert isinstance(after_pause(situation(pauses=CONTINUE_MAX)), GiveUp)


@given(
    evidences,
    st.booleans(),
    st.integers(0, 5),
    st.floats(0, 700),
    st.integers(0, 2),
    st.floats(0, 1, exclude_max=True),
)
def test_no_decision_breaks_a_promise(
    seen: ErrorEvidence, delivered: bool, retries: int, left_s: float, stale: int, random: float
) -> None:
    where = situation(
        retries=retries, delivered=delivered, deadline_left_s=left_s, stale_retries=stale, random=random
    )
    decided = after_failure(seen, where, OPTIONS)
    if delivered:
        assert isinstance(decided, GiveUp)
    if isinstance(decided, Retry) and decided.counted:
        assert retries < OPTIONS.max_reconnect_attempts
        assert (seen.retry_after_s or 0) <= decided.delay_s < left_s
