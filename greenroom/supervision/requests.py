"""The supervisor of all requests: admits, starts scopes, and answers for them when they die.

A scope is never restarted: what can be saved by another attempt, the scope itself saves. When a scope crashes
its channel is closed with what was delivered, class `bug`; when this actor crashes, every live request's is.
Admission mail is bounded by `max_streams`.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from greenroom.actors.claims import Timer
from greenroom.actors.handlers import receives
from greenroom.actors.history import decided
from greenroom.actors.job import Job
from greenroom.messages.answer import NO_ANSWER
from greenroom.messages.commands import (
    AwaitIdle,
    Cancel,
    CancelAll,
    GetStatistics,
    RequestOver,
    StartRequest,
    StopAdmission,
)
from greenroom.messages.completion import Completion
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.fold import Fold
from greenroom.messages.signals import Down
from greenroom.messages.statistics import RequestStatistics
from greenroom.messages.store_events import StreamTakenUp
from greenroom.messages.value import FrozenMap
from greenroom.supervision.absences import Absence, Absences, Grace, GraceBegins
from greenroom.supervision.crashes import crashed_attempt, why
from greenroom.supervision.judgement import failure_of
from greenroom.supervision.leases import abandon
from greenroom.supervision.model_match import Mismatches
from greenroom.supervision.request_scope import RequestScope
from greenroom.supervision.scope_events import ScopeTeller
from greenroom.supervision.spec import ChildSpec
from greenroom.supervision.stores.ledger import Ledger
from greenroom.supervision.supervisor import DynamicSupervisor

GRACES_FEW = 64
"""As many timers of absent streams are kept without looking whether they still matter."""
SCOPE_END_S = 1.0
"""In which a scope that is ordered down closes its channel."""
_LATER = "'"
"""Behind the id of a stream that was taken up again: the name of its scope, while an earlier one lives."""
LOST_S = 5.0
"""Longer than any caller's thread stands between putting its job down and sending it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """These were on their way when a predecessor died. Those that are still not here never come."""

    stream_ids: tuple[str, ...]


class LiveRequests:
    """The tables of open jobs. Outlive their supervisor's crash, so that no handle is forgotten."""

    __slots__ = ("absent", "admitting", "jobs", "submitted")

    def __init__(self) -> None:
        self.submitted: dict[str, Job] = {}
        """On their way to the supervisor, put there by their callers' threads."""
        self.jobs: dict[str, Job] = {}
        """Admitted."""
        self.absent: dict[str, Absence] = {}
        """Detached, live or ended."""
        self.admitting = True

    def submit(self, job: Job) -> None:
        """The job's StartRequest is about to be sent. Any thread."""
        self.submitted[job.stream_id] = job

    def get(self, stream_id: str) -> Job | None:
        """The job of that stream, if it runs or is about to."""
        return self.jobs.get(stream_id) or self.submitted.get(stream_id)

    def open_count(self) -> int:
        """How many have no end yet. One that has it may stand in the table for a moment more. Any thread."""
        jobs = self.submitted.copy() | self.jobs.copy()
        return sum(job.channel.end is None for job in jobs.values())

    def take(self, job: Job) -> bool:
        """The job is admitted. False: it had its end before it came so far."""
        # Invariant: until its end it stands in one of the tables, whatever dies in between.
        self.jobs[job.stream_id] = job
        self.submitted.pop(job.stream_id, None)
        if job.channel.end is not None:
            del self.jobs[job.stream_id]
            return False
        return True

    def fail_admitted(self, evidence: ErrorEvidence, now_s: float) -> list[tuple[Job, Completion[Any]]]:
        """Every admitted request has its end. Returns those that had none before."""
        jobs, self.jobs = self.jobs, {}
        return [(job, end) for job in jobs.values() if (end := _fail(job, evidence, now_s)) is not None]

    def fail_submitted(
        self, stream_ids: tuple[str, ...], evidence: ErrorEvidence, now_s: float
    ) -> list[tuple[Job, Completion[Any]]]:
        """Those of these that are still on their way have their end. Returns them."""
        # No swap of the dict: another thread may be about to put a job into it.
        jobs = [job for stream_id in stream_ids if (job := self.submitted.pop(stream_id, None)) is not None]
        return [(job, end) for job in jobs if (end := _fail(job, evidence, now_s)) is not None]

    def fail_all(self, evidence: ErrorEvidence, now_s: float) -> None:
        """Every request has its end: the dispatcher is dead. Its thread, or the one that found out."""
        self.fail_admitted(evidence, now_s)
        self.fail_submitted(tuple(self.submitted.copy()), evidence, now_s)


def _fail(job: Job, evidence: ErrorEvidence, now_s: float) -> Completion[Any] | None:
    job.gate.fence()
    abandon(job)
    end = closing(job, judged(job, evidence), now_s)
    return end if job.channel.close(end) else None


def judged(job: Job, evidence: ErrorEvidence) -> Failure:
    """The failure of a whole request, from evidence that belongs to no attempt."""
    checkpoint = job.gate.checkpoint
    attempt = max(job.gate.epoch_opened, checkpoint.epoch, checkpoint.sent_epoch)
    return failure_of(evidence, job.target, (job.stream_id, job.request_id), attempt)


def closing(job: Job, failure: Failure, now_s: float) -> Completion[Any]:
    """A failed Completion of what journal and history hold.

    Never raises: it is the last that speaks for the job.
    """
    fold = Fold()
    try:
        fold.add(job.gate.journal)
        fold.choices()
    except Exception:  # noqa: BLE001  (one poisoned journal must not end the supervisor of all)
        fold = Fold()
    history, since_s = job.history, max(now_s - job.started_s, 0.0)
    if history.running:
        over = crashed_attempt(job, job.gate.epoch_opened, failure.message)
        history.record(over, job.target, "give_up", failure, since_s, 0.0)
    return Completion(
        outcome="failed", choices=fold.choices(NO_ANSWER), usage=history.spent,
        cost_usd=history.spent_usd, route=job.route, provider=job.target.provider,
        model_asked=job.target.model, request_id=job.request_id, stream_id=job.stream_id, failure=failure,
        last_seq=fold.last_seq, attempts=history.records, timings=history.timings(job.started_at, since_s),
        rate_limits=history.rate_limits,
    )  # fmt: skip


SCOPE = ChildSpec("scope", RequestScope, restart="temporary", shutdown_s=SCOPE_END_S)
"""Every scope's. What can be saved of a request, its scope saves."""


class Requests(DynamicSupervisor):
    """See the module. One a system."""

    kind = "requests"

    def __init__(self, live: LiveRequests, max_streams: int, ledger: Ledger | None = None) -> None:
        super().__init__()
        self._live = live
        self._ledger = ledger or Ledger(is_file=False)
        self._max_streams = max_streams
        self._waiting_for_idle: list[Any] = []
        self._graces: dict[str, Timer] = {}
        """The newest of each stream; some are of streams whose consumer is back."""
        self._later: dict[str, str] = {}
        """Names of scopes by stream, where they are not its id."""
        self._drop_graces_at = GRACES_FEW
        self._counts = dict.fromkeys(
            ("admitted", "refused", "completed", "failed", "cancelled", "attempts"), 0
        )
        self._decided: Counter[str] = Counter()

    def on_start(self) -> None:
        super().on_start()
        self._absences = Absences(self._live.absent, self.clock, self.events, self.path)
        self._mismatches = Mismatches(self.events, self.clock, self.path)
        for absence in self._live.absent.values():
            self.on_grace_begins(absence.begins)
        # A predecessor was killed, so that on_failure was not called, and consumers may still wait.
        self._fail_admitted("the requests supervisor was restarted under this request")
        submitted = tuple(self._live.submitted.copy())
        if submitted:
            # The mail of some may have died with the predecessor: what is not here by then never comes.
            self.timer(LOST_S, Lost(submitted))

    def on_failure(self, kind: Any, error: Any, _: Any) -> None:
        self._fail_admitted(f"the requests supervisor died: {kind.__name__}: {error}")

    def _fail_admitted(self, text: str) -> None:
        evidence = ErrorEvidence(kind="crash", message=text)
        for job, end in self._live.fail_admitted(evidence, self.clock.now_s()):
            self._tell_over(job, end)
            self._ledger.over(job, self.clock.wall_s())

    @receives(Lost)
    def on_lost(self, message: Lost) -> None:
        evidence = ErrorEvidence(kind="crash", message="the request was lost with a requests supervisor")
        for job, end in self._live.fail_submitted(message.stream_ids, evidence, self.clock.now_s()):
            self._tell_over(job, end)

    @receives(StartRequest)
    def on_start_request(self, message: StartRequest) -> None:
        job: Job = message.job
        if not self._live.take(job):
            message.cell.close()
            return
        refusal = self._refusal()
        if refusal is not None:
            self._counts["refused"] += 1
            self._close(job, refusal)
            del self._live.jobs[job.stream_id]
            message.cell.close()
            return
        self._counts["admitted"] += 1
        self._ledger.admitted(job, self.clock.wall_s())
        if job.resumed is not None:
            age_s = max(self.clock.wall_s() - job.resumed.updated_at, 0.0)
            teller = ScopeTeller(self.events, self.clock, self.path, job)
            teller.emit(StreamTakenUp, seq=job.resumed.delivered_seq, age_s=age_s)
        self.adopt(self._name_for(job.stream_id), SCOPE, (self.ref, job), message.cell)

    def _name_for(self, stream_id: str) -> str:
        """The id; another where a scope of the same stream still tells a provider to stop."""
        name = stream_id
        while name in self._cells:
            name += _LATER
        if name != stream_id:
            self._later[stream_id] = name
        elif self._later:
            self._later.pop(stream_id, None)
        return name

    def _take_job_of(self, scope: str) -> Job | None:
        """The open job of the scope of that name. None: it had its end, or is a later scope's."""
        stream_id = scope.rstrip(_LATER)
        if self._later.get(stream_id, stream_id) != scope:
            return None
        self._later.pop(stream_id, None)
        return self._live.jobs.pop(stream_id, None)

    def _refusal(self) -> ErrorEvidence | None:
        if not self._live.admitting:
            return ErrorEvidence(kind="refusal", code="shutdown", message="the system is stopping")
        if len(self._live.jobs) > self._max_streams:  # this one stands there too
            text = f"{self._max_streams} streams are live already (max_streams)"
            return ErrorEvidence(kind="refusal", code="admission", message=text)
        return None

    @receives(RequestOver)
    def on_request_over(self, message: RequestOver) -> None:
        self._counts[message.outcome] += 1
        self._counts["attempts"] += message.attempts
        if message.decided:
            self._decided.update(message.decided)
        self._mismatches.note(message.swapped, message.stream_id)
        job = self._live.jobs.pop(message.stream_id, None)
        if job is not None:
            self._ledger.over(job, self.clock.wall_s())
        self._absences.bound_ended()

    @receives(GraceBegins)
    def on_grace_begins(self, message: GraceBegins) -> None:
        if len(self._graces) >= self._drop_graces_at:
            self._drop_graces()
        delay_s = max(message.due_s - self.clock.now_s(), 0.0)
        former = self._graces.pop(message.stream_id, None)
        if former is not None:
            former.cancel()
        grace = Grace(message.stream_id, message.generation)
        self._graces[message.stream_id] = self.timer(delay_s, grace)

    def _drop_graces(self) -> None:
        # Bound: at most twice as many as are absent, or GRACES_FEW. Those who came back cancel nothing.
        for stream_id in [each for each in self._graces if each not in self._live.absent]:
            self._graces.pop(stream_id).cancel()
        self._drop_graces_at = max(GRACES_FEW, 2 * len(self._graces))

    @receives(Grace)
    def on_grace_over(self, message: Grace) -> None:
        self._graces.pop(message.stream_id, None)
        self._absences.grace_over(message)

    @receives(Down)
    def on_down(self, down: Down) -> None:
        scope = self._names.get(down.ref.cell)
        super().on_down(down)
        job = None if scope is None else self._take_job_of(scope)
        if job is not None:
            job.gate.fence()
            abandon(job)
            text = f"the request's scope died: {why(down)}"
            self._close(job, ErrorEvidence(kind="crash", message=text))
            self._ledger.over(job, self.clock.wall_s())
            self._counts["failed"] += 1
            self._counts["attempts"] += job.gate.epoch_opened
            self._decided.update(decided(job.history.records))
        if not self._cells:
            for answer in self._waiting_for_idle:
                answer.set(None)
            self._waiting_for_idle.clear()

    def _close(self, job: Job, evidence: ErrorEvidence) -> None:
        completion = closing(job, judged(job, evidence), self.clock.now_s())
        if job.channel.close(completion):
            self._tell_over(job, completion)

    def _tell_over(self, job: Job, completion: Completion[Any]) -> None:
        ScopeTeller(self.events, self.clock, self.path, job).over(completion, None, completion.last_seq)

    # ---- stopping

    @receives(StopAdmission)
    def on_stop_admission(self, _: StopAdmission) -> None:
        self._live.admitting = False

    @receives(CancelAll)
    def on_cancel_all(self, message: CancelAll) -> None:
        for scope in self._cells.values():
            scope.ref.tell_control(Cancel(message.by))

    @receives(AwaitIdle)
    def on_await_idle(self, _: AwaitIdle) -> None:
        answer = self.defer()
        if self._cells:
            self._waiting_for_idle.append(answer)
        else:
            answer.set(None)

    @receives(GetStatistics)
    def on_get_statistics(self, _: GetStatistics) -> RequestStatistics:
        totals = {f"{name}_total": count for name, count in self._counts.items()}
        return RequestStatistics(
            live=len(self._live.jobs), max_streams=self._max_streams,
            decided_total=FrozenMap(self._decided), **totals,
        )  # fmt: skip


def requests_child(
    live: LiveRequests, max_streams: int, cell: Any, ledger: Ledger | None = None
) -> ChildSpec:
    """Its spec, for the root. `live` and `ledger` outlive it."""
    return ChildSpec("requests", Requests, (live, max_streams, ledger), cell=cell, type="supervisor")
