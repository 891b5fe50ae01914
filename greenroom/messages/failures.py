"""What can go wrong, as values that travel, and the exceptions drawn on top of them.

    GreenroomError
    |- InvalidInput (also ValueError)      input refused before anything was sent
    |  '- ConfigError                      ... found while configuration was read
    |- SystemDown (also RuntimeError)      the dispatcher is gone
    |  |- SystemStopped                    ... because it was stopped; start a new one
    |  '- StartedBeforeFork                ... because this process is a fork of the one that started it
    |- WouldDeadlock (also RuntimeError)   a blocking call on a dispatcher thread
    |- UnknownStream (also LookupError)    attach: there is no such stream
    |  '- NoStoredStream                   recover: the retry store has no such state
    |- StreamInUse (also RuntimeError)     attach: it is not detached
    |- ReplayRefused (also LookupError)    attach: more is to be repeated than max_replay_bytes
    |- ModelListUnavailable                models: the provider cannot be asked; has .failure
    |- RetryStoreError                     the retry store cannot be used; has .path and .why
    |  |- StoreLocked (also RuntimeError)  ... another process has it; .pid where it is known
    |  |- StoreForeign (also ValueError)   ... it is no database, or another application's
    |  |- StoreTooNew (also ValueError)    ... a newer greenroom wrote it
    |  |- StoreCorrupt (also ValueError)   ... it is damaged
    |  '- StoreUnavailable (also OSError)  ... its place cannot be written
    '- StreamError                         one stream ended without completing; has .failure and .partial
       |- StreamCancelled                  cancelled
       |  '- StreamDetached                ... for this handle only: it was detached, the stream goes on
       |- ConnectionFailed                 transient
       |- ProviderOverloaded               overloaded
       |- RateLimited                      rate_limit
       |- QuotaExceeded                    quota
       |- CredentialRefused                credential
       |- PermissionRefused                permission
       |- ModelNotFound                    model_not_found
       |- ModelLoading                     model_loading
       |- ContextLengthExceeded            context_length
       |- ContentRefused                   content_policy
       |- RequestRejected                  invalid_request
       |- StreamTimedOut                   timeout
       |- ProtocolViolation                protocol
       |- SlowConsumer                     slow_consumer
       |- OutputLimitExceeded              output_limit
       |- BudgetExceeded                   budget
       |- AdmissionRefused                 refused
       |- StreamNotDurable                 refused: the store cannot keep what is to be delivered
       |- ShutDown                         shutdown
       |- InternalError                    bug
       |  '- StreamSystemDown              ... the dispatcher died under the stream (also SystemDown)
       '- UnknownFailure                   unknown

A caller's fault raises at once; the world's fault is a `Failure` that travels and is raised where the
caller reads. Every raise gets a fresh instance; all of them pickle.
"""

from typing import TYPE_CHECKING, Any, Literal

from greenroom.messages.invalid import GreenroomError, InvalidInput
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Value

if TYPE_CHECKING:
    from greenroom.messages.completion import Completion

__all__ = [
    "ConfigError", "ErrorClass", "ErrorEvidence", "EvidenceKind", "Failure", "GreenroomError", "InvalidInput",
    "NamedLimit", "StartedBeforeFork", "StreamCancelled", "StreamDetached", "StreamError",
    "StreamNotDurable", "SystemDown", "SystemStopped", "WouldDeadlock", "exception_of",
]  # fmt: skip

ErrorClass = Literal[
    "transient", "rate_limit", "quota", "overloaded", "credential", "permission", "model_not_found",
    "model_loading", "context_length", "content_policy", "invalid_request", "timeout", "protocol",
    "slow_consumer", "output_limit", "budget", "refused", "shutdown", "cancelled", "bug", "unknown",
]  # fmt: skip

EvidenceKind = Literal["http", "in_stream", "transport", "protocol", "clock", "bound", "crash", "refusal"]
"""http: status, headers and body. in_stream: an error inside a 200. transport: DNS, TCP, TLS, HTTP framing.
protocol: the bytes broke the wire's rules. clock or bound: one of ours. crash: one of our actors.
refusal: we did not send (admission, queue, breaker, shutdown)."""


class NamedLimit(Value):
    """One limit that the provider named: tokens used and allowed, requests left."""

    name: str
    limit: float | None = None
    used: float | None = None
    requested: float | None = None
    """What the refused request alone asked for, where it was told."""
    remaining: float | None = None
    reset_s: float | None = None
    """Seconds from the answer until it is full again."""
    window_s: float | None = None
    """The time in which `limit` may be used, where it was told: 86,400 for a limit per day."""
    exceeded: bool = False
    """This is the limit that was hit; else it is one that was told beside."""


class ErrorEvidence(Value):
    """What was seen of a failure, before anybody judged it. Never holds a secret of ours."""

    kind: EvidenceKind
    message: str
    status: int | None = None
    headers: FrozenMap = EMPTY_MAP
    """Only names on an allow-list (request ids, retry-after, rate limits, content-type)."""
    body: str = ""
    """The provider's error body, cut to 4 KiB."""
    code: str | None = None
    error_type: str | None = None
    param: str | None = None
    provider_request_id: str | None = None
    is_retryable: bool | None = None
    """Where the provider said so; False also where it cannot end otherwise: a bad certificate, no HTTP."""
    retry_after_s: float | None = None
    limits: tuple[NamedLimit, ...] = ()
    clock: str | None = None
    """The name of the clock that ran out or the bound that was passed; most are options."""
    phase: Literal["connect", "tls", "proxy", "request", "head", "body", "end"] | None = None
    reused_connection: bool = False
    """A kept-alive connection died before any answer: safe to send again at once."""
    adjust: str | None = None
    """A fact about this server that a second try should respect: `no_stream_options`."""


class Failure(Value):
    """A judged failure. `message` is one line that a user understands, with the remedy where one is known."""

    error_class: ErrorClass
    message: str
    evidence: ErrorEvidence | None = None
    provider: str | None = None
    model: str | None = None
    request_id: str | None = None
    stream_id: str | None = None
    attempt: int = 0
    """The attempt that failed, from 1; 0 where none was made."""
    is_retryable: bool = False
    retry_after_s: float | None = None
    limit: float | None = None
    used: float | None = None

    @property
    def status(self) -> int | None:
        return self.evidence.status if self.evidence else None


class ConfigError(InvalidInput):
    """Configuration that cannot be used: each problem names the key, where it stood, what would be right."""


class SystemDown(GreenroomError, RuntimeError):  # noqa: N818
    """The dispatcher thread is not running: every open handle has failed with this."""


class SystemStopped(SystemDown):
    """The system was stopped; it takes no further requests."""


class StartedBeforeFork(SystemDown):
    """Used in a forked child of the process that started it: threads do not survive a fork. Start after it."""


class WouldDeadlock(GreenroomError, RuntimeError):  # noqa: N818
    """A blocking call on a dispatcher thread, refused before it could stop every actor there."""


class StreamError(GreenroomError):
    """One stream ended without completing. `partial` is the Completion of what was delivered, or None."""

    def __init__(self, failure: Failure, partial: "Completion[Any] | None" = None) -> None:
        super().__init__(failure, partial)
        self.failure = failure
        self.partial = partial

    def __str__(self) -> str:
        facts = {"provider": self.provider, "model": self.model, "request_id": self.request_id}
        known = [f"{name}={value}" for name, value in facts.items() if value]
        if self.attempt > 1:
            known.append(f"attempt={self.attempt}")
        context = "; ".join(part for part in (self.error_class, ", ".join(known)) if part)
        return f"{self.failure.message} [{context}]"

    def __repr__(self) -> str:
        """Without `partial`: what a model said has no place in a log."""
        return f"{type(self).__name__}({str(self)!r})"

    @property
    def error_class(self) -> ErrorClass:
        return self.failure.error_class

    @property
    def provider(self) -> str | None:
        return self.failure.provider

    @property
    def model(self) -> str | None:
        return self.failure.model

    @property
    def request_id(self) -> str | None:
        return self.failure.request_id

    @property
    def attempt(self) -> int:
        return self.failure.attempt

    @property
    def status(self) -> int | None:
        """HTTP status, where there was one."""
        return self.failure.status

    @property
    def is_retryable(self) -> bool:
        return self.failure.is_retryable

    @property
    def retry_after_s(self) -> float | None:
        return self.failure.retry_after_s

    @property
    def limit(self) -> float | None:
        """The limit that was hit, in its own unit, where it was named."""
        return self.failure.limit

    @property
    def used(self) -> float | None:
        return self.failure.used


class StreamCancelled(StreamError):  # noqa: N818
    """Ended on request, or because nobody was left to read it."""


class StreamDetached(StreamCancelled):
    """This handle was detached, and reads no more; the stream goes on, and `system.attach` gives another."""


class ConnectionFailed(StreamError):  # noqa: N818
    """The provider could not be reached, or the connection broke."""


class ProviderOverloaded(StreamError):  # noqa: N818
    """The provider had no capacity for it."""


class RateLimited(StreamError):  # noqa: N818
    """Too many requests or tokens in the provider's time window; `retry_after_s` says when again."""


class QuotaExceeded(StreamError):  # noqa: N818
    """The account's credit or plan is used up; waiting does not help."""


class CredentialRefused(StreamError):  # noqa: N818
    """The provider does not know the API key."""


class PermissionRefused(StreamError):  # noqa: N818
    """The provider knows the key, and it may not do this."""


class ModelNotFound(StreamError):  # noqa: N818
    """The provider has no model of this name."""


class ModelLoading(StreamError):  # noqa: N818
    """The server is still loading the model."""


class ContextLengthExceeded(StreamError):  # noqa: N818
    """Prompt and answer do not fit the model; `limit` and `used` are tokens."""


class ContentRefused(StreamError):  # noqa: N818
    """The provider's content policy stopped it."""


class RequestRejected(StreamError):  # noqa: N818
    """The provider cannot take the request as it stands."""


class StreamTimedOut(StreamError):  # noqa: N818
    """One of our clocks ran out; `failure.evidence.clock` names the option."""


class ProtocolViolation(StreamError):  # noqa: N818
    """The answer broke its wire's rules."""


class SlowConsumer(StreamError):  # noqa: N818
    """The buffer stayed full, unread, for `max_pause_s`."""


class OutputLimitExceeded(StreamError):  # noqa: N818
    """The answer grew past `max_output_bytes`, or one event past `max_event_bytes`."""


class BudgetExceeded(StreamError):  # noqa: N818
    """The budget set for it is spent; nothing was sent."""


class AdmissionRefused(StreamError):  # noqa: N818
    """Refused here before anything was sent: too many streams, too long a queue, an open breaker."""


class StreamNotDurable(StreamError):  # noqa: N818
    """With durability="before_deliver" the retry store could not keep what was to be delivered next."""


class ShutDown(StreamError):  # noqa: N818
    """The system was stopped while it ran."""


class InternalError(StreamError):
    """A fault of greenroom's own; please report it."""


class StreamSystemDown(InternalError, SystemDown):  # noqa: N818
    """The dispatcher's thread died under the stream."""


class UnknownFailure(StreamError):  # noqa: N818
    """None of the other classes fits; the evidence has what was seen."""


_EXCEPTIONS: dict[ErrorClass, type[StreamError]] = {
    "transient": ConnectionFailed,
    "rate_limit": RateLimited,
    "quota": QuotaExceeded,
    "overloaded": ProviderOverloaded,
    "credential": CredentialRefused,
    "permission": PermissionRefused,
    "model_not_found": ModelNotFound,
    "model_loading": ModelLoading,
    "context_length": ContextLengthExceeded,
    "content_policy": ContentRefused,
    "invalid_request": RequestRejected,
    "timeout": StreamTimedOut,
    "protocol": ProtocolViolation,
    "slow_consumer": SlowConsumer,
    "output_limit": OutputLimitExceeded,
    "budget": BudgetExceeded,
    "refused": AdmissionRefused,
    "shutdown": ShutDown,
    "cancelled": StreamCancelled,
    "bug": InternalError,
    "unknown": UnknownFailure,
}


SYSTEM_DOWN = "system_down"
"""The evidence's code where the dispatcher itself died."""
DETACHED = "detached"
"""The evidence's code of what a detached handle ends with."""
NOT_DURABLE = "not_durable"
"""The evidence's code where the store could not keep what was to be delivered."""
BREAKER_OPEN = "breaker_open"
"""The evidence's code of a breaker's refusal. A request that had begun waits; a new one is refused at once."""


def exception_of(failure: Failure, partial: "Completion[Any] | None" = None) -> StreamError:
    """A fresh exception of the class that the failure names."""
    if failure.evidence is not None and failure.evidence.code == SYSTEM_DOWN:
        return StreamSystemDown(failure, partial)
    if failure.evidence is not None and failure.evidence.code == DETACHED:
        return StreamDetached(failure)
    if failure.evidence is not None and failure.evidence.code == NOT_DURABLE:
        return StreamNotDurable(failure, partial)
    return _EXCEPTIONS[failure.error_class](failure, partial)
