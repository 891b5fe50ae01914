"""What is said of circuit breakers to people: status for health endpoints, and statistics."""

from typing import NamedTuple

from greenroom.messages.failures import ErrorClass
from greenroom.messages.value import Value
from greenroom.messages.views import BreakerState


class Place(NamedTuple):
    """Where an attempt goes, as limits and breakers see it."""

    provider: str
    endpoint: str
    """Its base URL."""
    model: str


class BreakerStatus(Value):
    """One breaker at one moment, and its counts since it was made."""

    key: str
    """`provider` for a whole endpoint, `provider/model` for one model there."""
    state: BreakerState
    """closed: calls pass and are counted. open: none passes until its time is over. half_open: a few may try.
    forced_open: none passes until it is reset. disabled: all pass, none is counted."""
    half_open_in_s: float | None = None
    """Until an open one lets probes through; None for every other."""
    failure_rate: float | None = None
    """0 to 1, of the calls in the window; None below `min_calls`. Of an open one: when it opened."""
    slow_rate: float | None = None
    calls: int = 0
    """In the window."""
    in_flight: int = 0
    probes_in_flight: int = 0
    succeeded_total: int = 0
    failed_total: int = 0
    slow_total: int = 0
    """Of both the succeeded and the failed."""
    ignored_total: int = 0
    """Ended without a word on the provider's health: caller's faults, cancels, keys."""
    late_total: int = 0
    """Let in before the state changed, and not counted for that reason."""
    refused_total: int = 0
    opened_total: int = 0


class BreakersStatistics(Value):
    """All circuit breakers, and what the retry budgets let through."""

    breakers: tuple[BreakerStatus, ...] = ()
    leases: int = 0
    """Attempts that were let through and have not ended."""
    forgotten_total: int = 0
    """Models' breakers that were dropped, idle or one too many."""
    unguarded_total: int = 0
    """Attempts let through without a breaker for their model: `models_max` are in use."""
    retries_total: int = 0
    retries_refused_total: int = 0
    """Times that the retry budget had nothing left."""


class KeyStatus(Value):
    """One of several API keys of a provider, by its place among them; nothing of the key itself."""

    number: int
    """From 1."""
    rests_s: float = 0.0
    """It was refused, and is asked with again after so long; 0 for one that serves."""
    error_class: ErrorClass | None = None
    """Of the refusal it rests for."""


class ProviderStatus(Value):
    """One configured provider, for a health endpoint."""

    provider: str
    available: bool
    """An attempt would be let through now, as far as the endpoint as a whole is concerned."""
    endpoint: BreakerStatus
    models: tuple[BreakerStatus, ...] = ()
    """Those that were asked for lately, by name."""
    retries_left: int
    """What the retry budget would let through now."""
    keys: tuple[KeyStatus, ...] = ()
    """Where it has several."""


class SystemStatus(Value):
    """Every provider, at one moment."""

    at_s: float
    """Seconds since 1970 UTC."""
    available: bool
    """Every provider is available."""
    providers: tuple[ProviderStatus, ...]
