"""The supervisor of one request: starts attempts, asks `attempts.py` what comes next, writes the one end.

States and what they do with a Cancel:

    running   an attempt lives            forwarded to it, its epoch fenced; its Down leads to the end
    waiting   a back-off timer runs       the timer is dropped; the end
    ending    the aggregator is asked     no effect: the end is decided

The channel, gate and journal belong to the job and outlive attempts and this actor. The deadline takes the
same way as a Cancel. Mail is bounded: one AttemptOver and one Down an attempt, one Folded.
A scope that is told something before its start begins as waiting: a Cancel ends it before anything is sent.
"""

import random
from dataclasses import replace
from typing import Any, Literal

from greenroom.actors.aggregator import Aggregator, completed
from greenroom.actors.blocking import is_choked
from greenroom.actors.handlers import receives
from greenroom.actors.job import Job
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.actors.stream import StreamActor
from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import (
    Accepted,
    AttemptOver,
    Cancel,
    CancelledBy,
    CountTokens,
    Demand,
    Finish,
    Folded,
    ReaderGone,
)
from greenroom.messages.completion import Completion, Outcome
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.fold import Fold
from greenroom.messages.retry_state import RetryState
from greenroom.messages.signals import AskFailed, Down, Reply
from greenroom.supervision.attempts import (
    NO_RETRIES_LEFT,
    Adjust,
    Continue,
    GiveUp,
    Next,
    Retry,
    Situation,
    after_failure,
    after_pause,
)
from greenroom.supervision.crashes import crashed_attempt, why
from greenroom.supervision.judgement import cancellation, failure_of
from greenroom.supervision.leases import NO_LIMITS, note_decision, settle
from greenroom.supervision.model_check import MODEL, ask_catalog, refusal_of
from greenroom.supervision.model_match import matches, request_over
from greenroom.supervision.retry_states import state_of
from greenroom.supervision.scope_alarms import BackOffOver, DeadlineOver, FoldOverdue
from greenroom.supervision.scope_events import ScopeTeller
from greenroom.supervision.token_estimate import COUNT_TIMEOUT_S, by_characters, counted, is_wanted, texts

FOLD_TIMEOUT_S = 1.0
"""How long the aggregator may take to answer; then the scope folds the journal itself."""
AGGREGATORS_MAX = 3
"""A journal that kills so many of them is folded by the scope, at the end."""


class RequestScope(LoopActor):
    """See the module. Ends by itself when the channel is closed."""

    kind = "request_scope"

    def __init__(self, supervisor: "Ref[Any]", job: Job) -> None:
        super().__init__()
        self._supervisor, self._job = supervisor, job
        self._gate = job.gate
        self._ids = (job.stream_id, job.request_id)
        self._state: Literal["running", "waiting", "ending"] = "waiting"
        self._epoch = 0
        self._stream: Ref[Any] | None = None
        self._over: AttemptOver | None = None
        self._stopped_by: CancelledBy | None = None
        self._back_off: Any = None
        self._aggregator: Ref[Any] | None = None
        self._aggregators = 0
        self._finish: Finish | None = None
        self._uncounted: Completion[Any] | None = None
        self._stale_retries = self._retries = self._pauses = 0
        self._history = job.history
        self._limits = NO_LIMITS
        self._resume: RetryState | None = None
        """What an attempt goes on from; None: from nothing."""
        self._resumes_behind = 0
        """The epoch whose end that is: what it and those before it delivered is not said again."""

    def on_start(self) -> None:
        me = self.ref
        self._tell = ScopeTeller(self.events, self.clock, self.path, self._job)
        self._job.channel.demand = lambda: me.tell_control(Demand())
        self.timer(self._deadline_left_s(), DeadlineOver(), control=True, key="deadline")
        self._gate.aggregator = me
        if ask_catalog(self, self._job):
            return
        if self.cell.control:
            me.tell(BackOffOver(self._epoch))
        else:
            self._attempt()

    # ---- attempts

    def _attempt(self) -> None:
        self._epoch += 1
        self._state, self._over = "running", None
        self._gate.open_epoch(self._epoch)
        self._history.begin(self._since_start_s())
        told = (self.ref, self._job, self._gate, self._epoch, self._resume)
        self._stream = self.spawn(StreamActor, *told, name=f"stream-{self._epoch}")

    @receives(AttemptOver)
    def on_attempt_over(self, over: AttemptOver) -> None:
        if over.epoch == self._epoch:
            self._over = over

    @receives(Down)
    def on_down(self, down: Down) -> None:
        if down.ref == self._stream:
            self._stream = None
            text = f"the stream actor died: {why(down)}"
            self._attempt_ended(self._over or crashed_attempt(self._job, self._epoch, text))
        elif down.ref == self._aggregator:
            self._aggregator_died()

    def _attempt_ended(self, over: AttemptOver) -> None:
        self._limits = settle(self._job, over, self.clock.now_s())
        if over.outcome == "completed":
            self._record(over, "completed")
            self._end("completed", over.answer)
        elif self._stopped_by is not None:
            self._record(over, "cancelled")
            self._end_stopped(over.answer)
        elif over.outcome == "paused":
            # Looked at only where it goes on no more.
            evidence = ErrorEvidence(kind="protocol", message="the wire asks to be continued again and again")
            self._proceed(replace(over, evidence=evidence), after_pause(self._situation()))
        else:
            evidence = over.evidence or ErrorEvidence(kind="crash", message=f"the attempt was {over.outcome}")
            over = replace(over, evidence=evidence)
            self._proceed(over, after_failure(evidence, self._situation(), self._job.options))

    def _situation(self) -> Situation:
        return Situation(
            retries=self._retries, delivered=self._gate.delivered_behind(self._resumes_behind),
            deadline_left_s=self._deadline_left_s(),
            adjustments=self._job.target.adjustments, pauses=self._pauses, stale_retries=self._stale_retries,
            breaker=self._limits.breaker, retry_budget=self._limits.retry_budget,
            random=random.random(),  # noqa: S311  (jitter)
        )  # fmt: skip

    def _proceed(self, over: AttemptOver, decided: Next) -> None:
        note_decision(self._job, decided, self.clock.now_s())
        match decided:
            case GiveUp(reason):
                told = self._epoch > 1 or reason == NO_RETRIES_LEFT
                failure = self._failure(over, reason if told else "")
                self._record(over, "give_up", failure)
                self._end("failed", over.answer, failure)
            case Retry(delay_s, counted):
                failure = self._failure(over)
                self._record(over, "retry", failure, delay_s)
                self._retries += counted
                self._stale_retries += not counted
                self._tell.retrying(failure, "retry", delay_s, self._epoch + 1)
                self._wait(delay_s)
            case Adjust(patch):
                failure = self._failure(over)
                self._record(over, "adjust", failure)
                self._job.adjust(patch)
                target = self._job.target
                self._job.target = replace(target, adjustments=target.adjustments | {patch})
                self._tell.retrying(failure, "adjust", 0.0, self._epoch + 1)
                self._attempt()
            case Continue():
                self._record(over, "continue")
                self._pauses += 1
                self._stale_retries = 0
                self._resumes_behind = self._epoch
                self._resume = state_of(self._job, "pause", over.answer, self._deadline_left_s())
                self._attempt()

    def _wait(self, delay_s: float) -> None:
        if delay_s <= 0:
            self._attempt()
            return
        self._state = "waiting"
        self._back_off = self.timer(delay_s, BackOffOver(self._epoch))

    @receives(BackOffOver)
    def on_back_off_over(self, message: BackOffOver) -> None:
        if self._state == "waiting" and message.epoch == self._epoch:
            self._attempt()

    def _model_looked_up(self, told: Reply | AskFailed) -> None:
        if self._state == "waiting":
            if (refusal := refusal_of(told, self._job, self._tell)) is not None:
                self._end("failed", NO_ANSWER, refusal)
            else:
                self._attempt()

    # ---- being stopped

    @receives(Cancel)
    def on_cancel(self, message: Cancel) -> None:
        self._stop_request(message.by)

    def on_shutdown(self) -> None:
        self._stop_request("shutdown")

    @receives(DeadlineOver)
    def on_deadline_over(self, _: DeadlineOver) -> None:
        self._stop_request("deadline")

    @receives(ReaderGone)
    def on_reader_gone(self, message: ReaderGone) -> None:
        # Of the job's channel, not of one kept here: another takes its place when the stream is detached.
        channel = self._job.channel
        if message.generation == channel.generation and channel.reader_closed():
            self._stop_request("consumer_gone")

    def _stop_request(self, by: CancelledBy) -> None:
        if self._state == "ending":
            # The end is decided; only these do not wait for those that still count and fold.
            if by in ("deadline", "shutdown"):
                self._close_now()
            return
        if self._stopped_by is not None:
            return
        if self._over is not None and self._over.outcome == "completed":
            return
        self._stopped_by = by
        if self._state == "waiting":
            if self._back_off is not None:
                self._back_off.cancel()
            self._end_stopped(NO_ANSWER)
        elif self._stream is not None:
            self._gate.fence()
            self._stream.tell_control(Cancel(by, self._epoch))

    def _end_stopped(self, answer: Answer) -> None:
        assert self._stopped_by is not None
        options = self._job.options
        if self._stopped_by == "deadline":
            text = f"no end within deadline_s ({options.deadline_s:g} s), after {self._epoch} attempt(s)"
            evidence = ErrorEvidence(kind="clock", clock="deadline_s", message=text)
            failure = failure_of(evidence, self._job.target, self._ids, self._epoch)
            self._end("failed", answer, failure)
            return
        failure = cancellation(self._stopped_by, self._job.target, self._ids, self._epoch)
        self._end("cancelled", answer, failure)

    @receives(Demand)
    def on_demand(self, _: Demand) -> None:
        if self._stream is not None:
            self._stream.tell_control(Demand(self._epoch))

    # ---- the one end

    def _end(self, outcome: Outcome, answer: Answer, failure: Failure | None = None) -> None:
        self._state = "ending"
        self._gate.fence()
        facts = {
            "outcome": outcome, "provider": self._job.target.provider, "model": answer.model,
            "model_asked": self._job.target.model, "response_id": answer.response_id,
            "model_matches": matches(self._job.target, answer.model), "rate_limits": self._history.rate_limits,
            "request_id": self._job.request_id, "stream_id": self._job.stream_id, "failure": failure,
            "attempts": self._history.records, "metadata": answer.metadata,
            "timings": self._history.timings(self._job.started_at, self._since_start_s()),
            "usage": self._history.spent,
        }  # fmt: skip
        self._finish = Finish(answer, facts)
        if self._aggregator is None:
            self._count_and_close(self._folded_here())
            return
        if self._deadline_left_s() <= 0:
            self._close_now()
            return
        self.timer(FOLD_TIMEOUT_S, FoldOverdue())
        self._aggregator.tell(replace(self._finish, deltas=self._gate.journal.recent()))

    @receives(Folded)
    def on_folded(self, message: Folded) -> None:
        self._count_and_close(message.completion)

    @receives(FoldOverdue)
    def on_fold_overdue(self, _: FoldOverdue) -> None:
        self._count_and_close(self._folded_here())

    def _close_now(self) -> None:
        """There is no time left to wait for anybody."""
        if self._uncounted is None:
            self._uncounted = self._folded_here()
        if is_wanted(self._job.options, self._uncounted):
            self._close_estimated()
        else:
            self._close(self._uncounted)

    def _count_and_close(self, completion: Completion[Any]) -> None:
        if self._uncounted is not None:
            return
        if not is_wanted(self._job.options, completion):
            self._close(completion)
            return
        self._uncounted = completion
        counter = self._job.token_counter
        if counter is None or is_choked(counter):
            self._close_estimated()
        else:
            count = CountTokens(texts(self._job.request, completion), self._job.target.model)
            self.ask(counter, count, timeout_s=COUNT_TIMEOUT_S, tag="tokens")

    @receives(Reply)
    def on_reply(self, reply: Reply) -> None:
        if reply.tag == MODEL:
            self._model_looked_up(reply)
            return
        assert self._uncounted is not None
        self._close(counted(self._uncounted, *reply.value))

    @receives(AskFailed)
    def on_ask_failed(self, failed: AskFailed) -> None:
        if failed.tag == MODEL:
            self._model_looked_up(failed)
        else:
            self._close_estimated()

    def _close_estimated(self) -> None:
        assert self._uncounted is not None
        asked, answered = texts(self._job.request, self._uncounted)
        self._close(counted(self._uncounted, by_characters(asked), by_characters(answered)))

    def _folded_here(self) -> Completion[Any]:
        assert self._finish is not None
        fold = Fold()
        fold.add(self._gate.journal)
        return completed(fold, self._finish)

    def _close(self, completion: Completion[Any]) -> None:
        if self._job.channel.close(completion):
            self._tell.over(completion, self._stopped_by, self._gate.checkpoint.seq)
            self._supervisor.tell(request_over(self._job.target, completion, self._epoch))
        if self._aggregator is not None:
            self.unwatch(self._aggregator)
        self.exit("normal")

    # ---- the aggregator

    @receives(Accepted)
    def on_accepted(self, _: Accepted) -> None:
        """The answer is long enough for an actor of its own; what comes until then stands in the journal too."""
        if self._aggregators == 0 and self._state != "ending":
            self._start_aggregator()

    def _start_aggregator(self) -> None:
        self._gate.journal.compact()
        journal = tuple(self._gate.journal)
        self._aggregators += 1
        name = "aggregator" if self._aggregators == 1 else f"aggregator-{self._aggregators}"
        self._aggregator = self._gate.aggregator = self.spawn(Aggregator, self.ref, journal, name=name)

    def _aggregator_died(self) -> None:
        self._aggregator = self._gate.aggregator = None
        if self._state == "ending":
            self._count_and_close(self._folded_here())
        elif self._aggregators < AGGREGATORS_MAX:
            self._start_aggregator()

    # ---- bookkeeping

    def _failure(self, over: AttemptOver, given_up: str = "") -> Failure:
        assert over.evidence is not None
        return failure_of(over.evidence, self._job.target, self._ids, self._epoch, given_up)

    def _record(
        self, over: AttemptOver, decision: Any, failure: Failure | None = None, wait_s: float = 0.0
    ) -> None:
        self._history.record(over, self._job.target, decision, failure, self._since_start_s(), wait_s)

    def _since_start_s(self) -> float:
        return float(self.clock.now_s() - self._job.started_s)

    def _deadline_left_s(self) -> float:
        return max(self._job.options.deadline_s - self._since_start_s(), 0.0)
