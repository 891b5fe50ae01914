"""What an ActorSystem holds of its circuit breakers: their table and cell, and answers for any thread."""

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from greenroom.actors.breaker_status import Asked, breakers_statistics, system_status
from greenroom.actors.breaker_switch import BreakerSwitch
from greenroom.actors.breaker_table import Breakers
from greenroom.actors.circuit_breaker import CircuitBreaker
from greenroom.actors.errand import run_there
from greenroom.messages.breaker import BreakersStatistics, Place, SystemStatus
from greenroom.messages.config import SystemConfig

if TYPE_CHECKING:
    from greenroom.actors.dispatcher import Dispatcher


class BreakerDesk:
    """Made with the system. Its questions wait for the dispatcher thread for a moment, and raise SystemDown."""

    def __init__(self, dispatcher: "Dispatcher", config: SystemConfig, random: Random | None = None) -> None:
        self._dispatcher = dispatcher
        self.cell = dispatcher.new_cell("/services/breakers", CircuitBreaker.kind)
        rules = {name: provider.breaker or config.breaker for name, provider in config.providers.items()}
        spread = (random or Random()).random  # noqa: S311  (jitter)
        self.table = Breakers(rules, spread, self.cell.ref.tell)

    def status(self, endpoints: Iterable[Asked]) -> SystemStatus:
        """Of these providers."""
        table, clock = self.table, self._dispatcher.clock
        return run_there(
            self._dispatcher, lambda: system_status(table, endpoints, clock.now_s(), clock.wall_s())
        )

    def statistics(self) -> BreakersStatistics:
        table, clock = self.table, self._dispatcher.clock
        return run_there(self._dispatcher, lambda: breakers_statistics(table, clock.now_s()))

    def switch(self, place: Place) -> BreakerSwitch:
        return BreakerSwitch(self._dispatcher, self.table, place)
