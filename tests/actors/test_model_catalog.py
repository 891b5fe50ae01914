"""The catalogue's actor: real threads for fetches, a manual clock, sources that the test holds."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from greenroom.actors import model_catalog
from greenroom.actors.abandon import Abandon
from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.blocking import KeyAsker
from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.future import Future
from greenroom.actors.model_cache import CacheRules
from greenroom.actors.model_catalog import LookUpModels, ModelAnswer, ModelCatalog
from greenroom.actors.model_lists import list_of, lists_of
from greenroom.actors.model_place import ModelPlace
from greenroom.actors.testkit import Recorder, running_dispatcher, settle
from greenroom.messages.commands import GetStatistics
from greenroom.messages.contracts import ModelListError, ModelQuery, Target
from greenroom.messages.failures import ErrorEvidence, SystemDown
from greenroom.messages.models import ListedModels, ModelInfo, ModelListUnavailable
from greenroom.supervision.model_check import list_failure
from greenroom.supervision.root import Root
from greenroom.supervision.spec import ChildSpec

LIMIT_S = 10.0
DOWN = ErrorEvidence(kind="transport", message="down")


def listing(*names: str) -> ListedModels:
    return ListedModels(models=tuple(ModelInfo(id=name) for name in names))


@dataclass
class Source:
    """Gives what `outcome` says once `release` is set."""

    outcome: Any = field(default_factory=lambda: listing("a"))
    queries: list[ModelQuery] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.release.set()

    def models(self, query: ModelQuery) -> ListedModels:
        self.queries.append(query)
        self.threads.append(threading.current_thread())
        self.asked.set()
        assert self.release.wait(LIMIT_S)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        found: ListedModels = self.outcome
        return found


@dataclass
class Desk:
    """A running catalogue."""

    dispatcher: Dispatcher
    clock: ManualClock
    events: Recorder
    source: Source
    catalog: Any

    def place(
        self, provider: str = "prov", keys: ApiKeys | None = None, source: Callable[[], Any] | None = None
    ) -> ModelPlace:
        target = Target(provider, "openai-chat", "", base_url=f"http://{provider}.test/v1")
        return ModelPlace(target, keys or ApiKeys(), (), source or (lambda: self.source))

    def ask(
        self, model: str | None = None, place: ModelPlace | None = None, **more: Any
    ) -> Future[ModelAnswer]:
        asked: Future[ModelAnswer] = self.catalog.ask(
            LookUpModels(place or self.place(), model, **more), block=False
        )
        return asked

    def got(self, *args: Any, **more: Any) -> ModelAnswer:
        return self.ask(*args, **more).get(timeout=LIMIT_S)

    def names(self) -> list[str]:
        return [event.name for event in self.events.events if event.name.startswith("models.")]


@pytest.fixture
def desk(no_leaks: None) -> Iterator[Desk]:
    clock, events = ManualClock(now_s=1000.0), Recorder()
    with running_dispatcher(clock=clock, events=events, slow_handler_s=30.0) as dispatcher:
        catalog = dispatcher.spawn(ModelCatalog, CacheRules(), list_failure, path="/models")
        source = Source()
        yield Desk(dispatcher, clock, events, source, catalog)
        source.release.set()


def test_many_who_ask_at_once_cost_one_fetch(desk: Desk) -> None:
    desk.source.release.clear()
    asked = [desk.ask() for _ in range(50)]
    settle(desk.dispatcher)
    desk.source.release.set()
    lists = [future.get(timeout=LIMIT_S).list for future in asked]
    assert {found.models for found in lists if found is not None} == {listing("a").models}
    assert len(desk.source.queries) == 1
    assert desk.got("a").verdict == "known"
    assert desk.names() == ["models.fetched"]
    statistics = desk.catalog.ask(GetStatistics())
    assert (statistics.fetches_total, statistics.misses_total, statistics.hits_total) == (1, 50, 1)
    assert (statistics.entries, statistics.max_entries, statistics.fetching) == (1, 100, 0)


def test_one_hanging_provider_holds_up_no_other(desk: Desk) -> None:
    desk.source.release.clear()
    hanging = desk.ask()
    other = Source(listing("b"))
    found = desk.got(place=desk.place("other", source=lambda: other)).list
    assert found is not None
    assert [model.id for model in found.models] == ["b"]
    assert not hanging.done()


def test_a_fetch_has_a_thread_of_its_own_that_ends(desk: Desk) -> None:
    desk.got()
    (thread,) = desk.source.threads
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert thread.daemon


def test_an_outage_is_said_and_an_older_list_served(desk: Desk) -> None:
    desk.got()
    desk.clock.advance(601)
    desk.source.outcome = ModelListError(DOWN)
    found = desk.got().list
    assert found is not None
    assert (found.stale, [model.id for model in found.models]) == (True, ["a"])
    assert found.failure is not None
    assert (found.failure.error_class, found.failure.message, found.failure.provider) == (
        "transient",
        "down",
        "prov",
    )
    assert desk.got().list == found
    assert desk.names() == ["models.fetched", "models.fetch_failed", "models.stale_served"]
    assert desk.events.named("models.stale_served")[0].age_s == 601
    assert desk.catalog.ask(GetStatistics()).stale_served_total == 2


@pytest.mark.parametrize("outcome", [
    ValueError("it holds sk-secret"), SystemExit("sk-secret"), KeyboardInterrupt("sk-secret"), ["a", "b"],
])  # fmt: skip
def test_a_source_that_breaks_its_contract_breaks_nothing(outcome: Any, desk: Desk) -> None:
    desk.source.outcome = outcome
    answer = desk.got()
    assert answer.failure is not None
    assert answer.failure.error_class == "bug"
    assert "sk-secret" not in repr(desk.events.events) + repr(answer)
    desk.source.outcome = listing("a")
    assert desk.got("a", refresh=True).verdict == "known"


def test_a_source_that_cannot_be_made_breaks_nothing(desk: Desk) -> None:
    def none() -> Any:
        raise ImportError("no such module")

    answer = desk.got(place=desk.place(source=none))
    assert answer.failure is not None
    assert "ImportError at test_model_catalog.py" in answer.failure.message


def test_a_fetch_that_hangs_is_overdue_and_never_doubled(desk: Desk) -> None:
    desk.source.release.clear()
    first = desk.ask(timeout_s=100)
    settle(desk.dispatcher)
    assert desk.source.asked.wait(LIMIT_S), "its thread is another one"
    desk.clock.advance(model_catalog.FETCH_TIMEOUT_S + model_catalog.OVERDUE_S + 1)
    failure = first.get(timeout=LIMIT_S).failure
    assert failure is not None
    assert (failure.error_class, failure.message) == ("timeout", "prov gave no list of models within 20 s")
    desk.clock.advance(100)
    assert desk.got(refresh=True).verdict == "unsure"
    assert len(desk.source.queries) == 1
    desk.source.release.set()
    desk.source.threads[0].join(LIMIT_S)
    assert desk.got("a").verdict == "known", "what came late is taken"


def test_who_asks_waits_as_long_as_they_said(desk: Desk) -> None:
    desk.source.release.clear()
    short, long = desk.ask(timeout_s=1), desk.ask()
    settle(desk.dispatcher)
    desk.clock.advance(1.1)
    failure = short.get(timeout=LIMIT_S).failure
    assert failure is not None
    assert "within 1 s" in failure.message
    assert not long.done()
    desk.source.release.set()
    assert long.get(timeout=LIMIT_S).failure is None


def test_the_first_of_several_keys_is_used_and_the_turn_is_left_alone(desk: Desk) -> None:
    keys = ApiKeys((SecretStr("k1"), SecretStr("k2")))
    desk.got(place=desk.place(keys=keys))
    assert desk.source.queries[0].api_key == "k1"
    assert [keys.draw(0.0), keys.draw(0.0)] == [(1, "k1"), (2, "k2")]


def test_a_key_that_rests_is_not_used(desk: Desk) -> None:
    keys = ApiKeys((SecretStr("k1"), SecretStr("k2")))
    keys.refused(1, "credential", None, 0.0)
    desk.got(place=desk.place(keys=keys))
    assert desk.source.queries[0].api_key == "k2"


def test_a_callable_is_asked_before_each_fetch(desk: Desk) -> None:
    given = iter(["k1", "k2"])
    asker = KeyAsker.start(lambda: next(given))
    try:
        place = desk.place(keys=ApiKeys(asker=lambda: asker))
        desk.got(place=place)
        desk.got(place=place)
        desk.got(place=place, refresh=True)
        assert [query.api_key for query in desk.source.queries] == ["k1", "k2"]
        failure = desk.got(place=place, refresh=True).failure
        assert failure is not None
        assert failure.error_class == "credential"
        assert "the api_key callable of provider 'prov' failed: StopIteration" in failure.message
    finally:
        asker.stop()


def test_a_callable_that_hangs_is_not_waited_for(desk: Desk) -> None:
    release = threading.Event()
    asker = KeyAsker.start(lambda: str(release.wait(LIMIT_S)))
    try:
        asked = desk.ask(place=desk.place(keys=ApiKeys(asker=lambda: asker)))
        settle(desk.dispatcher)
        desk.clock.advance(10.1)
        failure = asked.get(timeout=LIMIT_S).failure
        assert failure is not None
        assert "did not return within 10 s" in failure.message
    finally:
        release.set()
        asker.stop()


def test_one_list_for_each_endpoint_and_credential(desk: Desk) -> None:
    def key(
        secret: str | None, *, headers: tuple[tuple[str, str], ...] = (), url: str = "http://x.test/v1"
    ) -> str:
        target = Target("any", "openai-chat", "", base_url=url)
        keys = ApiKeys() if secret is None else ApiKeys((SecretStr(secret),))
        place = ModelPlace(target, keys, headers, lambda: desk.source)
        assert secret is None or secret not in repr(place)
        return place.key

    assert key("sk-1") == key("sk-1")
    different = [
        key("sk-1"), key("sk-2"), key(None), key("sk-1", url="http://y.test/v1"),
        key("sk-1", headers=(("a", "b"),)), key("sk-1", headers=(("ab", ""),)),
    ]  # fmt: skip
    assert len(set(different)) == len(different)


def test_a_thread_that_cannot_be_started_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(model_catalog.ModelFetcher, "start", no_thread)
    failure = desk.got().failure
    assert failure is not None
    assert "can't start new thread" in failure.message


def test_futures_of_lists(desk: Desk) -> None:
    keep = object()
    good, bad = desk.place(), desk.place("down", source=lambda: Source(ModelListError(DOWN)))
    assert list_of(desk.catalog, LookUpModels(good), keep).get(timeout=LIMIT_S).provider == "prov"
    future = list_of(desk.catalog, LookUpModels(bad), keep)
    for _ in range(2):
        with pytest.raises(ModelListUnavailable, match="the models of down cannot be listed: down"):
            future.get(timeout=LIMIT_S)
    both = lists_of(desk.catalog, [LookUpModels(good), LookUpModels(bad)], keep).get(timeout=LIMIT_S)
    assert [(each.provider, each.failure is None) for each in both] == [("prov", True), ("down", False)]
    assert lists_of(desk.catalog, [], keep).get(timeout=0) == ()


def test_a_catalogue_that_ends_answers_who_waits(desk: Desk) -> None:
    desk.source.release.clear()
    future = list_of(desk.catalog, LookUpModels(desk.place()), None)
    settle(desk.dispatcher)
    desk.catalog.kill()
    with pytest.raises(SystemDown, match="the model catalogue ended"):
        future.get(timeout=LIMIT_S)


def test_what_ends_a_fetch_is_called_once_and_never_too_late() -> None:
    abandon, ended = Abandon(), []
    abandon.register(lambda: ended.append("a"))
    abandon.now()
    abandon.now()
    abandon.register(lambda: ended.append("late"))
    assert ended == ["a", "late"]


def test_a_crashed_catalogue_forgets_nobodys_late_fetch(desk: Desk) -> None:
    desk.source.release.clear()
    desk.ask()
    assert desk.source.asked.wait(LIMIT_S)
    desk.catalog.kill()
    desk.source.release.set()
    desk.source.threads[0].join(LIMIT_S)
    settle(desk.dispatcher)
    assert desk.events.named("deadletter") == []


def test_a_predecessors_fetch_is_not_its_successors(no_leaks: None) -> None:
    """Its words are about another question; and the answer to this one still comes."""
    first, second = Source(outcome=ModelListError(DOWN)), Source(outcome=listing("new"))
    sources = iter([first, second])
    for source in (first, second):
        source.release.clear()
    clock, events = ManualClock(now_s=1000.0), Recorder()
    with running_dispatcher(clock=clock, events=events, slow_handler_s=30.0) as dispatcher:
        cell = dispatcher.new_cell("/models", "model_catalog")
        child = ChildSpec("models", ModelCatalog, (CacheRules(), list_failure), cell=cell)
        dispatcher.spawn(Root, (child,), path="/")
        desk = Desk(dispatcher, clock, events, first, cell.ref)
        place = desk.place(source=lambda: next(sources))
        desk.ask(place=place)
        settle(dispatcher)
        cell.ref.kill()
        settle(dispatcher)
        ended: list[bool] = []
        abandoned = first.queries[0].abandoned
        assert abandoned is not None
        abandoned(lambda: ended.append(True))
        assert ended == [True]
        asked = desk.ask(place=place)
        settle(dispatcher)
        first.release.set()
        first.threads[0].join(LIMIT_S)
        settle(dispatcher)
        assert not asked.done()
        second.release.set()
        answer = asked.get(timeout=LIMIT_S)
        assert answer.list is not None
        assert [model.id for model in answer.list.models] == ["new"]
        assert answer.failure is None
