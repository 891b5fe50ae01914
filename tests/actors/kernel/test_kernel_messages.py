"""Telling and asking: order, answers, failures, dead letters, admission."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pykka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead, ActorFailed, WouldDeadlock
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import ManualClock, Probe, Recorder, running_dispatcher, settle
from greenroom.messages.signals import AskFailed, Reply


class Gate(LoopActor):
    """Stands still in a handler until the test opens it, so that mail piles up behind it."""

    expected_errors = (LookupError,)

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @receives(threading.Event)
    def on_gate(self, gate: Any) -> None:
        assert gate.wait(30)

    @receives(Future)
    def on_future(self, started: Future[Any]) -> None:
        started.set("started")

    @receives(BaseException)
    def on_error(self, error: BaseException) -> None:
        raise error

    @receives(str)
    def on_str(self, message: str) -> list[Any]:
        return self.seen

    @receives(int)
    def on_int(self, message: int) -> int:
        self.seen.append(message)
        return message


@dataclass(frozen=True)
class Flag:
    value: int
    coalesce_key: str | None = None


class FlagGate(Gate):
    @receives(Flag)
    def on_flag(self, flag: Flag) -> None:
        self.seen.append(flag)


# -- order ----------------------------------------------------------------------------------------


def test_mail_of_each_sender_keeps_its_order_however_many_send(dispatcher: Dispatcher) -> None:
    class Log(LoopActor):
        def __init__(self) -> None:
            self.seen: list[tuple[int, int]] = []

        @receives(tuple)
        def on_pair(self, pair: tuple[int, int]) -> None:
            self.seen.append(pair)

        @receives(str)
        def on_str(self, _: str) -> list[tuple[int, int]]:
            return self.seen

    log = dispatcher.spawn(Log)

    def send(who: int) -> None:
        for number in range(2000):
            log.tell((who, number))

    senders = [threading.Thread(target=send, args=(who,)) for who in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    seen = log.ask("what?")

    assert len(seen) == 8000
    assert all([n for who, n in seen if who == sender] == list(range(2000)) for sender in range(4))


@settings(max_examples=20)
@given(st.lists(st.lists(st.integers(), max_size=8), min_size=1, max_size=5))
def test_mail_between_actors_keeps_its_order(bursts: list[list[int]]) -> None:
    class Sender(LoopActor):
        @receives(tuple)
        def on_send(self, job: Any) -> None:
            to, numbers = job
            for number in numbers:
                to.tell(number)

    with running_dispatcher() as dispatcher:
        probe = Probe(dispatcher)
        sender = dispatcher.spawn(Sender)
        for burst in bursts:
            sender.tell((probe.ref, burst))
        settle(dispatcher)
        assert probe.drain() == [number for burst in bursts for number in burst]


def test_control_overtakes_mail_and_only_the_newest_of_a_key_is_kept(dispatcher: Dispatcher) -> None:
    gate = threading.Event()
    actor = dispatcher.spawn(FlagGate)
    actor.tell(gate)
    actor.tell(1)
    for flag in (Flag(1), Flag(2), Flag(3, "x"), Flag(4, "x"), Flag(5, "y")):
        actor.tell_control(flag)
    gate.set()

    assert actor.ask("seen") == [Flag(2), Flag(4, "x"), Flag(5, "y"), 1]


def test_stop_is_mail(dispatcher: Dispatcher) -> None:
    actor = dispatcher.spawn(Gate)
    before = [actor.ask(n, block=False) for n in range(100)]
    stopped, again = actor.stop(block=False), actor.stop(block=False)
    after = actor.ask(1, block=False)

    assert stopped.get(timeout=10) is True
    assert again.get(timeout=10) is True  # it was being stopped at the time of the call
    assert [answer.get(timeout=10) for answer in before] == list(range(100))
    with pytest.raises(ActorDead, match="stopped before handling"):
        after.get(timeout=10)
    assert actor.stop() is False


# -- asks -----------------------------------------------------------------------------------------


def test_a_failure_under_ask_answers_the_asker_and_ends_the_actor(
    dispatcher: Dispatcher, probe: Probe, recorder: Recorder
) -> None:
    actor = dispatcher.spawn(Gate)
    probe.watch(actor)
    error = ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        actor.ask(error)

    assert not actor.is_alive()
    down = probe.expect_down(actor)
    assert (down.reason, down.error) == ("failed", error)
    settle(dispatcher)
    [failed] = recorder.named("actor.failed")
    assert (failed.via, failed.error_type, failed.error) == ("ask", "ValueError", "broken")


def test_an_expected_error_answers_the_asker_and_the_actor_lives_on(dispatcher: Dispatcher) -> None:
    actor = dispatcher.spawn(Gate)

    with pytest.raises(KeyError):
        actor.ask(KeyError("unknown"))

    assert actor.ask(5) == 5


def test_an_expected_error_without_an_asker_ends_the_actor(dispatcher: Dispatcher, probe: Probe) -> None:
    actor = dispatcher.spawn(Gate)
    probe.watch(actor)
    actor.tell(KeyError("unknown"))

    assert probe.expect_down(actor).reason == "failed"


BASE_EXCEPTIONS = [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit]


@pytest.mark.parametrize("kind", BASE_EXCEPTIONS)
@pytest.mark.parametrize("asked", [True, False])
def test_a_base_exception_ends_that_actor_alone(
    dispatcher: Dispatcher, probe: Probe, kind: type[BaseException], asked: bool
) -> None:
    actor, bystander = dispatcher.spawn(Gate), dispatcher.spawn(Gate)
    probe.watch(actor)
    error = kind("not an Exception")
    if asked:
        # Raw, it would end the asker's task or thread.
        with pytest.raises(ActorFailed) as caught:
            actor.ask(error)
        assert caught.value.__cause__ is error
    else:
        actor.tell(error)

    assert probe.expect_down(actor).error is error
    assert bystander.ask(1) == 1
    assert dispatcher.is_running


def test_a_late_ask_is_answered(dispatcher: Dispatcher) -> None:
    actor = dispatcher.spawn(Gate)
    actor.stop()

    with pytest.raises(ActorDead, match="not found"):
        actor.ask(1, timeout=10)


def test_asks_that_race_with_a_death_are_all_answered(dispatcher: Dispatcher) -> None:
    answers: list[Future[Any]] = []
    for _ in range(30):
        actor = dispatcher.spawn(Gate)
        start = threading.Barrier(2)

        def ask_on(actor: Any = actor, start: threading.Barrier = start) -> None:
            start.wait()
            answers.extend(actor.ask(n, block=False) for n in range(50))

        asker = threading.Thread(target=ask_on)
        asker.start()
        start.wait()
        actor.kill()
        asker.join()

    outcomes = set()
    for answer in answers:
        try:
            outcomes.add(type(answer.get(timeout=10)).__name__)
        except ActorDead:
            outcomes.add("dead")
    assert outcomes <= {"int", "dead"}
    assert "dead" in outcomes


def test_a_blocking_ask_on_the_dispatcher_thread_raises_and_sends_nothing(dispatcher: Dispatcher) -> None:
    actor = dispatcher.spawn(Gate)

    class Asker(LoopActor):
        expected_errors = (WouldDeadlock,)

        @receives(str)
        def on_str(self, what: str) -> Any:
            return actor.ask(1) if what == "ask" else actor.stop()

    asker = dispatcher.spawn(Asker)

    with pytest.raises(WouldDeadlock, match=r"use self\.ask"):
        asker.ask("ask")
    with pytest.raises(WouldDeadlock, match="block=False"):
        asker.ask("stop")
    assert actor.ask("seen") == []


class Asking(LoopActor):
    """Asks whom it is told to, and passes on what comes back."""

    def __init__(self, report_to: Any) -> None:
        self._report_to = report_to

    @receives(tuple)
    def on_ask(self, job: tuple[Any, Any]) -> None:
        self.ask(job[0], job[1], timeout_s=10, tag=job[1])

    @receives(Reply, AskFailed)
    def on_answer(self, answer: Any) -> None:
        self._report_to.tell(answer)


def test_an_ask_between_actors_comes_back_as_mail(dispatcher: Dispatcher, probe: Probe) -> None:
    asking, target = dispatcher.spawn(Asking, probe.ref), dispatcher.spawn(Gate)

    asking.tell((target, 7))
    assert probe.expect(Reply) == Reply(7, 7)

    error = ValueError("no")
    asking.tell((target, error))
    assert probe.expect(AskFailed).error is error

    asking.tell((target, 8))
    assert isinstance(probe.expect(AskFailed).error, ActorDead)


def test_an_ask_between_actors_times_out_and_a_late_answer_is_dropped(
    timed: Dispatcher, clock: ManualClock
) -> None:
    class Later(LoopActor):
        def __init__(self) -> None:
            self.promise: Any = None

        @receives(int)
        def on_int(self, _: int) -> None:
            self.promise = self.defer()

        @receives(str)
        def on_str(self, _: str) -> None:
            self.promise.set("late")

    probe, later = Probe(timed), timed.spawn(Later)
    timed.spawn(Asking, probe.ref).tell((later, 1))

    clock.advance(9.9)
    probe.expect_none()
    clock.advance(0.2)
    assert isinstance(probe.expect(AskFailed).error, TimeoutError)
    later.tell("now")
    probe.expect_none()
    assert timed.statistics().timers == 0


class Blocking(pykka.ThreadingActor):
    use_daemon_thread = True

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return ("threading", message)


def test_an_actor_asks_a_threading_actor(dispatcher: Dispatcher, probe: Probe) -> None:
    asking, blocking = dispatcher.spawn(Asking, probe.ref), Blocking.start()

    asking.tell((blocking, 1))
    assert probe.expect(Reply).value == ("threading", 1)
    error = OSError("disk")
    asking.tell((blocking, error))
    assert probe.expect(AskFailed).error is error
    blocking.stop()
    asking.tell((blocking, 2))
    assert isinstance(probe.expect(AskFailed).error, pykka.ActorDeadError)


class Deferring(LoopActor):
    def __init__(self) -> None:
        self.promises: list[Any] = []

    @receives(int)
    def on_int(self, _: int) -> str:
        self.promises.append(self.defer())
        return "ignored"

    @receives(str)
    def on_str(self, how: str) -> None:
        promise = self.promises.pop(0)
        if how == "set":
            promise.set("given later")
        else:
            promise.set_exception(LookupError("given later"))
        promise.set("too late")


def test_an_answer_can_be_given_later(dispatcher: Dispatcher) -> None:
    actor = dispatcher.spawn(Deferring)
    first, second, third = (actor.ask(n, block=False) for n in range(3))
    actor.tell("set")
    actor.tell("fail")

    assert first.get(timeout=10) == "given later"
    with pytest.raises(LookupError):
        second.get(timeout=10)
    assert not third.done()
    actor.stop()
    with pytest.raises(ActorDead, match="before it answered"):
        third.get(timeout=10)


def test_a_child_may_ask_its_parent_while_that_is_stopping(dispatcher: Dispatcher, probe: Probe) -> None:
    class Child(LoopActor):
        def on_stop(self) -> None:
            parent.ask("help?", block=False).add_done_callback(probe.ref.tell)

    class Parent(LoopActor):
        def on_start(self) -> None:
            self.spawn(Child)

    parent: Any = dispatcher.spawn(Parent)
    settle(dispatcher)

    assert parent.stop(timeout=10) is True
    with pytest.raises(ActorDead):
        probe.expect(Future).get(timeout=0)


# -- dead letters, admission ------------------------------------------------------------------------


def test_telling_the_dead_raises_nothing_and_is_counted_and_told_now_and_then(
    timed: Dispatcher, clock: ManualClock, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    actor = timed.spawn(Gate, path="/gone")
    actor.stop()
    for n in range(100):
        actor.tell(n)
    settle(timed)
    clock.advance(2)
    actor.tell(1)
    settle(timed)

    assert timed.statistics().dead_letters == {"dead": 101}
    told = recorder.named("deadletter")
    assert [(letter.to, letter.message_type, letter.why, letter.suppressed) for letter in told] == [
        ("/gone", "int", "dead", 0),
        ("/gone", "int", "dead", 99),
    ]
    assert caplog.text.count("int for /gone: dead") == 2


def test_a_message_that_may_come_late_is_no_dead_letter(dispatcher: Dispatcher) -> None:
    class Cancel:
        late_is_fine = True

    actor, full = dispatcher.spawn(Gate), dispatcher.new_cell("/full", "gate", mailbox_bound=0)
    actor.stop()
    actor.tell_control(Cancel())
    actor.tell(Cancel())
    full.ref.tell(Cancel())
    settle(dispatcher)

    assert dispatcher.statistics().dead_letters == {"full": 1}


def test_an_admission_over_the_bound_is_refused_to_its_sender(
    dispatcher: Dispatcher, recorder: Recorder
) -> None:
    class Doorman(Gate):
        mailbox_bound = 3

    gate = threading.Event()
    doorman = dispatcher.spawn(Doorman)
    doorman.tell(gate)
    admitted = [doorman.admit(n) for n in range(5)]
    doorman.tell(99)  # ordinary mail is not refused
    gate.set()

    assert admitted == [True, True, True, False, False]
    assert doorman.ask("seen") == [0, 1, 2, 99]
    assert doorman.admit(6)
    assert dispatcher.statistics().refused == 2
    assert [event.bound for event in recorder.named("mailbox.refused")] == [3, 3]


def test_nothing_is_admitted_to_the_dead(dispatcher: Dispatcher) -> None:
    doorman = dispatcher.spawn(Gate)
    doorman.stop()
    settle(dispatcher)

    assert not doorman.admit(1)


def test_a_mailbox_that_grows_high_is_told_at_every_doubling(
    dispatcher: Dispatcher, recorder: Recorder
) -> None:
    class Small(Gate):
        mailbox_bound = 10

    gate = threading.Event()
    actor = dispatcher.spawn(Small)
    actor.tell(gate)
    for n in range(100):
        actor.tell(n)
    gate.set()
    settle(dispatcher)

    depths = [event.depth for event in recorder.named("mailbox.high")]
    assert len(depths) == 1
    assert depths[0] > 10


def test_refs_of_one_cell_are_equal_and_hash_alike(dispatcher: Dispatcher) -> None:
    actor = dispatcher.spawn(Gate, path="/a")
    settle(dispatcher)

    assert actor.cell.ref == actor  # type: ignore[attr-defined]
    assert len({actor, actor.cell.ref}) == 1  # type: ignore[attr-defined]
    assert actor != dispatcher.spawn(Gate, path="/a")
    assert (actor.path, actor.kind) == ("/a", "gate")
    assert "/a" in str(actor)
