"""WHAT IS SAID: typed, frozen values and pure folds. No I/O, no clock, no threads.

Names load when they are first used (PEP 562): a module that needs one value does not pay for all models.
`tests/messages/test_exports.py` holds the three lists below to each other.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.messages.answer import NO_ANSWER, Answer, ChoiceEnd
    from greenroom.messages.attach_errors import NoStoredStream, ReplayRefused, StreamInUse, UnknownStream
    from greenroom.messages.batch import DeltaBatch
    from greenroom.messages.breaker import (
        BreakersStatistics,
        BreakerStatus,
        KeyStatus,
        Place,
        ProviderStatus,
        SystemStatus,
    )
    from greenroom.messages.breaker_config import BreakerConfig
    from greenroom.messages.census import ActorCensus, Census, RestartWindow
    from greenroom.messages.commands import HttpRequest, WireEnd, WireHead, WireRead
    from greenroom.messages.completion import Choice, Completion, FinishReason, Outcome, Timings
    from greenroom.messages.config import ProviderConfig, RetryStoreConfig, SystemConfig
    from greenroom.messages.contracts import (
        Call,
        CapabilityLookup,
        Clock,
        Codec,
        Decoded,
        Decoder,
        EventSink,
        Link,
        ModelListError,
        ModelQuery,
        ModelSource,
        PriceBook,
        RetryStore,
        Target,
        TokenCounter,
        Transport,
        TransportError,
        Wire,
    )
    from greenroom.messages.deltas import (
        Delta,
        ProviderItem,
        RawDelta,
        ReasoningDelta,
        RefusalDelta,
        StreamReset,
        StreamSeam,
        TextDelta,
        ToolCallCompleted,
        ToolCallDelta,
        ToolCallStarted,
        UsageDelta,
        delta_from_json,
        delta_json,
    )
    from greenroom.messages.event_lines import event_from_json, event_json, event_types
    from greenroom.messages.events import Event
    from greenroom.messages.failures import (
        AdmissionRefused,
        BudgetExceeded,
        ConfigError,
        ConnectionFailed,
        ContentRefused,
        ContextLengthExceeded,
        CredentialRefused,
        ErrorClass,
        ErrorEvidence,
        EvidenceKind,
        Failure,
        InternalError,
        ModelLoading,
        ModelNotFound,
        NamedLimit,
        OutputLimitExceeded,
        PermissionRefused,
        ProtocolViolation,
        ProviderOverloaded,
        QuotaExceeded,
        RateLimited,
        RequestRejected,
        ShutDown,
        SlowConsumer,
        StartedBeforeFork,
        StreamCancelled,
        StreamDetached,
        StreamError,
        StreamNotDurable,
        StreamSystemDown,
        StreamTimedOut,
        SystemDown,
        SystemStopped,
        UnknownFailure,
        WouldDeadlock,
        exception_of,
    )
    from greenroom.messages.fold import Fold
    from greenroom.messages.frozen import (
        EMPTY_MAP,
        FrozenDict,
        FrozenMap,
        freeze,
        freeze_wire,
        thaw,
        valid_text,
    )
    from greenroom.messages.invalid import GreenroomError, InvalidInput, Problem
    from greenroom.messages.models import ListedModels, LoadState, ModelInfo, ModelList, ModelListUnavailable
    from greenroom.messages.options import (
        DEBUG,
        DEFAULT,
        HIGH_THROUGHPUT,
        JSON_MODE,
        LOW_LATENCY,
        StreamingOptions,
    )
    from greenroom.messages.parts import (
        ImagePart,
        Part,
        ProviderPart,
        ReasoningPart,
        RefusalPart,
        TextPart,
        ToolCallPart,
        ToolResultPart,
    )
    from greenroom.messages.prices import ModelPrice
    from greenroom.messages.quoted import without_quotes
    from greenroom.messages.rate_limits import RateLimit, RateLimits, RateLimitUnit
    from greenroom.messages.recoverable import RecoverableStream
    from greenroom.messages.request import (
        ChatRequest,
        Message,
        ResponseFormat,
        Role,
        ToolChoice,
        ToolSpec,
        tool_calls,
        tool_results,
    )
    from greenroom.messages.retry_state import (
        AttemptRecord,
        Capabilities,
        Checkpoint,
        Decision,
        ResumeMode,
        RetryState,
    )
    from greenroom.messages.routes import FALL_BACK_ON, FallBackClass, HopConfig, HopOptions, RouteConfig
    from greenroom.messages.statistics import (
        CatalogStatistics,
        EndpointStatistics,
        RequestStatistics,
        RetryStoreStatistics,
        RuntimeStatistics,
        SystemStatistics,
    )
    from greenroom.messages.store_errors import (
        RetryStoreError,
        StoreCorrupt,
        StoreForeign,
        StoreLocked,
        StoreTooNew,
        StoreUnavailable,
    )
    from greenroom.messages.stored import Piece, StreamFacts
    from greenroom.messages.usage import NO_USAGE, Usage, UsageSource
    from greenroom.messages.value import Input, Value

__all__ = [
    "DEBUG", "DEFAULT", "EMPTY_MAP", "FALL_BACK_ON", "HIGH_THROUGHPUT", "JSON_MODE", "LOW_LATENCY",
    "NO_ANSWER", "NO_USAGE", "ActorCensus", "AdmissionRefused", "Answer", "AttemptRecord", "BreakerConfig",
    "BreakerStatus", "BreakersStatistics", "BudgetExceeded", "Call", "Capabilities", "CapabilityLookup",
    "CatalogStatistics", "Census", "ChatRequest", "Checkpoint", "Choice", "ChoiceEnd", "Clock", "Codec",
    "Completion", "ConfigError", "ConnectionFailed", "ContentRefused", "ContextLengthExceeded",
    "CredentialRefused", "Decision", "Decoded", "Decoder", "Delta", "DeltaBatch", "EndpointStatistics",
    "ErrorClass", "ErrorEvidence", "Event", "EventSink", "EvidenceKind", "Failure", "FallBackClass",
    "FinishReason", "Fold", "FrozenDict", "FrozenMap", "GreenroomError", "HopConfig", "HopOptions",
    "HttpRequest", "ImagePart", "Input", "InternalError", "InvalidInput", "KeyStatus", "Link", "ListedModels",
    "LoadState", "Message", "ModelInfo", "ModelList", "ModelListError", "ModelListUnavailable",
    "ModelLoading", "ModelNotFound", "ModelPrice", "ModelQuery", "ModelSource", "NamedLimit",
    "NoStoredStream", "Outcome", "OutputLimitExceeded", "Part", "PermissionRefused", "Piece", "Place",
    "PriceBook", "Problem", "ProtocolViolation", "ProviderConfig", "ProviderItem", "ProviderOverloaded",
    "ProviderPart", "ProviderStatus", "QuotaExceeded", "RateLimit", "RateLimitUnit", "RateLimited",
    "RateLimits", "RawDelta", "ReasoningDelta", "ReasoningPart", "RecoverableStream", "RefusalDelta",
    "RefusalPart", "ReplayRefused", "RequestRejected", "RequestStatistics", "ResponseFormat",
    "RestartWindow", "ResumeMode", "RetryState", "RetryStore", "RetryStoreConfig", "RetryStoreError",
    "RetryStoreStatistics", "Role", "RouteConfig", "RuntimeStatistics", "ShutDown", "SlowConsumer",
    "StartedBeforeFork", "StoreCorrupt", "StoreForeign", "StoreLocked", "StoreTooNew", "StoreUnavailable",
    "StreamCancelled", "StreamDetached", "StreamError", "StreamFacts", "StreamInUse", "StreamNotDurable",
    "StreamReset", "StreamSeam", "StreamSystemDown", "StreamTimedOut", "StreamingOptions", "SystemConfig",
    "SystemDown", "SystemStatistics", "SystemStatus", "SystemStopped", "Target", "TextDelta", "TextPart",
    "Timings", "TokenCounter", "ToolCallCompleted", "ToolCallDelta", "ToolCallPart", "ToolCallStarted",
    "ToolChoice", "ToolResultPart", "ToolSpec", "Transport", "TransportError", "UnknownFailure",
    "UnknownStream", "Usage", "UsageDelta", "UsageSource", "Value", "Wire", "WireEnd", "WireHead",
    "WireRead", "WouldDeadlock", "delta_from_json", "delta_json", "event_from_json", "event_json",
    "event_types", "exception_of", "freeze", "freeze_wire", "thaw", "tool_calls", "tool_results",
    "valid_text", "without_quotes",
]  # fmt: skip  # fmt: skip

_HOMES = {
    "answer": "Answer ChoiceEnd NO_ANSWER",
    "commands": "HttpRequest WireEnd WireHead WireRead",
    "attach_errors": "NoStoredStream ReplayRefused StreamInUse UnknownStream",
    "batch": "DeltaBatch",
    "breaker": "BreakersStatistics BreakerStatus KeyStatus Place ProviderStatus SystemStatus",
    "breaker_config": "BreakerConfig",
    "census": "ActorCensus Census RestartWindow",
    "completion": "Choice Completion FinishReason Outcome Timings",
    "config": "ProviderConfig RetryStoreConfig SystemConfig",
    "contracts": (
        "Call CapabilityLookup Clock Codec Decoded Decoder EventSink Link ModelListError "
        "ModelQuery ModelSource PriceBook RetryStore Target TokenCounter Transport TransportError Wire"
    ),
    "deltas": (
        "Delta ProviderItem RawDelta ReasoningDelta RefusalDelta StreamReset StreamSeam TextDelta "
        "ToolCallCompleted ToolCallDelta ToolCallStarted UsageDelta delta_from_json delta_json"
    ),
    "event_lines": "event_from_json event_json event_types",
    "events": "Event",
    "failures": (
        "AdmissionRefused BudgetExceeded ConfigError ConnectionFailed ContentRefused "
        "ContextLengthExceeded CredentialRefused ErrorClass ErrorEvidence EvidenceKind Failure "
        "InternalError ModelLoading ModelNotFound NamedLimit OutputLimitExceeded "
        "PermissionRefused ProtocolViolation ProviderOverloaded QuotaExceeded RateLimited "
        "RequestRejected ShutDown SlowConsumer StartedBeforeFork StreamCancelled StreamDetached "
        "StreamError StreamNotDurable StreamSystemDown StreamTimedOut SystemDown SystemStopped "
        "UnknownFailure WouldDeadlock exception_of"
    ),
    "fold": "Fold",
    "frozen": "EMPTY_MAP FrozenDict FrozenMap freeze freeze_wire thaw valid_text",
    "invalid": "GreenroomError InvalidInput Problem",
    "models": "ListedModels LoadState ModelInfo ModelList ModelListUnavailable",
    "options": "DEBUG DEFAULT HIGH_THROUGHPUT JSON_MODE LOW_LATENCY StreamingOptions",
    "parts": "ImagePart Part ProviderPart ReasoningPart RefusalPart TextPart ToolCallPart ToolResultPart",
    "prices": "ModelPrice",
    "quoted": "without_quotes",
    "rate_limits": "RateLimit RateLimitUnit RateLimits",
    "request": "ChatRequest Message ResponseFormat Role ToolChoice ToolSpec tool_calls tool_results",
    "retry_state": "AttemptRecord Capabilities Checkpoint Decision ResumeMode RetryState",
    "routes": "FALL_BACK_ON FallBackClass HopConfig HopOptions RouteConfig",
    "statistics": (
        "CatalogStatistics EndpointStatistics RequestStatistics RetryStoreStatistics "
        "RuntimeStatistics SystemStatistics"
    ),
    "store_errors": "RetryStoreError StoreCorrupt StoreForeign StoreLocked StoreTooNew StoreUnavailable",
    "stored": "Piece StreamFacts",
    "recoverable": "RecoverableStream",
    "usage": "NO_USAGE Usage UsageSource",
    "value": "Input Value",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """The public name, loaded now and kept."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
