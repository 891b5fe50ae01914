"""A stream that is taken up again, as its scope sees it: an attempt that was cut before its first one."""

from greenroom.actors.job import Job
from greenroom.messages.answer import Answer
from greenroom.messages.commands import AttemptOver
from greenroom.messages.failures import ErrorEvidence


def cut_before(job: Job) -> AttemptOver | None:
    """How the earlier life ended; None where this is the first, or where nothing was delivered in it."""
    state, checkpoint = job.resumed, job.gate.checkpoint
    if state is None or checkpoint.committed_epoch == 0:
        return None
    failed = state.last_failure
    text = "the process that streamed it ended" if failed is None else f"taken up again: {failed.message}"
    answer = Answer(response_id=checkpoint.response_id, cursor=checkpoint.cursor, model=state.model_answered)
    evidence = ErrorEvidence(kind="transport", phase="body", message=text)
    return AttemptOver(checkpoint.epoch, "failed", answer, evidence, sent=True)
