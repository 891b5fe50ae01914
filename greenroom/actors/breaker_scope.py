"""What the end of an attempt says, and of what: the endpoint as a whole, the one model there, or neither. Pure.

    endpoint   it cannot be reached, or the connection broke before an answer began
    model      it answered, and the answer was an error of its own, came too late, or broke off; so the endpoint
               as a whole works, as far as that goes
    the key    credential, permission, quota, rate limit: another key fares otherwise, so nothing is said of either
    nobody     the caller's faults, cancels, the request's own deadline, bounds of ours, crashes of ours, a model
               that is still being loaded

A kept-alive connection that died before any answer says nothing: the server had closed it in good order. Nor
does what cannot end otherwise (a bad certificate, a server of another protocol): its own error tells more.
"""

from typing import NamedTuple

from greenroom.actors.breaker_core import Outcome
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.commands import Settle
from greenroom.messages.failures import ErrorClass, ErrorEvidence

CONNECTION_DIED = "connection_died"
"""The code where not the provider's socket was lost but our actor that was opening it."""
_OF_PROVIDER: frozenset[ErrorClass] = frozenset({"transient", "overloaded", "timeout", "protocol"})
"""Of all other classes the provider's health is no part."""
_NO_ANSWER_YET = frozenset({"connect", "tls", "proxy", "request", "head"})
_CONNECTING = "connect_timeout_s"
_CONNECT_PATIENCE_S = 1.0
"""TCP and TLS across an ocean take less, on a line that loses nothing."""
_CONTENT = frozenset({
    "first_content_timeout_s", "local_first_content_timeout_s", "content_gap_timeout_s", "max_silent_s",
    "read_timeout_s",
})  # fmt: skip
_MIN_TOKENS = 20
"""Below, the time between tokens is too short to tell a rate."""


class Verdict(NamedTuple):
    """What counts, at each of the two breakers."""

    endpoint: Outcome
    model: Outcome
    slow: bool = False
    """Of the model."""


FINE = Verdict("ok", "ok")
SLOW = Verdict("ok", "ok", slow=True)
NOTHING = Verdict("ignored", "ignored")
UNREACHED = Verdict("failed", "ignored")
SICK = Verdict("ok", "failed")
SICK_AND_SLOW = Verdict("ok", "failed", slow=True)


def verdict_of(report: Settle, rules: BreakerConfig) -> Verdict:
    """What this attempt's end says."""
    if report.outcome in ("completed", "paused"):
        return SLOW if is_slow(report, rules) else FINE
    evidence = report.evidence
    if report.outcome != "failed" or evidence is None or report.error_class not in _OF_PROVIDER:
        return NOTHING
    if evidence.kind == "clock":
        return _ran_out(evidence.clock or "", report.waited_s, rules)
    if evidence.kind in ("transport", "protocol") and evidence.is_retryable is False:
        return NOTHING
    if evidence.kind == "transport" and evidence.phase in _NO_ANSWER_YET:
        return NOTHING if evidence.reused_connection or evidence.code == CONNECTION_DIED else UNREACHED
    return SICK_AND_SLOW if too_late(report.ttft_s, rules) else SICK


def _ran_out(clock: str, waited_s: float | None, rules: BreakerConfig) -> Verdict:
    if clock == _CONNECTING:
        return NOTHING if waited_s is not None and waited_s < _CONNECT_PATIENCE_S else UNREACHED
    if clock not in _CONTENT or (waited_s is not None and waited_s < rules.patience_s):
        return NOTHING
    return SICK_AND_SLOW if too_late(waited_s, rules) else SICK


def is_slow(report: Settle, rules: BreakerConfig) -> bool:
    """Its first content came too late, or its tokens came too slowly."""
    if too_late(report.ttft_s, rules):
        return True
    tokens, took_s = report.usage.output_tokens or 0, report.generation_s
    if rules.slow_tokens_per_s is None or took_s is None or tokens < _MIN_TOKENS:
        return False
    return tokens < rules.slow_tokens_per_s * took_s


def too_late(ttft_s: float | None, rules: BreakerConfig) -> bool:
    """The first content came later than `slow_ttft_s`."""
    return rules.slow_ttft_s is not None and ttft_s is not None and ttft_s > rules.slow_ttft_s


def told_wait_s(evidence: ErrorEvidence | None) -> float | None:
    """The provider's word on when to come back."""
    return evidence.retry_after_s if evidence is not None else None
