"""Streams without a consumer: detached, and waiting to be attached again. Dispatcher thread only.

    attached --detach--> away (grace runs) --attach--> attached, another channel
                              '--grace over--> cancelled if it still runs; forgotten

While it is away the deltas go to the journal only, up to max(max_buffer_bytes, max_replay_bytes) unread; then
the socket is paused. A stream that ends meanwhile is kept until the grace is over, at most ENDED_MAX of them
(the oldest goes first). The table stands in LiveRequests, so that it outlives the requests supervisor, which
owns the timers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenroom.actors.away import Away
from greenroom.actors.channel import Channel
from greenroom.actors.job import Job
from greenroom.actors.journal import Journal
from greenroom.actors.merging import content_bytes
from greenroom.actors.ref import Ref
from greenroom.messages.attach_errors import ReplayRefused, StreamInUse, UnknownStream
from greenroom.messages.commands import Cancel
from greenroom.messages.completion import Completion
from greenroom.messages.contracts import Clock, EventSink
from greenroom.messages.deltas import Delta
from greenroom.messages.events import StreamAttached, StreamDetachedEvent, StreamForgotten
from greenroom.messages.failures import DETACHED, ErrorEvidence, Failure
from greenroom.messages.invalid import InvalidInput
from greenroom.supervision.scope_events import ScopeTeller

ENDED_MAX = 1024


@dataclass(frozen=True, slots=True)
class GraceBegins:
    """To the requests supervisor: `Grace` is to come at `due_s`, for this absence."""

    stream_id: str
    generation: int
    due_s: float


@dataclass(frozen=True, slots=True)
class Grace:
    """The grace of this absence is over."""

    stream_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Absence:
    """One stream's, from its detach to its attach or its going."""

    job: Job
    scope: "Ref[Any]"
    away: Away
    taken_seq: int
    """The last delta that the former handle's readers took."""
    since_s: float

    @property
    def due_s(self) -> float:
        return self.since_s + self.job.options.detach_grace_s

    @property
    def begins(self) -> GraceBegins:
        return GraceBegins(self.job.stream_id, self.away.generation, self.due_s)


@dataclass(frozen=True, slots=True)
class Absences:
    """See the module. Stateless but for the table, which is the caller's."""

    table: dict[str, Absence]
    clock: Clock
    events: EventSink
    path: str

    def detach(self, job: Job, scope: "Ref[Any]", channel: Channel) -> Absence | None:
        """The stream has no consumer from now on; `channel`'s readers are cut off. None, and nothing is done,
        where that was so before: the channel is no longer the stream's.
        """
        if job.channel is not channel:
            return None
        end, was_full = channel.end, channel.full
        unread = channel.sever(_detached_end(job))
        taken_seq = job.gate.checkpoint.seq if unread is None else unread - 1
        away = Away(job.options, channel, size_of(job.gate.journal.between(taken_seq)))
        job.channel = job.gate.channel = away
        if end is not None:
            away.close(end)
        elif was_full and not away.full:
            away.demand()
        absence = Absence(job, scope, away, taken_seq, self.clock.now_s())
        self.table[job.stream_id] = absence
        self._teller(job).detached(taken_seq, job.options.detach_grace_s, _outcome(away))
        self.bound_ended()
        return absence

    def attach(
        self, stream_id: str, after_seq: int | None, live: Job | None
    ) -> tuple[Job, "Ref[Any]", Channel]:
        """The stream's new channel, with all that follows `after_seq` (None: with what was not taken).

        `live` is the stream's job where it still runs, attached or not. Raises UnknownStream, StreamInUse,
        ReplayRefused, InvalidInput; then nothing has changed.
        """
        absence = self.table.get(stream_id)
        if absence is None:
            # One whose grace is over may still be on its way to its end.
            in_use = live is not None and not isinstance(live.channel, Away)
            raise StreamInUse(stream_id) if in_use else UnknownStream(stream_id)
        job, away = absence.job, absence.away
        after = absence.taken_seq if after_seq is None else after_seq
        delivered = job.gate.checkpoint.seq
        if after > delivered:
            raise InvalidInput.at("after_seq", f"must be at most {delivered}, the last delta so far", after)
        replayed_bytes = self._replay_bytes(absence, after)
        deltas = job.gate.journal.between(after)
        channel = Channel(job.options)
        channel.demand, channel.generation = away.demand, away.generation + 1
        if deltas:
            channel.push(deltas, size_of(deltas))
        del self.table[stream_id]
        job.channel = job.gate.channel = channel
        away_s = self.clock.now_s() - absence.since_s
        self._teller(job).attached(after, replayed_bytes, away_s, _outcome(away))
        if away.end is not None:
            channel.close(away.end)
        elif away.full:
            away.demand()
        return job, absence.scope, channel

    def _replay_bytes(self, absence: Absence, after: int) -> int:
        job, taken = absence.job, absence.taken_seq
        replayed = size_of(job.gate.journal.between(after, taken)) if after < taken else 0
        bound = job.options.max_replay_bytes
        if replayed > bound:
            earliest = earliest_after(job.gate.journal, taken, bound)
            raise ReplayRefused(job.stream_id, after, earliest, bound)
        return replayed

    def grace_over(self, grace: Grace) -> None:
        """Nobody came: the stream is cancelled if it still runs, and forgotten."""
        absence = self.table.get(grace.stream_id)
        if absence is not None and absence.away.generation == grace.generation:
            self._forget(absence, "grace_over")

    def bound_ended(self) -> None:
        """Of those that have ended, at most ENDED_MAX are kept."""
        if len(self.table) > ENDED_MAX:
            ended = [absence for absence in self.table.values() if absence.away.end is not None]
            for absence in ended[:-ENDED_MAX]:
                self._forget(absence, "too_many")

    def _forget(self, absence: Absence, why: str) -> None:
        del self.table[absence.job.stream_id]
        self._teller(absence.job).forgotten(why, _outcome(absence.away))
        if absence.away.end is None:
            absence.scope.tell_control(Cancel("detached_expired"))

    def _teller(self, job: Job) -> "_Teller":
        return _Teller(ScopeTeller(self.events, self.clock, self.path, job).emit)


@dataclass(frozen=True, slots=True)
class _Teller:
    emit: Callable[..., None]

    def detached(self, seq: int, grace_s: float, outcome: str | None) -> None:
        self.emit(StreamDetachedEvent, seq=seq, grace_s=grace_s, outcome=outcome)

    def attached(self, after_seq: int, replayed_bytes: int, away_s: float, outcome: str | None) -> None:
        self.emit(
            StreamAttached, after_seq=after_seq, replayed_bytes=replayed_bytes, away_s=away_s, outcome=outcome
        )

    def forgotten(self, why: str, outcome: str | None) -> None:
        self.emit(StreamForgotten, why=why, outcome=outcome)


def size_of(deltas: list[Delta]) -> int:
    """Bytes of content."""
    return sum(map(content_bytes, deltas))


def earliest_after(journal: Journal, taken_seq: int, bound_bytes: int) -> int:
    """The least `after_seq` from which what had been taken can be repeated within the bound."""
    low, high = 0, taken_seq
    while low < high:
        middle = (low + high) // 2
        if size_of(journal.between(middle, taken_seq)) <= bound_bytes:
            high = middle
        else:
            low = middle + 1
    return low


def _outcome(away: Away) -> str | None:
    return None if away.end is None else away.end.outcome


def _detached_end(job: Job) -> Completion[Any]:
    """What the readers of a detached handle meet."""
    text = "this handle was detached and reads no more; system.attach(stream_id) gives another"
    target = job.target
    failure = Failure(
        error_class="cancelled", message=text, provider=target.provider, model=target.model,
        stream_id=job.stream_id, request_id=job.request_id,
        evidence=ErrorEvidence(kind="refusal", code=DETACHED, message=text),
    )  # fmt: skip
    return Completion(
        outcome="cancelled", provider=target.provider, model_asked=target.model, request_id=job.request_id,
        stream_id=job.stream_id, failure=failure,
    )  # fmt: skip
