"""What a further attempt is told of those before it: a RetryState made from the job's journal and history."""

from collections.abc import Iterable

from greenroom.actors.job import Job
from greenroom.messages.answer import Answer
from greenroom.messages.deltas import Delta, StreamReset, StreamSeam
from greenroom.messages.fold import Fold
from greenroom.messages.retry_state import AttemptRecord, ResumeMode, RetryState
from greenroom.messages.usage import Usage
from greenroom.supervision.ladder import Standing, standing_of, wants_json
from greenroom.supervision.token_estimate import by_characters


def standing(job: Job) -> Standing:
    """What the consumer has now. Linear in the journal: made where an attempt ended, never on the way."""
    return _folded(job, job.gate.journal)


def state_of(job: Job, mode: ResumeMode, answer: Answer, deadline_left_s: float) -> RetryState:
    """The state as it stands now. Linear in the journal: made where an attempt goes on, never on the way.

    With mode server_cursor what was delivered is that of the kept answer alone: its events know nothing of
    what another attempt said before it.
    """
    journal: Iterable[Delta] = job.gate.journal
    stands = _folded(job, _since_mark(journal) if mode == "server_cursor" else journal)
    checkpoint = job.gate.checkpoint
    return RetryState(
        stream_id=job.stream_id, request_id=job.request_id, request=job.request, epoch=checkpoint.epoch,
        mode=mode, attempts=job.history.records, provider=job.target.provider, model_asked=job.target.model,
        model_answered=answer.model or job.history.model, delivered_seq=checkpoint.seq,
        delivered_text=stands.text, delivered_parts=stands.parts, open_block=stands.open_block,
        response_id=answer.response_id or checkpoint.response_id, cursor=answer.cursor or checkpoint.cursor,
        deadline_left_s=deadline_left_s, spent=_spent(job.history.records, stands.text),
        last_failure=job.history.last_failure, updated_at=job.started_at + job.history.now_s,
    )  # fmt: skip


def _folded(job: Job, deltas: Iterable[Delta]) -> Standing:
    fold = Fold()
    fold.add(deltas)
    return standing_of(fold.choices(), json_asked=wants_json(job.request, job.options))


def _since_mark(journal: Iterable[Delta]) -> list[Delta]:
    since: list[Delta] = []
    for delta in journal:
        if isinstance(delta, (StreamSeam, StreamReset)):
            since.clear()
        else:
            since.append(delta)
    return since


def _spent(records: tuple[AttemptRecord, ...], text: str) -> Usage:
    """Of the attempts that made this text. One that did not tell may be most of it, so characters count then."""
    first = max(
        (n for n, record in enumerate(records) if record.mode == "reset" and record.deltas), default=0
    )
    stand = [record.usage for record in records[first:] if record.deltas]
    if stand and all(usage.output_tokens is not None and usage.source == "provider" for usage in stand):
        return sum(stand[1:], stand[0])
    told = sum(usage.output_tokens or 0 for usage in stand)
    return Usage(output_tokens=max(told, by_characters(text)), source="estimated")
