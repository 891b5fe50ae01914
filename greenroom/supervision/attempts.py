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
from greenroom.supervision.backoff import backoff_s
from greenroom.supervision.classifier import classify, is_retryable
from greenroom.supervision.routes import NextHop, NoHop

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
class FallBack:
    """Ask another hop of the route."""

    place: int
    delay_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """`reason` says in words why there is no further attempt, for the user who reads the error."""

    reason: str


Next = Retry | Adjust | Continue | FallBack | GiveUp


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
    random: float = 0.0
    hop: NextHop | NoHop | None = None
    """What of the route comes next; None: there is no route."""
    stays: bool = False
    """The hop that failed has retries of its own, before the next one is asked."""
    sent: bool = True
    """The request may have reached the provider."""


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
    again = _again(evidence, error_class, situation, options)
    stays = situation.stays and isinstance(again, Retry)
    if isinstance(situation.hop, NextHop) and not stays and not _once_only(evidence, situation, options):
        why = "; ".join([error_class, *situation.hop.passed_over])
        return FallBack(situation.hop.place, situation.hop.wait_s, why)
    if isinstance(situation.hop, NoHop) and isinstance(again, GiveUp):
        passes = is_retryable(evidence, error_class)
        return GiveUp(f"{again.reason}; {situation.hop.why}" if passes else situation.hop.why)
    return again


def _once_only(evidence: ErrorEvidence, situation: Situation, options: StreamingOptions) -> bool:
    """The options forbid a second request, wherever it went."""
    if evidence.kind == "transport" and not options.retry_on_connection_error:
        return True
    return situation.sent and options.max_reconnect_attempts == 0


def _again(
    evidence: ErrorEvidence, error_class: ErrorClass, situation: Situation, options: StreamingOptions
) -> Retry | GiveUp:
    """At the same place."""
    reason = _why_not(evidence, error_class, situation, options)
    if reason is not None:
        return GiveUp(reason)
    delay_s = backoff_s(situation.retries + 1, options, situation.random)
    delay_s = max(delay_s, evidence.retry_after_s or 0.0)
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
    return None
