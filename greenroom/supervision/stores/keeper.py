"""The actor that writes retry states: `ledger.py` says what, `home.py` is where; this waits and tells.

A write is under way or not; at most one. What comes meanwhile goes with the next one, so many streams share one
commit. A write that failed is tried again at the next flush: streams live on, and it is told once. Only those
whose deltas were parked for it end, typed (durability="before_deliver").
Mail: one reply for each thing asked, one Poke, FlushDue and SweepDue each, and an ask for each caller.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import pykka

from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.attach_errors import NoStoredStream, StreamInUse
from greenroom.messages.commands import GetStatistics
from greenroom.messages.contracts import RetryStore
from greenroom.messages.failures import NOT_DURABLE, ErrorEvidence
from greenroom.messages.signals import AskFailed, Reply
from greenroom.messages.statistics import RetryStoreStatistics
from greenroom.messages.store_events import StoreEvicted, StoreExpired, StoreFailed, StoreRestored
from greenroom.messages.stored import StoredStream, StoreSize, Unreadable
from greenroom.supervision.stores.home import Apply, Expire, ListStates, Load, Measure, obey
from greenroom.supervision.stores.ledger import Batch, Ledger

HOME_TIMEOUT_S = 10.0
"""A disk that does not answer for so long counts as failed."""
SWEEP_S = 60.0
"""How often what has expired is looked for."""
TAKE_S = 10.0
"""Who takes a stream up has sent its request within this time, or has given it up."""


@dataclass(frozen=True, slots=True)
class Poke:
    """To the keeper: there is something to write."""

    late_is_fine: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class FlushDue:
    """An interval is over."""


@dataclass(frozen=True, slots=True)
class SweepDue:
    """What has expired may go."""


@dataclass(frozen=True, slots=True)
class GetStates:
    """Ask the keeper: a tuple of all states that do not run and have not expired."""


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Ask the keeper: how many states had expired and are gone now."""


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Ask the keeper: the stored stream, which nobody else is given meanwhile.

    The answer fails with NoStoredStream, StreamInUse, or the store's error.
    """

    stream_id: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """To the keeper: who took it up does not run it after all."""

    stream_id: str


@dataclass(slots=True)
class _Counts:
    writes: int = 0
    write_failures: int = 0
    evicted: int = 0
    expired: int = 0


class StateKeeper(LoopActor):
    """See the module. One a system. `home` None: the store never blocks, and is called right here."""

    kind = "state_keeper"
    expected_errors = (NoStoredStream, StreamInUse)

    def __init__(
        self,
        ledger: Ledger,
        store: RetryStore,
        home: "pykka.ActorRef[Any] | None",
        flush_interval_s: float,
        states_max: int,
    ) -> None:
        super().__init__()
        self._ledger, self._store, self._home = ledger, store, home
        self._flush_interval_s, self._states_max = flush_interval_s, states_max
        self._batch: Batch | None = None
        self._poked = self._failing = self._waiting = False
        self._size = StoreSize(0, 0)
        self._counts = _Counts()

    def on_start(self) -> None:
        self._ledger.lost_sight()
        self._ledger.poke = self._poke
        self._poke()
        self._call(Measure(), "size")
        self.timer(SWEEP_S, SweepDue(), key="sweep")
        if self._home is not None:
            self.timer(self._flush_interval_s, FlushDue(), key="flush")

    def _poke(self) -> None:
        if not self._poked:
            self._poked = True
            self.ref.tell(Poke())

    # ---- writing

    @receives(Poke)
    def on_poke(self, _: Poke) -> None:
        self._poked = False
        if not self._failing:
            self._write()

    @receives(FlushDue)
    def on_flush_due(self, _: FlushDue) -> None:
        self.timer(self._flush_interval_s, FlushDue(), key="flush")
        self._ledger.begin_flush()
        self._write()

    def _write(self) -> None:
        # After a write that got no answer the home is still at it: nothing more is laid before it until then.
        if self._batch is not None or self._waiting:
            return
        batch = self._ledger.next_batch(self.clock.wall_s())
        if batch is not None:
            self._batch = batch
            self._call(Apply(batch.changes, batch.durable), "write")

    def _written(self, evicted: tuple[str, ...], size: StoreSize) -> None:
        batch, self._batch = self._batch, None
        assert batch is not None
        self._size = size
        self._counts.writes += 1
        self._counts.evicted += len(evicted)
        if self._failing:
            self._failing = False
            self._emit(StoreRestored, failures=self._counts.write_failures)
        if evicted:
            self._emit(StoreEvicted, states=len(evicted), oldest=evicted[0], states_max=self._states_max)
        self._ledger.written(batch)
        self._write()

    def _not_written(self, error: BaseException) -> None:
        batch, self._batch = self._batch, None
        assert batch is not None
        self._counts.write_failures += 1
        self._waiting = isinstance(error, TimeoutError)
        if self._waiting:
            self._call(Measure(), "size")
        if not self._failing:
            self._failing = True
            self._emit(StoreFailed, error_type=type(error).__name__, error=_words(error))
        self._ledger.not_written(batch, _unkept(f"the retry store failed: {_words(error)}"))

    # ---- the store's answers

    def _call(self, message: Any, tag: Any) -> None:
        if self._home is not None:
            self.ask(self._home, message, timeout_s=HOME_TIMEOUT_S, tag=tag)
            return
        try:
            value = obey(self._store, message)
        except Exception as error:  # noqa: BLE001  (as a home of its own would answer it)
            self._failed(tag, error)
        else:
            self._told(tag, value)

    @receives(Reply)
    def on_reply(self, reply: Reply) -> None:
        self._told(reply.tag, reply.value)

    @receives(AskFailed)
    def on_ask_failed(self, failed: AskFailed) -> None:
        self._failed(failed.tag, failed.error)

    def _told(self, tag: Any, value: Any) -> None:
        match tag:
            case "write":
                self._written(*value)
            case "size":
                self._size, self._waiting = value, False
            case "sweep":
                self._expired(*value)
            case ("states", answer):
                answer.set(tuple(state for state in value if state.expires_at > self.clock.wall_s()))
            case ("clean", answer):
                self._expired(*value)
                answer.set(value[0])
            case ("take", stream_id, answer):
                self._taken_up(stream_id, value, answer)

    def _failed(self, tag: Any, error: BaseException) -> None:
        match tag:
            case "write":
                self._not_written(error)
            case "size":
                # Asked again until there is an answer: then it writes again.
                if self._waiting:
                    self._call(Measure(), "size")
            case ("take", stream_id, answer):
                self._ledger.taken.pop(stream_id, None)
                answer.set_exception(error)
            case (*_, answer):
                answer.set_exception(error)

    # ---- questions

    @receives(GetStates)
    def on_get_states(self, _: GetStates) -> None:
        self._call(ListStates(), ("states", self.defer()))

    @receives(CleanUp)
    def on_clean_up(self, _: CleanUp) -> None:
        self._call(Expire(self.clock.wall_s()), ("clean", self.defer()))

    @receives(SweepDue)
    def on_sweep_due(self, _: SweepDue) -> None:
        self.timer(SWEEP_S, SweepDue(), key="sweep")
        now_s = self.clock.now_s()
        over = [each for each, until_s in self._ledger.taken.items() if until_s <= now_s]
        for stream_id in over:
            del self._ledger.taken[stream_id]
        if not self._waiting:
            self._call(Expire(self.clock.wall_s()), "sweep")

    def _expired(self, count: int, size: StoreSize) -> None:
        self._size = size
        self._counts.expired += count
        if count:
            self._emit(StoreExpired, states=count)

    @receives(TakeUp)
    def on_take_up(self, message: TakeUp) -> None:
        stream_id = message.stream_id
        taken = self._ledger.taken
        if self._ledger.is_busy(stream_id) or taken.get(stream_id, 0.0) > self.clock.now_s():
            raise StreamInUse(stream_id)
        taken[stream_id] = self.clock.now_s() + TAKE_S
        self._call(Load(stream_id), ("take", stream_id, self.defer()))

    def _taken_up(self, stream_id: str, found: StoredStream | Unreadable | None, answer: Any) -> None:
        gone = found is None or found.expires_at <= self.clock.wall_s()
        if gone or isinstance(found, Unreadable):
            self._ledger.taken.pop(stream_id, None)
            answer.set_exception(NoStoredStream(stream_id))
        else:
            answer.set(found)

    @receives(GiveBack)
    def on_give_back(self, message: GiveBack) -> None:
        self._ledger.taken.pop(message.stream_id, None)

    @receives(GetStatistics)
    def on_get_statistics(self, _: GetStatistics) -> RetryStoreStatistics:
        counts = self._counts
        return RetryStoreStatistics(
            kind="sqlite" if self._home is not None else "memory", states=self._size.states,
            state_bytes=self._size.state_bytes, live=len(self._ledger.kept), failing=self._failing,
            writes_total=counts.writes, write_failures_total=counts.write_failures,
            evicted_total=counts.evicted, expired_total=counts.expired, lost_total=self._ledger.lost,
        )  # fmt: skip

    def _emit(self, kind: Any, **fields: Any) -> None:
        if self.events.wants(kind.name):
            self.events.emit(kind(at_s=self.clock.wall_s(), actor=self.path, **fields))


def _unkept(message: str) -> ErrorEvidence:
    return ErrorEvidence(kind="refusal", code=NOT_DURABLE, message=message)


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {HOME_TIMEOUT_S:g} s"
    return str(error) or type(error).__name__
