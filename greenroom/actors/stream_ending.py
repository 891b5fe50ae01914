"""What an attempt knows of itself, and how it ends: what it still held, its socket, and its one AttemptOver."""

from functools import partial
from typing import Any

from greenroom.actors.clocks import Clocks
from greenroom.actors.gate import Commit, Gate
from greenroom.actors.job import Job
from greenroom.actors.keyed import Keyed
from greenroom.actors.opening import Opening
from greenroom.actors.parking import unkept
from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.commands import AttemptOver, CancelOpen
from greenroom.messages.contracts import Decoder, Wire
from greenroom.messages.deltas import Delta
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.rate_limits import RateLimits
from greenroom.messages.retry_state import RetryState


class StreamEnding(Keyed):
    """The base of the stream's actor. After `_end` nothing more is said of the attempt."""

    kind = "stream_ending"
    # How an attempt begins. Of the class: CPython gives an object with more than 30 fields a dict of its own.
    _opening: Opening | None = None
    """How its first deltas begin, until they have."""
    _calls_before = 0
    _decoder: Decoder | None = None
    _wire: Wire | None = None
    _clocks: Clocks | None = None
    _held: list[Delta] | None = None
    """Deltas that wait: for content, for the end of an opening, for a batch."""
    _batching = _suspected = _over = False
    _probing = False
    """A breaker waits for its first content."""
    _any_content = False
    """Content was read; it may be held back still."""
    _first_content_s: float | None = None
    _opened_s: float | None = None
    _rate_limits: RateLimits | None = None
    _last_read_s, _deltas = 0.0, 0

    def __init__(
        self, scope: Any, job: Job, gate: Gate, epoch: int, resume: RetryState | None = None,
        opening: Opening | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._scope, self._job, self._gate, self._epoch, self._resume = scope, job, gate, epoch, resume
        if opening is not None:
            self._opening, self._calls_before = opening, opening.calls_before
        self._options = job.hop.options
        self._batch_interval_s = job.options.batch_interval_s
        self._keeps_place = job.options.server_resume
        self._wall_offset_s = job.started_at - job.started_s

    def _fail(self, evidence: ErrorEvidence) -> None:
        if self._over:
            return
        if self._first_content_s is not None:
            self._over = True
            self._flush_rest()
        self._let_go()
        self._end("failed", self._answer_so_far(), evidence)

    def _flush_rest(self) -> None:
        """What a failed attempt still held belongs to the consumer once the attempt has delivered."""
        deltas, self._held = self._held, None
        if deltas and self._gate.commit(self._epoch, deltas) in (Commit.TAKEN, Commit.FULL):
            self._deltas += len(deltas)

    def _answer_so_far(self) -> Answer:
        return NO_ANSWER if self._decoder is None else self._decoder.answer_so_far()

    def _let_go(self) -> None:
        if self._wire is not None:
            self._wire.abort()
        else:
            self._job.connection.tell(CancelOpen(self._job.stream_id, self._epoch))

    def _end(self, outcome: Any, answer: Answer, evidence: ErrorEvidence | None = None) -> None:
        self._over = True
        clocks = self._clocks
        over = AttemptOver(
            epoch=self._epoch, outcome=outcome, answer=answer, evidence=evidence,
            sent=self._gate.checkpoint.sent_epoch == self._epoch, opened_s=self._opened_s,
            first_content_s=self._first_content_s, deltas=self._deltas, rate_limits=self._rate_limits,
            written_s=None if clocks is None else clocks.written_s - self._job.started_s,
            held_back=clocks is not None and clocks.held_back, key=self.key_number,
        )  # fmt: skip
        self._gate.settled(partial(self._say, over))

    def _say(self, over: AttemptOver, refusal: ErrorEvidence | None) -> None:
        # A socket's read brings no ids; what follows from the end has them again.
        self._scope.tell(over if refusal is None else unkept(over, refusal), ids=self._job.ids)
        self.stop()
