"""Frozen snapshots of what every component is doing, for `system.statistics()`."""

from typing import Literal

from greenroom.messages.breaker import BreakersStatistics
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Value


class EndpointStatistics(Value):
    """One provider endpoint's pool."""

    provider: str
    busy: int
    idle: int
    connecting: int
    waiting: int
    """Attempts queued for a free connection."""
    max_connections: int
    connected_total: int
    connect_failed_total: int
    reused_total: int
    """Requests sent on a kept-alive connection."""


class RequestStatistics(Value):
    """The requests supervisor's counts since the start."""

    live: int
    max_streams: int
    admitted_total: int
    refused_total: int
    completed_total: int
    failed_total: int
    cancelled_total: int
    attempts_total: int
    decided_total: FrozenMap = EMPTY_MAP
    """What was decided after attempts, of requests that have ended: how often retry, adjust, continue, resume,
    fall_back, reset and give_up. An attempt that completed, or was cancelled, needs no decision."""


class RuntimeStatistics(Value):
    """The dispatcher."""

    actors: int
    timers: int = 0
    tasks: int = 0
    dead_letters_total: int
    dead_letters: FrozenMap = EMPTY_MAP
    """By reason: dead, stopped, full, stale_epoch, unhandled."""
    refused_total: int = 0
    """Admissions refused because too many waited."""
    zombies_total: int
    """Actors that were abandoned because they did not end in time."""
    slow_handlers_total: int = 0


class CatalogStatistics(Value):
    """The model catalogue: its cache, and what it asked the providers."""

    max_entries: int
    entries: int = 0
    """Lists and failures that are kept; one for each endpoint and credential."""
    fetching: int = 0
    """Providers that are being asked now."""
    hits_total: int = 0
    """Look-ups answered at once from a list that was not too old."""
    misses_total: int = 0
    """All other look-ups."""
    fetches_total: int = 0
    fetch_failures_total: int = 0
    stale_served_total: int = 0
    """Look-ups answered with an older list because the provider could not be asked."""
    evicted_total: int = 0


class RetryStoreStatistics(Value):
    """The retry store: states of streams that do not run, and what was written."""

    kind: Literal["memory", "sqlite"]
    states: int
    """Of streams that failed, or whose process ended."""
    state_bytes: int
    live: int
    """Running streams that are written to it."""
    failing: bool
    """The last write failed; it is tried again with each flush."""
    writes_total: int
    write_failures_total: int
    evicted_total: int
    """States that went before their time, for the bounds."""
    expired_total: int
    lost_total: int
    """Ends that could not be told to it, as too many waited."""


class SystemStatistics(Value):
    """Everything, at one moment; parts are read one after the other."""

    at_s: float
    """Seconds since 1970 UTC."""
    requests: RequestStatistics
    endpoints: tuple[EndpointStatistics, ...]
    breakers: BreakersStatistics = BreakersStatistics.model_construct()
    models: CatalogStatistics
    retry_store: RetryStoreStatistics
    runtime: RuntimeStatistics
