"""What the one decision is given to look at: gathered from the job, the attempt that ended, and those before."""

from dataclasses import dataclass, replace

from greenroom.actors.api_keys import RESTS
from greenroom.actors.gate import Gate
from greenroom.actors.job import Job
from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import AttemptOver
from greenroom.messages.failures import BREAKER_OPEN, Failure
from greenroom.messages.retry_state import ResumeMode
from greenroom.messages.views import Settled
from greenroom.supervision.attempts import Situation
from greenroom.supervision.backoff import backoff_s
from greenroom.supervision.ladder import Place, Standing, danger_of_replay, open_rungs
from greenroom.supervision.leases import NO_LIMITS
from greenroom.supervision.on_route import OnRoute
from greenroom.supervision.retry_states import standing
from greenroom.supervision.routes import NextHop, NoHop
from greenroom.supervision.seams import FRESH, Start


@dataclass(frozen=True, slots=True)
class Tried:
    """What a request has spent so far. Changed by replacing it."""

    retries: int = 0
    stale_retries: int = 0
    pauses: int = 0
    breaker_waits: int = 0
    key_retries: int = 0
    behind: int = 0
    """The epoch whose pause the wire goes on from: what it and those before it delivered is not said again."""
    ruled_out: frozenset[ResumeMode] = frozenset()
    views: Settled = NO_LIMITS
    """What the breaker said last."""
    start: Start = FRESH
    deadline_left_s: float = 0.0

    def again(self, failure: Failure, *, counted: bool) -> "Tried":
        """A further attempt at the same target, after this failure."""
        if counted:
            return replace(self, retries=self.retries + 1)
        if failure.error_class in RESTS:
            return replace(self, key_retries=self.key_retries + 1)
        if failure.evidence is not None and failure.evidence.code == BREAKER_OPEN:
            return replace(self, breaker_waits=self.breaker_waits + 1)
        return replace(self, stale_retries=self.stale_retries + 1)

    def paused(self, epoch: int) -> "Tried":
        """The wire paused, and goes on behind what this attempt delivered."""
        return replace(self, pauses=self.pauses + 1, stale_retries=0, behind=epoch)

    def elsewhere(self) -> "Tried":
        """At the next target everything is counted from nothing; what was paused was paused by the former."""
        return UNTRIED


UNTRIED = Tried()
"""Nothing yet."""


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


def situation_of(
    job: Job, over: AttemptOver, tried: Tried, route: OnRoute | None, at: tuple[float, float]
) -> Situation:
    """The situation after this attempt; the route, where there is one, knows then that this hop failed. Linear in
    what was delivered, where something was. `at`: the time, and a random number.
    """
    now_s, random = at
    checkpoint = job.gate.checkpoint
    delivered = job.gate.delivered_behind(tried.behind)
    stands = standing(job) if checkpoint.committed_epoch else Standing()
    # An answer that the provider itself ended cannot be read on.
    read_on = over.evidence is None or over.evidence.kind != "in_stream"
    cursor_known = bool(over.answer.response_id and over.answer.cursor) and tried.pauses == 0 and read_on
    place = Place(job.hop.request, job.options, job.capabilities(job.target), cursor_known, tried.ruled_out)
    rungs, no_rung = open_rungs(stands, place)
    return Situation(
        retries=tried.retries, delivered=delivered, deadline_left_s=tried.deadline_left_s,
        adjustments=job.target.adjustments, pauses=tried.pauses, stale_retries=tried.stale_retries,
        breaker_waits=tried.breaker_waits, key_retries=tried.key_retries,
        another_key=over.key is not None and job.api_keys.another(now_s), mode=tried.start.mode,
        said=checkpoint.committed_epoch == over.epoch, sent=over.sent, rungs=rungs, no_rung=no_rung,
        danger=danger_of_replay(job.hop.request, stands.parts),
        hop=_next_hop(job, over, tried, route, now_s), stays=route is not None and route.stays(tried.retries),
        breaker=tried.views.breaker,
        retry_budget=tried.views.retry_budget, random=random,
    )  # fmt: skip


def _next_hop(
    job: Job, over: AttemptOver, tried: Tried, route: OnRoute | None, now_s: float
) -> NextHop | NoHop | None:
    if over.evidence is None or route is None:
        return None
    open_for_s = 0.0 if tried.views.breaker is None else tried.views.breaker.open_for_s
    wait_s = backoff_s(over.epoch, job.options, 0.0)
    return route.failed_here(over.evidence, now_s, tried.deadline_left_s, wait_s, open_for_s)
