"""The breaker's state machine, held against the behaviours of resilience4j's own tests.

Where a docstring names a test, it is one of CircuitBreakerStateMachineTest (resilience4j-circuitbreaker), unless
it says otherwise. Its settings: 50 %, four probes, five calls at least, five seconds open; slow from 50 %.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from greenroom.actors.breaker_core import (
    HALF_OPEN_WAIT_S,
    RETRY_AFTER_MAX_S,
    TRANSITIONS,
    Breaker,
    Change,
    NotNow,
    Outcome,
    Permit,
)
from greenroom.actors.breaker_window import Sums
from greenroom.messages import BreakerConfig

RULES = BreakerConfig(
    failure_rate=0.5, slow_rate=0.5, probes=4, min_calls=5, window_s=100.0, open_s=5.0, open_jitter=0.0,
)  # fmt: skip


class Tried:
    """A breaker with a clock, and all that it told."""

    def __init__(self, rules: BreakerConfig = RULES, random: float = 0.0, **changes: object) -> None:
        self.now_s = 1000.0
        self.told: list[Change] = []
        self.breaker = Breaker(rules.replace(**changes), lambda: random, self.told.append)

    @property
    def state(self) -> str:
        return self.breaker.state

    def admit(self) -> Permit:
        permit = self.breaker.admit(self.now_s)
        assert isinstance(permit, Permit), permit
        return permit

    def refused(self) -> NotNow:
        answer = self.breaker.admit(self.now_s)
        assert isinstance(answer, NotNow), answer
        return answer

    def end(self, permit: Permit, outcome: Outcome, **how: float) -> None:
        self.breaker.record(permit, outcome, self.now_s, **how)  # type: ignore[arg-type]

    def call(self, *outcomes: str, **how: float) -> None:
        """Calls one after the other; `slow` stands for one that went well, slowly."""
        for outcome in outcomes:
            slow = outcome.startswith("slow")
            self.end(
                self.admit(), "ok" if outcome == "slow" else outcome.removeprefix("slow "), slow=slow, **how
            )  # type: ignore[arg-type]

    def open(self) -> "Tried":
        self.call(*["failed"] * self.breaker._rules.min_calls)
        assert self.state == "open"
        return self

    def half_open(self) -> "Tried":
        self.open()
        self.now_s += self.breaker._open_s
        self.breaker.look(self.now_s)
        assert self.state == "half_open"
        return self

    def sums(self) -> Sums:
        return self.breaker.sums(self.now_s)


# ---- closed


def test_it_opens_when_the_failure_rate_is_at_its_limit_and_enough_calls_are_known() -> None:
    """shouldOpenAfterFailureRateThresholdExceeded: the fifth call decides, though it went well."""
    tried = Tried()
    tried.call("failed", "failed", "failed", "ok")
    assert (tried.state, tried.sums()) == ("closed", (4, 3, 0))
    tried.call("ok")
    assert (tried.state, tried.sums()) == ("open", (5, 3, 0))
    assert tried.refused() == NotNow("open", 5.0)
    assert tried.breaker.refused_total == 1
    assert [(change.state, change.cause, change.open_s) for change in tried.told] == [
        ("open", "failures", 5.0)
    ]


def test_it_opens_when_the_slow_rate_is_at_its_limit() -> None:
    """shouldOpenAfterSlowCallRateThresholdExceeded."""
    tried = Tried(failure_rate=0.9)
    tried.call("slow failed", "slow", "failed", "ok")
    assert tried.state == "closed"
    tried.call("slow")
    assert (tried.state, tried.told[0].cause) == ("open", "slow")
    assert tried.sums().slow_rate() == 0.6


def test_below_the_limit_it_stays_closed() -> None:
    tried = Tried()
    tried.call(*["ok", "ok", "failed"] * 20)
    assert (tried.state, tried.told) == ("closed", [])


def test_calls_that_say_nothing_do_not_count() -> None:
    """shouldIgnoreExceptions..., of CircuitBreakerExceptionHandlingTest too: neither success nor failure."""
    tried = Tried()
    tried.call(*["ignored"] * 50, "failed", "failed", "failed", "failed")
    assert (tried.state, tried.sums()) == ("closed", (4, 4, 0))
    assert tried.breaker.ignored_total == 50


def test_a_count_window_opens_too() -> None:
    """CircuitBreakerAutoTransitionStateMachineTest has this window; testCircuitBreakerMetrics its arithmetic."""
    tried = Tried(window="count", window_calls=10, min_calls=10)
    tried.call(*["ok"] * 100, *["failed"] * 4)
    assert tried.state == "closed"
    tried.call("failed")
    assert tried.state == "open"


def test_a_reset_forgets_what_was_counted() -> None:
    """shouldResetMetrics, shouldResetClosedState, shouldResetToClosedState."""
    tried = Tried()
    tried.call("ok", "failed")
    tried.breaker.set("reset")
    assert (tried.state, tried.sums()) == ("closed", (0, 0, 0))
    tried.open().breaker.set("reset")
    assert (tried.state, tried.sums()) == ("closed", (0, 0, 0))


# ---- open


def test_open_it_lets_nothing_through_until_its_time_is_over() -> None:
    """shouldTransitionToHalfOpenAfterWaitDuration, shouldThrowCallNotPermittedExceptionWhenStateIsOpen."""
    tried = Tried().open()
    tried.now_s += 3
    assert tried.refused() == NotNow("open", 2.0)
    tried.now_s += 2.5
    assert tried.admit().probe
    assert (tried.state, tried.sums()) == ("half_open", (0, 0, 0))
    assert tried.told[-1] == Change("waited", "half_open", permits=4, refused=1)


def test_the_open_time_grows_while_it_does_not_get_well() -> None:
    """shouldTransitionToHalfOpenAfterWaitInterval."""
    tried, times = Tried(open_factor=1.5, open_max_s=12.0).half_open(), []
    for _ in range(4):
        times.append(tried.told[-2].open_s)
        tried.call("failed", "failed")
        tried.now_s += tried.told[-1].open_s - 0.001
        assert tried.refused().state == "open"
        tried.now_s += 0.002
        tried.breaker.look(tried.now_s)
    assert times == [5.0, 7.5, 11.25, 12.0]


def test_one_that_was_well_for_as_long_begins_with_the_first_open_time_again() -> None:
    tried = Tried().half_open()
    tried.call("ok", "ok", "ok", "ok")
    tried.now_s += 1
    tried.open()
    assert tried.told[-1].open_s == 10.0, "it flaps"
    tried.now_s += 10
    tried.call("ok", "ok", "ok", "ok")
    tried.now_s += 10
    tried.open()
    assert tried.told[-1].open_s == 5.0
    tried.now_s += 5
    tried.call("failed", "failed")
    assert tried.told[-1].open_s == 10.0, "half open it was not well"


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_jitter_only_shortens_and_never_below_its_share(random: float, jitter: float) -> None:
    tried = Tried(random=random, open_jitter=jitter).open()
    assert 5.0 * (1 - jitter) <= tried.told[-1].open_s <= 5.0


def test_the_time_that_the_provider_told_makes_an_open_time_longer_and_never_shorter() -> None:
    for told_s, open_s in ((3.0, 5.0), (60.0, 60.0), (1e6, RETRY_AFTER_MAX_S)):
        tried = Tried(open_max_s=10.0)
        tried.call(*["failed"] * 5, retry_after_s=told_s)
        assert tried.told[-1].open_s == open_s


def test_told_again_while_open_the_later_time_holds() -> None:
    tried = Tried()
    late = [tried.admit() for _ in range(3)]
    tried.open()
    tried.end(late[0], "failed", retry_after_s=20.0)
    assert tried.refused().wait_s == 20.0
    tried.end(late[1], "failed", retry_after_s=2.0)
    tried.end(late[2], "ok")
    assert tried.refused().wait_s == 20.0
    assert tried.breaker.late_total == 3


# ---- half open


def test_half_open_only_so_many_may_try() -> None:
    """shouldOnlyPermitFourCallsInHalfOpenState, shouldThrowCall...WhenNotFurtherTestCallsArePermitted."""
    tried = Tried().half_open()
    permits = [tried.admit() for _ in range(4)]
    assert all(permit.probe for permit in permits)
    assert tried.refused() == NotNow("half_open", HALF_OPEN_WAIT_S)
    tried.end(permits[0], "ok")
    assert tried.refused().state == "half_open", "those that were judged were tried too"


def test_a_permit_that_was_given_back_may_be_taken_again() -> None:
    """shouldIncreaseCounterOnReleasePermission, shouldReleasePermissionWhenExceptionIgnored."""
    tried = Tried().half_open()
    permits = [tried.admit() for _ in range(4)]
    tried.breaker.give_back(permits[0])
    tried.end(permits[1], "ignored")
    assert tried.admit().probe
    assert tried.admit().probe
    tried.refused()


def test_a_permit_of_an_older_generation_frees_none_of_this_one() -> None:
    tried = Tried().half_open()
    old = [tried.admit() for _ in range(4)]
    tried.end(old.pop(), "failed")
    tried.end(old.pop(), "failed")
    tried.now_s += tried.told[-1].open_s
    permits = [tried.admit() for _ in range(4)]
    for permit in old:
        tried.breaker.give_back(permit)
    assert tried.breaker.probes_out == len(permits) == 4
    tried.refused()


def test_each_change_tells_how_many_were_refused_since_the_one_before() -> None:
    tried = Tried().open()
    tried.refused(), tried.refused()
    tried.now_s += 5
    permits = [tried.admit() for _ in range(4)]
    tried.refused()
    for permit in permits:
        tried.end(permit, "ok")
    assert [(change.state, change.refused) for change in tried.told] == [
        ("open", 0), ("half_open", 2), ("closed", 1),
    ]  # fmt: skip


def test_it_closes_when_those_that_tried_fared_well_enough() -> None:
    """shouldTransitionBackToClosedStateWhenFailureIsBelowThreshold."""
    tried = Tried().half_open()
    tried.call("failed", "ok", "ok", "ok")
    assert (tried.state, tried.sums()) == ("closed", (0, 0, 0))
    tried.call("ok")
    assert tried.sums() == (1, 0, 0)


def test_it_closes_after_many_that_said_nothing() -> None:
    """shouldIgnoreExceptionsAndThenTransitionToClosed."""
    tried = Tried().half_open()
    tried.call(*["ignored"] * 9, "ok", "ok", "ok")
    assert (tried.state, tried.sums()) == ("half_open", (3, 0, 0))
    tried.call("ok")
    assert tried.state == "closed"


def test_it_opens_again_as_soon_as_the_failures_decide_it() -> None:
    """shouldTransitionBackToOpenStateWhenFailureRateIsAboveThreshold; there all four end before it is judged."""
    tried = Tried().half_open()
    tried.call("ok", "failed")
    assert tried.state == "half_open"
    tried.call("failed")
    assert (tried.state, tried.sums()) == ("open", (3, 2, 0))
    assert tried.breaker.opened_total == 2


def test_it_opens_again_when_those_that_tried_were_slow() -> None:
    """shouldTransitionBackToOpenStateWhenSlowCallRateIsAboveThreshold."""
    tried = Tried().half_open()
    tried.call("slow", "slow")
    assert (tried.state, tried.told[-1].cause, tried.sums()) == ("open", "slow", (2, 0, 2))


def test_half_open_for_too_long_it_opens_again() -> None:
    """maxWaitDurationInHalfOpenState, as CircuitBreakerConfig documents it."""
    tried = Tried(half_open_max_s=30.0).half_open()
    lost = [tried.admit() for _ in range(4)]
    assert tried.breaker.due_s() == tried.now_s + 30
    tried.now_s += 30
    assert tried.refused().state == "open"
    assert tried.told[-1].cause == "probes"
    tried.now_s += 100
    assert tried.admit().probe
    for permit in lost:
        tried.end(permit, "failed")
    assert (tried.state, tried.breaker.probes_out) == ("half_open", 1)


def test_what_was_let_in_before_a_change_counts_no_more() -> None:
    tried = Tried()
    late = [tried.admit() for _ in range(20)]
    tried.half_open()
    for permit in late[:10]:
        tried.end(permit, "failed")
    assert (tried.state, tried.sums()) == ("half_open", (0, 0, 0))
    tried.call("ok", "ok", "ok", "ok")
    for permit in late[10:]:
        tried.end(permit, "failed")
    assert (tried.state, tried.sums()) == ("closed", (0, 0, 0))
    assert tried.breaker.late_total == 20


# ---- by hand


def test_forced_open_nothing_passes_however_long_one_waits() -> None:
    """shouldForceOpenCircuitBreaker, shouldThrowCallNotPermittedExceptionWhenStateIsForcedOpen."""
    tried = Tried()
    tried.breaker.set("force_open")
    tried.now_s += 1e6
    assert tried.refused() == NotNow("forced_open", None)
    assert (tried.breaker.due_s(), tried.breaker.refused_total) == (None, 1)


def test_disabled_all_pass_and_none_counts() -> None:
    """shouldDisableCircuitBreaker."""
    tried = Tried()
    tried.breaker.set("disable")
    tried.call("ok", *["failed"] * 50)
    assert (tried.state, tried.sums()) == ("disabled", (0, 0, 0))


def test_a_forced_one_drops_what_was_due() -> None:
    """shouldCancelAutoTransition (CircuitBreakerAutoTransitionStateMachineTest)."""
    tried = Tried().open()
    tried.breaker.set("force_open")
    tried.now_s += 100
    tried.breaker.look(tried.now_s)
    assert tried.state == "forced_open"


@pytest.mark.parametrize(
    ("state", "trigger"),
    [
        (state, trigger)
        for state in TRANSITIONS
        for trigger in ("tripped", "waited", "recovered")
        if trigger not in TRANSITIONS[state]
    ],
)
def test_what_the_table_has_not_is_refused_by_name(state: str, trigger: str) -> None:
    """shouldNotAllowTransitionFromClosedToHalfOpen and its kin."""
    tried = Tried()
    tried.breaker.state = state  # type: ignore[assignment]
    with pytest.raises(ValueError, match=f"^a breaker that is {state} cannot be {trigger}$"):
        tried.breaker._go(trigger)  # type: ignore[arg-type]
    assert tried.state == state


def test_every_state_can_be_reached_and_left() -> None:
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(TRANSITIONS)
    assert all(set(row.values()) - {state} for state, row in TRANSITIONS.items())


# ---- whatever happens


class AnyTraffic(RuleBasedStateMachine):
    """Calls, ends, time and hands in any order."""

    @initialize(probes=st.integers(1, 5), min_calls=st.integers(1, 6), rate=st.floats(0.05, 1.0))
    def begin(self, probes: int, min_calls: int, rate: float) -> None:
        self.probes = probes
        self.tried = Tried(probes=probes, min_calls=min_calls, failure_rate=rate, half_open_max_s=50.0)
        self.out: list[Permit] = []

    @rule()
    def ask(self) -> None:
        breaker = self.tried.breaker
        before = (breaker.state, breaker.wait_s(self.tried.now_s))
        answer = breaker.admit(self.tried.now_s)
        if isinstance(answer, Permit):
            assert breaker.state in ("closed", "disabled", "half_open"), "no call while it is open"
            assert answer.probe is (breaker.state == "half_open")
            assert before[1] == 0.0, "who was told to wait is not let in before"
            self.out.append(answer)
        else:
            assert breaker.state in ("open", "forced_open", "half_open")
            assert answer.wait_s is None or answer.wait_s > 0.0

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(["ok", "failed", "ignored"]), slow=st.booleans())
    def end(self, data: st.DataObject, outcome: Outcome, slow: bool) -> None:
        permit = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before = (self.tried.state, self.tried.breaker.generation, self.tried.sums())
        self.tried.end(permit, outcome, slow=slow)
        if permit.generation != before[1]:
            assert (self.tried.state, self.tried.breaker.generation, self.tried.sums()) == before

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        self.tried.breaker.give_back(self.out.pop(data.draw(st.integers(0, len(self.out) - 1))))

    @rule(step_s=st.floats(0, 20))
    def wait(self, step_s: float) -> None:
        self.tried.now_s += step_s

    @rule(trigger=st.sampled_from(["reset", "force_open", "disable"]))
    def hand(self, trigger: str) -> None:
        self.tried.breaker.set(trigger)  # type: ignore[arg-type]

    @invariant()
    def never_more_probes_than_permitted(self) -> None:
        breaker = self.tried.breaker
        mine = [permit for permit in self.out if permit.generation == breaker.generation and permit.probe]
        assert breaker.probes_out == len(mine) <= self.probes
        assert breaker.probes_out + breaker._probed.calls <= self.probes

    def teardown(self) -> None:
        """No permit leaks: when all calls have ended, a breaker that is not held open comes back."""
        tried = getattr(self, "tried", None)
        if tried is None or tried.state in ("forced_open", "disabled"):
            return
        for permit in self.out:
            tried.end(permit, "ignored")
        assert tried.breaker.probes_out == 0
        for _ in range(4):
            tried.now_s += 1e5
            if tried.state == "closed":
                break
            tried.breaker.look(tried.now_s)
            while tried.state == "half_open":
                tried.call("ok")
        assert tried.state == "closed"


TestAnyTraffic = AnyTraffic.TestCase
