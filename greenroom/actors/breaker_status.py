"""What the breakers of a system look like at one moment, as values for people and health endpoints. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.breaker_guard import Guard
from greenroom.actors.breaker_table import Breakers
from greenroom.messages.breaker import (
    BreakersStatistics,
    BreakerStatus,
    Place,
    ProviderStatus,
    SystemStatus,
)
from greenroom.messages.breaker_config import BreakerConfig


def status_of(guard: Guard, rules: BreakerConfig, now_s: float) -> BreakerStatus:
    """One breaker."""
    breaker = guard.breaker
    breaker.look(now_s)
    sums = breaker.sums(now_s)
    known = sums.calls >= (1 if breaker.state == "open" else rules.min_calls)
    return BreakerStatus(
        key=guard.key, state=breaker.state,
        half_open_in_s=breaker.wait_s(now_s) if breaker.state == "open" else None,
        failure_rate=sums.failure_rate() if known else None,
        slow_rate=sums.slow_rate() if known else None,
        calls=sums.calls, in_flight=guard.in_flight, probes_in_flight=breaker.probes_out,
        succeeded_total=breaker.ok_total, failed_total=breaker.failed_total, slow_total=breaker.slow_total,
        ignored_total=breaker.ignored_total, late_total=breaker.late_total,
        refused_total=breaker.refused_total, opened_total=breaker.opened_total,
    )  # fmt: skip


class Asked(NamedTuple):
    """A provider whose status is wanted."""

    provider: str
    endpoint: str
    """Its base URL."""
    keys: ApiKeys


def provider_status(table: Breakers, asked: Asked, now_s: float) -> ProviderStatus:
    """One provider's, whether or not it was asked for before."""
    provider = asked.provider
    at = table.endpoint(Place(provider, asked.endpoint, ""), now_s)
    whole = status_of(at, at.rules, now_s)
    models = tuple(status_of(at.models[name], at.rules, now_s) for name in sorted(at.models))
    return ProviderStatus(
        provider=provider, available=at.breaker.wait_s(now_s) == 0.0, endpoint=whole, models=models,
        retries_left=int(at.budget.view(now_s).left), keys=asked.keys.status(now_s),
    )  # fmt: skip


def system_status(table: Breakers, endpoints: Iterable[Asked], now_s: float, wall_s: float) -> SystemStatus:
    """Of these providers."""
    table.drop_idle(now_s)
    providers = tuple(provider_status(table, asked, now_s) for asked in endpoints)
    return SystemStatus(at_s=wall_s, available=all(each.available for each in providers), providers=providers)


def breakers_statistics(table: Breakers, now_s: float) -> BreakersStatistics:
    """Of all that were asked for lately."""
    table.drop_idle(now_s)
    endpoints = table.endpoints()
    return BreakersStatistics(
        breakers=tuple(
            status_of(guard, at.rules, now_s) for at in endpoints for guard in (at, *at.models.values())
        ),
        leases=table.leases, forgotten_total=table.forgotten_total, unguarded_total=table.unguarded_total,
        retries_total=sum(at.budget.spent_total for at in endpoints),
        retries_refused_total=sum(at.budget.refused_total for at in endpoints),
    )  # fmt: skip
