"""A stored state into a request that runs again, and what is told of it before. No I/O, no clock."""

from greenroom.actors.channel import Channel
from greenroom.actors.job import Job
from greenroom.messages.fold import Fold
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.recoverable import RecoverableStream
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import ResumeMode, RetryState
from greenroom.messages.stored import StoredStream
from greenroom.messages.usage import NO_USAGE
from greenroom.supervision.absences import size_of

_HOPELESS = ("invalid_request", "context_length", "content_policy", "output_limit", "model_not_found")
"""Classes of failures that come again as long as the request is the same."""


def request_of(stored: StoredStream) -> ChatRequest:
    """The request as it was, with the options, the model and the id that it had got."""
    facts = stored.facts
    model = facts.request.model or f"{facts.provider}/{facts.model}"
    known = {"model": model, "options": facts.options, "request_id": facts.request_id}
    return facts.request.model_copy(update=known)


def state_of(stored: StoredStream) -> RetryState:
    """What an attempt is told that goes on from there. The deadline begins anew: to take it up is another wish."""
    facts, progress = stored.facts, stored.progress
    fold = Fold()
    fold.add(piece.delta for piece in stored.pieces)
    first, spent = fold.choices()[0], NO_USAGE
    for record in progress.attempts:
        spent = spent + record.usage
    return RetryState(
        stream_id=facts.stream_id, request_id=facts.request_id, request=facts.request,
        epoch=progress.checkpoint.epoch, attempts=progress.attempts, provider=facts.provider,
        model_asked=facts.model, model_answered=progress.model_answered,
        delivered_seq=progress.checkpoint.seq, delivered_text=first.text, delivered_parts=first.parts,
        response_id=progress.checkpoint.response_id, cursor=progress.checkpoint.cursor,
        deadline_left_s=facts.options.deadline_s, spent=spent, last_failure=progress.failure,
        updated_at=stored.updated_at,
    )  # fmt: skip


def restore(job: Job, stored: StoredStream, after_seq: int | None) -> None:
    """The job goes on from there: its journal has what was delivered, and its channel what follows `after_seq` of
    it (None: nothing). Raises InvalidInput where so much was never stored.
    """
    checkpoint = stored.progress.checkpoint
    if after_seq is not None and after_seq > checkpoint.seq:
        raise InvalidInput.at(
            "after_seq", f"must be at most {checkpoint.seq}, the last delta that was stored", after_seq
        )
    job.gate.restore(stored.pieces, checkpoint)
    job.history.records = stored.progress.attempts
    job.resumed = state_of(stored)
    _repeat(job, job.channel, after_seq)


def _repeat(job: Job, channel: Channel, after_seq: int | None) -> None:
    deltas = [] if after_seq is None else job.gate.journal.between(after_seq)
    if deltas:
        channel.push(deltas, size_of(deltas))


def recoverable(stored: StoredStream, obstacle: str | None, at: float) -> RecoverableStream:
    """What is told of it. `obstacle`: why this system cannot send such a request, where it cannot."""
    facts, progress = stored.facts, stored.progress
    mode, why = _way_on(stored, obstacle)
    fold = Fold()
    fold.add(piece.delta for piece in stored.pieces)
    return RecoverableStream(
        stream_id=facts.stream_id, request_id=facts.request_id, provider=facts.provider, model=facts.model,
        outcome="failed" if progress.failure is not None else "interrupted", failure=progress.failure,
        delivered_seq=progress.checkpoint.seq, delivered_text=fold.choices()[0].text,
        attempts=len(progress.attempts), started_at=facts.started_at, updated_at=stored.updated_at,
        age_s=max(at - stored.updated_at, 0.0), expires_at=stored.expires_at, can_go_on=mode is not None,
        mode=mode, why=why,
    )  # fmt: skip


def _way_on(stored: StoredStream, obstacle: str | None) -> tuple[ResumeMode | None, str]:
    failure = stored.progress.failure
    if obstacle is not None:
        return None, obstacle
    if failure is not None and failure.error_class in _HOPELESS:
        return None, f"it would fail again: {failure.message}"
    if stored.progress.checkpoint.committed_epoch == 0:
        return "fresh", "nothing was delivered: it starts again"
    return None, "content was delivered"
