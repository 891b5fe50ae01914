"""The actor that knows which models each provider has. `model_cache.py` decides; this asks, waits and tells.

Fetches block, so each runs in a thread of its own that ends with it: at most one a place at a time, which is
the bound of the threads. One that does not return within its time is overdue: those who wait are answered by
what there is, and nobody waits for it again until it is back.
Mail: a look-up for each who asks, one reply for each key asked of a callable, one FetchOver a fetch. After a
crash the cache begins empty.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from greenroom.actors.abandon import Abandon
from greenroom.actors.blocking import WAITING_MAX, is_choked
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.model_cache import (
    Answer,
    CacheRules,
    CacheState,
    Fetch,
    Fetched,
    FetchFailed,
    Given,
    Impatient,
    LookUp,
    Output,
    StaleServed,
    Verdict,
    step,
)
from greenroom.actors.model_place import ModelPlace
from greenroom.actors.pykka_compat import BlockingActor
from greenroom.messages.commands import GetKey, GetStatistics, NoKey
from greenroom.messages.contracts import ModelListError, ModelQuery, ModelSource, Target
from greenroom.messages.events import ModelsEvent, ModelsFetched, ModelsFetchFailed, ModelsStaleServed
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.models import ListedModels, ModelList
from greenroom.messages.signals import AskFailed, Reply
from greenroom.messages.statistics import CatalogStatistics

FETCH_TIMEOUT_S = 20.0
"""For all pages of a list. Providers answer within a second; a local server may be busy loading a model."""
KEY_TIMEOUT_S = 10.0
OVERDUE_S = 2.0
"""A fetch ends itself within FETCH_TIMEOUT_S, but for what cannot be interrupted, as a name look-up."""

Judge = Callable[[ErrorEvidence, Target], Failure]


@dataclass(frozen=True, slots=True)
class LookUpModels:
    """Ask the catalogue: a ModelAnswer, within `timeout_s`."""

    place: ModelPlace
    model: str | None = None
    """Its verdict is wanted, and no list."""
    refresh: bool = False
    timeout_s: float = FETCH_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """`list` where a list was asked for; without models, and with its failure, where there is none."""

    verdict: Verdict
    list: ModelList | None = None
    failure: Failure | None = None
    closest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchModels:
    """To a fetcher: ask this, and tell `reply_to` a FetchOver."""

    key: str
    query: ModelQuery = field(repr=False)
    reply_to: Any
    fetch: Abandon = field(repr=False)


@dataclass(frozen=True, slots=True)
class FetchOver:
    """From a fetcher, once. `fetch` is who asked it: after a crash a predecessor's fetch may still come."""

    late_is_fine: ClassVar[bool] = True

    key: str
    outcome: ListedModels | ErrorEvidence = field(repr=False)
    fetch: Abandon = field(repr=False)


@dataclass(frozen=True, slots=True)
class FetchDue:
    """A fetch should have been over by now."""

    key: str


@dataclass(frozen=True, slots=True)
class PatienceOver:
    """Who asked that number waits no longer."""

    number: int


class ModelFetcher(BlockingActor):
    """One fetch, then its thread ends. Whatever a source raises is told by its type and place: its words may
    hold the key."""

    def __init__(self, source: Callable[[], ModelSource]) -> None:
        super().__init__()
        self._source = source

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, FetchModels):
            return super().on_receive(message)
        message.reply_to.tell(FetchOver(message.key, self._fetch(message.query), message.fetch))
        self.stop()
        return None

    def _fetch(self, query: ModelQuery) -> ListedModels | ErrorEvidence:
        try:
            listed: object = self._source().models(query)
        except ModelListError as error:
            return error.evidence
        except BaseException as error:  # noqa: BLE001  (a source may be anybody's; a SystemExit would end all Pykka actors)
            return ErrorEvidence(kind="crash", message=f"the source of the list failed: {_short(error)}")
        if not isinstance(listed, ListedModels):
            text = f"the source of the list returned a {type(listed).__name__}, not ListedModels"
            return ErrorEvidence(kind="crash", message=text)
        return listed


def _short(error: BaseException) -> str:
    frames = list(traceback.walk_tb(error.__traceback__))
    frame, line = frames[-1]
    return f"{type(error).__name__} at {Path(frame.f_code.co_filename).name}:{line}"


@dataclass(slots=True)
class _Asked:
    message: LookUpModels
    given: LookUp
    answer: Any
    patience: Any = None


@dataclass(slots=True)
class _UnderWay:
    place: ModelPlace
    started_s: float
    due: Any
    abandon: Abandon = field(default_factory=Abandon)


class ModelCatalog(LoopActor):
    """See the module. One a system. `judge` makes a Failure of evidence."""

    kind = "model_catalog"

    def __init__(self, rules: CacheRules, judge: Judge) -> None:
        super().__init__()
        self._cache = CacheState(rules)
        self._judge = judge
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._places: dict[str, ModelPlace] = {}
        """Of those that are asked for or fetched now."""
        self._under_way: dict[str, _UnderWay] = {}

    def on_start(self) -> None:
        # A predecessor was killed, so that on_failure was not called: never two threads for one place.
        for left in (self.cell.state or {}).values():
            left.abandon.now()
        self.cell.state = self._under_way

    def on_stop(self) -> None:
        for under_way in self._under_way.values():
            under_way.abandon.now()

    def on_failure(self, *_: Any) -> None:
        # The next incarnation may fetch the same: never two threads for one place.
        self.on_stop()

    # ---- questions

    @receives(LookUpModels)
    def on_look_up(self, message: LookUpModels) -> None:
        self._number += 1
        given = LookUp(self._number, message.place.key, message.model, message.refresh)
        asked = self._asked[given.number] = _Asked(message, given, self.defer())
        self._places[given.key] = message.place
        self._step(given)
        if given.number in self._asked:
            asked.patience = self.timer(message.timeout_s, PatienceOver(given.number))

    @receives(PatienceOver)
    def on_patience_over(self, message: PatienceOver) -> None:
        asked = self._asked.get(message.number)
        if asked is not None:
            provider, waited_s = asked.message.place.target.provider, asked.message.timeout_s
            text = f"{provider} gave no list of models within {waited_s:g} s"
            evidence = ErrorEvidence(kind="clock", clock="model_list", message=text)
            self._step(Impatient(asked.given, evidence))

    @receives(GetStatistics)
    def on_get_statistics(self, _: GetStatistics) -> CatalogStatistics:
        counts = self._cache.counts
        return CatalogStatistics(
            entries=len(self._cache.entries), max_entries=self._cache.rules.entries_max,
            fetching=len(self._under_way), hits_total=counts.hits, misses_total=counts.misses,
            fetches_total=counts.fetches, fetch_failures_total=counts.fetch_failures,
            stale_served_total=counts.stale_served, evicted_total=counts.evicted,
        )  # fmt: skip

    def _step(self, given: Given) -> None:
        self._cache, outputs = step(self._cache, given, self.clock.now_s())
        for output in outputs:
            self._obey(output)

    def _obey(self, output: Output) -> None:
        match output:
            case Answer():
                self._answer(output)
            case Fetch(key):
                self._fetch(self._places[key])
            case StaleServed():
                place = self._places.get(output.key)
                if place is not None:
                    failure = self._judge(output.evidence, place.target)
                    self._tell(
                        ModelsStaleServed, place, models=output.models, age_s=output.age_s,
                        error_class=failure.error_class,
                    )  # fmt: skip

    def _answer(self, answer: Answer) -> None:
        asked = self._asked.pop(answer.number, None)
        if asked is None:
            return
        if asked.patience is not None:
            asked.patience.cancel()
        target = asked.message.place.target
        failure = None if answer.evidence is None else self._judge(answer.evidence, target)
        listed = None
        if asked.message.model is None:
            found = answer.listed or ListedModels()
            listed = ModelList(
                provider=target.provider, models=found.models, complete=found.complete,
                fetched_at_s=answer.fetched_at_s, stale=answer.stale, failure=failure,
            )  # fmt: skip
        asked.answer.set(ModelAnswer(answer.verdict, listed, failure, answer.closest))
        if asked.given.key not in self._under_way:
            self._places.pop(asked.given.key, None)

    # ---- fetches

    def _fetch(self, place: ModelPlace) -> None:
        due = self.timer(FETCH_TIMEOUT_S + OVERDUE_S, FetchDue(place.key))
        self._under_way[place.key] = _UnderWay(place, self.clock.now_s(), due)
        asker = place.api_keys.asker
        if asker is None:
            self._start(place, place.api_keys.first())
        elif is_choked(asker):
            self._no_key(place, f"does not return, and {WAITING_MAX} wait for it")
        else:
            self.ask(asker, GetKey(), timeout_s=KEY_TIMEOUT_S, tag=place.key)

    @receives(Reply)
    def on_key(self, reply: Reply) -> None:
        place = self._under_way[reply.tag].place
        if isinstance(reply.value, NoKey):
            self._no_key(place, reply.value.why)
        else:
            self._start(place, reply.value)

    @receives(AskFailed)
    def on_no_key(self, failed: AskFailed) -> None:
        late = isinstance(failed.error, TimeoutError)
        why = (
            f"did not return within {KEY_TIMEOUT_S:g} s" if late else f"failed: {type(failed.error).__name__}"
        )
        self._no_key(self._under_way[failed.tag].place, why)

    def _no_key(self, place: ModelPlace, why: str) -> None:
        text = f"the api_key callable of provider {place.target.provider!r} {why}"
        evidence = ErrorEvidence(kind="transport", phase="request", status=401, message=text)
        self._over(place.key, evidence)

    def _start(self, place: ModelPlace, api_key: str | None) -> None:
        abandon = self._under_way[place.key].abandon
        query = place.query(api_key, self.clock, FETCH_TIMEOUT_S, abandon)
        try:
            fetcher = ModelFetcher.start(place.source)
        except RuntimeError as error:
            text = f"no thread could be started for the list of models: {error}"
            self._over(place.key, ErrorEvidence(kind="crash", message=text))
            return
        fetcher.tell(FetchModels(place.key, query, self.ref, abandon))

    @receives(FetchOver)
    def on_fetch_over(self, message: FetchOver) -> None:
        under_way = self._under_way.get(message.key)
        if under_way is not None and under_way.abandon is message.fetch:
            self._over(message.key, message.outcome)

    @receives(FetchDue)
    def on_fetch_due(self, message: FetchDue) -> None:
        under_way = self._under_way[message.key]
        text = f"{under_way.place.target.provider} gave no list of models within {FETCH_TIMEOUT_S:g} s"
        evidence = ErrorEvidence(kind="clock", clock="model_list", message=text)
        self._tell_failed(under_way, evidence)
        self._step(FetchFailed(message.key, evidence, returned=False))

    def _over(self, key: str, outcome: ListedModels | ErrorEvidence) -> None:
        under_way = self._under_way.pop(key)
        under_way.due.cancel()
        if isinstance(outcome, ErrorEvidence):
            self._tell_failed(under_way, outcome)
            self._step(FetchFailed(key, outcome))
        else:
            elapsed_ms = self._elapsed_ms(under_way)
            self._tell(ModelsFetched, under_way.place, models=len(outcome.models), elapsed_ms=elapsed_ms)
            self._step(Fetched(key, outcome, self.clock.wall_s()))
        self._places.pop(key, None)

    def _elapsed_ms(self, under_way: _UnderWay) -> float:
        now_s: float = self.clock.now_s()
        return (now_s - under_way.started_s) * 1000

    def _tell_failed(self, under_way: _UnderWay, evidence: ErrorEvidence) -> None:
        failure = self._judge(evidence, under_way.place.target)
        self._tell(
            ModelsFetchFailed, under_way.place, error_class=failure.error_class, message=failure.message,
            elapsed_ms=self._elapsed_ms(under_way),
        )  # fmt: skip

    def _tell(self, kind: type[ModelsEvent], place: ModelPlace, **fields: Any) -> None:
        if self.events.wants(kind.name):
            provider = place.target.provider
            self.events.emit(kind(at_s=self.clock.wall_s(), actor=self.path, provider=provider, **fields))
