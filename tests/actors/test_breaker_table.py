"""Two breakers on the way of each attempt, leases on them, and what is kept of models that nobody asks for."""

from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from greenroom.actors.breaker_guard import Changed, Forgotten, News, RetriesSpent
from greenroom.actors.breaker_table import IDLE_S, Breakers
from greenroom.messages import BreakerConfig, ErrorClass, ErrorEvidence, InvalidInput, Place
from greenroom.messages.commands import Granted, Refused, Reserve, Settle
from greenroom.messages.failures import BREAKER_OPEN
from greenroom.messages.views import BreakerView, Settled

RULES = BreakerConfig(min_calls=4, probes=2, open_s=5.0, open_jitter=0.0, models_max=10)


class Table:
    """The table with a clock and its news."""

    def __init__(self, rules: BreakerConfig = RULES, **changes: Any) -> None:
        self.now_s = 100.0
        self.news: list[News] = []
        self.table = Breakers({"p": rules.replace(**changes)}, Random(1).random, self.news.append)
        self.number = 0

    def place(self, model: str = "m") -> Place:
        return Place("p", "http://a.example/v1", model)

    def ask(self, model: str = "m", epoch: int = 1) -> tuple[str, Granted | Refused]:
        self.number += 1
        stream_id = f"s{self.number}"
        asked = Reserve(stream_id, epoch, self.place(model))
        return stream_id, self.table.reserve(asked, self.now_s)

    def granted(self, model: str = "m", epoch: int = 1) -> str:
        stream_id, answer = self.ask(model, epoch)
        assert isinstance(answer, Granted), answer
        return stream_id

    def refused(self, model: str = "m") -> ErrorEvidence:
        _, answer = self.ask(model)
        assert isinstance(answer, Refused), answer
        return answer.evidence

    def settle(self, stream_id: str, model: str = "m", epoch: int = 1, **fields: Any) -> Any:
        fields = {"outcome": "completed", "sent": True, **fields}
        return self.table.settle(Settle(stream_id, epoch, self.place(model), **fields), self.now_s)

    def fail(
        self, *models: str, kind: str = "http", error_class: ErrorClass = "overloaded", **evidence: Any
    ) -> None:
        """One attempt after the other."""
        for model in models:
            told = ErrorEvidence(kind=kind, message="no", **evidence)  # type: ignore[arg-type]
            self.settle(self.granted(model), model, outcome="failed", error_class=error_class, evidence=told)

    def states(self) -> dict[str, str]:
        return {guard.key: guard.breaker.state for guard in self.table.guards()}

    def opened(self) -> list[str]:
        return [news.key for news in self.news if isinstance(news, Changed) and news.change.state == "open"]


# ---- what is sick


def test_a_model_that_answers_with_errors_is_left_alone_and_its_neighbour_is_not() -> None:
    table = Table()
    table.fail(*["sick"] * 4, status=503)
    assert table.states() == {"p": "closed", "p/sick": "open"}
    evidence = table.refused("sick")
    assert (evidence.kind, evidence.code, evidence.retry_after_s) == ("refusal", BREAKER_OPEN, 5.0)
    assert evidence.is_retryable is True
    assert (
        evidence.message
        == "p/sick is not asked for 5.0 s: its circuit breaker is open (4 of the last 4 calls failed)"
    )
    table.granted("well")


def test_an_endpoint_that_cannot_be_reached_is_left_alone_with_all_its_models() -> None:
    table = Table()
    table.fail("a", "b", "c", "d", kind="transport", error_class="transient", phase="connect")
    assert table.opened() == ["p"]
    assert table.refused("never-asked").message.startswith("p is not asked for 5.0 s")


def test_a_key_that_is_refused_opens_nothing() -> None:
    table = Table()
    for error_class in ("credential", "quota", "rate_limit", "permission"):
        table.fail(*["m"] * 20, error_class=error_class, status=401)
    assert set(table.states().values()) == {"closed"}


def test_the_news_say_what_opened_it() -> None:
    table = Table()
    table.fail(*["m"] * 4, status=529)
    (news,) = table.news
    assert isinstance(news, Changed)
    assert (news.key, news.error_class, news.change.cause) == ("p/m", "overloaded", "failures")


def test_retry_after_makes_the_open_time_of_what_failed_longer() -> None:
    table = Table()
    table.fail(*["m"] * 4, status=503, retry_after_s=42.0)
    assert table.refused().retry_after_s == 42.0


# ---- leases


def test_settling_twice_or_what_was_never_let_through_counts_once_or_not_at_all() -> None:
    table = Table()
    stream_id = table.granted()
    for _ in range(3):
        table.settle(stream_id)
    table.settle("unknown")
    table.settle(table.granted(), epoch=2)
    assert table.table.guards()[1].breaker.ok_total == 1
    assert (table.table.leases, table.table.guards()[0].in_flight) == (1, 1)


def test_a_lease_whose_scope_died_is_given_back_and_says_nothing() -> None:
    table = Table()
    table.fail(*["m"] * 4, status=503)
    table.now_s += 5
    probes = [table.granted(), table.granted()]
    assert table.refused().retry_after_s == 1.0
    for _ in range(2):
        table.table.abandon(probes[0], 1)
    assert table.table.leases == 1
    table.granted()
    table.refused()


def test_an_attempt_that_its_model_refuses_leaves_the_endpoints_probe_to_others() -> None:
    table = Table()
    table.fail(*["sick"] * 4, status=503)
    table.now_s += 4
    table.fail("a", "b", "c", "d", kind="transport", error_class="transient", phase="connect")
    table.table.endpoint(table.place(), table.now_s).breaker.look(table.now_s + 5)
    table.table.find(table.place("sick"), table.now_s)[1].breaker.set("force_open")
    for _ in range(10):
        table.refused("sick")
    table.granted("a")
    table.granted("b")
    told = table.refused("c")
    assert (told.code, table.table.leases) == (BREAKER_OPEN, 2)


def test_a_probe_is_judged_by_its_first_content() -> None:
    table = Table()
    table.fail(*["m"] * 4, status=503)
    table.now_s += 5
    answers = [table.ask() for _ in range(2)]
    assert all(isinstance(answer, Granted) and answer.probe for _, answer in answers)
    for stream_id, _ in answers:
        table.table.prove(stream_id, 1, 0.5, table.now_s)
    assert table.states() == {"p": "closed", "p/m": "closed"}
    for stream_id, _ in answers:
        table.table.prove(stream_id, 1, 0.5, table.now_s)
        told = ErrorEvidence(kind="transport", phase="body", message="cut")
        table.settle(stream_id, outcome="failed", error_class="transient", evidence=told)
    guard = table.table.guards()[1]
    assert (guard.in_flight, guard.breaker.sums(table.now_s)) == (0, (0, 0, 0)), "let in before it closed"


def test_a_probe_whose_first_content_was_late_is_slow() -> None:
    table = Table(slow_ttft_s=2.0)
    table.fail(*["m"] * 4, status=503)
    table.now_s += 5
    for stream_id in (table.granted(), table.granted()):
        table.table.prove(stream_id, 1, 9.0, table.now_s)
    assert table.opened() == ["p/m", "p/m"]


def test_a_breaker_that_is_switched_off_lets_all_through_and_holds_nothing() -> None:
    table = Table(enabled=False)
    table.fail(*["m"] * 50, status=503)
    assert (table.table.leases, table.states()) == (0, {"p": "closed"})
    assert table.table.view(table.place(), table.now_s) == BreakerView()


# ---- what the one decision sees


def test_settling_tells_what_the_next_attempt_would_meet() -> None:
    table = Table()
    assert table.settle(table.granted()) == Settled(), "nothing is left to decide"
    assert table.settle(table.granted(), outcome="paused").breaker == BreakerView("closed", 0.0)
    table.fail(*["m"] * 2, status=503)
    settled = table.settle("any", outcome="failed")
    assert settled.breaker == BreakerView("open", 5.0)
    assert table.table.view(table.place("other"), table.now_s) == BreakerView()
    table.now_s += 5
    assert table.settle("any", outcome="failed").breaker == BreakerView()
    table.granted(), table.granted()
    assert table.settle("any", outcome="failed").breaker == BreakerView("half_open", 1.0)
    table.table.set(table.place(""), "force_open", table.now_s)
    assert table.settle("any", outcome="failed").breaker == BreakerView("forced_open", 0.0)


def test_first_attempts_are_traffic_and_retries_are_not() -> None:
    table = Table(retry_share=0.5, retry_min_per_s=0.0)
    for epoch in (1, 1, 2, 3, 4):
        table.granted(epoch=epoch)
    assert table.settle("any", outcome="failed").retry_budget.left == 1.0
    table.table.spend_retry(table.place(), table.now_s)
    assert table.settle("any", outcome="failed").retry_budget.left == 0.0
    for _ in range(3):
        table.table.refuse_retry(table.place(), table.now_s)
    assert table.news == [RetriesSpent("p", requests=2, retries=1)]


# ---- by hand


def test_an_endpoint_held_open_holds_all_its_models() -> None:
    table = Table()
    table.table.set(table.place(""), "force_open", table.now_s)
    evidence = table.refused("any")
    assert (evidence.retry_after_s, evidence.is_retryable) == (None, False)
    assert "opened by hand" in evidence.message
    table.table.set(table.place(""), "reset", table.now_s)
    table.granted("any")


def test_an_endpoint_switched_off_switches_its_models_off() -> None:
    table = Table()
    table.fail(*["m"] * 4, status=503)
    table.table.set(table.place(""), "disable", table.now_s)
    table.fail(*["m"] * 20, status=503)
    assert table.table.view(table.place(), table.now_s) == BreakerView()
    table.table.set(table.place(""), "reset", table.now_s)
    assert table.states() == {"p": "closed", "p/m": "closed"}


# ---- bounds


def test_models_beyond_the_bound_take_the_place_of_those_longest_unused() -> None:
    table = Table()
    for number in range(25):
        table.now_s += 1
        table.settle(table.granted(f"m{number}"), f"m{number}")
    models = table.table.endpoints()[0].models
    assert list(models) == [f"m{number}" for number in range(15, 25)]
    assert [news.key for news in table.news if isinstance(news, Forgotten)] == [
        f"p/m{number}" for number in range(15)
    ]


def test_models_in_use_are_not_dropped_and_one_more_goes_without_a_breaker() -> None:
    table = Table()
    live = [table.granted(f"m{number}") for number in range(10)]
    extra = table.granted("extra")
    assert (table.table.unguarded_total, len(table.states())) == (1, 11)
    with pytest.raises(InvalidInput, match=r"10 models of p are in use \(models_max\)"):
        table.table.set(table.place("extra"), "force_open", table.now_s)
    table.settle(extra, "extra")
    for number, stream_id in enumerate(live):
        table.settle(stream_id, f"m{number}")
    assert table.table.leases == 0


def test_idle_models_are_dropped_unless_something_is_due_to_them() -> None:
    table = Table()
    table.settle(table.granted("idle"), "idle")
    table.granted("busy")
    table.table.set(table.place("held"), "force_open", table.now_s)
    table.fail(*["open"] * 4, status=503, retry_after_s=3000.0)
    table.now_s += IDLE_S + 1
    table.table.drop_idle(table.now_s)
    assert sorted(table.table.endpoints()[0].models) == ["busy", "held", "open"]
    table.now_s += 3000
    table.table.drop_idle(table.now_s)
    assert sorted(table.table.endpoints()[0].models) == ["busy", "held"]


def test_a_new_model_sweeps_those_that_are_idle() -> None:
    table = Table()
    table.settle(table.granted("old"), "old")
    table.now_s += IDLE_S + 1
    table.granted("new")
    assert list(table.table.endpoints()[0].models) == ["new"]
    assert table.news == [Forgotten("p/old", "idle")]


def test_what_is_due_is_found_and_told_when_next() -> None:
    table = Table(open_factor=1.0)
    assert table.table.look(table.now_s) is None
    table.fail(*["a"] * 4, status=503)
    table.now_s += 1
    table.fail(*["b"] * 4, status=503)
    assert table.table.look(table.now_s) == 105.0
    assert table.table.look(105.0) == 106.0
    assert table.states() == {"p": "closed", "p/a": "half_open", "p/b": "open"}


# ---- whatever happens


class AnyRequests(RuleBasedStateMachine):
    """Attempts at a few models of one endpoint, in any order and with any end."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(models_max=2, open_s=1.0, half_open_max_s=30.0)
        self.live: list[tuple[str, str]] = []

    @rule(model=st.sampled_from("abc"))
    def ask(self, model: str) -> None:
        table = self.table
        view = table.table.view(table.place(model), table.now_s)
        stream_id, answer = table.ask(model)
        # The view is what the next attempt meets: nothing comes between.
        assert isinstance(answer, Granted) is (view == BreakerView())
        if isinstance(answer, Granted):
            self.live.append((stream_id, model))

    @precondition(lambda self: self.live)
    @rule(
        data=st.data(),
        end=st.sampled_from(["completed", "cancelled", "http", "transport", "abandon", "prove"]),
    )
    def end(self, data: st.DataObject, end: str) -> None:
        at = data.draw(st.integers(0, len(self.live) - 1))
        stream_id, model = self.live[at]
        table = self.table
        if end == "prove":
            table.table.prove(stream_id, 1, 0.1, table.now_s)
            return
        del self.live[at]
        if end == "abandon":
            table.table.abandon(stream_id, 1)
        elif end in ("completed", "cancelled"):
            table.settle(stream_id, model, outcome=end)
        else:
            told = ErrorEvidence(kind=end, phase="connect", message="no")  # type: ignore[arg-type]
            table.settle(stream_id, model, outcome="failed", error_class="transient", evidence=told)

    @rule(step_s=st.floats(0, 10))
    def wait(self, step_s: float) -> None:
        self.table.now_s += step_s

    @rule()
    def sweep(self) -> None:
        self.table.table.drop_idle(self.table.now_s)
        self.table.table.look(self.table.now_s)

    def teardown(self) -> None:
        """Nothing leaks: when all have ended, no lease, no call and no probe is left."""
        table = self.table
        assert table.table.leases == len(self.live)
        assert sum(at.in_flight for at in table.table.endpoints()) == len(self.live)
        for stream_id, model in self.live:
            table.settle(stream_id, model)
        for guard in table.table.guards():
            assert (guard.in_flight, guard.breaker.probes_out) == (0, 0)
        assert table.table.leases == 0


TestAnyRequests = AnyRequests.TestCase
