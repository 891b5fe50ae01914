"""Behaviours 30 to 36: own limits, back-off, failing hooks. The numbers are those of the specification.

Origins: Pekko's typed SupervisionSpec, BackoffSupervisorSpec, RestartStrategySpec, SupervisorSpec; ractor's
supervision_tests.rs.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from more_stage import Boom, Plan, Watcher, stage, worker

from greenroom.actors.errors import ActorDead
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.supervision.orders import CountChildren, RestartChild
from greenroom.supervision.spec import Backoff, ChildSpec, Limit, SupervisorOptions

MANY = SupervisorOptions(intensity=1000)


def test_b30_the_third_failure_within_the_limits_time_is_the_childs_end() -> None:
    """typed SupervisionSpec: "stop when restart limit is hit"."""
    plan = Plan()
    with stage() as play:
        play.build([worker("a", plan, limit=Limit(2, 0.5)), worker("b")], MANY)
        ref = play.ref("a")
        for _ in range(3):
            play.tell(ref, Boom())
        assert plan.book == [step for number in (1, 2, 3) for step in (("made", number), ("failed", number))]
        assert play.infos()["a"].status == "down"
        assert play.infos()["b"].incarnation == 1
        assert [event.limit for event in play.events.named("supervisor.child_given_up")] == [2]
        with pytest.raises(ActorDead):
            ref.ask(1, timeout=5)
        # An operator may start it again: its ref is another, for that cell was closed.
        assert play.top.ask(RestartChild("a"), timeout=5).ask(1, timeout=5) == (1, 1)


def test_b30_failures_further_apart_than_the_limits_time_do_not_add_up() -> None:
    """typed SupervisionSpec: "reset fixed limit after timeout"."""
    with stage() as play:
        play.build([worker("a", limit=Limit(2, 0.5))], MANY)
        ref = play.ref("a")
        for _ in range(6):
            play.tell(ref, Boom())
            play.clock.advance(0.55)
        assert ref.ask(1, timeout=5) == (1, 7)


def test_b31_waits_grow_up_to_their_bound_and_begin_anew_after_calm() -> None:
    """BackoffSupervisorSpec: "correctly calculate the delay"; typed: "reset backoff after quiet time"."""
    with stage() as play:
        backoff = Backoff(1.0, 10.0, jitter=0.0)
        play.build([worker("a", backoff=backoff)], MANY)
        ref = play.ref("a")
        for _ in range(6):
            play.tell(ref, Boom())
            assert play.infos()["a"].wait_s == play.delays()[-1]
            play.clock.advance(play.delays()[-1])
        play.clock.advance(backoff.calm_s)
        play.tell(ref, Boom())
        assert play.delays() == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 1.0]


@pytest.mark.parametrize("jitter", [0.2, 1.0])
def test_b31_jitter_only_shortens_and_is_seeded(jitter: float) -> None:
    """BackoffSupervisorSpec: "randomness factor"."""
    told = []
    for _ in range(2):
        with stage() as play:
            play.build([worker("a", backoff=Backoff(1.0, 64.0, jitter=jitter))], SupervisorOptions(seed=7))
            ref = play.ref("a")
            for _ in range(6):
                play.tell(ref, Boom())
                play.clock.advance(play.delays()[-1])
            told.append(play.delays())
    assert told[0] == told[1]
    assert all(2**n * (1 - jitter) <= delay_s <= 2**n for n, delay_s in enumerate(told[0]))
    assert told[0] != [2.0**n for n in range(6)]


def test_b32_mail_waits_through_a_back_off_up_to_its_bound_and_the_rest_is_told() -> None:
    """typed SupervisionSpec: "publish dropped messages while backing off and stash is full"."""
    plan = Plan()
    with stage() as play:
        play.build([worker("a", plan, backoff=Backoff(1.0, 1.0, jitter=0.0), mailbox_bound=3)], MANY)
        ref = play.ref("a")
        play.tell(ref, Boom())
        plan.book.clear()
        play.tell(ref, *range(5))
        late = ref.ask(9, block=False)
        assert plan.book == []
        with pytest.raises(ActorDead, match="no room"):
            late.get(timeout=5)
        assert play.letters("full") == 2
        told = [event for event in play.events.named("deadletter") if event.why == "full"]
        assert (told[0].to, told[0].message_type) == ("/top/a", "int")
        play.clock.advance(1.0)
        assert plan.book == [("made", 2), 0, 1, 2]


@settings(max_examples=25)
@given(bound=st.integers(1, 5), sent=st.integers(0, 12))
def test_b32_never_more_waits_than_the_bound_and_all_else_is_reported(bound: int, sent: int) -> None:
    plan = Plan()
    with stage() as play:
        play.build([worker("a", plan, backoff=Backoff(1.0, 1.0, jitter=0.0), mailbox_bound=bound)], MANY)
        ref = play.ref("a")
        play.tell(ref, Boom())
        plan.book.clear()
        play.tell(ref, *range(sent))
        assert ref.cell.depth() == min(sent, bound)
        play.clock.advance(1.0)
        assert plan.book == [("made", 2), *range(min(sent, bound))]
        assert play.letters("full") == max(sent - bound, 0)


def test_b33_with_the_last_restart_spent_watchers_are_told_once() -> None:
    """typed SupervisionSpec: "stop and notify watchers when max restarts with backoff is reached"."""
    book: list[tuple[str, int]] = []
    with stage() as play:
        play.build([worker("a", backoff=Backoff(1.0, 1.0, jitter=0.0), limit=Limit(2, 60.0))], MANY)
        ref = play.ref("a")
        play.dispatcher.spawn(Watcher, book, ref, through_restarts=True)
        for _ in range(3):
            assert book == []
            play.tell(ref, Boom())
            play.clock.advance(1.0)
        assert book == [("failed", 3)]
        play.clock.advance(100)
        assert book == [("failed", 3)]


@pytest.mark.parametrize("hook", ["init", "on_start"])
def test_b34_a_start_that_fails_waits_as_every_crash_and_ends_within_its_limit(hook: str) -> None:
    """typed SupervisionSpec: "restart with exponential backoff when deferred factory throws"; ractor's
    test_supervision_panic_in_post_startup."""
    plan = Plan()
    with stage() as play:
        backoff = Backoff(1.0, 100.0, jitter=0.0)
        play.build([worker("a", plan, backoff=backoff, limit=Limit(4, 1000.0))], MANY)
        plan.failing[hook] = 100
        play.tell(play.ref("a"), Boom())
        for made, wait_s in enumerate((1.0, 2.0, 4.0, 8.0), 1):
            assert play.infos()["a"].status == "waiting"
            assert plan.book.count(("failed", made)) == 1
            play.clock.advance(wait_s)
        assert play.delays() == [1.0, 2.0, 4.0, 8.0]
        assert play.infos()["a"].status == "down"
        play.clock.advance(1000)
        assert len([step for step in plan.book if step[0] == "made"]) == 5


def test_b34_without_a_wait_failing_starts_spend_the_intensity_and_end() -> None:
    """typed SupervisionSpec: "fail instead of restart with limit when deferred factory throws"."""
    plan = Plan()
    with stage() as play:
        play.build([worker("a", plan)], SupervisorOptions(intensity=5))
        plan.failing["init"] = 10**9
        play.probe.watch(play.top)
        play.ref("a").tell(Boom())
        assert play.probe.expect_down(play.top).reason == "shutdown"
        assert len([step for step in plan.book if step[0] == "made"]) == 6


@pytest.mark.parametrize("hook", ["on_failure", "init", "on_start", "state", "check"])
def test_b35_what_a_restarts_hook_raises_is_followed_by_another_attempt(hook: str) -> None:
    """actor.SupervisorSpec: "attempt restart when exception during restart". Ours are: on_failure of the old
    one; the check and making of its state; the new one's constructor and on_start."""
    plan = Plan()

    def state() -> list[int]:
        plan.hook("state")
        return []

    def check(kept: list[int]) -> None:
        # What is unfit is made anew, so that the attempt itself goes on.
        plan.hook("check")

    with stage() as play:
        play.build([worker("a", plan, state=state, check=check)], SupervisorOptions(intensity=10))
        ref = play.ref("a")
        plan.failing[hook] = 2
        play.tell(ref, Boom(), Boom())
        number, incarnation = ref.ask(1, timeout=5)
        failed = 0 if hook in ("on_failure", "check") else 2
        restarts = play.infos()["a"].restarts
        assert number == 1
        assert restarts == 2 + failed
        assert incarnation == 3 + (failed if hook in ("init", "on_start") else 0)
        assert play.top.ask(CountChildren(), timeout=5).active == 1


class Mother(LoopActor):
    """Has a child of her own, and tells what order things happen in."""

    def __init__(self, book: list[str]) -> None:
        super().__init__()
        self.book = book

    def on_start(self) -> None:
        self.book.append(f"mother {self.incarnation}")
        self.spawn(Daughter, self.book)

    @receives(int)
    def on_int(self, number: int) -> None:
        self.book.append(f"{number}")

    @receives(Boom)
    def on_boom(self, boom: Boom) -> None:
        raise boom


class Daughter(LoopActor):
    def __init__(self, book: list[str]) -> None:
        super().__init__()
        self.book = book

    def on_stop(self) -> None:
        self.book.append("daughter ended")


def test_b36_children_have_ended_before_the_next_incarnation_takes_the_mail_that_waits() -> None:
    """typed SupervisionSpec: "stop children when restarting". The kernel's own:
    test_children_are_gone_before_the_next_incarnation_takes_mail."""
    book: list[str] = []
    with stage() as play:
        play.build([ChildSpec("m", Mother, (book,))], MANY)
        play.tell(play.ref("m"), 1, Boom(), 2, 3)
        assert book == ["mother 1", "1", "daughter ended", "mother 2", "2", "3"]
        assert play.dispatcher.live_paths().count("/top/m/daughter") == 1
