"""The one decision after content was delivered, beside a breaker, and where a route leads elsewhere."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from greenroom.messages.failures import BREAKER_OPEN, ErrorEvidence
from greenroom.messages.options import StreamingOptions
from greenroom.messages.views import BreakerView, RetryBudgetView
from greenroom.supervision.attempts import (
    BREAKER_WAITS_MAX,
    MODEL_CHANGED,
    Adjust,
    FallBack,
    GiveUp,
    Next,
    Reset,
    Resume,
    Retry,
    Situation,
    after_failure,
)
from greenroom.supervision.ladder import LADDER
from greenroom.supervision.routes import NextHop, NoHop

from strategies import evidences

OPTIONS = StreamingOptions(backoff_initial_s=1, backoff_factor=2, backoff_max_s=8, backoff_jitter=0)
ELSEWHERE = NextHop(1, 0.0)
NOWHERE = NoHop("route r leads nowhere")


def situation(**changes: Any) -> Situation:
    return Situation(**{"retries": 0, "delivered": False, "deadline_left_s": 600.0, **changes})


def cut(*rungs: Any, **changes: Any) -> Situation:
    """Content was delivered by the attempt that failed."""
    return situation(**{"delivered": True, "rungs": rungs, "no_rung": "none is open", **changes})


def resumed(mode: Any, *rungs: Any, **changes: Any) -> Situation:
    """The attempt went on with an earlier one, and failed before it said anything."""
    return cut(*rungs, mode=mode, said=False, **changes)


def evidence(kind: Any = "http", **facts: Any) -> ErrorEvidence:
    return ErrorEvidence(kind=kind, message="m", **facts)


BROKEN = evidence("transport", phase="body")
STALE = evidence("transport", reused_connection=True)
BUSY = evidence(status=503)
LATER = evidence(status=429, retry_after_s=5)
WRONG = evidence(status=400)
GONE = evidence(status=404)
NO_KEY = evidence(status=401)
NO_CREDIT = evidence(status=402)
ODD = evidence(status=400, adjust="no_stream_options")
CHANGED = evidence("protocol", code=MODEL_CHANGED)
CHANGED_LATER = evidence("protocol", code=MODEL_CHANGED, retry_after_s=4.0)
EMPTY = evidence("protocol", phase="end")
BREAKER = evidence("refusal", code=BREAKER_OPEN, retry_after_s=3.0)
TOO_LONG = evidence(status=400, code="context_length_exceeded")
POLICY = evidence(status=400, code="content_filter")
LARGE = evidence("bound", clock="max_output_bytes")
EXPLICIT = evidence(status=500, is_retryable=False)

Row = tuple[str, ErrorEvidence, Situation, Next]
RUNGS: list[Row] = [
    ("first open rung", BROKEN, cut("prefix", "reset"), Resume("prefix", 1.0)),
    ("cursor", BROKEN, cut("server_cursor", "prefix"), Resume("server_cursor", 1.0)),
    ("block", BROKEN, cut("block", "reset"), Resume("block", 1.0)),
    ("reset", BROKEN, cut("reset"), Reset(1.0)),
    ("a clock", evidence("clock", clock="content_gap_timeout_s"), cut("prefix"), Resume("prefix", 1.0)),
    ("an error inside 200", evidence("in_stream", error_type="overloaded_error"), cut("prefix"),
     Resume("prefix", 1.0)),
    ("told to wait", evidence("in_stream", error_type="overloaded_error", retry_after_s=7), cut("prefix"),
     Resume("prefix", 7.0)),
    ("second back-off", BROKEN, cut("prefix", retries=1), Resume("prefix", 2.0)),
    ("what the server keeps is not made twice", BROKEN, situation(rungs=("server_cursor",)),
     Resume("server_cursor", 1.0)),
    ("the same again where nothing was added", BROKEN, resumed("prefix", "prefix", "reset"), Retry(1.0)),
    ("stale while going on", STALE, resumed("prefix", "prefix"), Retry(0.0, counted=False)),
    ("stale once", STALE, resumed("prefix", "prefix", stale_retries=1), Retry(1.0)),
    ("a field left out while going on", ODD, resumed("prefix", "prefix"), Adjust("no_stream_options")),
    ("a refused rung, the next one", WRONG, resumed("prefix", "prefix", "instruction"),
     Resume("instruction", 0.0)),
    ("a refused cursor, the next one", GONE, resumed("server_cursor", "server_cursor", "reset"), Reset(0.0)),
    ("a refused cursor of nothing", GONE, situation(mode="server_cursor", said=False, rungs=("server_cursor",)),
     Retry(0.0, anew=True)),
    ("another model", CHANGED, resumed("prefix", "prefix", "reset"), Reset(0.0)),
    ("too long with its prefix", TOO_LONG, resumed("prefix", "prefix", "reset"), Reset(0.0)),
    ("nothing behind the cursor", EMPTY, resumed("server_cursor", "server_cursor", "reset"), Reset(0.0)),
    ("nothing behind the cursor, and no other rung", EMPTY, resumed("server_cursor", "server_cursor"), Retry(1.0)),
    ("a refusal that tells to wait", CHANGED_LATER, resumed("prefix", "prefix", "reset"), Reset(4.0)),
    ("a reset again", BROKEN, resumed("reset", "reset"), Retry(1.0)),
]  # fmt: skip

ROUTE: list[Row] = [
    ("at once", BROKEN, situation(hop=ELSEWHERE), FallBack(1)),
    ("first here", BROKEN, situation(hop=ELSEWHERE, stays=True), Retry(1.0)),
    ("used up here", BROKEN, situation(hop=ELSEWHERE, stays=True, retries=3), FallBack(1)),
    ("a key is no better later", NO_KEY, situation(hop=ELSEWHERE, stays=True), FallBack(1)),
    ("the provider says no retry", EXPLICIT, situation(hop=ELSEWHERE, stays=True), FallBack(1)),
    ("what ends a request, but not on this route", POLICY, situation(hop=ELSEWHERE), FallBack(1)),
    ("a short wait is made here", LATER, situation(hop=ELSEWHERE, stays=True), Retry(5.0)),
    ("a long one is not", evidence(status=429, retry_after_s=9), situation(hop=ELSEWHERE, stays=True),
     FallBack(1)),
    ("nor one past the deadline", LATER, situation(hop=ELSEWHERE, stays=True, deadline_left_s=4), FallBack(1)),
    ("a further round waits", BUSY, situation(hop=NextHop(0, 7.0)), FallBack(0, 7.0)),
    ("stale, and here", STALE, situation(hop=ELSEWHERE), Retry(0.0, counted=False)),
    ("a field left out here", ODD, situation(hop=ELSEWHERE), Adjust("no_stream_options")),
    ("after content with a reset", NO_CREDIT, cut("reset", hop=ELSEWHERE), Reset(0.0, 1)),
    ("the turn again, rather there", BROKEN, cut("reset", hop=ELSEWHERE), Reset(0.0, 1)),
    ("but for retries of its own", BROKEN, cut("reset", hop=ELSEWHERE, stays=True), Reset(1.0)),
    ("going on here before any reset", BROKEN, cut("prefix", "reset", hop=ELSEWHERE), Resume("prefix", 1.0)),
    ("what the server keeps is read on first", BROKEN, situation(rungs=("server_cursor",), hop=ELSEWHERE),
     Resume("server_cursor", 1.0)),
    ("breaker at the first attempt", BREAKER, situation(hop=ELSEWHERE), FallBack(1)),
    ("breaker, and retries of its own", BREAKER, situation(hop=ELSEWHERE, stays=True, retries=1), FallBack(1)),
    ("no budget here", BUSY, situation(hop=ELSEWHERE, stays=True, retry_budget=RetryBudgetView(0.5)),
     FallBack(1)),
    ("the last hop has the request's retries", BUSY, situation(hop=NOWHERE), Retry(1.0)),
]  # fmt: skip

BREAKERS: list[Row] = [
    ("open for longer than the back-off", BUSY, situation(breaker=BreakerView("open", 6.0)), Retry(6.0)),
    ("half open", BUSY, situation(breaker=BreakerView("half_open")), Retry(1.0)),
    ("disabled", BUSY, situation(breaker=BreakerView("disabled")), Retry(1.0)),
    ("a begun request waits for it", BREAKER, situation(retries=1), Retry(3.0, counted=False)),
    ("so does one that goes on", BREAKER, resumed("prefix", "prefix"), Retry(3.0, counted=False)),
    (
        "going on waits as often as it must",
        BREAKER,
        resumed("prefix", breaker_waits=99),
        Retry(3.0, counted=False),
    ),
    (
        "going on is not held back by the budget",
        BROKEN,
        cut("prefix", retry_budget=RetryBudgetView(0.0)),
        Resume("prefix", 1.0),
    ),
    ("nor a reset", BROKEN, cut("reset", retry_budget=RetryBudgetView(0.0)), Reset(1.0)),
    ("a retry is left", BUSY, situation(retry_budget=RetryBudgetView(1.0)), Retry(1.0)),
]


@pytest.mark.parametrize(
    ("name", "seen", "where", "expected"), RUNGS + ROUTE + BREAKERS,
    ids=[row[0] for row in RUNGS + ROUTE + BREAKERS],
)  # fmt: skip
def test_what_comes_next(name: str, seen: ErrorEvidence, where: Situation, expected: Next) -> None:
    decided = after_failure(seen, where, OPTIONS)
    assert decided == expected
    assert getattr(decided, "reason", "")


@pytest.mark.parametrize(
    ("where", "charged"),
    [
        (situation(), True), (situation(rungs=("server_cursor",)), True), (cut("prefix"), False),
        (resumed("prefix", "prefix"), False), (resumed("reset", "reset"), False),
    ],
)  # fmt: skip
def test_only_what_delivered_nothing_is_charged(where: Situation, charged: bool) -> None:
    decided = after_failure(BROKEN, where, OPTIONS)
    assert isinstance(decided, (Retry, Resume))
    assert decided.charged is charged


FINAL: list[tuple[str, ErrorEvidence, Situation, str]] = [
    ("no rung", BROKEN, cut(), "after content was delivered: none is open"),
    ("a policy's no", POLICY, cut("prefix", "reset"), "content_policy"),
    ("a bound of ours", LARGE, cut("reset"), "output_limit"),
    ("the provider's own no", EXPLICIT, cut("prefix", "reset"), "does not pass"),
    ("a wrong request", WRONG, situation(hop=NOWHERE), "route r leads nowhere"),
    ("a policy's no, elsewhere", POLICY, situation(hop=NOWHERE), "route r leads nowhere"),
    ("used up, and nowhere", BUSY, situation(hop=NOWHERE, retries=3), "=3); route r leads nowhere"),
    ("refused, and the last rung", WRONG, resumed("prefix", "prefix"), "after content"),
    ("a reset refused", WRONG, resumed("reset", "reset"), "invalid_request"),
    ("count over all rungs", BROKEN, cut("prefix", retries=3), "max_reconnect_attempts=3"),
    ("after content without a reset", NO_CREDIT, cut("prefix", hop=ELSEWHERE), "quota"),
    ("elsewhere, what was paused", NO_CREDIT, situation(pauses=1, hop=ELSEWHERE), "quota"),
    ("held open", BUSY, situation(breaker=BreakerView("forced_open")), "held open"),
    (
        "open past the deadline",
        BUSY,
        situation(breaker=BreakerView("open", 60), deadline_left_s=50),
        "60.0 s",
    ),
    ("refused by it at once", BREAKER, situation(), "the breaker is open"),
    ("too many waits", BREAKER, situation(retries=1, breaker_waits=BREAKER_WAITS_MAX), "still open"),
    ("no retry left in the budget", BUSY, situation(retry_budget=RetryBudgetView(0.9)), "retry budget"),
]


@pytest.mark.parametrize(("name", "seen", "where", "words"), FINAL, ids=[row[0] for row in FINAL])
def test_the_end(name: str, seen: ErrorEvidence, where: Situation, words: str) -> None:
    decided = after_failure(seen, where, OPTIONS)
    assert isinstance(decided, GiveUp)
    assert words in decided.reason


# ---- what may have acted

DANGER = "it writes to a stored conversation (conversation)"
ACTED: list[tuple[str, ErrorEvidence, Situation, bool]] = [
    ("sent, and cut", BROKEN, situation(danger=DANGER), False),
    ("sent on a stale connection", STALE, situation(danger=DANGER), False),
    ("not sent", evidence("transport", phase="connect"), situation(danger=DANGER, sent=False), True),
    ("refused by its status", evidence(status=429), situation(danger=DANGER), True),
    ("refused as overloaded", BUSY, situation(danger=DANGER), True),
    ("a server's error", evidence(status=500), situation(danger=DANGER), False),
    ("the provider says again", evidence(status=500, is_retryable=True), situation(danger=DANGER), True),
    (
        "one of our clocks",
        evidence("clock", clock="first_content_timeout_s"),
        situation(danger=DANGER),
        False,
    ),
    ("delivered", BROKEN, cut("prefix", "reset", danger=DANGER), False),
    ("delivered, and kept", BROKEN, cut("server_cursor", "reset", danger=DANGER), True),
    ("elsewhere too", evidence(status=500), situation(danger=DANGER, hop=ELSEWHERE), False),
]


@pytest.mark.parametrize(("name", "seen", "where", "again"), ACTED, ids=[row[0] for row in ACTED])
def test_what_may_have_acted_is_not_sent_twice(
    name: str, seen: ErrorEvidence, where: Situation, again: bool
) -> None:
    decided = after_failure(seen, where, OPTIONS)
    assert isinstance(decided, GiveUp) is not again
    if not again:
        assert DANGER in getattr(decided, "reason", "")
    assert not isinstance(after_failure(seen, where, OPTIONS.replace(replay_unsafe=True)), GiveUp)


# ---- laws

situations = st.builds(
    Situation,
    retries=st.integers(0, 5),
    delivered=st.booleans(),
    deadline_left_s=st.floats(0, 700),
    stale_retries=st.integers(0, 1),
    breaker_waits=st.integers(0, 12),
    mode=st.sampled_from(["fresh", "pause", "server_cursor", "prefix", "block", "reset"]),
    said=st.booleans(),
    sent=st.booleans(),
    rungs=st.lists(st.sampled_from(LADDER), unique=True, max_size=3).map(
        lambda rungs: tuple(mode for mode in LADDER if mode in rungs)
    ),
    danger=st.none() | st.just(DANGER),
    hop=st.sampled_from([None, ELSEWHERE, NextHop(0, 3.0), NOWHERE]),
    stays=st.booleans(),
    breaker=st.none() | st.builds(BreakerView, st.sampled_from(["open", "closed"]), st.floats(0, 60)),
    retry_budget=st.none() | st.builds(RetryBudgetView, st.floats(0, 5)),
    random=st.floats(0, 1, exclude_max=True),
)
sends = (Retry, Resume, Reset, FallBack)


def counts(decided: Next) -> bool:
    """It is a further request to the same target, and counted."""
    here = isinstance(decided, (Retry, Resume)) or (isinstance(decided, Reset) and decided.place is None)
    return here and getattr(decided, "counted", True)


@pytest.mark.parametrize(
    ("seen", "where", "options"),
    [
        (BUSY, situation(hop=ELSEWHERE), {"max_reconnect_attempts": 0}),
        (BROKEN, situation(hop=ELSEWHERE), {"retry_on_connection_error": False}),
        (
            evidence("transport", phase="connect"),
            situation(hop=ELSEWHERE, sent=False),
            {"retry_on_connection_error": False},
        ),
    ],
)
def test_who_forbids_a_second_request_forbids_it_elsewhere(
    seen: ErrorEvidence, where: Situation, options: Any
) -> None:
    assert isinstance(after_failure(seen, where, OPTIONS.replace(**options)), GiveUp)


def test_what_was_never_sent_is_no_second_request() -> None:
    seen, where = evidence("transport", phase="connect"), situation(hop=ELSEWHERE, sent=False)
    assert after_failure(seen, where, OPTIONS.replace(max_reconnect_attempts=0)) == FallBack(1)


@given(evidences, situations)
def test_no_decision_passes_a_bound(seen: ErrorEvidence, where: Situation) -> None:
    decided = after_failure(seen, where, OPTIONS)
    if counts(decided):
        assert where.retries < OPTIONS.max_reconnect_attempts
        assert where.delivered or where.retry_budget is None or where.retry_budget.left >= 1
    if isinstance(decided, (Retry, Resume)) and getattr(decided, "counted", True):
        assert (seen.retry_after_s or 0) <= decided.delay_s < where.deadline_left_s
        assert where.breaker is None or decided.delay_s >= where.breaker.open_for_s
    if isinstance(decided, (Resume, Reset)):
        assert ("reset" if isinstance(decided, Reset) else decided.mode) in where.rungs
    if isinstance(decided, FallBack):
        assert not where.delivered
    if where.delivered and where.said:
        assert not isinstance(decided, (Retry, FallBack, Adjust)) or seen.code == BREAKER_OPEN


@given(evidences, situations, st.floats(0, 700), st.integers(0, 5))
def test_less_room_never_brings_a_request_back(
    seen: ErrorEvidence, where: Situation, less_s: float, more: int
) -> None:
    assume(seen.adjust is None and where.hop is None)
    tighter = replace(
        where, deadline_left_s=max(where.deadline_left_s - less_s, 0.0), retries=where.retries + more
    )
    if isinstance(after_failure(seen, where, OPTIONS), GiveUp):
        # A begun request may wait for its breaker where a new one is refused.
        assert isinstance(after_failure(seen, tighter, OPTIONS), GiveUp) or seen.code == BREAKER_OPEN


@given(evidences, situations, st.integers(0, 2))
def test_the_wait_grows_with_the_count(seen: ErrorEvidence, where: Situation, retries: int) -> None:
    earlier, later = (
        after_failure(seen, replace(where, retries=count, random=0.0), OPTIONS)
        for count in (retries, retries + 1)
    )
    if (
        type(earlier) is type(later)
        and isinstance(earlier, (Retry, Resume))
        and isinstance(later, (Retry, Resume))
    ):
        assert earlier.delay_s <= later.delay_s
