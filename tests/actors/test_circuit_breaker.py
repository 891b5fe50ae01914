"""The actor behind the breakers: what it tells, what it does by time, and that a crash of it loses nothing."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.breaker_desk import BreakerDesk
from greenroom.actors.breaker_status import Asked
from greenroom.actors.circuit_breaker import CircuitBreaker
from greenroom.actors.testkit import ManualClock, Recorder, running_dispatcher, settle
from greenroom.messages import BreakerConfig, ErrorEvidence, Place, ProviderConfig, SystemConfig
from greenroom.messages.commands import Granted, Reserve, Settle
from greenroom.supervision.root import BRANCH_BACKOFF, ROOT_OPTIONS, Root, branch
from greenroom.supervision.spec import ChildSpec

URL = "http://a.example/v1"


def asked(provider: str, endpoint: str) -> Asked:
    return Asked(provider, endpoint, ApiKeys())


RULES = BreakerConfig(min_calls=2, probes=1, open_s=5.0, open_jitter=0.0)


class Desk:
    """A running desk, with the root over its actor."""

    def __init__(self, dispatcher: Any, clock: ManualClock, events: Recorder) -> None:
        config = SystemConfig(providers={"p": ProviderConfig(base_url=URL)}, breaker=RULES)
        self.dispatcher, self.clock, self.events = dispatcher, clock, events
        self.desk = BreakerDesk(dispatcher, config, Random(1))
        child = ChildSpec("breakers", CircuitBreaker, (self.desk.table,), cell=self.desk.cell)
        dispatcher.plant(Root, [branch("services", [child])], ROOT_OPTIONS)
        settle(dispatcher)

    def attempt(self, number: int, *, failed: bool, model: str = "m") -> bool:
        """One attempt, as a stream and its scope have it. False: it was refused."""
        place, now_s = Place("p", URL, model), self.clock.now_s()
        let = self.desk.table.reserve(Reserve(f"s{number}", 1, place), now_s)
        if not isinstance(let, Granted):
            return False
        told: dict[str, Any] = {"outcome": "completed"}
        if failed:
            evidence = ErrorEvidence(kind="http", status=503, message="no")
            told = {"outcome": "failed", "error_class": "overloaded", "evidence": evidence}
        self.desk.table.settle(Settle(f"s{number}", 1, place, sent=True, **told), now_s)
        settle(self.dispatcher)
        return True

    def crash(self) -> None:
        life = self.desk.cell.life
        assert life is not None
        self.dispatcher.call(life.fail, RuntimeError("boom"), "tell")
        self.dispatcher.call(life.cell.kick)
        settle(self.dispatcher)

    def state(self, model: str = "m") -> str:
        return self.desk.switch(Place("p", URL, model)).status().state

    def told(self) -> list[str]:
        return [event.name for event in self.events.events if event.name.startswith("breaker.")]


@pytest.fixture
def desk() -> Iterator[Desk]:
    clock, events = ManualClock(now_s=1000.0), Recorder()
    with running_dispatcher(clock=clock, events=events) as dispatcher:
        yield Desk(dispatcher, clock, events)


def test_a_round_of_trouble_is_told_from_the_opening_to_the_close(desk: Desk) -> None:
    for number in range(2):
        desk.attempt(number, failed=True)
    assert not desk.attempt(3, failed=False)
    desk.clock.advance(5.0)
    assert desk.state() == "half_open"
    assert desk.attempt(4, failed=False)
    assert desk.told() == ["breaker.opened", "breaker.half_open", "breaker.closed"]
    opened, half_open, _ = (event for event in desk.events.events if event.name.startswith("breaker."))
    assert (opened.key, opened.cause, opened.open_s, opened.failure_rate) == ("p/m", "failures", 5.0, 1.0)
    assert (opened.error_class, opened.actor) == ("overloaded", "/services/breakers")
    assert (half_open.permits, half_open.refused) == (1, 1)


def test_time_alone_lets_the_probes_in_and_ends_waiting_for_them(desk: Desk) -> None:
    for number in range(2):
        desk.attempt(number, failed=True)
    desk.clock.advance(4.9)
    assert desk.told() == ["breaker.opened"]
    desk.clock.advance(0.1)
    assert desk.told() == ["breaker.opened", "breaker.half_open"]
    desk.clock.advance(RULES.half_open_max_s)
    assert desk.events.named("breaker.opened")[-1].cause == "probes"


def test_a_crash_forgets_nothing_and_the_next_one_keeps_the_time(desk: Desk) -> None:
    for number in range(2):
        desk.attempt(number, failed=True)
    desk.clock.advance(3.0)
    desk.crash()
    assert desk.desk.cell.incarnation == 2
    assert desk.state() == "open"
    assert not desk.attempt(3, failed=False)
    desk.clock.advance(2.0)
    assert desk.told() == ["breaker.opened", "breaker.half_open"]


def test_while_its_actor_waits_for_a_restart_a_breaker_goes_on_and_is_told_of_later(desk: Desk) -> None:
    for _ in range(BRANCH_BACKOFF.at_once + 1):
        desk.crash()
    assert desk.desk.cell.life is None
    for number in range(2):
        desk.attempt(number, failed=True)
    assert not desk.attempt(3, failed=False)
    assert (desk.state(), desk.told()) == ("open", [])
    desk.clock.advance(BRANCH_BACKOFF.min_s)
    assert desk.told() == ["breaker.opened"]
    desk.clock.advance(5.0)
    assert desk.told() == ["breaker.opened", "breaker.half_open"]


def test_hands_are_told_of_too_and_hold(desk: Desk) -> None:
    switch = desk.desk.switch(Place("p", URL, ""))
    assert switch.force_open().state == "forced_open"
    assert not desk.attempt(1, failed=False)
    assert switch.disable().state == "disabled"
    assert desk.attempt(2, failed=True)
    assert switch.reset().state == "closed"
    settle(desk.dispatcher)
    told = desk.events.named("breaker.set")
    assert [event.state for event in told] == ["forced_open", "disabled", "closed"]
    assert (told[0].key, repr(switch)) == ("p", "<BreakerSwitch p>")


def test_models_that_nobody_asks_for_are_forgotten_in_time(desk: Desk) -> None:
    desk.attempt(1, failed=False)
    assert desk.dispatcher.statistics().timers == 0, "nothing runs in a system at rest"
    desk.clock.advance(599.0)
    assert len(desk.desk.statistics().breakers) == 2
    desk.clock.advance(1.0)
    assert desk.desk.status([asked("p", URL)]).providers[0].models == ()
    settle(desk.dispatcher)
    assert [(event.key, event.why) for event in desk.events.named("breaker.forgotten")] == [("p/m", "idle")]
    assert desk.desk.statistics().forgotten_total == 1


def test_a_spent_retry_budget_is_told(desk: Desk) -> None:
    place, table = Place("p", URL, "m"), desk.desk.table
    for _ in range(100):
        table.spend_retry(place, desk.clock.now_s())
    for _ in range(3):
        table.refuse_retry(place, desk.clock.now_s())
    settle(desk.dispatcher)
    (event,) = desk.events.named("breaker.retries_spent")
    assert (event.key, event.requests, event.retries) == ("p", 0, 100)
    statistics = desk.desk.statistics()
    assert (statistics.retries_total, statistics.retries_refused_total) == (100, 3)


def test_the_status_of_a_provider_that_was_never_asked_is_there_too(desk: Desk) -> None:
    status = desk.desk.status([asked("p", URL), asked("q", "http://b.example")])
    assert status.available
    assert [(each.provider, each.endpoint.state, each.models) for each in status.providers] == [
        ("p", "closed", ()), ("q", "closed", ()),
    ]  # fmt: skip
    for number in range(2):
        desk.attempt(number, failed=True)
    desk.clock.advance(2.0)
    (provider,) = desk.desk.status([asked("p", URL)]).providers
    (model,) = provider.models
    assert provider.available, "the endpoint as a whole works"
    assert (model.key, model.state, model.half_open_in_s, model.failure_rate) == ("p/m", "open", 3.0, 1.0)
    desk.desk.switch(Place("p", URL, "")).force_open()
    assert not desk.desk.status([asked("p", URL)]).available
