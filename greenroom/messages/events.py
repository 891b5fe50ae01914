"""What the world is told: one frozen model an event, named `family.what`, versioned.

`at_s` is seconds since 1970 UTC. Adding an optional field keeps `v`; anything else raises it.
Secrets, prompts and completions never stand in an event.
"""

from typing import ClassVar, Literal

from greenroom.messages.value import Value

SCHEMA_VERSION = 1


class Event(Value):
    """The fields that every event has."""

    name: ClassVar[str] = "event"

    v: Literal[1] = 1
    at_s: float
    actor: str | None = None
    """Path of the actor it is about: `/requests/3f2a/stream`."""
    request_id: str | None = None
    stream_id: str | None = None
    epoch: int | None = None
    """Number of the attempt, from 1."""


class ActorStarted(Event):
    name = "actor.started"
    kind: str
    incarnation: int


class ActorStopped(Event):
    name = "actor.stopped"
    kind: str
    incarnation: int
    reason: str
    uptime_s: float
    messages: int
    mailbox_left: int


class ActorFailed(Event):
    name = "actor.failed"
    kind: str
    incarnation: int
    error_type: str
    error: str
    via: str
    """tell, ask, on_start, on_stop, on_failure, task or drain."""
    message_type: str | None = None


class ActorZombie(Event):
    name = "actor.zombie"
    kind: str
    incarnation: int
    reason: str


class ActorHandlerSlow(Event):
    name = "actor.handler.slow"
    kind: str
    elapsed_ms: float
    message_type: str | None = None
    stack: str = ""


class DeadLetter(Event):
    name = "deadletter"
    message_type: str
    to: str
    why: str
    """dead, full, stale_epoch or unhandled."""
    suppressed: int = 0
    """Letters of the same kind that were counted but not told since the last one."""


class MailboxHigh(Event):
    name = "mailbox.high"
    depth: int
    bound: int


class MailboxRefused(Event):
    name = "mailbox.refused"
    message_type: str
    bound: int


class DispatcherStarted(Event):
    name = "dispatcher.started"
    loop: str


class DispatcherStopped(Event):
    name = "dispatcher.stopped"
    reason: str
    abandoned: int = 0


class StreamEvent(Event):
    """Common fields of the stream family."""

    provider: str | None = None
    model: str | None = None


class StreamQueued(StreamEvent):
    name = "stream.queued"
    waiting_for: str
    """admission, budget, limiter, breaker or connection."""
    position: int | None = None
    eta_s: float | None = None


class StreamOpened(StreamEvent):
    name = "stream.opened"
    status: int
    open_ms: float
    reused_connection: bool


class StreamFirstDelta(StreamEvent):
    name = "stream.first_delta"
    ttft_ms: float


class StreamProgress(StreamEvent):
    name = "stream.progress"
    deltas: int
    delivered_bytes: int
    buffered_bytes: int


class StreamPaused(StreamEvent):
    name = "stream.paused"
    buffered_bytes: int


class StreamResumed(StreamEvent):
    name = "stream.resumed"
    paused_ms: float


class StreamCompleted(StreamEvent):
    name = "stream.completed"
    finish_reason: str | None
    duration_ms: float
    ttft_ms: float | None
    deltas: int
    attempts: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


class StreamFailed(StreamEvent):
    name = "stream.failed"
    error_class: str
    message: str
    duration_ms: float
    deltas: int
    attempts: int


class StreamCancelledEvent(StreamEvent):
    name = "stream.cancelled"
    by: str
    duration_ms: float
    deltas: int
    attempts: int


class StreamTellFailed(StreamEvent):
    """The service's actor did not take a batch of `system.tell(..., reply_to=...)`."""

    name = "stream.tell_failed"
    why: str
    """raised, dead or silent."""
    deltas: int
    """In that batch."""
    last: bool
    """It was the one with the end."""
    error_type: str | None = None


class StreamDetachedEvent(StreamEvent):
    name = "stream.detached"
    seq: int
    """The last delta that was taken from the handle."""
    grace_s: float
    outcome: str | None = None
    """None: it still runs."""


class StreamAttached(StreamEvent):
    name = "stream.attached"
    after_seq: int
    replayed_bytes: int
    """Content that had been taken before, and is handed out again."""
    away_s: float
    outcome: str | None = None


class StreamForgotten(StreamEvent):
    """A detached stream can be attached no more."""

    name = "stream.forgotten"
    why: str
    """grace_over or too_many."""
    outcome: str | None = None
    """None: it still ran, and is cancelled."""


class LimiterEvent(Event):
    """Common fields of the limiter family."""

    key: str
    tokens: int = 0


class LimiterWaiting(LimiterEvent):
    name = "limiter.wait"
    position: int
    eta_s: float | None = None


class LimiterGranted(LimiterEvent):
    name = "limiter.granted"
    waited_ms: float


class LimiterSettled(LimiterEvent):
    name = "limiter.settled"
    actual_tokens: int | None = None


class LimiterRejected(LimiterEvent):
    name = "limiter.rejected"
    reason: str
    retry_after_s: float | None = None


class BudgetExceededEvent(Event):
    name = "budget.exceeded"
    key: str
    limit_usd: float
    used_usd: float


class ProviderConnected(Event):
    name = "provider.connected"
    provider: str
    connect_ms: float
    open_connections: int


class ProviderDisconnected(Event):
    name = "provider.disconnected"
    provider: str
    reason: str
    open_connections: int


class ProviderHttpError(Event):
    name = "provider.http_error"
    provider: str
    status: int
    code: str | None = None
    provider_request_id: str | None = None
    retry_after_s: float | None = None


class StreamModelUnchecked(StreamEvent):
    """`validate_model` was asked for, but no list could tell: the request is sent all the same."""

    name = "stream.model_unchecked"
    why: str


class ModelsEvent(Event):
    """Common fields of what is told of models."""

    provider: str


class ProviderModelMismatch(ModelsEvent):
    name = "provider.model_mismatch"
    model_asked: str
    model_answered: str


class ModelsFetched(ModelsEvent):
    name = "models.fetched"
    models: int
    elapsed_ms: float


class ModelsFetchFailed(ModelsEvent):
    name = "models.fetch_failed"
    error_class: str
    message: str
    elapsed_ms: float


class ModelsStaleServed(ModelsEvent):
    """An older list answers while the provider cannot be asked; told once for each failed fetch."""

    name = "models.stale_served"
    models: int
    age_s: float
    error_class: str


class RuntimeSnapshot(Event):
    name = "runtime.snapshot"
    actors: int
    live_streams: int
    run_queue: int
    loop_lag_ms: float
    rss_bytes: int | None = None


class EventsDropped(Event):
    """The sink's own: its output was slower than what it was told, and the oldest were let go."""

    name = "telemetry.dropped"
    dropped: int
