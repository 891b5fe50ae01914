"""A request's leases: what its scope says of each attempt when that has ended, and what it is answered."""

from greenroom.actors.api_keys import Rested
from greenroom.actors.job import Job
from greenroom.messages.commands import AttemptOver, Settle
from greenroom.messages.options import StreamingOptions
from greenroom.messages.views import Settled
from greenroom.supervision.attempts import NO_RETRIES_LEFT, GiveUp, Next, Resume, Retry
from greenroom.supervision.classifier import classify

NO_LIMITS = Settled()
"""Of a request that nobody limits."""


def settle(job: Job, over: AttemptOver, now_s: float) -> Settled:
    """The attempt's leases are over, whatever it had obtained. Idempotent; the target is still the attempt's."""
    if job.breakers is None:
        return NO_LIMITS
    return job.breakers.settle(report_of(job, over, now_s), now_s)


def note_key(job: Job, over: AttemptOver, now_s: float) -> Rested | None:
    """The key that the attempt was asked with served, or was refused. Not None: it rests from now on."""
    if over.key is None:
        return None
    evidence = over.evidence
    if over.outcome in ("completed", "paused") or over.first_content_s is not None:
        job.api_keys.served(over.key)
    elif over.outcome == "failed" and evidence is not None and evidence.kind in ("http", "in_stream"):
        return job.api_keys.refused(over.key, classify(evidence), evidence.retry_after_s, now_s)
    return None


def note_decision(job: Job, decided: Next, now_s: float) -> None:
    """The retry budget knows of it. To be called in the turn in which its view was read. Going on with delivered
    content, a Reset too, is not charged."""
    if job.breakers is None:
        return
    match decided:
        case Retry(counted=True, charged=True) | Resume(charged=True):
            job.breakers.spend_retry(job.target.place, now_s)
        case GiveUp(reason) if NO_RETRIES_LEFT in reason:
            job.breakers.refuse_retry(job.target.place, now_s)
        case _:
            pass


def abandon(job: Job) -> None:
    """The scope died, and its attempt with it: nobody knows how that went. Idempotent."""
    if job.breakers is not None:
        job.breakers.abandon(job.stream_id, job.gate.epoch_opened)


def report_of(job: Job, over: AttemptOver, now_s: float) -> Settle:
    """What is said of the attempt."""
    evidence, first_s, written_s = over.evidence, over.first_content_s, over.written_s
    return Settle(
        stream_id=job.stream_id, epoch=over.epoch, place=job.target.place, outcome=over.outcome,
        sent=over.sent, usage=over.answer.usage,
        error_class=classify(evidence) if evidence is not None and over.outcome == "failed" else None,
        evidence=evidence,
        waited_s=_waited_s(evidence.clock, job.options) if evidence is not None else None,
        ttft_s=first_s - written_s if first_s is not None and written_s is not None else None,
        generation_s=now_s - job.started_s - first_s if first_s is not None and not over.held_back else None,
    )  # fmt: skip


def _waited_s(clock: str | None, options: StreamingOptions) -> float | None:
    waited_s: object = getattr(options, clock, None) if clock is not None and clock.endswith("_s") else None
    return waited_s if isinstance(waited_s, float | int) else None
