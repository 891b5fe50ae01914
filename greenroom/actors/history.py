"""A request's attempts, as they are told in `completion.attempts`, and what they cost together."""

from collections.abc import Callable
from typing import Any

from greenroom.messages.commands import AttemptOver
from greenroom.messages.completion import Timings
from greenroom.messages.contracts import Target
from greenroom.messages.failures import Failure
from greenroom.messages.rate_limits import RateLimits
from greenroom.messages.retry_state import AttemptRecord
from greenroom.messages.usage import NO_USAGE, Usage


def unpriced(_target: Target, _usage: Usage) -> float | None:
    """Where nobody knows prices."""
    return None


class History:
    """Written by the request's scope; stands in its job, so that a crash of the scope loses none of it."""

    __slots__ = ("_began_s", "_cost_usd", "_opened_s", "_ttft_s", "rate_limits", "records", "running")

    def __init__(self, cost_usd: Callable[[Target, Usage], float | None] = unpriced) -> None:
        self._cost_usd = cost_usd
        self.records: tuple[AttemptRecord, ...] = ()
        self.running = False
        """An attempt has begun, and its end is not told yet."""
        self.rate_limits: RateLimits | None = None
        """As the last attempt that was told any was told them."""
        self._began_s = 0.0
        self._opened_s: float | None = None
        self._ttft_s: float | None = None

    def begin(self, now_s: float) -> None:
        """An attempt starts; `now_s` counts from the request's submission."""
        self._began_s, self.running = now_s, True

    def record(
        self,
        over: AttemptOver,
        target: Target,
        decision: Any,
        failure: Failure | None,
        now_s: float,
        wait_s: float,
    ) -> None:
        """The attempt has ended, and this was decided after it."""
        self.running = False
        self.rate_limits = over.rate_limits or self.rate_limits
        if self._ttft_s is None and over.first_content_s is not None:
            self._opened_s, self._ttft_s = over.opened_s, over.first_content_s
        elif self._ttft_s is None:
            self._opened_s = over.opened_s
        usage = over.answer.usage
        if over.outcome in ("failed", "cancelled") and usage != NO_USAGE:
            usage = usage.model_copy(update={"source": "partial"})
        cost_usd = None if usage == NO_USAGE else self._cost_usd(target, usage)
        record = AttemptRecord(
            epoch=over.epoch, provider=target.provider, model=target.model, started_s=self._began_s,
            duration_s=max(now_s - self._began_s, 0.0), sent=over.sent, deltas=over.deltas, usage=usage,
            cost_usd=cost_usd,
            error_class=failure.error_class if failure else None,
            message=failure.message if failure else None, status=failure.status if failure else None,
            decision=decision, waited_s=wait_s,
        )  # fmt: skip
        self.records = (*self.records, record)

    @property
    def spent(self) -> Usage:
        """Usage of all attempts together."""
        spent = NO_USAGE
        for record in self.records:
            spent = spent + record.usage
        return spent

    @property
    def spent_usd(self) -> float | None:
        """What all attempts cost together. None: none of them was counted, or one that was has no known price."""
        costs = [record.cost_usd for record in self.records if record.usage != NO_USAGE]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known and len(known) == len(costs) else None

    def timings(self, started_at: float, now_s: float) -> Timings:
        return Timings(started_at=started_at, opened_s=self._opened_s, ttft_s=self._ttft_s, duration_s=now_s)
