"""What a service can ask a running system: its statistics, a census of its actors, its providers' models."""

from typing import TYPE_CHECKING, Any, overload

from greenroom.actors.breaker_desk import BreakerDesk
from greenroom.actors.breaker_status import Asked
from greenroom.actors.breaker_switch import BreakerSwitch
from greenroom.actors.cell import Cell
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead, AskTimeout
from greenroom.actors.future import Future
from greenroom.actors.model_catalog import LookUpModels
from greenroom.actors.model_lists import asked_of, catalog_statistics, list_of, lists_of
from greenroom.endpoints import Endpoint
from greenroom.messages.argument_types import check_type
from greenroom.messages.breaker import Place, SystemStatus
from greenroom.messages.census import Census
from greenroom.messages.commands import GetStatistics
from greenroom.messages.config import SystemConfig
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.models import ModelList
from greenroom.messages.seconds import seconds
from greenroom.messages.statistics import EndpointStatistics, RuntimeStatistics, SystemStatistics
from greenroom.routing import configured
from greenroom.supervision.census import take_census
from greenroom.supervision.stores.states import RetryStates

if TYPE_CHECKING:
    from greenroom.messages.contracts import Clock


class Observed:
    """The asking half of `ActorSystem`, which sets the attributes."""

    config: SystemConfig
    _clock: "Clock"
    _dispatcher: Dispatcher
    _endpoints: dict[str, Endpoint]
    _requests_cell: Cell
    _catalog_cell: Cell
    _breakers: BreakerDesk
    _states: RetryStates

    def _check_open(self) -> None:
        raise NotImplementedError

    @overload
    def models(
        self, provider: str, *, refresh: bool = False, timeout_s: float = 30.0
    ) -> "Future[ModelList]": ...
    @overload
    def models(
        self, provider: None = None, *, refresh: bool = False, timeout_s: float = 30.0
    ) -> "Future[tuple[ModelList, ...]]": ...
    def models(
        self, provider: str | None = None, *, refresh: bool = False, timeout_s: float = 30.0
    ) -> "Future[ModelList] | Future[tuple[ModelList, ...]]":
        """A future of this provider's models; without `provider`, of one list for each that is configured.

        A list younger than `model_list_ttl_s` is given as it is, unless `refresh`. Where the provider cannot be
        asked within `timeout_s`, an older list is given, marked `stale`; without one the future fails with
        ModelListUnavailable. Among all lists such a one is empty, and has its `failure`.
        Raises InvalidInput where no such provider is configured, SystemStopped and SystemDown as `stream` does.
        """
        self._check_open()
        wait_s = seconds("timeout_s", timeout_s)
        if provider is None:
            asked = [LookUpModels(e.models, None, refresh, wait_s) for e in self._endpoints.values()]
            return lists_of(self._catalog_cell.ref, asked, self)
        endpoint = configured(provider, self._endpoints)
        return list_of(self._catalog_cell.ref, LookUpModels(endpoint.models, None, refresh, wait_s), self)

    def statistics(self, timeout_s: float = 5.0) -> SystemStatistics:
        """One frozen snapshot of every component. Blocks for a moment: not for dispatcher threads."""
        self._check_open()
        wait_s = seconds("timeout_s", timeout_s)
        requests = self._requests_cell.ref.ask(GetStatistics(), timeout=wait_s)
        refs = {name: endpoint.child.cell.ref for name, endpoint in self._endpoints.items()}
        asked = {name: asked_of(ref) for name, ref in refs.items()}
        models = asked_of(self._catalog_cell.ref)
        runtime = self._dispatcher.statistics()
        return SystemStatistics(
            at_s=self._clock.wall_s(),
            requests=requests,
            endpoints=tuple(self._told(name, future, wait_s) for name, future in asked.items()),
            breakers=self._breakers.statistics(),
            models=catalog_statistics(models, self.config.model_lists_max, wait_s),
            retry_store=self._states.statistics(wait_s),
            runtime=RuntimeStatistics(
                actors=runtime.actors, timers=runtime.timers, tasks=runtime.tasks,
                dead_letters_total=sum(runtime.dead_letters.values()), dead_letters=runtime.dead_letters,
                refused_total=runtime.refused, zombies_total=runtime.zombies,
                slow_handlers_total=runtime.slow_handlers,
            ),
        )  # fmt: skip

    def status(self) -> SystemStatus:
        """Whether each provider may be asked now, and how its calls fare: one answer for a health endpoint.

        Any thread; waits for the dispatcher thread for a moment. SystemStopped and SystemDown as `stream` does.
        """
        self._check_open()
        endpoints = self._endpoints.items()
        return self._breakers.status([Asked(name, each.base_url, each.api_keys) for name, each in endpoints])

    def breaker(self, name: str) -> BreakerSwitch:
        """The circuit breaker of a provider (`openai`) or of one model there (`openai/gpt-5`), to set by hand.

        Raises InvalidInput where no such provider is configured; SystemStopped and SystemDown as `stream` does.
        """
        self._check_open()
        check_type(name, str, "name", 'system.breaker("openai/gpt-5")')
        provider, _, model = name.partition("/")
        endpoint = configured(provider, self._endpoints)
        return self._breakers.switch(Place(provider, endpoint.base_url, model))

    def census(self, *, max_actors: int = 10_000, timeout_s: float = 5.0) -> Census:
        """One frozen picture of all actors at one moment; `print(system.census().tree())` shows it.

        Costs nothing until asked; then 6 to 9 us an actor on the dispatcher thread, for `max_actors` at most:
        10,000 hold it for some 80 ms.
        Any thread. Raises InvalidInput, SystemStopped and SystemDown; AskTimeout where the dispatcher hangs.
        """
        self._check_open()
        if type(max_actors) is not int or max_actors < 1:
            raise InvalidInput.at("max_actors", "must be a whole number of at least 1", max_actors)
        return take_census(self._dispatcher, max_actors, seconds("timeout_s", timeout_s))

    def _told(self, name: str, future: Future[Any], timeout_s: float) -> EndpointStatistics:
        try:
            told: EndpointStatistics = future.get(timeout=timeout_s)
        except (ActorDead, AskTimeout):
            # It crashed just now, or waits for its restart: nothing is busy or waits there.
            limit = self.config.providers[name].max_connections
            return EndpointStatistics(
                provider=name, busy=0, idle=0, connecting=0, waiting=0, max_connections=limit,
                connected_total=0, connect_failed_total=0, reused_total=0,
            )  # fmt: skip
        return told
