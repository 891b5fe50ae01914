"""Behaviours 37 to 43: who decides, watching, mail across a restart, no deadlock, the dispatcher.

Origins: Pekko's typed SupervisionSpec, DeathWatchSpec, ActorModelSpec; kameo's tests/supervision_mailbox.rs.
42 is tests/supervision/test_survives_stress.py.
"""

import asyncio
import threading
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from more_stage import Boom, Plan, Stage, Watcher, Worker, stage, worker

from greenroom.actors.errors import ActorDead, ActorFailed, DeathPact, WouldDeadlock
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import ManualClock, running_dispatcher
from greenroom.messages.signals import Reply
from greenroom.supervision.orders import TerminateChild, WhichChildren
from greenroom.supervision.spec import Backoff, ChildSpec, Limit, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor

MANY = SupervisorOptions(intensity=1000)


class Refused(Exception):
    """What the tolerant expect."""


class Tolerant(Worker):
    expected_errors: ClassVar[tuple[type[Exception], ...]] = (Refused,)


def nested(play: Stage, plan: Plan, **fields: Any) -> Any:
    inner = ChildSpec("a", Tolerant, (plan,), **fields)
    specs = ([inner], SupervisorOptions(intensity=1))
    play.build([ChildSpec("inner", Supervisor, specs, type="supervisor")], SupervisorOptions(intensity=1))
    (info,) = play.ref("inner").ask(WhichChildren(), timeout=5)
    return info.ref


class TestB37TheInnermostThatMatchesDecides:
    """typed SupervisionSpec: "support nesting to handle different exceptions".

    Restated: ours do not choose a strategy by the exception's type. What can be chosen by type is at the actor
    itself: an error in `expected_errors` answers the asker, and nothing ends (Pekko's resume). Any other ends
    the incarnation, and from there the nearest that may decide does: the child's own limit, its supervisor up to
    its intensity, then that one's supervisor. What Pekko calls fatal is caught here too: it ends that actor alone.
    """

    def test_b37_an_expected_error_is_the_actors_own_affair(self) -> None:
        plan = Plan()
        with stage() as play:
            ref = nested(play, plan)
            with pytest.raises(Refused):
                ref.ask(Refused(), timeout=5)
            assert ref.ask(1, timeout=5) == (1, 1)
            assert play.events.named("supervisor.child_exited") == []

    def test_b37_any_other_is_the_nearest_supervisors(self) -> None:
        with stage() as play:
            ref = nested(play, Plan())
            play.tell(ref, Boom())
            assert ref.ask(1, timeout=5) == (1, 2)
            assert play.infos()["inner"].incarnation == 1

    def test_b37_past_its_intensity_its_own_supervisor_decides(self) -> None:
        plan = Plan()
        with stage() as play:
            ref = nested(play, plan)
            play.tell(ref, Boom(), Boom())
            assert play.infos()["inner"].incarnation == 2
            assert [step[0] for step in plan.book if step[0] == "made"] == ["made"] * 3
            told = play.events.named("supervisor.shutdown")
            assert [(event.actor, event.escalated) for event in told] == [("/top/inner", True)]

    def test_b37_a_limit_of_its_own_comes_before_its_supervisor(self) -> None:
        with stage() as play:
            ref = nested(play, Plan(), limit=Limit(0, 10.0))
            play.tell(ref, Boom())
            assert not ref.is_alive()
            assert play.infos()["inner"].incarnation == 1
            assert play.events.named("supervisor.intensity_exceeded") == []

    @pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
    def test_b37_what_would_end_a_thread_ends_that_actor_alone(self, error: type[BaseException]) -> None:
        with stage() as play:
            play.build([worker("a"), worker("b")], MANY)
            ref, other = play.ref("a"), play.ref("b")
            with pytest.raises(ActorFailed):
                ref.ask(error(), timeout=5)
            assert ref.ask(1, timeout=5) == (1, 2)
            assert other.ask(1, timeout=5) == (1, 1)


class TestB38OneDownForEachWatch:
    """DeathWatchSpec: "notify with one Terminated message when an Actor is stopped", "... is already dead", "not
    notify when unwatched", and no Terminated on a restart."""

    @pytest.mark.parametrize("end", ["normal", "shutdown", "failed", "kill", "terminate"])
    def test_b38_one_when_it_ends_for_good_and_none_at_a_restart(self, end: str) -> None:
        book: list[tuple[str, int]] = []
        with stage() as play:
            play.build([worker("a", restart="transient", limit=Limit(1, 1000.0))], MANY)
            ref = play.ref("a")
            watcher = play.dispatcher.spawn(Watcher, book, ref, through_restarts=True)
            play.tell(ref, Boom())
            assert book == []
            if end == "kill":
                ref.kill()
            elif end == "terminate":
                play.top.ask(TerminateChild("a"), timeout=5)
            else:
                ref.tell(end)
            play.settle()
            if end in ("normal", "shutdown", "terminate"):
                # Its spec is kept, and with it its cell: it may be started again.
                assert book == []
                assert play.dispatcher.stop()
                return
            assert book == [({"kill": "killed"}.get(end, end), 2)]
            assert watcher.is_alive()

    def test_b38_a_plain_watch_is_of_one_incarnation(self) -> None:
        book: list[tuple[str, int]] = []
        with stage() as play:
            play.build([worker("a")], MANY)
            ref = play.ref("a")
            play.dispatcher.spawn(Watcher, book, ref)
            play.tell(ref, Boom(), Boom())
            assert book == [("failed", 1)]

    def test_b38_at_once_where_it_is_dead_already(self) -> None:
        book: list[tuple[str, int]] = []
        with stage() as play:
            play.build([worker("a", restart="temporary")], MANY)
            ref = play.ref("a")
            play.tell(ref, "normal")
            play.dispatcher.spawn(Watcher, book, ref)
            play.settle()
            assert book == [("normal", 1)]

    STEPS = st.lists(
        st.sampled_from(["watch", "unwatch", "through", "crash", "kill", "back_off"]), max_size=14
    )

    @settings(max_examples=40)
    @given(steps=STEPS)
    def test_b38_never_more_downs_than_watches_and_none_after_unwatch(self, steps: list[str]) -> None:
        """Under a supervisor; the kernel's law of one actor: test_there_is_one_down_for_each_watch."""
        with stage() as play:
            play.build([worker("a", backoff=Backoff(1.0, 1.0, at_once=2))], MANY)
            ref, probe, watching, due = play.ref("a"), play.probe, "", 0
            for step in steps:
                match step:
                    case "watch" | "through" if not watching:
                        alive = ref.is_alive()
                        probe.watch(ref, through_restarts=step == "through")
                        play.settle()
                        if step == "through" or alive:
                            watching = step
                        else:
                            due += 1
                    case "unwatch":
                        probe.unwatch(ref)
                        watching = ""
                    case "crash" | "kill" if ref.is_alive():
                        ref.tell(Boom()) if step == "crash" else ref.kill()
                        play.settle()
                        if watching == "watch":
                            due, watching = due + 1, ""
                    case "back_off":
                        play.clock.advance(1.0)
                downs = probe.drain()
                assert len(downs) == due
                due = 0
            play.top.kill("shutdown")
            play.settle()
            assert len(probe.drain()) == (1 if watching else 0)


class Dependent(LoopActor):
    """Watches, and has no handler for the Down."""

    def __init__(self, ref: Any, *, through_restarts: bool = False) -> None:
        super().__init__()
        self.watch(ref, through_restarts=through_restarts)

    @receives(int)
    def on_int(self, number: int) -> int:
        return self.incarnation


class Parent(LoopActor):
    """Has a child, and no handler for its Down."""

    def __init__(self, book: list[Any]) -> None:
        super().__init__()
        book.append(self.spawn(Worker, Plan()))

    @receives(int)
    def on_int(self, number: int) -> int:
        return self.incarnation


class TestB39DeathPact:
    """DeathWatchSpec: "fail a monitor which does not handle Terminated()"; typed SupervisionSpec: DeathPact."""

    @pytest.mark.parametrize("end", ["normal", "shutdown", "failed"])
    def test_b39_who_watches_and_takes_no_down_ends_with_it(self, end: str) -> None:
        with stage() as play:
            target = play.dispatcher.spawn(Worker, Plan())
            dependent = play.dispatcher.spawn(Dependent, target)
            play.probe.watch(dependent)
            target.tell(end)
            down = play.probe.expect_down(dependent)
            assert down.reason == "failed"
            assert isinstance(down.error, DeathPact)
            assert end in str(down.error)
            assert play.letters("unhandled") == 0

    def test_b39_its_supervisor_decides_what_becomes_of_it(self) -> None:
        with stage() as play:
            target = play.dispatcher.spawn(Worker, Plan())
            spec = ChildSpec("d", Dependent, (target,), limit=Limit(2, 10.0))
            play.build([spec], MANY)
            dependent = play.ref("d")
            play.tell(target, "normal")
            # Each incarnation watches the dead, and ends again.
            assert not dependent.is_alive()
            assert [event.error_type for event in play.events.named("actor.failed")] == ["DeathPact"] * 3

    def test_b39_a_restart_is_no_end_for_who_watches_through_restarts(self) -> None:
        with stage() as play:
            play.build([worker("a", limit=Limit(1, 10.0))], MANY)
            target = play.ref("a")
            dependent = play.dispatcher.spawn(Dependent, target, through_restarts=True)
            play.tell(target, Boom())
            assert dependent.ask(1, timeout=5) == 1
            play.tell(target, Boom())
            assert not dependent.is_alive()

    @pytest.mark.parametrize("end", ["normal", "failed"])
    def test_b39_a_child_that_was_not_watched_by_name_is_no_pact(self, end: str) -> None:
        book: list[Any] = []
        with stage() as play:
            parent = play.dispatcher.spawn(Parent, book)
            play.settle()
            play.tell(book[0], end)
            assert parent.ask(1, timeout=5) == 1
            assert play.letters("unhandled") == (end == "failed")


class TestB40MailAcrossARestart:
    """kameo: supervision_mailbox.rs, and its issue 335. An ask gets an answer or an error, never silence."""

    def test_b40_what_waits_is_for_the_next_incarnation_but_not_what_it_died_of(self) -> None:
        plan = Plan()
        with stage() as play:
            play.build([worker("a", plan)], MANY)
            ref = play.ref("a")
            play.dispatcher.call(lambda: [ref.tell(each) for each in (1, Boom(), 2, 3)])
            play.settle()
            assert plan.book == [("made", 1), 1, ("failed", 1), ("made", 2), 2, 3]

    def test_b40_asks_that_wait_are_answered_by_the_next_incarnation(self) -> None:
        with stage() as play:
            play.build([worker("a", backoff=Backoff(1.0, 1.0))], MANY)
            ref = play.ref("a")
            asked: list[Any] = []
            messages = (1, Boom(), 2, 3)
            play.dispatcher.call(lambda: asked.extend(ref.ask(each, block=False) for each in messages))
            play.settle()
            assert [future.done() for future in asked] == [True, True, False, False]
            play.clock.advance(1.0)
            assert [asked[number].get(timeout=5) for number in (0, 2, 3)] == [(1, 1), (2, 2), (3, 2)]
            with pytest.raises(Boom):
                asked[1].get(timeout=5)

    @pytest.mark.parametrize("how", ["terminate", "give_up", "stop"])
    def test_b40_asks_get_an_error_where_no_incarnation_follows(self, how: str) -> None:
        with stage() as play:
            limit = Limit(1, 100.0)
            play.build(
                [
                    worker(
                        "a",
                        backoff=Backoff(1.0, 1.0),
                        limit=limit,
                        restart="temporary" if how == "terminate" else "permanent",
                    )
                ],
                MANY,
            )
            ref = play.ref("a")
            if how == "terminate":
                gate = threading.Event()
                play.dispatcher.call(gate.wait, 5)
                ended = play.top.ask(TerminateChild("a"), block=False)
                asked = ref.ask(1, block=False)
                gate.set()
                ended.get(timeout=5)
            else:
                play.tell(ref, Boom())
                asked = ref.ask(1, block=False)
                ref.tell(Boom())
                later = ref.ask(2, block=False)
                if how == "give_up":
                    play.clock.advance(1.0)
                    assert asked.get(timeout=5) == (1, 2)
                    asked = later
                else:
                    assert play.dispatcher.stop()
            with pytest.raises((ActorDead, Exception)) as caught:
                asked.get(timeout=5)
            assert not isinstance(caught.value, TimeoutError)


class Polite(LoopActor):
    """Asks its supervisor before it ends."""

    def __init__(self, book: list[Any]) -> None:
        super().__init__()
        self.book = book

    def on_shutdown(self) -> None:
        assert self._life.parent is not None
        supervisor = self._life.parent.ref
        with pytest.raises(WouldDeadlock):
            supervisor.ask(WhichChildren(), timeout=1)
        self.ask(supervisor, WhichChildren(), timeout_s=5)

    @receives(Reply)
    def on_reply(self, reply: Reply) -> None:
        self.book.append([info.status for info in reply.value])
        self.exit("shutdown")


class TestB41NoDeadlock:
    """kameo: "stop_gracefully_does_not_deadlock", and asks of a parent that stops."""

    @pytest.mark.parametrize("how", ["shutdown", "terminate"])
    def test_b41_a_child_asks_its_supervisor_while_that_stops_it(self, how: str) -> None:
        book: list[Any] = []
        with stage() as play:
            play.build([worker("w"), ChildSpec("a", Polite, (book,)), ChildSpec("b", Polite, (book,))])
            top = ChildSpec("t", Supervisor, ([ChildSpec("a", Polite, (book,))],), type="supervisor")
            if how == "terminate":
                play.top.ask(TerminateChild("b"), timeout=5)
                assert book == [["running", "running", "stopping"]]
                book.clear()
            outer = play.dispatcher.spawn(Supervisor, [top], path="/outer")
            play.settle()
            outer.ask(TerminateChild("t"), timeout=5)
            assert book == [["stopping"]]
            play.tell(outer, "nobody takes this")
            assert play.letters("unhandled") == 1


class Counted(LoopActor):
    """Tells how many are in a handler at once, and in what order."""

    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self.seen, self.inside = seen, 0

    @receives(tuple)
    def on_tuple(self, message: tuple[int, int]) -> None:
        self.inside += 1
        assert self.inside == 1
        self.seen.append(message)
        self.inside -= 1
        if message[1] % 7 == 3:
            raise Boom


class TestB43TheDispatchersConformance:
    """ActorModelSpec. In tests/actors/kernel/test_kernel_dispatcher.py stand, for actors without a supervisor:

    "process messages one at a time": test_an_actor_handles_one_message_at_a_time
    "handle waves of actors": test_waves_of_actors_start_and_stop
    "continue to process messages when a thread gets interrupted / an exception is thrown":
    test_it_goes_on_after_any_number_of_failing_handlers, test_a_base_exception_ends_that_actor_alone
    "respect throughput": test_one_with_much_mail_leaves_the_others_their_turns
    Order of each sender: test_mail_of_each_sender_keeps_its_order_however_many_send.
    Here is what supervision adds.
    """

    def test_b43_order_of_each_sender_and_one_at_a_time_hold_across_restarts(self) -> None:
        seen: list[tuple[int, int]] = []
        with stage() as play:
            spec = ChildSpec("a", Counted, (seen,), mailbox_bound=10_000)
            play.build([spec], SupervisorOptions(intensity=10**6))
            ref = play.ref("a")

            def send(sender: int) -> None:
                for number in range(200):
                    ref.tell((sender, number))

            threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            play.settle()
            assert len(seen) == 800
            for sender in range(4):
                assert [number for each, number in seen if each == sender] == list(range(200))

    def test_b43_who_waits_for_a_restart_processes_none(self) -> None:
        """ "not process messages for a suspended actor" """
        plan = Plan()
        with stage() as play:
            play.build([worker("a", plan, backoff=Backoff(5.0, 5.0, jitter=0.0)), worker("b")], MANY)
            ref, other = play.ref("a"), play.ref("b")
            play.tell(ref, Boom())
            plan.book.clear()
            play.tell(ref, 1)
            ref.tell_control(2)
            assert other.ask(3, timeout=5) == (3, 1)
            play.clock.advance(4.9)
            assert plan.book == []
            play.clock.advance(0.1)
            assert plan.book == [("made", 2), 2, 1]

    def test_b43_waves_of_restarts(self) -> None:
        with running_dispatcher(clock=ManualClock()) as dispatcher:
            plan = Plan()
            options = SupervisorOptions(intensity=10**6)
            top = dispatcher.spawn(Supervisor, [worker(f"w{n}", plan) for n in range(300)], options)
            dispatcher.wait_idle()
            for wave in range(1, 4):
                infos = top.ask(WhichChildren(), timeout=5)
                assert {info.incarnation for info in infos} == {wave}
                for info in infos:
                    info.ref.tell(Boom())
                dispatcher.wait_idle()
            assert dispatcher.statistics().actors == 301
