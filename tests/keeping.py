"""A rig whose requests are told to a retry store: with a home that the test can break or hold."""

from dataclasses import dataclass, field
from typing import Any

from greenroom.actors.loop_actor import LoopActor
from greenroom.messages.contracts import RetryStore
from greenroom.messages.store_errors import StoreUnavailable
from greenroom.messages.stored import StoredStream
from greenroom.supervision.spec import ChildSpec
from greenroom.supervision.stores.home import Apply, obey
from greenroom.supervision.stores.keeper import StateKeeper
from greenroom.supervision.stores.ledger import Ledger
from greenroom.supervision.stores.memory import MemoryStore

from request_path import PATIENT, Rig, Started

FLUSH_S = 1.0
STATES_MAX = 5


class Home(LoopActor):
    """Stands where a store's thread does. `store.mood` decides what becomes of a write."""

    expected_errors = (StoreUnavailable,)

    def __init__(self, store: "MoodyStore") -> None:
        super().__init__()
        self._store = store

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Apply):
            self._store.asked.append(message)
        if self._store.mood == "hangs":
            self._store.held.append((message, self.defer()))
            return None
        if self._store.mood == "full" and isinstance(message, Apply):
            raise StoreUnavailable("/x", "cannot be written (database or disk is full)")
        return obey(self._store.inner, message)


@dataclass
class MoodyStore:
    inner: RetryStore = field(default_factory=lambda: MemoryStore(STATES_MAX, 1 << 30))
    mood: str = "well"
    asked: list[Apply] = field(default_factory=list)
    held: list[tuple[Any, Any]] = field(default_factory=list)

    def let_go(self) -> None:
        """What was held is done and answered, in its order."""
        self.mood = "well"
        held, self.held = self.held, []
        for message, answer in held:
            answer.set(obey(self.inner, message))


@dataclass
class KeepingRig(Rig):
    """As Rig, with a keeper at /services/store. `file`: its store counts as one that outlives the process."""

    file: bool = True
    store: MoodyStore = field(default_factory=MoodyStore)

    def services(self) -> list[ChildSpec]:
        self.ledger = self.ledger if not self.file else Ledger(is_file=True)
        self.keeper = self.dispatcher.new_cell("/services/store", StateKeeper.kind)
        self.home = self.dispatcher.spawn(Home, self.store, path="/home") if self.file else None
        args = (self.ledger, self.store.inner, self.home, FLUSH_S, STATES_MAX)
        return [ChildSpec("store", StateKeeper, args, cell=self.keeper)]

    def durable(self, durability: str, **changes: Any) -> tuple[Started, Any]:
        """A request with that durability, and its wire."""
        stream_id = f"s{len(self.started) + 1}"
        if durability == "before_deliver":
            changes["parked"] = lambda: self.ledger.due(stream_id)
        started, wire = self.open(changes.pop("options", PATIENT), durability=durability, **changes)
        wire.head()
        return started, wire

    def let_go(self) -> None:
        """The store has done what it held up, and what follows from it has happened."""
        self.store.let_go()
        self.settle()

    def stored(self, stream_id: str) -> StoredStream | None:
        found = self.store.inner.load(stream_id)
        assert found is None or isinstance(found, StoredStream)
        return found

    def text(self, stream_id: str) -> str | None:
        found = self.stored(stream_id)
        return None if found is None else "".join(piece.delta.text for piece in found.pieces)

    def ask(self, message: Any) -> Any:
        return self.keeper.ref.ask(message, timeout=5)
