"""What is left to say of an attempt whose actor could not report: it died, or was never made."""

from greenroom.actors.job import Job
from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import AttemptOver
from greenroom.messages.deltas import UsageDelta
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.signals import Down


def crashed_attempt(job: Job, epoch: int, text: str) -> AttemptOver:
    """What is known of an attempt that could not report its end."""
    checkpoint, answer = job.gate.checkpoint, NO_ANSWER
    if checkpoint.epoch == epoch:
        told = [delta.usage for delta in job.gate.journal if isinstance(delta, UsageDelta)]
        answer = Answer(usage=told[-1]) if told else NO_ANSWER
    sent = checkpoint.sent_epoch == epoch
    evidence = ErrorEvidence(kind="crash", message=text)
    return AttemptOver(epoch=epoch, outcome="failed", answer=answer, evidence=evidence, sent=sent)


def unsent_attempt(epoch: int, failure: Failure) -> AttemptOver:
    """An attempt that was refused before it was made."""
    return AttemptOver(epoch=epoch, outcome="failed", answer=NO_ANSWER, evidence=failure.evidence, sent=False)


def why(down: Down) -> str:
    """How the actor ended, in words."""
    return down.reason if down.error is None else f"{type(down.error).__name__}: {down.error}"
