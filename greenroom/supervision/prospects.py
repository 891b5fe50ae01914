"""What the one decision is given to look at: gathered from the job, the attempt that ended, and those before."""

from dataclasses import dataclass, field, replace

from greenroom.actors.gate import Gate
from greenroom.actors.job import Job
from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import AttemptOver, Settle
from greenroom.messages.failures import Failure
from greenroom.messages.retry_state import ResumeMode
from greenroom.messages.views import Settled
from greenroom.supervision.attempts import BREAKER_OPEN, Situation
from greenroom.supervision.ladder import Place, Standing, danger_of_replay, open_rungs
from greenroom.supervision.retry_states import standing
from greenroom.supervision.seams import FRESH, Start


@dataclass(frozen=True, slots=True)
class Tried:
    """What a request has spent so far. Changed by replacing it."""

    retries: int = 0
    stale_retries: int = 0
    pauses: int = 0
    breaker_waits: int = 0
    behind: int = 0
    """The epoch whose pause the wire goes on from: what it and those before it delivered is not said again."""
    ruled_out: frozenset[ResumeMode] = frozenset()
    views: Settled = field(default_factory=Settled)
    """What the breaker said last."""
    start: Start = FRESH
    deadline_left_s: float = 0.0

    def again(self, failure: Failure, *, counted: bool) -> "Tried":
        """A further attempt at the same target, after this failure."""
        if counted:
            return replace(self, retries=self.retries + 1)
        if failure.evidence is not None and failure.evidence.code == BREAKER_OPEN:
            return replace(self, breaker_waits=self.breaker_waits + 1)
        return replace(self, stale_retries=self.stale_retries + 1)

    def paused(self, epoch: int) -> "Tried":
        """The wire paused, and goes on behind what this attempt delivered."""
        return replace(self, pauses=self.pauses + 1, stale_retries=0, behind=epoch)

    def elsewhere(self) -> "Tried":
        """At the next target everything is counted from nothing; what was paused was paused by the former."""
        return Tried()


def known_place(over: AttemptOver, gate: Gate, start: Start) -> Answer:
    """The attempt's answer with its id and cursor, where only the gate or the attempt's beginning has them."""
    answer, checkpoint = over.answer, gate.checkpoint
    if answer.response_id is not None or over.outcome != "failed":
        return answer
    if checkpoint.epoch == over.epoch and checkpoint.response_id is not None:
        known = {"response_id": checkpoint.response_id, "cursor": checkpoint.cursor}
    elif start.mode == "server_cursor" and start.resume is not None:
        known = {"response_id": start.resume.response_id, "cursor": start.resume.cursor}
    else:
        return answer
    return (answer or NO_ANSWER).model_copy(update=known)


def situation_of(job: Job, over: AttemptOver, tried: Tried, random: float) -> Situation:
    """The situation after this attempt. Linear in what was delivered, where something was."""
    checkpoint = job.gate.checkpoint
    delivered = job.gate.delivered_behind(tried.behind)
    stands = standing(job) if checkpoint.committed_epoch else Standing()
    # An answer that the provider itself ended cannot be read on.
    read_on = over.evidence is None or over.evidence.kind != "in_stream"
    cursor_known = bool(over.answer.response_id and over.answer.cursor) and tried.pauses == 0 and read_on
    place = Place(job.request, job.options, job.capabilities(job.target), cursor_known, tried.ruled_out)
    rungs, no_rung = open_rungs(stands, place)
    hop = job.next_hop(job.target, job.history.records)
    return Situation(
        retries=tried.retries, delivered=delivered, deadline_left_s=tried.deadline_left_s,
        adjustments=job.target.adjustments, pauses=tried.pauses, stale_retries=tried.stale_retries,
        breaker_waits=tried.breaker_waits, mode=tried.start.mode,
        said=checkpoint.committed_epoch == over.epoch, sent=over.sent, rungs=rungs, no_rung=no_rung,
        danger=danger_of_replay(job.request, stands.parts),
        next_target=None if hop is None else hop.target, breaker=tried.views.breaker,
        retry_budget=tried.views.retry_budget, random=random,
    )  # fmt: skip


def settlement(job: Job, over: AttemptOver, failure: Failure | None, now_s: float) -> Settle:
    """What the breaker is told of an attempt that is over at `now_s`, seconds from the request's submission."""
    began_s = job.history.began_s
    ttft_s = None if over.first_content_s is None else over.first_content_s - began_s
    return Settle(
        stream_id=job.stream_id, epoch=over.epoch, sent=over.sent, usage=over.answer.usage, failure=failure,
        ttft_s=ttft_s, duration_s=now_s - began_s,
    )  # fmt: skip
