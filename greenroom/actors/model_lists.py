"""Futures of lists of models, for callers in any thread."""

from collections.abc import Iterable
from typing import Any

from greenroom.actors.errors import ActorDead, AskTimeout
from greenroom.actors.future import Future
from greenroom.actors.model_catalog import LookUpModels, ModelAnswer
from greenroom.actors.ref import Ref
from greenroom.messages.commands import GetStatistics
from greenroom.messages.failures import SystemDown
from greenroom.messages.models import ModelList, ModelListUnavailable
from greenroom.messages.statistics import CatalogStatistics


def list_of(catalog: Ref[Any], asked: LookUpModels, keep: object) -> Future[ModelList]:
    """Of one provider; ModelListUnavailable where there is none. Holds `keep` until it is dropped."""
    answered = catalog.ask(asked, block=False)

    def read(timeout: float | None) -> ModelList:
        found: ModelAnswer = _got(answered, timeout, keep)
        assert found.list is not None
        if found.list.fetched_at_s is None and found.failure is not None:
            raise ModelListUnavailable(found.failure)
        return found.list

    future: Future[ModelList] = Future()
    future.after((answered,), read)
    return future


def lists_of(catalog: Ref[Any], asked: Iterable[LookUpModels], keep: object) -> Future[tuple[ModelList, ...]]:
    """Of several, all asked at once; one that cannot be had is empty and has its failure. Holds `keep`."""
    answered = tuple(catalog.ask(each, block=False) for each in asked)
    future: Future[tuple[ModelList, ...]] = Future()
    if not answered:
        future.set(())
        return future

    def read(timeout: float | None) -> tuple[ModelList, ...]:
        together = answered[0].join(*answered[1:])
        return tuple(found.list for found in _got(together, timeout, keep))

    future.after(answered, read)
    return future


def _got(answered: Future[Any], timeout: float | None, _keep: object) -> Any:
    try:
        return answered.get(timeout=timeout)
    except ActorDead as error:
        raise SystemDown(f"the model catalogue ended before it answered: {error}") from None


def asked_of(ref: Ref[Any]) -> Future[Any]:
    """The actor's statistics. Of one that waits for its restart: ActorDead at once, not its mail's wait."""
    if ref.is_alive():
        return ref.ask(GetStatistics(), block=False)
    future: Future[Any] = Future()
    future.set_exception((ActorDead, ActorDead(f"{ref} is not running"), None))
    return future


def catalog_statistics(asked: Future[Any], max_entries: int, timeout_s: float) -> CatalogStatistics:
    """What the catalogue answered; of one that crashed and waits, that nothing is there."""
    try:
        told: CatalogStatistics = asked.get(timeout=timeout_s)
    except (ActorDead, AskTimeout):
        return CatalogStatistics(max_entries=max_entries)
    return told
