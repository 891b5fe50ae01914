"""Which requests a store has to know of, and what it has to be told next. No I/O, no clock; dispatcher thread.

    admitted --(durable)--> kept --due, or a flush finds it changed--> in a batch --written--> confirmed
    over: failed            its last state, as one that does not run     (of every request)
          shut down         the same, so that the next start can go on   (of durable ones)
          else              dropped, where the store has heard of it

One batch is under way at a time. What it says of a stream takes the place of all that the store has behind what
was confirmed: so a batch that was lost, or of which nobody knows whether it was, is simply built again.
The ledger outlives the actor that writes it, and nothing in it is ever looked at by two threads: callers' threads
hand over jobs through the requests supervisor.

Bounds: kept, one for each live request; pending, PENDING_MAX.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenroom.actors.job import Job
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.retry_state import Checkpoint
from greenroom.messages.stored import Change, Drop, Progress, StreamFacts, Write

PENDING_MAX = 4096
"""Ends that wait for a store that does not answer; the oldest goes first."""
FLUSH_AT_ONCE = 64
"""Streams that one turn of the dispatcher prepares."""


@dataclass(slots=True)
class Kept:
    """One live request of which the store is told."""

    job: Job
    confirmed_seq: int = 0
    stored: bool = False
    """The store has its facts."""
    told: bool = False
    """It may have: they went with a batch."""
    mark: Any = None
    """What was confirmed last: while that is so, there is nothing to tell."""

    def now(self) -> Any:
        """Changes with all that is stored."""
        checkpoint = self.job.gate.checkpoint
        return checkpoint, len(self.job.history.records)


@dataclass(frozen=True, slots=True)
class Batch:
    """For the store, in one step. `durable`: somebody waits for it."""

    changes: tuple[Change, ...]
    durable: bool
    marks: tuple[tuple[str, Any], ...] = ()


@dataclass(slots=True)
class Ledger:
    """See the module. `poke` is called when there is something to be written at once."""

    is_file: bool
    """What is told outlives the process."""
    poke: Callable[[], None] = lambda: None
    kept: dict[str, Kept] = field(default_factory=dict)
    lost: int = 0
    """Ends that the store was never told: too many waited for it."""
    taken: dict[str, float] = field(default_factory=dict)
    """Those that are being taken up, and when they may be taken again."""
    _pending: dict[str, Change] = field(default_factory=dict)
    _due: dict[str, None] = field(default_factory=dict)
    _round: deque[str] = field(default_factory=deque)
    _under_way: Batch | None = None

    # ---- requests

    def admitted(self, job: Job, at: float) -> None:
        """The request runs from now on."""
        resumed = job.resumed
        self.taken.pop(job.stream_id, None)
        if job.durability == "memory" or not self.is_file:
            if resumed is not None:
                self._put(Drop(job.stream_id))
            return
        kept = self.kept[job.stream_id] = Kept(job)
        if resumed is not None:
            # As a live one: now it neither expires nor goes for a bound.
            kept.confirmed_seq, kept.stored, kept.told = job.gate.checkpoint.seq, True, True
        if resumed is not None or job.parked is not None:
            self._put(self._live(kept, at)[0])

    def due(self, stream_id: str) -> None:
        """A batch of its deltas is parked until the store has it."""
        self._due[stream_id] = None
        self.poke()

    def over(self, job: Job, at: float) -> None:
        """The request has its end."""
        end, kept = job.channel.end, self.kept.pop(job.stream_id, None)
        self._due.pop(job.stream_id, None)
        if end is None:
            return
        if end.outcome == "failed" or (kept is not None and _was_shut_down(end.failure)):
            failure = end.failure if end.outcome == "failed" else None
            self._put(_ended(kept or Kept(job), at, failure))
        elif kept is not None and kept.told:
            self._put(Drop(job.stream_id))
        else:
            # A short request, over before it was ever written: the store need not hear of it.
            self._pending.pop(job.stream_id, None)

    def is_busy(self, stream_id: str) -> bool:
        """It runs, or the store is being told of it."""
        batch = () if self._under_way is None else self._under_way.changes
        told = any(change.stream_id == stream_id for change in batch)
        return told or stream_id in self.kept or stream_id in self._pending

    def _put(self, change: Change) -> None:
        self._pending.pop(change.stream_id, None)
        self._pending[change.stream_id] = change
        if len(self._pending) > PENDING_MAX:
            del self._pending[next(iter(self._pending))]
            self.lost += 1
        self.poke()

    # ---- the store

    def begin_flush(self) -> None:
        """All that changed since it was last written is to be written now. A round that is not done goes on: begun
        again and again, it would never come to the last of many.
        """
        if not self._round:
            self._round = deque(self.kept)

    def next_batch(self, at: float) -> Batch | None:
        """What is to be written next; None: nothing, or a batch is under way."""
        if self._under_way is not None:
            return None
        changes, marks = list(self._pending.values()), []
        for stream_id in self._pending:
            if (waiting := self.kept.get(stream_id)) is not None:
                waiting.told = True
        due, self._due = self._due, {}
        chosen = [kept for stream_id in due if (kept := self.kept.get(stream_id)) is not None]
        durable = bool(chosen)
        left = FLUSH_AT_ONCE
        while self._round and left:
            stream_id = self._round.popleft()
            kept_one = self.kept.get(stream_id)
            if kept_one is not None and stream_id not in due and kept_one.mark != kept_one.now():
                chosen.append(kept_one)
                left -= 1
        for kept in chosen:
            change, mark = self._live(kept, at)
            kept.told = True
            changes.append(change)
            marks.append((change.stream_id, mark))
        if not changes:
            return None
        self._pending = {}
        self._under_way = Batch(tuple(changes), durable, tuple(marks))
        return self._under_way

    def _live(self, kept: Kept, at: float) -> tuple[Write, Any]:
        mark = kept.now()
        checkpoint, pieces = kept.job.gate.unsaved(kept.confirmed_seq)
        progress = _progress(kept.job, checkpoint)
        write = Write(
            kept.job.stream_id, None if kept.stored else facts_of(kept.job), progress, kept.confirmed_seq, pieces,
            at, kept.job.options.state_ttl_s,
        )  # fmt: skip
        return write, mark

    def written(self, batch: Batch) -> None:
        """The store has all of it."""
        self._under_way = None
        for change in batch.changes:
            kept = self.kept.get(change.stream_id)
            if kept is not None and isinstance(change, Write):
                kept.stored = True
                kept.confirmed_seq = max(kept.confirmed_seq, change.progress.checkpoint.seq)
        for stream_id, mark in batch.marks:
            kept = self.kept.get(stream_id)
            if kept is not None:
                kept.mark = mark
                # Last: what is delivered now may change what was marked.
                kept.job.gate.saved(kept.confirmed_seq)

    def not_written(self, batch: Batch, evidence: ErrorEvidence) -> None:
        """The store has none of it, or nobody knows. Those who wait are refused; the rest is tried again."""
        self._under_way = None
        newer = self._pending
        self._pending = {}
        for change in batch.changes:
            if change.stream_id not in newer and (isinstance(change, Drop) or not change.live):
                self._put(change)
        for change in newer.values():
            self._put(change)
        for kept in tuple(self.kept.values()):
            kept.mark = None
            gate = kept.job.gate
            if gate.taken_seq > gate.checkpoint.seq:
                gate.refuse(evidence)

    def lost_sight(self) -> None:
        """Who wrote it is gone, and with it what was under way."""
        batch, self._under_way = self._under_way, None
        if batch is not None:
            ended = {c.stream_id: c for c in batch.changes if isinstance(c, Drop) or not c.live}
            self._pending = {**ended, **self._pending}
            self._due.update(dict.fromkeys(each for each, _ in batch.marks))

    def last_batch(self, at: float) -> Batch:
        """All that is left to be said when the system has ended; nothing is under way any more."""
        self.lost_sight()
        changes = [*self._pending.values(), *(_ended(kept, at, None) for kept in self.kept.values())]
        self._pending, self.kept = {}, {}
        return Batch(tuple(changes), durable=True)


def facts_of(job: Job) -> StreamFacts:
    """What stays as it is."""
    # Not checked again: every value was.
    return StreamFacts.model_construct(
        stream_id=job.stream_id, request_id=job.request_id, request=job.request, options=job.options,
        provider=job.target.provider, model=job.target.model, kind=job.target.kind, started_at=job.started_at,
    )  # fmt: skip


def _progress(job: Job, checkpoint: Checkpoint, failure: Failure | None = None) -> Progress:
    at = None if job.plan is None else (job.target.provider, job.target.model)
    return Progress(checkpoint, job.history.records, job.history.model, failure, at)


def _ended(kept: Kept, at: float, failure: Failure | None) -> Write:
    """Its last state. The journal is the truth by now: what was stored and never delivered is taken back."""
    job, checkpoint = kept.job, kept.job.gate.checkpoint
    after_seq = min(kept.confirmed_seq, checkpoint.seq)
    progress = _progress(job, checkpoint, failure)
    return Write(
        job.stream_id, None if kept.stored else facts_of(job), progress, after_seq,
        job.gate.journal.pieces(after_seq), at, job.options.state_ttl_s, live=False,
    )  # fmt: skip


def _was_shut_down(failure: Failure | None) -> bool:
    return failure is not None and failure.evidence is not None and failure.evidence.code == "shutdown"
