"""Stream LLM completions through supervised actors. See README.md; the public names are in `__all__`.

Importing this is cheap: a name's module is loaded when the name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.actors.breaker_switch import BreakerSwitch
    from greenroom.actors.future import Future
    from greenroom.actors.handle import AsyncCursor, Cursor, Stream
    from greenroom.actors.told import Told
    from greenroom.config import load_config
    from greenroom.messages.attach_errors import NoStoredStream, ReplayRefused, StreamInUse, UnknownStream
    from greenroom.messages.batch import DeltaBatch
    from greenroom.messages.breaker import BreakerStatus, KeyStatus, ProviderStatus, SystemStatus
    from greenroom.messages.breaker_config import BreakerConfig
    from greenroom.messages.census import ActorCensus, Census
    from greenroom.messages.completion import Choice, Completion, Timings
    from greenroom.messages.config import ProviderConfig, RetryStoreConfig, SystemConfig
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
    from greenroom.messages.failures import (
        AdmissionRefused,
        BudgetExceeded,
        ConfigError,
        ConnectionFailed,
        ContentRefused,
        ContextLengthExceeded,
        CredentialRefused,
        ErrorEvidence,
        Failure,
        GreenroomError,
        InternalError,
        InvalidInput,
        ModelLoading,
        ModelNotFound,
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
    )
    from greenroom.messages.models import ModelInfo, ModelList, ModelListUnavailable
    from greenroom.messages.options import DEBUG, HIGH_THROUGHPUT, JSON_MODE, LOW_LATENCY, StreamingOptions
    from greenroom.messages.parts import (
        ImagePart,
        ProviderPart,
        ReasoningPart,
        RefusalPart,
        TextPart,
        ToolCallPart,
        ToolResultPart,
    )
    from greenroom.messages.prices import ModelPrice
    from greenroom.messages.rate_limits import RateLimit, RateLimits
    from greenroom.messages.recoverable import RecoverableStream
    from greenroom.messages.request import ChatRequest, Message, ResponseFormat, ToolChoice, ToolSpec
    from greenroom.messages.routes import HopConfig, HopOptions, RouteConfig
    from greenroom.messages.statistics import SystemStatistics
    from greenroom.messages.store_errors import (
        RetryStoreError,
        StoreCorrupt,
        StoreForeign,
        StoreLocked,
        StoreTooNew,
        StoreUnavailable,
    )
    from greenroom.messages.usage import Usage
    from greenroom.providers.registry import register_codec, register_model_source, register_profile
    from greenroom.supervision.telemetry import StructlogSink
    from greenroom.system import ActorSystem

_HOMES = {
    "actors.breaker_switch": ("BreakerSwitch",),
    "actors.future": ("Future",),
    "actors.handle": ("AsyncCursor", "Cursor", "Stream"),
    "actors.told": ("Told",),
    "config": ("load_config",),
    "messages.attach_errors": ("NoStoredStream", "ReplayRefused", "StreamInUse", "UnknownStream"),
    "messages.batch": ("DeltaBatch",),
    "messages.breaker": ("BreakerStatus", "KeyStatus", "ProviderStatus", "SystemStatus"),
    "messages.breaker_config": ("BreakerConfig",),
    "messages.census": ("ActorCensus", "Census"),
    "messages.completion": ("Choice", "Completion", "Timings"),
    "messages.config": ("ProviderConfig", "RetryStoreConfig", "SystemConfig"),
    "messages.deltas": (
        "Delta", "ProviderItem", "RawDelta", "ReasoningDelta", "RefusalDelta", "StreamReset", "StreamSeam",
        "TextDelta", "ToolCallCompleted", "ToolCallDelta", "ToolCallStarted", "UsageDelta",
        "delta_from_json", "delta_json",
    ),
    "messages.failures": (
        "AdmissionRefused", "BudgetExceeded", "ConfigError", "ConnectionFailed", "ContentRefused",
        "ContextLengthExceeded", "CredentialRefused", "ErrorEvidence", "Failure", "GreenroomError",
        "InternalError", "InvalidInput", "ModelLoading", "ModelNotFound", "OutputLimitExceeded",
        "PermissionRefused", "ProtocolViolation", "ProviderOverloaded", "QuotaExceeded", "RateLimited",
        "RequestRejected", "ShutDown", "SlowConsumer", "StartedBeforeFork", "StreamCancelled", "StreamDetached",
        "StreamError", "StreamNotDurable", "StreamSystemDown", "StreamTimedOut", "SystemDown", "SystemStopped",
        "UnknownFailure", "WouldDeadlock",
    ),
    "messages.models": ("ModelInfo", "ModelList", "ModelListUnavailable"),
    "messages.options": ("DEBUG", "HIGH_THROUGHPUT", "JSON_MODE", "LOW_LATENCY", "StreamingOptions"),
    "messages.parts": (
        "ImagePart", "ProviderPart", "ReasoningPart", "RefusalPart", "TextPart", "ToolCallPart", "ToolResultPart",
    ),
    "messages.prices": ("ModelPrice",),
    "messages.rate_limits": ("RateLimit", "RateLimits"),
    "messages.request": ("ChatRequest", "Message", "ResponseFormat", "ToolChoice", "ToolSpec"),
    "messages.routes": ("HopConfig", "HopOptions", "RouteConfig"),
    "messages.statistics": ("SystemStatistics",),
    "messages.store_errors": (
        "RetryStoreError", "StoreCorrupt", "StoreForeign", "StoreLocked", "StoreTooNew", "StoreUnavailable",
    ),
    "messages.recoverable": ("RecoverableStream",),
    "messages.usage": ("Usage",),
    "providers.registry": ("register_codec", "register_model_source", "register_profile"),
    "supervision.telemetry": ("StructlogSink",),
    "system": ("ActorSystem",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'greenroom' has no attribute {name!r}")
    value = getattr(import_module(f"greenroom.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])


__all__ = [
    "DEBUG",
    "HIGH_THROUGHPUT",
    "JSON_MODE",
    "LOW_LATENCY",
    "ActorCensus",
    "ActorSystem",
    "AdmissionRefused",
    "AsyncCursor",
    "BreakerConfig",
    "BreakerStatus",
    "BreakerSwitch",
    "BudgetExceeded",
    "Census",
    "ChatRequest",
    "Choice",
    "Completion",
    "ConfigError",
    "ConnectionFailed",
    "ContentRefused",
    "ContextLengthExceeded",
    "CredentialRefused",
    "Cursor",
    "Delta",
    "DeltaBatch",
    "ErrorEvidence",
    "Failure",
    "Future",
    "GreenroomError",
    "HopConfig",
    "HopOptions",
    "ImagePart",
    "InternalError",
    "InvalidInput",
    "KeyStatus",
    "Message",
    "ModelInfo",
    "ModelList",
    "ModelListUnavailable",
    "ModelLoading",
    "ModelNotFound",
    "ModelPrice",
    "NoStoredStream",
    "OutputLimitExceeded",
    "PermissionRefused",
    "ProtocolViolation",
    "ProviderConfig",
    "ProviderItem",
    "ProviderOverloaded",
    "ProviderPart",
    "ProviderStatus",
    "QuotaExceeded",
    "RateLimit",
    "RateLimited",
    "RateLimits",
    "RawDelta",
    "ReasoningDelta",
    "ReasoningPart",
    "RecoverableStream",
    "RefusalDelta",
    "RefusalPart",
    "ReplayRefused",
    "RequestRejected",
    "ResponseFormat",
    "RetryStoreConfig",
    "RetryStoreError",
    "RouteConfig",
    "ShutDown",
    "SlowConsumer",
    "StartedBeforeFork",
    "StoreCorrupt",
    "StoreForeign",
    "StoreLocked",
    "StoreTooNew",
    "StoreUnavailable",
    "Stream",
    "StreamCancelled",
    "StreamDetached",
    "StreamError",
    "StreamInUse",
    "StreamNotDurable",
    "StreamReset",
    "StreamSeam",
    "StreamSystemDown",
    "StreamTimedOut",
    "StreamingOptions",
    "StructlogSink",
    "SystemConfig",
    "SystemDown",
    "SystemStatistics",
    "SystemStatus",
    "SystemStopped",
    "TextDelta",
    "TextPart",
    "Timings",
    "Told",
    "ToolCallCompleted",
    "ToolCallDelta",
    "ToolCallPart",
    "ToolCallStarted",
    "ToolChoice",
    "ToolResultPart",
    "ToolSpec",
    "UnknownFailure",
    "UnknownStream",
    "Usage",
    "UsageDelta",
    "WouldDeadlock",
    "__version__",
    "delta_from_json",
    "delta_json",
    "load_config",
    "register_codec",
    "register_model_source",
    "register_profile",
]
