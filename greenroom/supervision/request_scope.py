"""The supervisor of one request: starts attempts, asks `attempts.py` what comes next, writes the one end.

States and what they do with a Cancel:

    running   an attempt lives                    forwarded to it, its epoch fenced; its Down leads to the end
    waiting   for a back-off or the catalogue     these are dropped; the end
    ending    the aggregator is asked             no effect: the end is decided

The channel, gate and journal belong to the job and outlive attempts and this actor. The deadline takes the
same way as a Cancel. Mail is bounded: one AttemptOver and one Down an attempt, one Folded.
A scope that is told something before its start begins as waiting: a Cancel ends it before anything is sent.
"""

import random
from dataclasses import replace
from typing import Any

from greenroom.actors.handlers import receives
from greenroom.actors.job import Job
from greenroom.actors.parking import unkept
from greenroom.actors.ref import Ref
from greenroom.actors.stream import StreamActor
from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import (
    AttemptOver,
    Cancel,
    CancelledBy,
    Demand,
    ReaderGone,
)
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.retry_state import NO_PREFIX
from greenroom.messages.signals import AskFailed, Down, Reply
from greenroom.supervision.attempts import (
    NO_RETRIES_LEFT,
    Adjust,
    Continue,
    FallBack,
    GiveUp,
    Next,
    Reset,
    Resume,
    Retry,
    Situation,
    after_failure,
    after_pause,
    is_refused_rung,
)
from greenroom.supervision.crashes import crashed_attempt, unsent_attempt, why
from greenroom.supervision.judgement import cancellation, failure_of
from greenroom.supervision.leases import note_decision, note_key, settle
from greenroom.supervision.model_check import MODEL, ask_catalog, refusal_of
from greenroom.supervision.on_route import OnRoute
from greenroom.supervision.prospects import UNTRIED, known_place, situation_of
from greenroom.supervision.request_ending import TOKENS, RequestEnding
from greenroom.supervision.scope_alarms import DEADLINE_OVER, BackOffOver, DeadlineOver
from greenroom.supervision.seams import FRESH, Start, reset_at, start_of
from greenroom.supervision.server_cancel import unwanted
from greenroom.supervision.taking_up import cut_before


class _Demanding:
    """What the channel calls that was full: of the scope it has the address alone."""

    __slots__ = ("_scope",)

    def __init__(self, scope: "Ref[Any]") -> None:
        self._scope = scope

    def __call__(self) -> None:
        self._scope.tell_control(Demand())


class RequestScope(RequestEnding):
    """See the module. Ends by itself when the channel is closed."""

    kind = "request_scope"
    # How a request begins; most ends change little of it.
    _stream: Ref[Any] | None = None
    _over: AttemptOver | None = None
    _back_off: Any = None
    _start = FRESH
    """How the attempt that runs, or the next one, begins."""
    _tried = UNTRIED
    _looked_up = False
    """The model of this hop was, where the request wants that."""
    _cut: tuple[ErrorEvidence, int] | None = None
    """The last failure after content, and its attempt: what the user is told where going on was refused."""

    def __init__(self, supervisor: "Ref[Any]", job: Job) -> None:
        super().__init__(supervisor, job)
        self._ids = (job.stream_id, job.request_id)
        self._route = None if job.plan is None else OnRoute(job, job.plan)
        self._earlier = cut_before(job)
        """How an earlier life of the request ended, until that is decided on."""

    def on_start(self) -> None:
        super().on_start()
        self._job.channel.demand = _Demanding(self.ref)
        self.timer(self._deadline_left_s(), DEADLINE_OVER, control=True, key="deadline")
        if self.cell.control:
            self.ref.tell(BackOffOver(self._epoch))
        else:
            self._attempt()

    # ---- attempts

    def _attempt(self) -> None:
        if self._job.channel.end is not None:
            # By the successor of a requests supervisor that was killed: nobody would settle what begins now.
            self.stop()
            return
        earlier, self._earlier = self._earlier, None
        if earlier is not None:
            self._decide(earlier)
            return
        if not self._looked_up:
            self._looked_up = True
            if ask_catalog(self, self._job):
                self._state = "waiting"
                return
        self._epoch += 1
        self._state, self._over = "running", None
        self._gate.open_epoch(self._epoch)
        start = self._start = self._start.at(self._epoch)
        self._history.begin(self._since_start_s(), start.mode)
        if start.opening is not None:
            self._tell.resumed_from(start.mode, self._gate.checkpoint.seq, self._epoch)
        told = (self.ref, self._job, self._gate, self._epoch, start.resume, start.opening)
        self._stream = self.spawn(StreamActor, *told, name=f"stream-{self._epoch}")

    @receives(AttemptOver)
    def on_attempt_over(self, over: AttemptOver) -> None:
        # Two come of a stream that died as the store told that all of it was kept: the first counts.
        if over.epoch != self._epoch or self._state != "running":
            return
        if self._stream is None:
            self._attempt_ended(over)
        else:
            self._over = over

    @receives(Down)
    def on_down(self, down: Down) -> None:
        if down.ref == self._stream:
            self._stream = None
            if self._over is not None:
                self._attempt_ended(self._over)
            else:
                self._crashed(f"the stream actor died: {why(down)}")
        elif down.ref == self._aggregator:
            self._aggregator_died()
        elif down.ref in self._cancels:
            self._cancel_over(down.ref)

    def _crashed(self, text: str) -> None:
        """What it had taken may be parked, and is delivered before anything is decided on."""
        job, epoch, me = self._job, self._epoch, self.ref

        def settled(refusal: ErrorEvidence | None) -> None:
            over = crashed_attempt(job, epoch, text)
            me.tell(over if refusal is None else unkept(over, refusal))

        self._gate.settled(settled)

    def _attempt_ended(self, over: AttemptOver) -> None:
        now_s = self.clock.now_s()
        views = settle(self._job, over, now_s)
        if (rested := note_key(self._job, over, now_s)) is not None:
            self._tell.key_rests(rested)
        if over.outcome == "completed":
            self._record(over, "completed")
            self._end("completed", over.answer)
            return
        self._tried = replace(self._tried, views=views)
        if self._stopped_by is not None:
            self._record(over, "cancelled")
            self._abandon(over)
            self._end_stopped(over.answer)
        elif over.outcome == "paused":
            # Looked at only where it goes on no more.
            evidence = ErrorEvidence(kind="protocol", message="the wire asks to be continued again and again")
            self._proceed(over._replace(evidence=evidence), after_pause(self._situation(over)))
        else:
            evidence = over.evidence or ErrorEvidence(kind="crash", message=f"the attempt was {over.outcome}")
            over = over._replace(evidence=evidence, answer=known_place(over, self._gate, self._start))
            self._decide(over)

    def _decide(self, over: AttemptOver) -> None:
        assert over.evidence is not None
        situation = self._situation(over)
        if situation.said and situation.delivered:
            self._cut = over.evidence, over.epoch
        decided = after_failure(over.evidence, situation, self._job.options)
        if is_refused_rung(over.evidence, situation):
            self._rung_refused(over.evidence)
            if isinstance(decided, GiveUp) and self._cut is not None:
                said = " ".join(over.evidence.message.split())
                words = f"to go on ({self._start.mode}) was refused: {said}; {decided.reason}"
                self._give_up(over, words, self._cut)
                return
        self._proceed(over, decided)

    def _rung_refused(self, evidence: ErrorEvidence) -> None:
        mode = self._start.mode
        self._tried = replace(self._tried, ruled_out=self._tried.ruled_out | {mode})
        if mode == "prefix" and evidence.kind == "http" and evidence.status == 400:
            self._job.adjust(f"{NO_PREFIX}:{self._job.target.model}")

    def _situation(self, over: AttemptOver) -> Situation:
        tried = replace(self._tried, start=self._start, deadline_left_s=self._deadline_left_s())
        at = self.clock.now_s(), random.random()  # noqa: S311  (jitter)
        return situation_of(self._job, over, tried, self._route, at)

    def _proceed(self, over: AttemptOver, decided: Next) -> None:
        note_decision(self._job, decided, self.clock.now_s())
        match decided:
            case GiveUp(reason):
                self._give_up(over, reason)
            case Retry(delay_s, counted, anew, _, reason):
                if anew:
                    self._abandon(over)
                    self._start = FRESH
                self._again(over, "retry", delay_s, reason, counted=counted)
            case Adjust(patch, reason):
                self._record(over, "adjust", self._failure(over), 0.0, reason)
                self._job.adjust(patch)
                self._tell.retrying(self._failure(over), "adjust", 0.0, self._epoch + 1, reason)
                self._attempt()
            case Continue(reason):
                self._record(over, "continue", reason=reason)
                self._tried = self._tried.paused(self._epoch)
                self._start = self._start_of("pause", over.answer, reason)
                self._attempt()
            case Resume(mode, delay_s, _, reason):
                if mode != "server_cursor":
                    self._abandon(over)
                self._start = self._start_of(mode, over.answer, self._failure(over).message)
                self._again(over, "resume", delay_s, f"{mode}: {reason}")
            case FallBack(place, delay_s, reason):
                self._elsewhere(over, "fall_back", place, delay_s, reason)
            case Reset(delay_s, int(place), reason):
                self._elsewhere(over, "reset", place, delay_s, reason)
            case Reset(delay_s, _, reason):
                self._abandon(over)
                self._start = reset_at(self._job, self._failure(over).message)
                self._again(over, "reset", delay_s, reason)

    def _start_of(self, mode: Any, answer: Answer, reason: str) -> Start:
        return start_of(self._job, mode, answer, self._deadline_left_s(), reason)

    def _give_up(self, over: AttemptOver, reason: str, cut: tuple[ErrorEvidence, int] | None = None) -> None:
        """`cut`: the failure to tell in place of this attempt's own, and its attempt."""
        told = self._epoch > 1 or self._job.plan is not None or NO_RETRIES_LEFT in reason
        failure = self._failure(over, reason if told else "")
        self._record(over, "give_up", failure, 0.0, reason)
        self._abandon(over)
        if cut is not None:
            failure = failure_of(cut[0], self._job.target, self._ids, cut[1], reason)
        self._end("failed", over.answer, failure)

    def _again(
        self, over: AttemptOver, decision: Any, delay_s: float, reason: str, *, counted: bool = True
    ) -> None:
        """A further attempt at the same target."""
        failure = self._failure(over)
        self._record(over, decision, failure, delay_s, reason)
        self._tried = self._tried.again(failure, counted=counted)
        self._tell.retrying(failure, decision, delay_s, self._epoch + 1, reason)
        self._wait(delay_s)

    def _elsewhere(self, over: AttemptOver, decision: Any, place: int, delay_s: float, reason: str) -> None:
        """The original request, to another hop of the route."""
        failure = self._failure(over)
        self._record(over, decision, failure, delay_s, reason)
        self._abandon(over)
        assert self._route is not None
        self._route.go_to(place)
        self._looked_up = False
        self._tell.failover(failure, decision, delay_s, self._epoch + 1, reason)
        self._tried = self._tried.elsewhere()
        self._start = reset_at(self._job, failure.message) if decision == "reset" else FRESH
        self._wait(delay_s)

    def _abandon(self, over: AttemptOver) -> None:
        """Nobody wants what the provider may still be making."""
        said_no = over.evidence is not None and over.evidence.kind in ("http", "in_stream")
        if not said_no:
            self._cancel_there(unwanted(self._job, self._epoch, over.answer.response_id))

    def _wait(self, delay_s: float) -> None:
        if delay_s <= 0:
            self._attempt()
        else:
            self._state = "waiting"
            self._back_off = self.timer(delay_s, BackOffOver(self._epoch))

    @receives(BackOffOver)
    def on_back_off_over(self, message: BackOffOver) -> None:
        if self._state == "waiting" and message.epoch == self._epoch:
            self._attempt()

    def _model_looked_up(self, told: Reply | AskFailed) -> None:
        if self._state == "waiting":
            if (refusal := refusal_of(told, self._job, self._tell)) is None:
                self._attempt()
            elif self._job.plan is None:
                self._end("failed", NO_ANSWER, refusal)
            else:
                self._epoch += 1
                self._history.begin(self._since_start_s())
                self._decide(unsent_attempt(self._epoch, refusal))

    @receives(Reply)
    def on_reply(self, reply: Reply) -> None:
        if reply.tag == MODEL:
            self._model_looked_up(reply)
        else:
            self._tokens_counted(reply)

    @receives(AskFailed)
    def on_ask_failed(self, failed: AskFailed) -> None:
        if failed.tag == MODEL:
            self._model_looked_up(failed)
        elif failed.tag == TOKENS:
            self._close_estimated()

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
            self._stopped_waiting()
        else:
            self._gate.fence()
            if self._stream is not None:
                self._stream.tell_control(Cancel(by, self._epoch))

    def _stopped_waiting(self) -> None:
        if self._back_off is not None:
            self._back_off.cancel()
        if self._start.mode == "server_cursor" and self._start.resume is not None:
            self._cancel_there(unwanted(self._job, self._epoch, self._start.resume.response_id))
        self._end_stopped(NO_ANSWER)

    def _end_stopped(self, answer: Answer) -> None:
        assert self._stopped_by is not None
        if self._stopped_by == "deadline":
            limit_s = self._job.options.deadline_s
            text = f"no end within deadline_s ({limit_s:g} s), after {self._epoch} attempt(s)"
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

    # ---- bookkeeping

    def _failure(self, over: AttemptOver, given_up: str = "") -> Failure:
        assert over.evidence is not None
        return failure_of(over.evidence, self._job.target, self._ids, self._epoch, given_up)

    def _record(
        self, over: AttemptOver, decision: Any, failure: Failure | None = None, wait_s: float = 0.0,
        reason: str = "",
    ) -> None:  # fmt: skip
        now_s = self._since_start_s()
        self._history.record(over, self._job.target, decision, failure, now_s, wait_s, reason)
