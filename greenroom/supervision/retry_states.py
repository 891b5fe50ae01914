"""What a further attempt is told of those before it: a RetryState made from the job's journal and history."""

from greenroom.actors.job import Job
from greenroom.messages.answer import Answer
from greenroom.messages.fold import Fold
from greenroom.messages.retry_state import ResumeMode, RetryState


def state_of(job: Job, mode: ResumeMode, answer: Answer, deadline_left_s: float) -> RetryState:
    """The state as it stands now. Linear in the journal: made where an attempt goes on, never on the way."""
    fold = Fold()
    fold.add(job.gate.journal)
    first, checkpoint = fold.choices()[0], job.gate.checkpoint
    return RetryState(
        stream_id=job.stream_id, request_id=job.request_id, request=job.request, epoch=checkpoint.epoch,
        mode=mode, attempts=job.history.records, provider=job.target.provider, model_asked=job.target.model,
        model_answered=answer.model, delivered_seq=checkpoint.seq, delivered_text=first.text,
        delivered_parts=first.parts, response_id=answer.response_id, cursor=answer.cursor,
        deadline_left_s=deadline_left_s, spent=job.history.spent, updated_at=job.started_at,
    )  # fmt: skip
