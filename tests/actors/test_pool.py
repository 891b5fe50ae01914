"""The pool's decisions, without I/O: its invariant, and that every attempt is answered exactly once."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from greenroom.actors.pool import Connect, Key, Pool, Use, key_of
from greenroom.messages.commands import HttpRequest, Open


class FakeLink:
    def __init__(self) -> None:
        self.reusable = True
        self.closed = False
        self.exchanges = 0
        self.idle_limit_s: float | None = None
        self.on_close: Any = None

    def exchange(self, *_: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        self.reusable, self.closed = False, True


def asked(number: int) -> Open:
    request = HttpRequest("POST", "/", ())
    return Open(
        holder=None, stream_id=f"s{number}", epoch=1, request=request, connect_timeout_s=3.0,
        mark_sent=lambda: None,
    )  # fmt: skip


def test_the_first_gets_a_new_link_and_the_next_the_idle_one() -> None:
    pool = Pool(2, 20)
    assert pool.ask(asked(1), 0) == Connect(3.0)
    link = FakeLink()
    used: Use | Connect | None = pool.connected(link, 1)
    assert isinstance(used, Use)
    assert (key_of(used.asked), used.link) == (("s1", 1), link)
    assert pool.freed(("s1", 1), 2) is None
    used = pool.ask(asked(2), 3)
    assert isinstance(used, Use)
    assert used.link is link


def test_the_newest_idle_link_is_used_first() -> None:
    pool = Pool(2, 20)
    links = [FakeLink(), FakeLink()]
    for number, link in enumerate(links):
        pool.ask(asked(number), 0)
        pool.connected(link, 0)
    for number in range(2):
        pool.freed((f"s{number}", 1), number)
    used = pool.ask(asked(7), 3)
    assert isinstance(used, Use)
    assert used.link is links[1]


def test_a_link_that_rested_too_long_is_closed_and_replaced() -> None:
    pool, link = Pool(1, 20), FakeLink()
    pool.ask(asked(1), 0)
    pool.connected(link, 0)
    pool.freed(("s1", 1), 0)
    assert pool.ask(asked(2), 20) == Connect(3.0)
    assert link.closed


def test_a_servers_shorter_hint_wins() -> None:
    pool, link = Pool(1, 20), FakeLink()
    link.idle_limit_s = 5
    pool.ask(asked(1), 0)
    pool.connected(link, 0)
    pool.freed(("s1", 1), 0)
    assert pool.expired(4.9) == []
    assert pool.expired(5) == [link]
    assert pool.open_count == 0


def test_a_new_actor_knows_what_was_lost() -> None:
    pool, live, lost = Pool(5, 20), FakeLink(), FakeLink()
    for number, link in enumerate((live, lost)):
        pool.ask(asked(number), 0)
        pool.connected(link, 0)
    pool.ask(asked(3), 0)
    assert pool.recover({("s0", 1): None}) == [lost]
    assert (pool.connecting, len(pool.waiting), list(pool.busy)) == (0, 0, [("s0", 1)])
    assert pool.links() == [live]


class PoolMachine(RuleBasedStateMachine):
    """Every attempt that asked is served, failed or given up, exactly once; nobody waits with room left."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool(3, 20)
        self.now_s = 0.0
        self.asked = 0
        self.connecting = 0
        self.served: dict[Key, FakeLink] = {}
        self.ended: list[Key] = []
        self.waiting: set[Key] = set()
        self.handed: list[FakeLink] = []

    def obey(self, what: Any) -> None:
        if isinstance(what, Use):
            key = key_of(what.asked)
            assert key not in self.served
            assert key not in self.ended
            assert what.link not in self.served.values(), "two attempts on one link"
            assert key == min(self.waiting, key=lambda waiting: int(waiting[0][1:])), "not its turn"
            self.waiting.discard(key)
            self.served[key] = what.link  # type: ignore[assignment]
        elif isinstance(what, Connect):
            self.connecting += 1

    @rule()
    def ask(self) -> None:
        self.asked += 1
        self.waiting.add((f"s{self.asked}", 1))
        self.obey(self.pool.ask(asked(self.asked), self.now_s))

    @precondition(lambda self: self.connecting)
    @rule()
    def connected(self) -> None:
        self.connecting -= 1
        self.obey(self.pool.connected(FakeLink(), self.now_s))

    @precondition(lambda self: self.connecting)
    @rule()
    def connect_failed(self) -> None:
        self.connecting -= 1
        failed, further = self.pool.connect_failed()
        if failed is not None:
            self.waiting.remove(key_of(failed))
            self.ended.append(key_of(failed))
        self.obey(further)

    @precondition(lambda self: self.served)
    @rule(pick=st.integers(0, 99), reusable=st.booleans())
    def freed(self, pick: int, reusable: bool) -> None:
        key = sorted(self.served)[pick % len(self.served)]
        self.served[key].reusable = reusable
        self.ended.append(key)
        del self.served[key]
        self.obey(self.pool.freed(key, self.now_s))

    @precondition(lambda self: self.served or self.waiting)
    @rule(pick=st.integers(0, 99))
    def give_up(self, pick: int) -> None:
        keys = sorted([*self.served, *self.waiting])
        key = keys[pick % len(keys)]
        was_waiting, link = self.pool.give_up(key)
        assert was_waiting == (key in self.waiting)
        assert link is self.served.get(key)
        if was_waiting:
            self.waiting.remove(key)
            self.ended.append(key)

    @rule(seconds=st.floats(0, 30))
    def time(self, seconds: float) -> None:
        self.now_s += seconds
        for link in self.pool.expired(self.now_s):
            assert link not in self.served.values()

    @invariant()
    def never_more_than_allowed(self) -> None:
        pool = self.pool
        assert len(pool.busy) + len(pool.idle) + pool.connecting <= 3
        assert pool.connecting == self.connecting

    @invariant()
    def everybody_is_somewhere_once(self) -> None:
        assert set(self.pool.waiting) == self.waiting
        assert set(self.pool.busy) == set(self.served)
        assert len(self.ended) == len(set(self.ended))
        assert len(self.ended) + len(self.served) + len(self.waiting) == self.asked

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        pool = self.pool
        room = 3 - pool.open_count - pool.connecting
        assert not (pool.waiting and pool.idle)
        assert not pool.waiting or pool.connecting >= len(pool.waiting) or room == 0


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=40)
