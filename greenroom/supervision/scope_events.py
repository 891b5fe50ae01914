"""Tells the event sink what became of a request: retries and the one end."""

from collections.abc import Mapping
from typing import Any

from greenroom.actors.api_keys import Rested
from greenroom.actors.job import Job
from greenroom.messages.completion import Completion, Outcome
from greenroom.messages.contracts import Clock, EventSink
from greenroom.messages.events import (
    StreamCancelledEvent,
    StreamCompleted,
    StreamEvent,
    StreamFailed,
)
from greenroom.messages.failures import Failure
from greenroom.messages.recovery_events import (
    ProviderKeyRests,
    StreamFailover,
    StreamResumedFrom,
    StreamRetrying,
)

_ENDS: Mapping[Outcome, type[StreamEvent]] = {
    "completed": StreamCompleted, "cancelled": StreamCancelledEvent, "failed": StreamFailed,
}  # fmt: skip


class ScopeTeller:
    """One request's events, with all ids. Dispatcher thread."""

    __slots__ = ("_actor", "_clock", "_job", "_sink")

    def __init__(self, sink: EventSink, clock: Clock, actor: str, job: Job) -> None:
        self._sink, self._clock, self._actor, self._job = sink, clock, actor, job

    def emit(self, kind: type[StreamEvent], **fields: Any) -> None:
        """An event of this kind, if it is wanted."""
        if self._sink.wants(kind.name):
            target = self._job.target
            event = kind(
                at_s=self._clock.wall_s(), actor=self._actor, request_id=self._job.request_id,
                stream_id=self._job.stream_id, provider=target.provider, model=target.model, **fields,
            )  # fmt: skip
            self._sink.emit(event)

    def retrying(self, failure: Failure, decision: str, delay_s: float, next_epoch: int, reason: str) -> None:
        self.emit(
            StreamRetrying, epoch=failure.attempt, error_class=failure.error_class, message=failure.message,
            decision=decision, delay_s=delay_s, next_epoch=next_epoch, reason=reason,
        )  # fmt: skip

    def resumed_from(self, mode: str, seq: int, epoch: int) -> None:
        self.emit(StreamResumedFrom, epoch=epoch, mode=mode, seq=seq)

    def key_rests(self, rested: Rested) -> None:
        """A key was refused to the attempt that has ended."""
        self.emit(ProviderKeyRests, **rested._asdict())

    def failover(self, failure: Failure, decision: str, delay_s: float, next_epoch: int, reason: str) -> None:
        """The job has gone to another hop, after this failure at the one before."""
        self.emit(
            StreamFailover, epoch=failure.attempt, from_provider=failure.provider or "",
            from_model=failure.model or "", error_class=failure.error_class, message=failure.message,
            route=self._job.route, decision=decision, delay_s=delay_s, next_epoch=next_epoch, reason=reason,
        )  # fmt: skip

    def over(self, completion: Completion[Any], stopped_by: str | None, deltas: int) -> None:
        if not self._sink.wants(_ENDS[completion.outcome].name):
            return
        common = {
            "duration_ms": completion.timings.duration_s * 1000,
            "deltas": deltas,
            "attempts": len(completion.attempts),
        }
        if completion.outcome == "completed":
            ttft_s, usage = completion.timings.ttft_s, completion.usage
            self.emit(
                StreamCompleted, finish_reason=completion.finish_reason, input_tokens=usage.input_tokens,
                ttft_ms=None if ttft_s is None else ttft_s * 1000, output_tokens=usage.output_tokens,
                cost_usd=completion.cost_usd, **common,
            )  # fmt: skip
        elif completion.outcome == "cancelled":
            self.emit(StreamCancelledEvent, by=stopped_by or "caller", **common)
        elif completion.failure is not None:
            failure = completion.failure
            self.emit(StreamFailed, error_class=failure.error_class, message=failure.message, **common)
