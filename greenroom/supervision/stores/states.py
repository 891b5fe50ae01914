"""Everything that a system does with its retry store: opened at its start, written by the keeper, closed last."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykka

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead, AskTimeout
from greenroom.messages.commands import GetStatistics
from greenroom.messages.config import RetryStoreConfig
from greenroom.messages.contracts import Clock, RetryStore
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import Durability, StreamingOptions
from greenroom.messages.recoverable import RecoverableStream
from greenroom.messages.statistics import RetryStoreStatistics
from greenroom.messages.store_errors import RetryStoreError, StoreUnavailable
from greenroom.messages.stored import StoredStream
from greenroom.supervision.spec import ChildSpec
from greenroom.supervision.stores.home import Apply, Close, StoreHome
from greenroom.supervision.stores.keeper import CleanUp, GetStates, GiveBack, StateKeeper, TakeUp
from greenroom.supervision.stores.ledger import Ledger
from greenroom.supervision.stores.memory import MemoryStore
from greenroom.supervision.stores.resuming import Prospect, recoverable

_log = logging.getLogger("greenroom.supervision")

CLOSE_TIMEOUT_S = 5.0
"""At the end the store has so long to take what is left."""


class RetryStates:
    """One system's. Any thread, but for `ledger`, which is the dispatcher thread's."""

    def __init__(self, config: RetryStoreConfig, dispatcher: Dispatcher, clock: Clock) -> None:
        """The store is open. Raises RetryStoreError; then nothing is left of it."""
        self._config, self._clock = config, clock
        self._store = _open(config)
        self.ledger = Ledger(is_file=config.path is not None)
        self._home: pykka.ActorRef[Any] | None = None
        self._cell = dispatcher.new_cell("/services/store", StateKeeper.kind)
        if config.path is not None:
            self._home = StoreHome.start(self._store)

    @property
    def child(self) -> ChildSpec:
        """The keeper, for the services' supervisor."""
        config = self._config
        args = (self.ledger, self._store, self._home, config.flush_interval_s, config.states_max)
        return ChildSpec("store", StateKeeper, args, cell=self._cell)

    # ---- requests

    def durability(self, options: StreamingOptions) -> Durability:
        """What these options come to with this store. Raises InvalidInput where it cannot be had."""
        asked, path = options.durability, self._config.path
        if asked in ("interval", "before_deliver") and path is None:
            text = "needs a retry store that is a file: SystemConfig(retry_store=PATH)"
            raise InvalidInput.at("options.durability", text, asked)
        return asked or ("memory" if path is None else "interval")

    def parked(self, stream_id: str, durability: Durability) -> Callable[[], None] | None:
        """What a job's gate calls when a batch waits for the store; None where none ever does."""
        return functools.partial(self.ledger.due, stream_id) if durability == "before_deliver" else None

    def take_up(self, stream_id: str, timeout_s: float) -> StoredStream:
        """The state, which nobody else gets until it is sent or given back.

        Raises NoStoredStream, StreamInUse, RetryStoreError, and TimeoutError.
        """
        stored: StoredStream = self._cell.ref.ask(TakeUp(stream_id), timeout=timeout_s)
        return stored

    def give_back(self, stream_id: str) -> None:
        """It is not sent after all."""
        self._cell.ref.tell(GiveBack(stream_id))

    # ---- questions

    def recoverable(
        self, prospect: Callable[[StoredStream], Prospect], timeout_s: float
    ) -> tuple[RecoverableStream, ...]:
        """All that does not run, oldest change first; what cannot be read is left out."""
        states = self._cell.ref.ask(GetStates(), timeout=timeout_s)
        at = self._clock.wall_s()
        return tuple(
            recoverable(state, prospect(state), at) for state in states if isinstance(state, StoredStream)
        )

    def clean_up(self, timeout_s: float) -> int:
        """What has expired is gone: how many states."""
        count: int = self._cell.ref.ask(CleanUp(), timeout=timeout_s)
        return count

    def statistics(self, timeout_s: float) -> RetryStoreStatistics:
        try:
            told: RetryStoreStatistics = self._cell.ref.ask(GetStatistics(), timeout=timeout_s)
        except (ActorDead, AskTimeout):
            # It crashed just now, or waits for its restart.
            return RetryStoreStatistics(
                kind=self._kind, states=0, state_bytes=0, live=0, failing=True, writes_total=0,
                write_failures_total=0, evicted_total=0, expired_total=0, lost_total=self.ledger.lost,
            )  # fmt: skip
        return told

    @property
    def _kind(self) -> Any:
        return self._store.kind

    # ---- the end

    def close(self) -> None:
        """All that is left to be said stands in the store, and it is closed. Behind the dispatcher's end."""
        batch = self.ledger.last_batch(self._clock.wall_s())
        if self._home is None:
            self._store.close()
            return
        try:
            if batch.changes:
                self._home.ask(Apply(batch.changes, batch.durable), timeout=CLOSE_TIMEOUT_S)
        except (RetryStoreError, TimeoutError, pykka.ActorDeadError, pykka.Timeout) as error:
            _log.warning("the retry store did not take the last of %d states: %s", len(batch.changes), error)
        try:
            self._home.ask(Close(), timeout=CLOSE_TIMEOUT_S)
        except (TimeoutError, pykka.ActorDeadError, pykka.Timeout):
            _log.warning("the retry store %s was not closed: its disk does not answer", self._config.path)
        self._home.stop(block=False)


def _open(config: RetryStoreConfig) -> RetryStore:
    if config.path is None:
        return MemoryStore(config.states_max, config.states_max_bytes)
    try:
        from greenroom.supervision.stores.sqlite import SqliteStore
    except ImportError as error:
        raise StoreUnavailable(config.path, f"this Python has no sqlite3 ({error})") from None
    return SqliteStore(Path(config.path), config.states_max, config.states_max_bytes)
