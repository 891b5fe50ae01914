"""WHAT HAPPENS WHEN ONE DIES: supervisors, the one decision on attempts, error classes, telemetry."""

from greenroom.supervision.attempts import after_failure, after_pause
from greenroom.supervision.classifier import classify, is_retryable
from greenroom.supervision.orders import (
    ChildCounts,
    ChildError,
    ChildInfo,
    CountChildren,
    DeleteChild,
    RestartChild,
    StartChild,
    TerminateChild,
    TooManyRestarts,
    WhichChildren,
)
from greenroom.supervision.spec import Backoff, ChildSpec, Limit, SupervisorOptions
from greenroom.supervision.supervisor import DynamicSupervisor, Supervisor
from greenroom.supervision.telemetry import StructlogSink

__all__ = [
    "Backoff",
    "ChildCounts",
    "ChildError",
    "ChildInfo",
    "ChildSpec",
    "CountChildren",
    "DeleteChild",
    "DynamicSupervisor",
    "Limit",
    "RestartChild",
    "StartChild",
    "StructlogSink",
    "Supervisor",
    "SupervisorOptions",
    "TerminateChild",
    "TooManyRestarts",
    "WhichChildren",
    "after_failure",
    "after_pause",
    "classify",
    "is_retryable",
]
