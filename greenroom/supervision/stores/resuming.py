"""A stored state into a request that runs again, and what is told of it before. No I/O, no clock."""

from dataclasses import dataclass, field

from greenroom.actors.channel import Channel
from greenroom.actors.job import Job
from greenroom.messages.fold import Fold
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.recoverable import RecoverableStream
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, ResumeMode, RetryState
from greenroom.messages.stored import StoredStream
from greenroom.messages.usage import NO_USAGE
from greenroom.supervision.absences import size_of
from greenroom.supervision.ladder import (
    Place,
    Standing,
    danger_of_replay,
    open_rungs,
    standing_of,
    wants_json,
)

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
    facts, progress, stands, spent = stored.facts, stored.progress, _standing(stored), NO_USAGE
    for record in progress.attempts:
        spent = spent + record.usage
    return RetryState(
        stream_id=facts.stream_id, request_id=facts.request_id, request=facts.request,
        epoch=progress.checkpoint.epoch, attempts=progress.attempts, provider=stored.place[0],
        model_asked=stored.place[1], model_answered=progress.model_answered,
        delivered_seq=progress.checkpoint.seq, delivered_text=stands.text, delivered_parts=stands.parts,
        open_block=stands.open_block, response_id=progress.checkpoint.response_id,
        cursor=progress.checkpoint.cursor, deadline_left_s=facts.options.deadline_s, spent=spent,
        last_failure=progress.failure, updated_at=stored.updated_at,
    )  # fmt: skip


def _standing(stored: StoredStream) -> Standing:
    fold = Fold()
    fold.add(piece.delta for piece in stored.pieces)
    return standing_of(fold.choices(), json_asked=wants_json(stored.facts.request, stored.facts.options))


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
    job.history.records, job.history.model = stored.progress.attempts, stored.progress.model_answered
    job.history.last_failure = stored.progress.failure
    job.resumed = state_of(stored)
    _go_back(job, stored)
    _repeat(job, job.channel, after_seq)


def _go_back(job: Job, stored: StoredStream) -> None:
    """What was delivered is gone on with where it was said; without any of it a route begins anew."""
    if job.plan is not None and stored.progress.checkpoint.committed_epoch:
        places = [(hop.target.provider, hop.target.model) for hop in job.hops]
        if stored.place in places:
            job.go_to(places.index(stored.place))


def _repeat(job: Job, channel: Channel, after_seq: int | None) -> None:
    deltas = [] if after_seq is None else job.gate.journal.between(after_seq)
    if deltas:
        channel.push(deltas, size_of(deltas))


@dataclass(frozen=True, slots=True)
class Prospect:
    """What this system can do for a stored request: `obstacle` says why it cannot send it at all."""

    obstacle: str | None = None
    can: Capabilities = field(default_factory=Capabilities)


def recoverable(stored: StoredStream, prospect: Prospect, at: float) -> RecoverableStream:
    """What is told of it."""
    facts, progress, stands = stored.facts, stored.progress, _standing(stored)
    mode, why = _way_on(stored, stands, prospect)
    return RecoverableStream(
        stream_id=facts.stream_id, request_id=facts.request_id, provider=stored.place[0], model=stored.place[1],
        outcome="failed" if progress.failure is not None else "interrupted", failure=progress.failure,
        delivered_seq=progress.checkpoint.seq, delivered_text=stands.text,
        attempts=len(progress.attempts), started_at=facts.started_at, updated_at=stored.updated_at,
        age_s=max(at - stored.updated_at, 0.0), expires_at=stored.expires_at, can_go_on=mode is not None,
        mode=mode, why=why,
    )  # fmt: skip


def _way_on(stored: StoredStream, stands: Standing, prospect: Prospect) -> tuple[ResumeMode | None, str]:
    facts, checkpoint, failure = stored.facts, stored.progress.checkpoint, stored.progress.failure
    if prospect.obstacle is not None:
        return None, prospect.obstacle
    if failure is not None and failure.error_class in _HOPELESS:
        return None, f"it would fail again: {failure.message}"
    danger = danger_of_replay(facts.request, stands.parts)
    if danger is not None and checkpoint.sent_epoch and not facts.options.replay_unsafe:
        return None, f"it may not be sent twice: {danger}"
    if checkpoint.committed_epoch == 0:
        return "fresh", "nothing was delivered: it starts again"
    if facts.options.max_reconnect_attempts == 0:
        return None, "it needs a second request, which max_reconnect_attempts=0 forbids"
    if not facts.options.retry_on_connection_error:
        return None, "it goes on as after a broken connection, and retry_on_connection_error is off"
    cursor_known = bool(checkpoint.response_id and checkpoint.cursor)
    rungs, no_rung = open_rungs(stands, Place(facts.request, facts.options, prospect.can, cursor_known))
    if not rungs:
        return None, f"content was delivered, and {no_rung}"
    return rungs[0], f"it goes on by {rungs[0]}"
