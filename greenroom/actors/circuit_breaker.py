"""The actor behind a system's circuit breakers: tells the world of their changes, and does what is due by time.

Requests do not come this way: they ask the table itself (breaker_table.py), which every incarnation is given.
So a crash loses nothing, and holds nobody up: breakers open and close while it waits for its restart, and then it
finds the news in its mail and sets its timer by the table.
Mail: one News a change of state, which are bounded by open times and calls in between. One timer, and that only
while a breaker is open or half open.
"""

from dataclasses import dataclass
from typing import Any

from greenroom.actors.breaker_guard import Changed, Forgotten, RetriesSpent
from greenroom.actors.breaker_table import Breakers
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.breaker_events import (
    BreakerClosed,
    BreakerEvent,
    BreakerForgotten,
    BreakerHalfOpen,
    BreakerOpened,
    BreakerRetriesSpent,
    BreakerSet,
)


@dataclass(frozen=True, slots=True)
class Due:
    """One or more breakers are to change by time."""


class CircuitBreaker(LoopActor):
    """See the module. One a system; its table outlives it."""

    kind = "circuit_breaker"

    def __init__(self, table: Breakers) -> None:
        super().__init__()
        self._table = table

    def on_start(self) -> None:
        self._arm()

    @receives(Changed)
    def on_changed(self, news: Changed) -> None:
        change, key = news.change, news.key
        match change.trigger:
            case "tripped":
                sums = change.sums
                self._tell(
                    BreakerOpened, key, cause=change.cause, open_s=change.open_s,
                    failure_rate=sums.failure_rate(), slow_rate=sums.slow_rate(),
                    error_class=news.error_class,
                )  # fmt: skip
            case "waited":
                self._tell(BreakerHalfOpen, key, permits=change.permits, refused=change.refused)
            case "recovered":
                self._tell(BreakerClosed, key, refused=change.refused)
            case _:
                self._tell(BreakerSet, key, state=change.state)
        self._arm()

    @receives(Forgotten)
    def on_forgotten(self, news: Forgotten) -> None:
        self._tell(BreakerForgotten, news.key, why=news.why)

    @receives(RetriesSpent)
    def on_retries_spent(self, news: RetriesSpent) -> None:
        self._tell(BreakerRetriesSpent, news.key, requests=news.requests, retries=news.retries)

    @receives(Due)
    def on_due(self, _: Due) -> None:
        self._arm()

    def _arm(self) -> None:
        now_s = self.clock.now_s()
        due_s = self._table.look(now_s)
        if due_s is not None:
            self.timer(max(due_s - now_s, 0.0), Due(), key="due")

    def _tell(self, kind: type[BreakerEvent], key: str, **fields: Any) -> None:
        if self.events.wants(kind.name):
            self.events.emit(kind(at_s=self.clock.wall_s(), actor=self.path, key=key, **fields))
