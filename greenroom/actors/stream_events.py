"""Tells the event sink about one attempt. Nothing is built that nobody wants, and nothing per delta."""

from typing import Any

from greenroom.actors.gate import Gate
from greenroom.actors.job import Job
from greenroom.messages.contracts import Clock, EventSink
from greenroom.messages.events import (
    StreamEvent,
    StreamFirstDelta,
    StreamOpened,
    StreamPaused,
    StreamProgress,
    StreamResumed,
)


class StreamTeller:
    """One attempt's events, with all ids. Dispatcher thread."""

    __slots__ = ("_actor", "_clock", "_epoch", "_job", "_sink", "next_progress_s", "reused")

    def __init__(self, sink: EventSink, clock: Clock, actor: str, job: Job, epoch: int) -> None:
        self._sink, self._clock, self._actor, self._job, self._epoch = sink, clock, actor, job, epoch
        self.next_progress_s = 0.0
        """Before this there is no progress to tell."""
        self.reused = False

    def _emit(self, kind: type[StreamEvent], **fields: Any) -> None:
        if self._sink.wants(kind.name):
            target = self._job.target
            event = kind(
                at_s=self._clock.wall_s(), actor=self._actor, request_id=self._job.request_id,
                stream_id=self._job.stream_id, epoch=self._epoch, provider=target.provider,
                model=target.model, **fields,
            )  # fmt: skip
            self._sink.emit(event)

    def opened(self, status: int, opened_s: float) -> None:
        self._emit(StreamOpened, status=status, open_ms=opened_s * 1000, reused_connection=self.reused)

    def first_delta(self, ttft_s: float) -> None:
        self._emit(StreamFirstDelta, ttft_ms=ttft_s * 1000)

    def progress(self, now_s: float, deltas: int, gate: Gate) -> None:
        """To be called from `next_progress_s` on: once in progress_interval_s, and not for a stream's first."""
        first = self.next_progress_s == 0.0
        self.next_progress_s = now_s + self._job.options.progress_interval_s
        if not first:
            delivered = gate.checkpoint.delivered_bytes
            self._emit(
                StreamProgress,
                deltas=deltas,
                delivered_bytes=delivered,
                buffered_bytes=gate.channel.buffered_bytes,
            )

    def paused(self, buffered_bytes: int) -> None:
        self._emit(StreamPaused, buffered_bytes=buffered_bytes)

    def resumed(self, paused_s: float) -> None:
        self._emit(StreamResumed, paused_ms=paused_s * 1000)
