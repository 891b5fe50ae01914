"""Where a request stands on its route: what its scope keeps beside the job, and asks after each failure."""

from math import inf

from greenroom.actors.job import Job
from greenroom.messages.failures import ErrorEvidence
from greenroom.supervision.classifier import classify, is_retryable
from greenroom.supervision.routes import Look, NextHop, NoHop, RouteState, begun, failed, moved, next_hop


class OnRoute:
    """Of a job without a plan: there is no hop but the one."""

    __slots__ = ("_job", "_state")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._state: RouteState | None = None
        if job.plan is not None:
            # One that is taken up again begins where it was.
            self._state = begun(job.plan, next(at for at, hop in enumerate(job.hops) if hop is job.hop))

    def stays(self, retries: int) -> bool:
        """After so many retries at this hop it has more of its own, before the next one is asked."""
        plan, state = self._job.plan, self._state
        return plan is not None and state is not None and retries < plan.hops[state.at].retries

    def failed_here(
        self,
        evidence: ErrorEvidence,
        now_s: float,
        deadline_left_s: float,
        backoff_s: float,
        open_for_s: float = 0.0,
    ) -> NextHop | NoHop | None:
        """The hop has failed like this; what would come next. None: there is no route.

        `open_for_s`: for so long its own breaker is open now.
        """
        plan, state = self._job.plan, self._state
        if plan is None or state is None:
            return None
        error_class = classify(evidence)
        hopeless = not is_retryable(evidence, error_class)
        again_at_s = now_s + max(evidence.retry_after_s or 0.0, open_for_s)
        self._state = failed(state, hopeless=hopeless, again_at_s=again_at_s)
        look = Look(now_s, deadline_left_s, lambda place: self._open_s(place, now_s), backoff_s)
        return next_hop(plan, self._state, error_class, look)

    def _open_s(self, place: int, now_s: float) -> float | None:
        """For how long that hop's breaker lets nothing through; inf where nobody can tell. None: it does."""
        breakers = self._job.breakers
        if breakers is None:
            return None
        view = breakers.view(self._job.hops[place].target.place, now_s)
        return None if view.state in ("closed", "disabled") else view.open_for_s or inf

    def go_to(self, place: int) -> None:
        """The job's next attempt is made at this hop."""
        assert self._state is not None
        self._state = moved(self._state, place)
        self._job.go_to(place)
