"""A request's attempts, as they are told in `completion.attempts`, and what they cost together."""

from collections.abc import Callable
from typing import Any

from greenroom.messages.commands import AttemptOver
from greenroom.messages.completion import Timings
from greenroom.messages.contracts import Target
from greenroom.messages.failures import Failure
from greenroom.messages.rate_limits import RateLimits
from greenroom.messages.retry_state import AttemptRecord, ResumeMode
from greenroom.messages.usage import NO_USAGE, Usage


def unpriced(_provider: str, _model: str, _usage: Usage) -> float | None:
    """Where nobody knows prices."""
    return None


def decided(records: tuple[AttemptRecord, ...]) -> tuple[str, ...]:
    """What was decided after these attempts; one that completed, or was cancelled, needs no decision."""
    return tuple(each.decision for each in records if each.decision not in ("completed", "cancelled"))


class History:
    """Written by the request's scope; stands in its job, so that a crash of the scope loses none of it."""

    __slots__ = (
        "_cost_usd",
        "_mode",
        "_opened_s",
        "_ttft_s",
        "began_s",
        "last_failure",
        "model",
        "now_s",
        "rate_limits",
        "records",
        "running",
    )  # fmt: skip

    def __init__(self, cost_usd: Callable[[str, str, Usage], float | None] = unpriced) -> None:
        self._cost_usd = cost_usd
        self.records: tuple[AttemptRecord, ...] = ()
        self.running = False
        """An attempt has begun, and its end is not told yet."""
        self.rate_limits: RateLimits | None = None
        """As the last attempt that was told any was told them."""
        self.model: str | None = None
        """The model that answered last, as the provider names it."""
        self.last_failure: Failure | None = None
        self.now_s = 0.0
        """When an attempt last began or ended, in seconds from the request's submission."""
        self.began_s = 0.0
        self._mode: ResumeMode = "fresh"
        self._opened_s: float | None = None
        self._ttft_s: float | None = None

    def begin(self, now_s: float, mode: ResumeMode = "fresh") -> None:
        """An attempt starts in this way; `now_s` counts from the request's submission."""
        self.began_s, self._mode, self.running = now_s, mode, True
        self.now_s = now_s

    def record(
        self,
        over: AttemptOver,
        target: Target,
        decision: Any,
        failure: Failure | None,
        now_s: float,
        wait_s: float,
        reason: str = "",
    ) -> None:
        """The attempt has ended, and this was decided after it."""
        self.running, self.now_s = False, now_s
        self.model = over.answer.model or self.model
        self.last_failure = failure or self.last_failure
        self.rate_limits = over.rate_limits or self.rate_limits
        if self._ttft_s is None and over.first_content_s is not None:
            self._opened_s, self._ttft_s = over.opened_s, over.first_content_s
        elif self._ttft_s is None:
            self._opened_s = over.opened_s
        usage = over.answer.usage
        if over.outcome in ("failed", "cancelled") and not usage.is_untold():
            usage = usage.model_copy(update={"source": "partial"})
        cost_usd = self._priced(target.provider, target.model, usage)
        failed: dict[str, Any] = {} if failure is None else {
            "error_class": failure.error_class, "message": failure.message, "status": failure.status,
        }  # fmt: skip
        record = AttemptRecord(
            epoch=over.epoch, provider=target.provider, model=target.model, mode=self._mode,
            started_s=self.began_s,
            duration_s=max(now_s - self.began_s, 0.0), sent=over.sent, deltas=over.deltas, usage=usage,
            key=over.key, cost_usd=cost_usd, decision=decision, waited_s=wait_s, reason=reason, **failed,
        )  # fmt: skip
        self.records = (*self.records, record)

    def key_of(self, provider: str) -> int | None:
        """Which of this provider's keys was used last."""
        return next((record.key for record in reversed(self.records) if record.provider == provider), None)

    @property
    def spent(self) -> Usage:
        """Usage of all attempts together.

        An attempt that reads a kept answer on tells what the whole of it took: that replaces what was told
        before. Where an attempt said something and told no count, the sum is `partial`.
        """
        if len(self.records) == 1:
            return self.records[0].usage
        told = self._told()
        spent = NO_USAGE
        for _, usage, _ in told:
            spent = spent + usage
        if spent.source == "provider" and any(deltas and usage.is_untold() for _, usage, deltas in told):
            return spent.model_copy(update={"source": "partial"})
        return spent

    @property
    def spent_usd(self) -> float | None:
        """What all attempts cost together. None: none of them was counted, or one that was has no known price."""
        if len(self.records) == 1:
            return self.records[0].cost_usd
        told = [(record, usage) for record, usage, _ in self._told() if not usage.is_untold()]
        costs = [self._priced(record.provider, record.model, usage) for record, usage in told]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known and len(known) == len(costs) else None

    def _told(self) -> list[tuple[AttemptRecord, Usage, int]]:
        """Answers, with usage and deltas: several attempts are one where they read on what was kept."""
        told: list[tuple[AttemptRecord, Usage, int]] = []
        for record in self.records:
            usage, deltas = record.usage, record.deltas
            if record.mode == "server_cursor" and told:
                _, before, said = told.pop()
                usage, deltas = (before if usage.is_untold() else usage), deltas + said
            told.append((record, usage, deltas))
        return told

    def _priced(self, provider: str, model: str, usage: Usage) -> float | None:
        return None if usage.is_untold() else self._cost_usd(provider, model, usage)

    def timings(self, started_at: float, now_s: float) -> Timings:
        return Timings(started_at=started_at, opened_s=self._opened_s, ttft_s=self._ttft_s, duration_s=now_s)
