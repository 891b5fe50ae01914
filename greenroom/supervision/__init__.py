"""WHAT HAPPENS WHEN ONE DIES: supervisors, the one decision on attempts, error classes, telemetry."""

from greenroom.supervision.attempts import after_failure, after_pause
from greenroom.supervision.classifier import classify, is_retryable
from greenroom.supervision.telemetry import StructlogSink

__all__ = ["StructlogSink", "after_failure", "after_pause", "classify", "is_retryable"]
