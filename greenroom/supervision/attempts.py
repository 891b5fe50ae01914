"""The one decision: what happens after an attempt. Pure; nobody else in the project decides on "again".

The ladder's rungs that stand so far (docs/design.md has them all):
  1  nothing delivered yet, or nothing since the wire's own pause: start again, there, invisibly
  7  fail, typed, with what was delivered
Beside them two answers that are no retries and are not counted as such: Adjust (the server cannot take a
field: ask without it, once for each fact) and Continue (the wire's own pause).
A reused connection that died before any answer is sent again at once, once, and counts as no retry. That the
provider has not seen the request is all but sure, not proven: so options that forbid a second request
(`max_reconnect_attempts=0`, `retry_on_connection_error=False`) forbid this one too.
"""

from dataclasses import dataclass

from greenroom.messages.failures import ErrorClass, ErrorEvidence
from greenroom.messages.options import StreamingOptions
from greenroom.messages.views import BreakerView, RetryBudgetView
from greenroom.supervision.backoff import backoff_s
from greenroom.supervision.classifier import classify, is_retryable

BREAKER_OPEN = "breaker_open"
"""The code of a breaker's refusal. A request that had begun waits for it; a new one is refused at once."""
NO_RETRIES_LEFT = "the retry budget is used up: retries may be no more than a share of the traffic"
CONTINUE_MAX = 10
"""How often a wire may pause one request before that is a failure (pydantic-ai uses the same bound)."""


@dataclass(frozen=True, slots=True)
class Retry:
    delay_s: float
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Adjust:
    """Ask again without what this server does not take; `patch` is remembered for the endpoint."""

    patch: str


@dataclass(frozen=True, slots=True)
class Continue:
    """The wire asked to be continued. No failure, no seam."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """`reason` says in words why there is no further attempt, for the user who reads the error."""

    reason: str


Next = Retry | Adjust | Continue | GiveUp


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision looks at."""

    retries: int
    """Counted retries already made."""
    delivered: bool
    """The consumer has content that a further attempt would say again: since the start, or since the last pause,
    from which the wire goes on as often as it is asked."""
    deadline_left_s: float
    adjustments: frozenset[str] = frozenset()
    pauses: int = 0
    stale_retries: int = 0
    breaker: BreakerView | None = None
    retry_budget: RetryBudgetView | None = None
    random: float = 0.0


def after_pause(situation: Situation) -> Next:
    """The wire paused: go on, up to a bound."""
    if situation.pauses >= CONTINUE_MAX:
        return GiveUp(f"the provider paused {situation.pauses} times")
    return Continue()


def after_failure(evidence: ErrorEvidence, situation: Situation, options: StreamingOptions) -> Next:
    """What comes after a failed attempt."""
    error_class = classify(evidence)
    may = options.max_reconnect_attempts > 0 and options.retry_on_connection_error
    if evidence.reused_connection and situation.stale_retries == 0 and not situation.delivered and may:
        return Retry(0.0, counted=False)
    if situation.delivered:
        return GiveUp("the stream broke after content was delivered")
    if evidence.adjust is not None and evidence.adjust not in situation.adjustments:
        return Adjust(evidence.adjust)
    reason = _why_not(evidence, error_class, situation, options)
    if reason is not None:
        return GiveUp(reason)
    delay_s = backoff_s(situation.retries + 1, options, situation.random)
    open_for_s = 0.0 if situation.breaker is None else situation.breaker.open_for_s
    delay_s = max(delay_s, evidence.retry_after_s or 0.0, open_for_s)
    if delay_s >= situation.deadline_left_s:
        return GiveUp(
            f"waiting {delay_s:.1f} s would pass the deadline ({situation.deadline_left_s:.1f} s left)"
        )
    return Retry(delay_s)


def _why_not(
    evidence: ErrorEvidence, error_class: ErrorClass, situation: Situation, options: StreamingOptions
) -> str | None:
    if not is_retryable(evidence, error_class):
        return f"{error_class} does not pass by trying again"
    if evidence.kind == "transport" and not options.retry_on_connection_error:
        return "retry_on_connection_error is off"
    if situation.retries >= options.max_reconnect_attempts:
        # Retries, not attempts: of those there may be more (a field left out, a stale connection).
        times = f"{situation.retries} {'retry' if situation.retries == 1 else 'retries'}"
        return f"given up after {times} (max_reconnect_attempts={options.max_reconnect_attempts})"
    if evidence.code == BREAKER_OPEN and situation.retries == 0:
        return "the breaker is open"
    if situation.breaker is not None and situation.breaker.state == "forced_open":
        return "the breaker is held open"
    if situation.retry_budget is not None and situation.retry_budget.left < 1:
        return NO_RETRIES_LEFT
    return None
