"""What a service holds of one circuit breaker: looks at it, and sets it by hand. Any thread."""

from typing import TYPE_CHECKING, Literal

from greenroom.actors.breaker_status import status_of
from greenroom.actors.breaker_table import Breakers
from greenroom.actors.errand import run_there
from greenroom.messages.breaker import BreakerStatus, Place

if TYPE_CHECKING:
    from greenroom.actors.dispatcher import Dispatcher


class BreakerSwitch:
    """One breaker: of a provider's endpoint as a whole, or of one model there.

    Every method waits for the dispatcher thread for a moment, and raises SystemDown where that is gone.
    What is set by hand holds until `reset`, or until the system stops; nothing drops it.
    """

    def __init__(self, dispatcher: "Dispatcher", table: Breakers, place: Place) -> None:
        self._dispatcher, self._table, self._place = dispatcher, table, place

    def status(self) -> BreakerStatus:
        """As it is now."""
        return run_there(self._dispatcher, self._status)

    def force_open(self) -> BreakerStatus:
        """From now on nothing is let through; what runs goes on. An endpoint's word holds for all its models."""
        return self._set("force_open")

    def disable(self) -> BreakerStatus:
        """From now on all is let through, and nothing counted. An endpoint's word holds for all its models."""
        return self._set("disable")

    def reset(self) -> BreakerStatus:
        """Closed, and all that it knew is forgotten. An endpoint's resets those of its models too."""
        return self._set("reset")

    def _set(self, trigger: Literal["reset", "force_open", "disable"]) -> BreakerStatus:
        def work() -> BreakerStatus:
            self._table.set(self._place, trigger, self._dispatcher.clock.now_s())
            return self._status()

        return run_there(self._dispatcher, work)

    def _status(self) -> BreakerStatus:
        now_s = self._dispatcher.clock.now_s()
        rules, guard = self._table.find(self._place, now_s)
        return status_of(guard, rules, now_s)

    def __repr__(self) -> str:
        provider, _, model = self._place
        return f"<BreakerSwitch {provider}{'/' if model else ''}{model}>"
