"""The one decision: what happens after an attempt. Pure; nobody else in the project decides on "again".

In this order:
  1  a stale kept-alive connection: the same again at once, once (no retry is counted)
  2  the server cannot take a field: without it, once for each fact (no retry is counted)
  3  one of several API keys was refused: the same with another key at once (no retry is counted)
  4  what ends the request wherever it is sent
  5  what may have acted already is not sent again; only its own answer can be read on
  6  another hop, where the request has a route whose table leads on (routes.py): at once, unless this hop has
     retries of its own. Nothing was delivered, or the whole turn may start again and nothing better applies
  7  here: the same attempt again, or the first open rung of the ladder (ladder.py)
  8  the end, with the reason in words
The provider's explicit word on retrying wins over the class. No wait is shorter than the one that was told, and
one that does not fit the deadline is not begun. That a stale connection's provider has not seen the request is
all but sure, not proven: so what forbids a second request forbids this one too.
"""

from dataclasses import dataclass, field, replace

from greenroom.actors.api_keys import RESTS
from greenroom.messages.failures import BREAKER_OPEN, NOT_DURABLE, ErrorClass, ErrorEvidence
from greenroom.messages.options import StreamingOptions
from greenroom.messages.retry_state import ResumeMode
from greenroom.messages.views import BreakerView, RetryBudgetView
from greenroom.supervision.backoff import backoff_s
from greenroom.supervision.classifier import classify, is_retryable
from greenroom.supervision.routes import NextHop, NoHop

NO_RETRIES_LEFT = "the retry budget is used up: retries may be no more than a share of the traffic"
CONTINUE_MAX = 10
"""How often a wire may pause one request before that is a failure (pydantic-ai uses the same bound)."""
BREAKER_WAITS_MAX = 10
"""How often a request that has delivered nothing waits for an open breaker. Such a wait sends nothing, so it is
no retry."""
KEY_RETRIES_MAX = 10
"""How often a request is asked again with another key, at one target: a longer list of dead keys is no service."""
MODEL_CHANGED = "model_changed"
"""The code where another model answered a continuation."""

_ENDS_HERE: frozenset[ErrorClass] = frozenset(
    {"content_policy", "slow_consumer", "output_limit", "budget", "shutdown", "cancelled"}
)
"""Nobody's next answer would end otherwise, but where a route says so."""
_RUNG_REFUSED: frozenset[ErrorClass] = frozenset(
    {"invalid_request", "model_not_found", "context_length", "unknown"}
)
"""Of an attempt that went on with an answer: it is the way of going on that the server refuses."""
_NOT_ACTED = frozenset({429, 503, 529})
"""Statuses above 499, and one below, by which a server says that it did nothing."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The same again, as the attempt began: unseen by the consumer."""

    delay_s: float
    counted: bool = True
    anew: bool = False
    """From nothing, however the attempt had begun."""
    charged: bool = field(default=True, compare=False)
    """It is taken off the retry budget: nothing of the request was delivered yet."""
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Adjust:
    """Ask again without what this server does not take; `patch` is remembered for the endpoint."""

    patch: str
    reason: str = field(default="the server does not take a field", compare=False)


@dataclass(frozen=True, slots=True)
class Continue:
    """The wire asked to be continued. No failure, no seam."""

    reason: str = field(default="the wire asks to be continued", compare=False)


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with the answer that was cut, in this way."""

    mode: ResumeMode
    delay_s: float
    charged: bool = field(default=True, compare=False)
    """As that of a Retry. Going on with what was delivered never is."""
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FallBack:
    """The original request, to the hop at this place of the route; nothing was delivered."""

    place: int
    delay_s: float = 0.0
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Reset:
    """The whole turn again behind a StreamReset: here, or at the hop at this place of the route."""

    delay_s: float
    place: int | None = None
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """`reason` says in words why there is no further attempt, for the user who reads the error."""

    reason: str


Next = Retry | Adjust | Continue | Resume | FallBack | Reset | GiveUp


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision looks at, beside the failure and the policy."""

    retries: int
    """Counted retries already made, at this hop."""
    delivered: bool
    """The consumer has content that a plain further attempt would say again: since the start, or since the last
    pause, from which the wire goes on as often as it is asked."""
    deadline_left_s: float
    adjustments: frozenset[str] = frozenset()
    pauses: int = 0
    stale_retries: int = 0
    breaker_waits: int = 0
    key_retries: int = 0
    another_key: bool = False
    """The target has several keys, and one that does not rest."""
    mode: ResumeMode = "fresh"
    """How the attempt that failed had begun."""
    said: bool = True
    """It delivered content of its own."""
    sent: bool = True
    """The provider may have seen it."""
    rungs: tuple[ResumeMode, ...] = ()
    """Open for what was delivered, in the ladder's order."""
    no_rung: str = ""
    """In words, why not the others."""
    danger: str | None = None
    """Why the request may not be sent twice."""
    hop: NextHop | NoHop | None = None
    """What of the route comes next; None: there is no route."""
    stays: bool = False
    """This hop has retries of its own, before the next one is asked."""
    breaker: BreakerView | None = None
    retry_budget: RetryBudgetView | None = None
    random: float = 0.0

    @property
    def added_nothing(self) -> bool:
        """The attempt went on with an earlier answer, and failed before it delivered."""
        return not self.said and self.mode not in ("fresh", "pause")


def after_pause(situation: Situation) -> Next:
    """The wire paused: go on, up to a bound."""
    if situation.pauses >= CONTINUE_MAX:
        return GiveUp(f"the provider paused {situation.pauses} times")
    return Continue()


def after_failure(evidence: ErrorEvidence, situation: Situation, options: StreamingOptions) -> Next:
    """What comes after a failed attempt."""
    if evidence.code == NOT_DURABLE:
        return GiveUp("what the store cannot keep is not delivered, whoever says it")
    error_class = classify(evidence)
    unsafe = _unsafe(evidence, situation, options)
    again = not situation.delivered or situation.added_nothing
    may = options.max_reconnect_attempts > 0 and options.retry_on_connection_error
    if evidence.reused_connection and situation.stale_retries == 0 and again and may and unsafe is None:
        return Retry(0.0, counted=False, reason="the kept-alive connection had been closed")
    if again and evidence.adjust is not None and evidence.adjust not in situation.adjustments:
        return Adjust(evidence.adjust)
    if error_class in RESTS and _other_key_may(situation) and again and may and unsafe is None:
        return Retry(0.0, counted=False, charged=False, reason="another key may do")
    if _is_final(evidence, error_class, situation, options):
        return _give_up(_final_words(evidence, error_class), evidence, error_class, situation)
    if unsafe is not None:
        situation = _only_read_on(situation)
        if not _cursor_open(situation):
            return GiveUp(f"the request may have acted already, and is not sent again: {unsafe}")
    return _here_or_elsewhere(evidence, error_class, situation, options)


def is_refused_rung(evidence: ErrorEvidence, situation: Situation) -> bool:
    """The server refused this way of going on: the next rung may do."""
    if not situation.added_nothing or situation.mode == "reset":
        return False
    if evidence.code == MODEL_CHANGED:
        return True
    error_class = classify(evidence)
    if error_class == "protocol" and situation.mode == "server_cursor":
        # The server has nothing behind the cursor. Asked again it will have no more; but it may have been cut.
        return not situation.delivered or any(mode != "server_cursor" for mode in situation.rungs)
    return error_class in _RUNG_REFUSED and not is_retryable(evidence, error_class)


def _other_key_may(situation: Situation) -> bool:
    # Whatever the provider said of trying again, it said to the key that it refused.
    return situation.another_key and situation.key_retries < KEY_RETRIES_MAX


def _is_final(
    evidence: ErrorEvidence, error_class: ErrorClass, situation: Situation, options: StreamingOptions
) -> bool:
    if evidence.kind == "transport" and not options.retry_on_connection_error:
        return True
    if isinstance(situation.hop, NextHop):
        return False
    return error_class in _ENDS_HERE and evidence.is_retryable is not True


def _final_words(evidence: ErrorEvidence, error_class: ErrorClass) -> str:
    if evidence.kind != "transport":
        return f"{error_class} does not pass by trying again"
    return "retry_on_connection_error is off"


def _unsafe(evidence: ErrorEvidence, situation: Situation, options: StreamingOptions) -> str | None:
    """Why it must not be sent a second time; None where it may."""
    if situation.danger is None or options.replay_unsafe or evidence.is_retryable is True:
        return None
    refused = evidence.kind == "http" and (
        400 <= (evidence.status or 0) < 500 or (evidence.status or 0) in _NOT_ACTED
    )
    if not situation.delivered and (not situation.sent or refused):
        return None
    return situation.danger


def _only_read_on(situation: Situation) -> Situation:
    """The same where a new generation is out of the question."""
    rungs = tuple(mode for mode in situation.rungs if mode == "server_cursor")
    return replace(situation, rungs=rungs, hop=None)


def _cursor_open(situation: Situation) -> bool:
    return "server_cursor" in situation.rungs or situation.mode == "server_cursor"


def _here_or_elsewhere(
    evidence: ErrorEvidence, error_class: ErrorClass, situation: Situation, options: StreamingOptions
) -> Next:
    refused = is_refused_rung(evidence, situation)
    delay_s = _delay_s(evidence, situation, options)
    why_not = _why_not(evidence, error_class, situation, options)
    if why_not is None:
        why_not = _too_long(delay_s, evidence, situation, options)
    here = _here(situation, delay_s, evidence, refused=refused) if why_not is None else None
    elsewhere = _elsewhere(error_class, situation, options)
    stays = situation.stays and evidence.code != BREAKER_OPEN
    if elsewhere is not None and (here is None or not (stays or isinstance(here, Resume))):
        return elsewhere
    if here is not None:
        return here
    reason = (
        why_not or f"the stream broke after content was delivered: {situation.no_rung or 'no rung is open'}"
    )
    return _give_up(reason, evidence, error_class, situation)


def _give_up(reason: str, evidence: ErrorEvidence, error_class: ErrorClass, situation: Situation) -> GiveUp:
    """With what the route has to say, where a hop could have taken the request unseen."""
    if not isinstance(situation.hop, NoHop) or situation.delivered:
        return GiveUp(reason)
    passes = is_retryable(evidence, error_class)
    return GiveUp(f"{reason}; {situation.hop.why}" if passes else situation.hop.why)


def _here(situation: Situation, delay_s: float, evidence: ErrorEvidence, *, refused: bool) -> Next | None:
    """The next attempt at this target; None: no rung is open."""
    if evidence.code == BREAKER_OPEN:
        return Retry(delay_s, counted=False, reason="the breaker is open")
    # An answer that the server keeps is read on even where nothing of it was delivered: else it is made twice.
    if not refused and not situation.delivered and "server_cursor" in situation.rungs:
        return Resume("server_cursor", delay_s, reason="the server keeps the answer")
    if not situation.delivered or (situation.added_nothing and not refused):
        charged = not situation.delivered
        return Retry(delay_s, anew=refused, charged=charged, reason="nothing new was delivered")
    mode = next((mode for mode in situation.rungs if not (refused and mode == situation.mode)), None)
    if mode is None:
        return None
    if mode == "reset":
        return Reset(delay_s, reason=f"no earlier rung is open: {situation.no_rung}")
    return Resume(mode, delay_s, charged=False, reason="the first rung that the answer can take")


def _elsewhere(
    error_class: ErrorClass, situation: Situation, options: StreamingOptions
) -> FallBack | Reset | None:
    """The next attempt at another hop; None: there is none, or none is allowed."""
    hop = situation.hop
    if not isinstance(hop, NextHop) or (situation.sent and options.max_reconnect_attempts == 0):
        return None
    reason = "; ".join([error_class, *hop.passed_over])
    if not situation.delivered and situation.pauses == 0:
        return FallBack(hop.place, hop.wait_s, reason)
    return Reset(hop.wait_s, hop.place, reason) if "reset" in situation.rungs else None


def _delay_s(evidence: ErrorEvidence, situation: Situation, options: StreamingOptions) -> float:
    """Never earlier than told. After a rung that was refused the next one has not been tried yet: no back-off."""
    refused = is_refused_rung(evidence, situation)
    delay_s = 0.0 if refused else backoff_s(situation.retries + 1, options, situation.random)
    open_for_s = 0.0 if situation.breaker is None else situation.breaker.open_for_s
    return max(delay_s, evidence.retry_after_s or 0.0, open_for_s)


def _too_long(
    delay_s: float, evidence: ErrorEvidence, situation: Situation, options: StreamingOptions
) -> str | None:
    """Why this wait is not begun here."""
    if delay_s >= situation.deadline_left_s:
        return f"waiting {delay_s:.1f} s would pass the deadline ({situation.deadline_left_s:.1f} s left)"
    told_s = evidence.retry_after_s or 0.0
    if isinstance(situation.hop, NextHop) and told_s > options.backoff_max_s:
        limit = f"backoff_max_s ({options.backoff_max_s:g} s)"
        return f"the wait of {told_s:.1f} s that was told is longer than {limit}"
    return None


def _why_not(
    evidence: ErrorEvidence, error_class: ErrorClass, situation: Situation, options: StreamingOptions
) -> str | None:
    """Why nothing further is sent to this target."""
    if evidence.code == BREAKER_OPEN:
        return _why_not_wait(evidence, situation)
    refused = is_refused_rung(evidence, situation)
    if not refused and not is_retryable(evidence, error_class):
        return f"{error_class} does not pass by trying again"
    if situation.retries >= options.max_reconnect_attempts:
        # Retries, not attempts: of those there may be more (a field left out, a stale connection).
        times = f"{situation.retries} {'retry' if situation.retries == 1 else 'retries'}"
        return f"given up after {times} (max_reconnect_attempts={options.max_reconnect_attempts})"
    if situation.breaker is not None and situation.breaker.state == "forced_open":
        return "the breaker is held open"
    budget = None if situation.delivered else situation.retry_budget
    if budget is not None and budget.left < 1:
        return NO_RETRIES_LEFT
    return None


def _why_not_wait(evidence: ErrorEvidence, situation: Situation) -> str | None:
    """A request that had begun waits for an open breaker; a new one is refused at once. Who has delivered content
    waits as long as its deadline allows."""
    if situation.delivered:
        return None
    if situation.retries == 0:
        return "the breaker is open"
    if situation.breaker_waits >= BREAKER_WAITS_MAX or evidence.retry_after_s is None:
        return f"the breaker is still open, after {situation.breaker_waits} waits"
    return None
