"""The actor of one attempt: opens, decodes, numbers, commits through the gate, and reports how it ended.

Mail: what its one connection sends (one WireRead a socket read; where these pile up, the connection pauses the
socket and sends a ReadOn behind them).
Control: Cancel, Demand, Tick. Bounded by construction.
It decides nothing about "again": its last message is AttemptOver, and the scope takes it from there. What its
wire still sends after that is taken and dropped: the actor ends behind the mail that waits.
A Tick overtakes reads that wait in the mail, so it only suspects: a moment later Suspected, as mail, judges
by the stamps of all that was read by then.
"""

from typing import Any

from greenroom.actors.clocks import Clocks, overrun, too_large
from greenroom.actors.gate import Commit
from greenroom.actors.handlers import receives
from greenroom.actors.opening import shifted
from greenroom.actors.sending import asked_of_endpoint, encoded
from greenroom.actors.stream_alarms import TICK, BatchDue, Suspected, Tick
from greenroom.actors.stream_ending import StreamEnding
from greenroom.actors.stream_events import StreamTeller
from greenroom.actors.stream_lease import connection_died, leave_to_send, prove
from greenroom.messages.commands import (
    Cancel,
    Demand,
    Opened,
    OpenFailed,
    ReadOn,
    WireRead,
)
from greenroom.messages.contracts import Decoded, Decoder
from greenroom.messages.deltas import CONTENT, Delta
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.signals import Down

_SAID = ("http", "in_stream")
_LATE_READ_S = 0.02
"""Between a clock's running out and its verdict: the loop looks at the sockets once more meanwhile."""


class StreamActor(StreamEnding):
    """See the module. Told by its scope, its connection and its timers; ends by itself after AttemptOver."""

    kind = "stream"

    def on_start(self) -> None:
        self._tell = StreamTeller(self.events, self.clock, self.path, self._job, self._epoch)
        self._gate.producer = self.ref
        job, resume = self._job, self._resume
        reads_on = resume is not None and resume.mode == "server_cursor"
        same = job.history.key_of(job.target.provider) if reads_on else None
        self.take_key(job.api_keys, job.target, self._options.connect_timeout_s, same)

    def on_failure(self, *_: Any) -> None:
        self._let_go()

    def on_stop(self) -> None:
        # With its scope or the system: an endpoint that was given up watches nobody.
        if not self._over and self._wire is not None:
            self._wire.abort()

    # ---- opening

    def key_failed(self, evidence: ErrorEvidence) -> None:
        self._fail(evidence)

    def have_key(self, api_key: str | None) -> None:
        if self._over:
            return
        made = encoded(self._job, self._epoch, api_key, self._resume)
        if isinstance(made, ErrorEvidence):
            self._fail(made)
            return
        request, self._decoder = made
        # Last of all, so that no permit is held by who waits for something else.
        leave = leave_to_send(self._job, self._epoch, self.clock.now_s())
        if isinstance(leave, ErrorEvidence):
            self._fail(leave)
            return
        if leave.probe:
            self._probing = True
        self.watch(self._job.connection)
        self._job.connection.tell(asked_of_endpoint(self._job, self._gate, self._epoch, self.ref, request))

    @receives(Opened)
    def on_opened(self, message: Opened) -> None:
        if self._over:
            message.wire.abort()
            return
        self._wire = message.wire
        self._tell.reused = message.reused
        now_s = self._last_read_s = self.clock.now_s()
        self._clocks = Clocks(self._options, self._job.target.local, now_s)
        self._arm(now_s)

    @receives(OpenFailed)
    def on_open_failed(self, message: OpenFailed) -> None:
        self._fail(message.evidence)

    @receives(Down)
    def on_connection_down(self, down: Down) -> None:
        # Live sockets go on when their connection actor crashes; where it ended in order it has closed them.
        if self._wire is None:
            self._fail(connection_died())
        elif down.reason in ("normal", "shutdown"):
            self._fail(ErrorEvidence(kind="transport", phase="body", message="the connection was shut"))

    # ---- the byte path

    @receives(WireRead)
    def on_read(self, read: WireRead) -> None:
        decoder = self._decoder
        if self._over or decoder is None:
            return
        self._last_read_s = read.received_s
        if read.head is not None:
            decoder.head(read.head)
            self._opened_s = read.received_s - self._job.started_s
            self._tell.opened(read.head.status, self._opened_s)
            self._rate_limits = self._job.hop.rate_limits(read.head, read.received_s + self._wall_offset_s)
            if read.head.status >= 400 and self._clocks is not None:
                self._clocks.refuse(read.received_s)
                self._arm(read.received_s)
        received_at = read.received_s + self._wall_offset_s
        if read.data:
            decoded = decoder.feed(read.data, self._next_seq(), received_at)
            self._take(decoded, read.received_s)
        if read.end is not None and not self._over:
            self._at_end(decoder, read, received_at)

    def _at_end(self, decoder: Decoder, read: WireRead, received_at: float) -> None:
        end = read.end
        assert end is not None
        decoded = decoder.finish(end.clean, self._next_seq(), received_at)
        # What the provider said in words tells more than how its connection ended.
        if decoded.failure is not None and end.evidence is not None and decoded.failure.kind not in _SAID:
            decoded.failure = end.evidence
        self._take(decoded, read.received_s)
        if not self._over:
            text = "the answer ended, and its decoder found neither an answer nor a failure"
            self._fail(ErrorEvidence(kind="protocol", phase="end", message=text))

    def _next_seq(self) -> int:
        return self._gate.taken_seq + len(self._held or ()) + 1

    def _take(self, decoded: Decoded, received_s: float) -> None:
        if decoded.deltas:
            self._deliver(decoded.deltas, received_s, last=decoded.answer is not None)
        if self._over:
            return
        if decoded.progress and self._clocks is not None:
            self._clocks.progress()
        if decoded.finished and self._clocks is not None and self._clocks.finish(received_s):
            self._arm(self.clock.now_s())
        if decoded.answer is not None:
            if self._opening is not None and not self._begin(received_s, last=True):
                return
            if self._flush(last=True):
                self._read_on()
                self._end("paused" if decoded.paused else "completed", decoded.answer)
        elif decoded.failure is not None:
            self._fail(decoded.failure)

    def _deliver(self, deltas: list[Delta], received_s: float, *, last: bool) -> None:
        content = isinstance(deltas[0], CONTENT) or any(isinstance(delta, CONTENT) for delta in deltas)
        if content and self._clocks is not None and self._clocks.content(received_s):
            self._arm(self.clock.now_s())
        if self._calls_before:
            deltas = shifted(deltas, self._calls_before)
        if self._first_content_s is not None and self._batch_interval_s <= 0 and not self._held:
            self._commit(deltas, last=last)
            return
        # Usage and raw deltas wait for the attempt's first content: until then it may be replaced unseen.
        if self._held:
            self._held.extend(deltas)
        else:
            self._held = deltas
        if self._first_content_s is None:
            self._any_content = self._any_content or content
            if self._any_content and self._begin(received_s, last=last):
                self._flush(last=last)
        elif self._batch_interval_s <= 0:
            self._flush(last=last)
        elif not self._batching:
            self._batching = True
            self.timer(self._batch_interval_s, BatchDue())

    def _begin(self, received_s: float, *, last: bool) -> bool:
        """What is held may be delivered now. False: it waits for more, or the attempt has failed."""
        opening = self._opening
        if opening is not None:
            if (refusal := opening.refusal(self._answer_so_far())) is not None:
                self._fail(refusal)
                return False
            begun = opening.begin(self._held or [], self._gate.taken_seq + 1, last=last)
            if begun is None:
                return False
            self._held, self._opening = begun, None
        if self._any_content:
            self._first_content_s = received_s - self._job.started_s
            if self._probing and self._clocks is not None:
                self._probing = False
                prove(self._job, self._epoch, received_s - self._clocks.written_s, received_s)
            self._tell.first_delta(self._first_content_s)
        return True

    @receives(BatchDue)
    def on_batch_due(self, _: BatchDue) -> None:
        self._batching = False
        if not self._over:
            self._flush()

    def _flush(self, *, last: bool = False) -> bool:
        """What was held is delivered. False: it could not be, and the attempt is over."""
        deltas, self._held = self._held, None
        return self._commit(deltas, last=last) if deltas else True

    def _commit(self, deltas: list[Delta], *, last: bool) -> bool:
        """Through the gate. False: it did not take them, and the attempt is over."""
        commit = self._gate.commit(self._epoch, deltas, self._place() if self._keeps_place else None)
        if commit is Commit.FENCED:
            self._let_go()
            self._end("cancelled", self._answer_so_far())
            return False
        if commit is Commit.TOO_MUCH:
            self._fail(too_large(self._options))
            return False
        self._deltas += len(deltas)
        if self._last_read_s >= self._tell.next_progress_s:
            self._tell.progress(self._last_read_s, self._deltas, self._gate)
        if commit is Commit.FULL and not last:
            self._pause()
        return True

    # ---- back-pressure

    def _pause(self) -> None:
        if self._wire is None or self._clocks is None or self._clocks.paused_at_s is not None or self._over:
            return
        self._wire.pause()
        now_s = self.clock.now_s()
        self._clocks.pause(now_s, self._gate.channel.reads)
        self._tell.paused(self._gate.channel.buffered_bytes)
        self._arm(now_s)

    def _read_on(self) -> None:
        """The answer is whole: the rest of its body is read whatever the consumer does, for the next one."""
        if self._wire is not None and self._clocks is not None and self._clocks.paused_at_s is not None:
            self._wire.resume()

    @receives(ReadOn)
    def on_read_on(self, _: ReadOn) -> None:
        clocks = self._clocks
        if self._wire is None or clocks is None:
            return
        if self._over or clocks.paused_at_s is None:
            clocks.caught_up(self.clock.now_s(), self._last_read_s)
            self._wire.resume()

    @receives(Demand)
    def on_demand(self, _: Demand) -> None:
        if self._over or self._wire is None or self._clocks is None or self._clocks.paused_at_s is None:
            return
        now_s = self.clock.now_s()
        self._tell.resumed(self._clocks.resume(now_s))
        self._wire.resume()
        self._arm(now_s)

    # ---- clocks

    def _arm(self, now_s: float) -> None:
        assert self._clocks is not None
        self.timer(self._clocks.look_in_s(now_s), TICK, control=True, key="clock")

    @receives(Tick)
    def on_tick(self, _: Tick) -> None:
        clocks = self._clocks
        if clocks is None or self._over:
            return
        now_s = self.clock.now_s()
        if clocks.reader_moved(now_s, self._gate.channel.reads) or clocks.due_s() > now_s:
            self._arm(now_s)
        elif not self._suspected:
            self._suspected = True
            self.timer(_LATE_READ_S, Suspected(now_s))

    @receives(Suspected)
    def on_suspected(self, suspected: Suspected) -> None:
        clocks = self._clocks
        self._suspected = False
        if clocks is None or self._over:
            return
        now_s = self.clock.now_s()
        if clocks.reader_moved(now_s, self._gate.channel.reads) or clocks.due_s() > suspected.at_s:
            self._arm(now_s)
            return
        if clocks.refused or clocks.awaits_end:
            self._end_here(now_s, clean=not clocks.refused)
            return
        clock = overrun(clocks.name(), self._options, opened=self._opened_s is not None)
        self._fail(self._said_before() or clock)

    def _said_before(self) -> ErrorEvidence | None:
        """The error that the provider told, where its stream did not end with it and then stood still."""
        if self._decoder is None:
            return None
        failure = self._decoder.finish(False, self._next_seq(), self.clock.wall_s()).failure
        return failure if failure is not None and failure.kind in _SAID else None

    def _end_here(self, now_s: float, *, clean: bool) -> None:
        """All that matters was said, an error's status or the whole answer, and then nothing: no end comes."""
        if self._wire is not None:
            self._wire.abort()
        if self._decoder is not None:
            received_at = self._job.started_at + (now_s - self._job.started_s)
            self._take(self._decoder.finish(clean, self._next_seq(), received_at), now_s)
        self._fail(ErrorEvidence(kind="protocol", phase="body", message="the answer's body did not end"))

    # ---- the end of the attempt

    @receives(Cancel)
    def on_cancel(self, _: Cancel) -> None:
        if not self._over:
            self._let_go()
            self._end("cancelled", self._answer_so_far())

    def _place(self) -> tuple[str | None, str | None] | None:
        """Where the server keeps this answer, and how far it was read: all that was read is in the batch."""
        tell = getattr(self._decoder, "place", None)
        return None if tell is None else tell()
