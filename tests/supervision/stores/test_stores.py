"""One suite for every retry store: what holds of the one in memory holds of the one in a file."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from greenroom.messages.contracts import RetryStore
from greenroom.messages.deltas import TextDelta
from greenroom.messages.retry_state import Checkpoint
from greenroom.messages.stored import Change, Drop, Piece, Progress, StoredStream, StoreSize, Write
from greenroom.supervision.stores.memory import MemoryStore
from greenroom.supervision.stores.sqlite import SqliteStore

import strategies
from stored import TTL_S, a_failure, facts_of, pieces_of, write

STATES_MAX = 4
ROOM = 1 << 30


class StoreCase:
    """Makes stores of one kind; with a file, `reopened` is what the next process finds."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind, self._made = folder, kind, 0
        self._open: list[RetryStore] = []

    def new(self, states_max: int = STATES_MAX, states_max_bytes: int = ROOM) -> RetryStore:
        self._made += 1
        if self._kind == "memory":
            store: RetryStore = MemoryStore(states_max, states_max_bytes)
        else:
            store = SqliteStore(self._folder / f"{self._made}.db", states_max, states_max_bytes)
        self._open.append(store)
        return store

    def close(self) -> None:
        for store in self._open:
            store.close()


@pytest.fixture(params=["memory", "sqlite"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreCase]:
    case = StoreCase(tmp_path, request.param)
    yield case
    case.close()


def stream_ids(store: RetryStore) -> list[str]:
    return [state.facts.stream_id if isinstance(state, StoredStream) else "?" for state in store.states()]


def test_what_was_written_is_read_back(case: StoreCase) -> None:
    store = case.new()
    store.apply([write("a", 0, ["x", "y"]), write("a", 2, ["z"], at=5.0, live=False, failure=a_failure())])
    state = store.load("a")
    assert isinstance(state, StoredStream)
    assert [piece.delta.text for piece in state.pieces] == ["x", "y", "z"]
    assert state.facts == facts_of("a")
    assert state.progress == Progress(Checkpoint(1, 3, 0, 1), failure=a_failure())
    assert (state.updated_at, state.expires_at, state.live) == (5.0, 5.0 + TTL_S, False)


def test_pieces_take_the_place_of_what_stood_behind(case: StoreCase) -> None:
    store = case.new()
    store.apply([write("a", 0, ["x"]), write("a", 1, ["y", "z"]), write("a", 1, ["Y"])])
    state = store.load("a")
    assert isinstance(state, StoredStream)
    assert [piece.delta.text for piece in state.pieces] == ["x", "Y"]


def test_a_merged_piece_is_cut_where_its_deltas_were_joined(case: StoreCase) -> None:
    store = case.new()
    merged = TextDelta(seq=4, first_seq=2, stream_id="a", request_id="r-a", text="bbcdd")
    one = write("a", 0, ["x"])
    both = replace(
        one, pieces=(*one.pieces, Piece(merged, (2, 1, 2))), progress=Progress(Checkpoint(1, 4, 0, 1))
    )
    for after_seq, text in ((3, "xbbc!"), (2, "xbb!"), (1, "x!")):
        store.apply([both, write("a", after_seq, ["!"])])
        state = store.load("a")
        assert isinstance(state, StoredStream)
        assert "".join(piece.delta.text for piece in state.pieces) == text
        assert state.pieces[-1].delta.seq == after_seq + 1


def test_a_stream_that_was_let_go_does_not_come_back_without_its_facts(case: StoreCase) -> None:
    store = case.new(states_max=0)
    assert store.apply([write("a", live=False)]) == ("a",)
    store.apply([write("a", live=False, facts=False)])
    assert store.load("a") is None


def test_the_oldest_goes_first_and_the_live_stay(case: StoreCase) -> None:
    store = case.new(states_max=2)
    store.apply([write("live", at=0.0)])
    for number in range(4):
        gone = store.apply([write(f"s{number}", at=float(number), live=False)])
        assert gone == ((f"s{number - 2}",) if number >= 2 else ())
    assert stream_ids(store) == ["s2", "s3"]
    assert store.load("live") is not None


def test_bytes_are_bounded_too(case: StoreCase) -> None:
    store = case.new(states_max=1000, states_max_bytes=100_000)
    for number in range(10):
        store.apply([write(f"s{number}", 0, ["x" * 30_000], at=float(number), live=False)])
    assert 1 <= len(stream_ids(store)) <= 3
    assert stream_ids(store)[-1] == "s9"
    assert store.size().state_bytes <= 100_000
    assert store.apply([write("huge", 0, ["x" * 200_000], at=99.0, live=False)])[-1] == "huge"
    assert store.size() == StoreSize(0, 0)


def test_what_expires(case: StoreCase) -> None:
    store = case.new()
    store.apply([write("live", at=0.0), write("old", at=1.0, live=False), write("new", at=2.0, live=False)])
    assert store.expire(TTL_S + 0.9) == 0
    assert store.expire(TTL_S + 1.0) == 1
    assert stream_ids(store) == ["new"]
    assert store.load("live") is not None
    assert store.expire(TTL_S * 9) == 1
    assert store.expire(TTL_S * 9) == 0


def test_dropping_is_for_good_and_unknown_ids_are_fine(case: StoreCase) -> None:
    store = case.new()
    store.apply([write("a", 0, ["x"]), Drop("a"), Drop("never")])
    assert store.load("a") is None
    store.apply([write("a", 0, ["y"])])
    state = store.load("a")
    assert isinstance(state, StoredStream)
    assert [piece.delta.text for piece in state.pieces] == ["y"]


@given(facts=st.data())
@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_every_request_and_delta_comes_back_equal(case: StoreCase, facts: st.DataObject) -> None:
    store = case.new()
    deltas = facts.draw(st.lists(strategies.deltas, max_size=4))
    pieces = tuple(
        Piece(
            strategies.replaced(delta, seq=seq, first_seq=None), facts.draw(st.sampled_from([None, (1, 2)]))
        )
        for seq, delta in enumerate(deltas, 1)
    )
    told = facts_of("a").model_copy(
        update={"request": facts.draw(strategies.requests()), "options": facts.draw(strategies.options)}
    )
    attempts = tuple(facts.draw(st.lists(strategies.attempts, max_size=2)))
    progress = Progress(
        Checkpoint(1, len(pieces), 9, 1, 1, "id", "cursor"), attempts, "answered", None, ("p", "m")
    )
    store.apply([Write("a", told, progress, 0, pieces, 1.0, TTL_S)])
    state = store.load("a")
    assert isinstance(state, StoredStream)
    assert (state.facts, state.progress, state.pieces) == (told, progress, pieces)
    store.close()


def test_calls_from_several_threads_one_after_the_other(case: StoreCase) -> None:
    store, lock = case.new(states_max=1000), threading.Lock()

    def work(name: str) -> None:
        for seq in range(20):
            with lock:
                store.apply([write(name, seq, [f"{seq},"], at=float(seq), live=seq < 19)])

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    found = {s.facts.stream_id: s for s in store.states() if isinstance(s, StoredStream)}
    assert sorted(found) == [f"t{number}" for number in range(8)]
    expected = "".join(f"{seq}," for seq in range(20))
    assert {"".join(p.delta.text for p in state.pieces) for state in found.values()} == {expected}


# ---- any sequence of changes, beside a dict


@dataclass
class _Model:
    """What a store should hold: oldest change first."""

    states: dict[str, Write] = field(default_factory=dict)

    def apply(self, changes: list[Change]) -> tuple[str, ...]:
        for change in changes:
            former = self.states.pop(change.stream_id, None)
            if isinstance(change, Drop):
                continue
            kept = tuple(p for p in (former.pieces if former else ()) if p.delta.seq <= change.after_seq)
            if former is not None or change.facts is not None:
                facts = former.facts if former is not None else change.facts
                self.states[change.stream_id] = replace(change, facts=facts, pieces=kept + change.pieces)
        ended = self.ended()
        gone = ended[: max(0, len(ended) - STATES_MAX)]
        for stream_id in gone:
            del self.states[stream_id]
        return tuple(gone)

    def ended(self) -> list[str]:
        return [stream_id for stream_id, change in self.states.items() if not change.live]

    def expire(self, at: float) -> int:
        over = [s for s in self.ended() if self.states[s].updated_at + self.states[s].ttl_s <= at]
        for stream_id in over:
            del self.states[stream_id]
        return len(over)


names = st.sampled_from(["a", "b", "c", "d", "e", "f"])


def machine(make: Callable[[], RetryStore], reopen: Callable[[RetryStore], RetryStore] | None) -> type[Any]:  # noqa: C901
    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.store, self.model, self.at = make(), _Model(), 0.0

        def _change(self, name: str, texts: list[str], back: int, *, live: bool, facts: bool) -> Write:
            self.at += 1.0
            former = self.model.states.get(name)
            seq = former.pieces[-1].delta.seq if former is not None and former.pieces else 0
            after_seq = max(seq - back, 0)
            known = former is not None
            change = write(name, after_seq, texts, at=self.at, live=live, facts=facts or not known)
            return replace(change, ttl_s=float(10 + len(texts)))

        @rule(
            name=names, texts=st.lists(st.text("xy", max_size=3), max_size=3), back=st.integers(0, 2),
            live=st.booleans(), facts=st.booleans(),
        )  # fmt: skip
        def write_one(self, name: str, texts: list[str], back: int, live: bool, facts: bool) -> None:
            change = self._change(name, texts, back, live=live, facts=facts)
            assert self.store.apply([change]) == self.model.apply([change])

        @rule(first=names, second=names, live=st.booleans())
        def write_two_and_drop(self, first: str, second: str, live: bool) -> None:
            one = self._change(first, ["1"], 0, live=live, facts=True)
            two = self._change(second, ["2"], 9, live=live, facts=True)
            changes: list[Change] = [one, Drop(second), two]
            assert self.store.apply(changes) == self.model.apply(changes)

        @rule(name=names)
        def drop(self, name: str) -> None:
            assert self.store.apply([Drop(name)]) == self.model.apply([Drop(name)])

        @rule(later_s=st.integers(0, 14))
        def expire(self, later_s: int) -> None:
            assert self.store.expire(self.at + later_s) == self.model.expire(self.at + later_s)

        @rule()
        def reopen_it(self) -> None:
            if reopen is not None:
                self.store = reopen(self.store)
                for name, change in list(self.model.states.items()):
                    self.model.states[name] = replace(change, live=False)

        @invariant()
        def same(self) -> None:
            for name, change in self.model.states.items():
                state = self.store.load(name)
                assert isinstance(state, StoredStream)
                assert (state.facts, state.progress, state.pieces, state.live) == (
                    change.facts, change.progress, change.pieces, change.live
                )  # fmt: skip
            assert stream_ids(self.store) == self.model.ended()
            assert self.store.size().states == len(self.model.ended())

        def teardown(self) -> None:
            self.store.close()

    return Machine


def test_any_changes_in_memory() -> None:
    run_state_machine_as_test(
        machine(lambda: MemoryStore(STATES_MAX, ROOM), None),
        settings=settings(max_examples=60, stateful_step_count=25, deadline=None),
    )


def test_any_changes_in_a_file(tmp_path: Path) -> None:
    made = iter(range(10**9))

    def reopen(store: RetryStore) -> RetryStore:
        assert isinstance(store, SqliteStore)
        store.close()
        return SqliteStore(store.path, STATES_MAX, ROOM)

    run_state_machine_as_test(
        machine(lambda: SqliteStore(tmp_path / f"m{next(made)}.db", STATES_MAX, ROOM), reopen),
        settings=settings(max_examples=25, stateful_step_count=25, deadline=None),
    )


def test_pieces_are_numbered_as_the_deltas_say() -> None:
    assert [piece.delta.seq for piece in pieces_of("a", 2, ["x", "y"])] == [3, 4]
