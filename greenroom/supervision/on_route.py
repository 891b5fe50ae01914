"""Where a request stands on its route: what its scope keeps beside the job, and asks after each failure."""

from math import inf

from greenroom.actors.job import Job
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.route_plan import Plan
from greenroom.supervision.classifier import classify, is_retryable
from greenroom.supervision.routes import Look, NextHop, NoHop, RouteState, begun, failed, moved, next_hop


class OnRoute:
    """Of a job with a plan."""

    __slots__ = ("_job", "_plan", "_state")

    def __init__(self, job: Job, plan: Plan) -> None:
        self._job, self._plan = job, plan
        # One that is taken up again begins where it was.
        at = next(at for at, hop in enumerate(job.hops) if hop is job.hop)
        self._state: RouteState = begun(plan, at)

    def stays(self, retries: int) -> bool:
        """After so many retries at this hop it has more of its own, before the next one is asked."""
        return retries < self._plan.hops[self._state.at].retries

    def failed_here(
        self,
        evidence: ErrorEvidence,
        now_s: float,
        deadline_left_s: float,
        backoff_s: float,
        open_for_s: float = 0.0,
    ) -> NextHop | NoHop:
        """The hop has failed like this; what would come next.

        `open_for_s`: for so long its own breaker is open now.
        """
        error_class = classify(evidence)
        hopeless = not is_retryable(evidence, error_class)
        again_at_s = now_s + max(evidence.retry_after_s or 0.0, open_for_s)
        self._state = failed(self._state, hopeless=hopeless, again_at_s=again_at_s)
        look = Look(now_s, deadline_left_s, lambda place: self._open_s(place, now_s), backoff_s)
        return next_hop(self._plan, self._state, error_class, look)

    def _open_s(self, place: int, now_s: float) -> float | None:
        """For how long that hop's breaker lets nothing through; inf where nobody can tell. None: it does."""
        breakers = self._job.breakers
        if breakers is None:
            return None
        view = breakers.view(self._job.hops[place].target.place, now_s)
        return None if view.state in ("closed", "disabled") else view.open_for_s or inf

    def go_to(self, place: int) -> None:
        """The job's next attempt is made at this hop."""
        self._state = moved(self._state, place)
        self._job.go_to(place)
