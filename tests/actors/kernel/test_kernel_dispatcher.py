"""The dispatcher: its thread, fairness, slow handlers, finalisers, and its own end."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from collections import deque
from typing import Any

import pytest

from greenroom.actors import mailbox
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead, SystemDown, SystemStopped, WouldDeadlock
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import Probe, Recorder, running_dispatcher, settle
from greenroom.messages.events import Event


class Echo(LoopActor):
    @receives(int)
    def on_int(self, number: int) -> int:
        return number

    @receives(Exception)
    def on_error(self, error: Exception) -> None:
        raise error


def hold(dispatcher: Dispatcher) -> threading.Event:
    """The dispatcher stands still until the event is set."""
    held, gate = threading.Event(), threading.Event()
    dispatcher.call(held.set)
    dispatcher.call(gate.wait, 30)
    assert held.wait(10)
    return gate


# -- thread and calls -------------------------------------------------------------------------------


def test_actors_spawned_before_the_start_begin_with_it() -> None:
    dispatcher = Dispatcher()
    echo = dispatcher.spawn(Echo)
    answer = echo.ask(1, block=False)
    called: Future[bool] = Future()
    dispatcher.call(lambda: called.set(dispatcher.in_thread()))
    assert not dispatcher.is_running

    dispatcher.start()

    assert answer.get(timeout=10) == 1
    assert called.get(timeout=10) is True
    assert not dispatcher.in_thread()
    with pytest.raises(RuntimeError, match="started before"):
        dispatcher.start()
    assert dispatcher.stop()


def test_its_threads_are_daemons_and_end_with_it() -> None:
    before = set(threading.enumerate())
    dispatcher = Dispatcher(name="named")
    dispatcher.start()
    mine = set(threading.enumerate()) - before
    assert {thread.name for thread in mine} == {"named", "named-watchdog"}
    assert all(thread.daemon for thread in mine)

    dispatcher.stop()

    assert not any(thread.is_alive() for thread in mine)
    assert dispatcher.ident is None  # another thread may get that number


def test_calls_run_in_order_and_a_failing_one_is_logged(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    dispatcher.call(seen.append, 1)
    dispatcher.call(lambda: 1 // 0)
    dispatcher.call(lambda: (_ for _ in ()).throw(SystemExit))
    dispatcher.call(seen.append, 2)
    settle(dispatcher)

    assert seen == [1, 2]
    assert caplog.text.count("A call of") == 2


def test_a_burst_from_another_thread_costs_one_wake_up(dispatcher: Dispatcher) -> None:
    class Counting:
        def __init__(self, loop: Any) -> None:
            self.loop, self.wakes = loop, 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.loop, name)

        def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> Any:
            self.wakes += 1
            return self.loop.call_soon_threadsafe(*args, **kwargs)

    echo = dispatcher.spawn(Echo)
    settle(dispatcher)
    gate = hold(dispatcher)
    counting: Any = Counting(dispatcher.loop)
    dispatcher.loop = counting
    for n in range(1000):
        echo.tell(n)
        dispatcher.call(int)
    gate.set()
    settle(dispatcher)

    assert counting.wakes <= 1


# -- conformance of a dispatcher ----------------------------------------------------------------------


def test_an_actor_handles_one_message_at_a_time(dispatcher: Dispatcher) -> None:
    class Careful(LoopActor):
        inside = False
        overlaps = 0

        @receives(int)
        def on_int(self, number: int) -> int:
            type(self).overlaps += self.inside
            self.inside = True
            if number % 7 == 0:
                self.ref.tell(number + 1)
            self.inside = False
            return number

    careful = dispatcher.spawn(Careful)

    def send() -> None:
        for number in range(500):
            careful.tell(number)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(dispatcher)

    assert Careful.overlaps == 0


def test_waves_of_actors_start_and_stop(dispatcher: Dispatcher) -> None:
    for _ in range(3):
        refs = [dispatcher.spawn(Echo) for _ in range(1000)]
        answers = [ref.ask(n, block=False) for n, ref in enumerate(refs)]
        assert [answer.get(timeout=20) for answer in answers] == list(range(1000))
        stopped = [ref.stop(block=False) for ref in refs]
        assert all(done.get(timeout=20) for done in stopped)
        assert dispatcher.statistics().actors == 0


def test_it_goes_on_after_any_number_of_failing_handlers(dispatcher: Dispatcher) -> None:
    for n in range(100):
        dispatcher.spawn(Echo).tell(ValueError(n))

    assert dispatcher.spawn(Echo).ask(1) == 1


def test_one_with_much_mail_leaves_the_others_their_turns(dispatcher: Dispatcher) -> None:
    order: list[str] = []

    class Noter(LoopActor):
        def __init__(self, name: str) -> None:
            self._name = name

        @receives(int)
        def on_int(self, _: int) -> None:
            order.append(self._name)

    gate = threading.Event()
    hog, victim = dispatcher.spawn(Noter, "hog"), dispatcher.spawn(Noter, "victim")
    settle(dispatcher)
    dispatcher.call(gate.wait, 30)
    for n in range(10_000):
        hog.tell(n)
    victim.tell(1)
    gate.set()
    settle(dispatcher)

    assert order.index("victim") <= mailbox.LETTERS_PER_TURN


def test_a_turn_ends_with_its_slice_of_time() -> None:
    order: list[str] = []
    now_s = 0.0

    class Slow(LoopActor):
        @receives(int)
        def on_int(self, number: int) -> None:
            nonlocal now_s
            now_s += 0.004
            order.append("slow")

    class Quick(LoopActor):
        @receives(int)
        def on_int(self, number: int) -> None:
            order.append("quick")

    with running_dispatcher(stopwatch=lambda: now_s, slice_s=0.005) as dispatcher:
        gate = threading.Event()
        slow, quick = dispatcher.spawn(Slow), dispatcher.spawn(Quick)
        settle(dispatcher)
        dispatcher.call(gate.wait, 30)
        for n in range(20):
            slow.tell(n)
        quick.tell(1)
        gate.set()
        settle(dispatcher)

    assert order.index("quick") == 2


def test_a_pass_of_the_loop_ends_with_its_time_however_many_have_work() -> None:
    order: list[str] = []
    now_s = 0.0

    class Slow(LoopActor):
        @receives(int)
        def on_int(self, _: int) -> None:
            nonlocal now_s
            now_s += 0.004
            order.append("slow")

    with running_dispatcher(stopwatch=lambda: now_s) as dispatcher:
        slow = [dispatcher.spawn(Slow) for _ in range(20)]
        settle(dispatcher)
        gate = hold(dispatcher)
        for ref in slow:
            ref.tell(1)
        dispatcher.loop.call_soon_threadsafe(order.append, "socket")
        gate.set()
        settle(dispatcher)

    assert order.index("socket") <= 2


def test_work_that_comes_as_a_pass_ends_is_not_left_behind() -> None:
    class Racing(deque[Any]):
        """At the first look it is empty; then another thread, which sees that a pass is due, adds a call."""

        looks = 0

        def __bool__(self) -> bool:
            self.looks += 1
            if self.looks == 1:
                dispatcher.call(int)
                return False
            return len(self) > 0

    class Loop:
        asked = 0

        def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> None:
            self.asked += 1

    dispatcher = Dispatcher()
    loop: Any = Loop()
    dispatcher.loop, dispatcher._calls = loop, Racing()
    dispatcher._pass()

    assert loop.asked == 1


def test_sockets_and_tasks_get_their_look_while_actors_are_busy(dispatcher: Dispatcher) -> None:
    class Restless(LoopActor):
        @receives(int)
        def on_int(self, number: int) -> None:
            self.ref.tell(number + 1)

    restless = dispatcher.spawn(Restless)
    restless.tell(1)
    looked: Future[bool] = Future()
    dispatcher.loop.call_soon_threadsafe(dispatcher.loop.call_later, 0.001, looked.set, True)

    assert looked.get(timeout=10)
    restless.kill()


def test_what_breaks_in_the_drain_fails_that_actor_alone(dispatcher: Dispatcher, recorder: Recorder) -> None:
    class Broken:
        """Stands where a future should: raises where Pykka's loop answers."""

        def set(self, value: Any) -> None:
            raise ValueError("cannot be set")

        def set_exception(self, exc_info: Any = None) -> None:
            raise ValueError("cannot be set")

    echo, bystander = dispatcher.spawn(Echo), dispatcher.spawn(Echo)
    settle(dispatcher)
    echo.cell.post(mailbox.Letter(1, Broken()))
    settle(dispatcher)

    assert not echo.is_alive()
    assert bystander.ask(1) == 1
    assert [event.via for event in recorder.named("actor.failed")] == ["drain"]


# -- slow handlers --------------------------------------------------------------------------------


class Sleepy(LoopActor):
    @receives(tuple)
    def on_wait(self, events: tuple[Any, Any]) -> str:
        began, gate = events
        began.set()
        return self.linger_in_a_named_function(gate)

    def linger_in_a_named_function(self, gate: Any) -> str:
        assert gate.wait(30)
        return "woke"


class Told(Recorder):
    """Says when it is told of a slow handler."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = threading.Semaphore(0)

    def emit(self, event: Event) -> None:
        super().emit(event)
        if event.name == "actor.handler.slow":
            self.slow.release()


def test_a_slow_handler_is_reported_with_its_stack_while_it_runs_and_after() -> None:
    told = Told()
    with running_dispatcher(events=told, slow_handler_s=0.02) as dispatcher:
        sleepy = dispatcher.spawn(Sleepy, path="/sleepy")
        for round_number in (1, 2):  # the watchdog parks in between, and wakes again
            began, gate = threading.Event(), threading.Event()
            answer = sleepy.ask((began, gate), block=False)
            assert told.slow.acquire(timeout=10)
            assert not answer.done()
            during = told.named("actor.handler.slow")[-1]
            gate.set()
            assert told.slow.acquire(timeout=10)
            after = told.named("actor.handler.slow")[-1]

            assert (during.actor, during.kind, during.message_type) == ("/sleepy", "sleepy", "tuple")
            assert "linger_in_a_named_function" in during.stack
            assert after.elapsed_ms >= during.elapsed_ms >= 20
            assert after.stack == during.stack
            assert dispatcher.statistics().slow_handlers == round_number
            while not dispatcher.watchdog.parked:
                assert dispatcher.is_running


def test_a_slow_handler_is_reported_after_it_even_if_nobody_sampled_it(recorder: Recorder) -> None:
    now_s = 0.0

    class Slow(LoopActor):
        @receives(int)
        def on_int(self, _: int) -> None:
            nonlocal now_s
            now_s += 1

    with running_dispatcher(events=recorder, stopwatch=lambda: now_s, slow_handler_s=0.9) as dispatcher:
        dispatcher.spawn(Slow).tell(1)
        settle(dispatcher)

    slow = recorder.named("actor.handler.slow")[-1]
    assert (slow.message_type, slow.elapsed_ms) == ("int", 1000)


# -- finalisers -----------------------------------------------------------------------------------


def test_a_finaliser_tells_by_one_put(dispatcher: Dispatcher, probe: Probe) -> None:
    class Handle:
        pass

    handle = Handle()
    weakref.finalize(handle, dispatcher.from_finalizer, probe.ref, "gone")
    # It can run inside any of our locks: here it does, and on a thread that holds them all.
    with dispatcher.lock:
        del handle
        gc.collect()

    assert probe.expect(str) == "gone"
    dispatcher.from_finalizer(probe.ref, "cancel", control=True)
    assert probe.expect(str) == "cancel"


def test_a_finaliser_after_the_end_leaves_nothing_behind() -> None:
    with running_dispatcher() as dispatcher:
        echo = dispatcher.spawn(Echo)
    dispatcher.from_finalizer(echo, 1)

    assert dispatcher.watchdog._queue.empty()


# -- the end ------------------------------------------------------------------------------------------


def test_a_stop_ends_all_with_shutdown_the_youngest_first(recorder: Recorder) -> None:
    ended: list[str] = []

    class Leaf(LoopActor):
        def on_stop(self) -> None:
            ended.append(self.path)

    with running_dispatcher(events=recorder) as dispatcher:
        for name in ("a", "b", "c"):
            dispatcher.spawn(Leaf, path=f"/{name}")
        settle(dispatcher)

    assert ended == ["/c", "/b", "/a"]
    assert [event.reason for event in recorder.named("actor.stopped")] == ["shutdown"] * 3
    assert [event.abandoned for event in recorder.named("dispatcher.stopped")] == [0]
    assert dispatcher.stop() is True  # again


def test_after_a_stop_asks_fail_tells_are_counted_and_spawns_raise() -> None:
    errors: list[SystemDown] = []
    with running_dispatcher() as dispatcher:
        echo, cell = dispatcher.spawn(Echo), dispatcher.new_cell("/c", "echo")
        waiting = cell.ref.ask(1, block=False)
        dispatcher.on_death(errors.append)
    dispatcher.on_death(errors.append)

    assert [type(error) for error in errors] == [SystemStopped, SystemStopped]
    for ref in (echo, cell.ref):
        with pytest.raises(SystemStopped):
            ref.ask(1)
        ref.tell(1)
        ref.tell_control(1)
        ref.kill()
        assert not ref.is_alive()
    with pytest.raises((SystemStopped, ActorDead)):
        waiting.get(timeout=10)
    with pytest.raises(SystemStopped):
        dispatcher.spawn(Echo)
    with pytest.raises(SystemStopped):
        dispatcher.spawn(Echo, cell=cell)
    with pytest.raises(SystemStopped):
        dispatcher.new_cell("/d", "echo")
    assert dispatcher.call(int) is False
    assert dispatcher.statistics().dead_letters == {"dead": 4}


def test_a_dispatcher_that_never_started_can_be_stopped() -> None:
    dispatcher = Dispatcher()
    answer = dispatcher.spawn(Echo).ask(1, block=False)
    errors: list[SystemDown] = []
    dispatcher.on_death(errors.append)

    assert dispatcher.stop() is True

    with pytest.raises(SystemStopped):
        answer.get(timeout=10)
    assert len(errors) == 1


def test_stop_on_its_own_thread_raises(dispatcher: Dispatcher) -> None:
    outcome: Future[Any] = Future()

    def stop() -> None:
        try:
            dispatcher.stop()
        except WouldDeadlock:
            outcome.set("raised")

    dispatcher.call(stop)

    assert outcome.get(timeout=10) == "raised"


DEATHS = {
    "SystemExit in a callback": lambda loop: loop.call_soon_threadsafe(_raise_system_exit),
    "the loop stopped by somebody": lambda loop: loop.call_soon_threadsafe(loop.stop),
}


def _raise_system_exit() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("how", DEATHS)
def test_a_death_of_the_thread_is_told_to_all(how: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    dispatcher = Dispatcher(name="doomed")
    dispatcher.start()
    died: Future[SystemDown] = Future()
    dispatcher.on_death(lambda error: 1 // 0)
    dispatcher.on_death(died.set)
    echo, cell = dispatcher.spawn(Echo), dispatcher.new_cell("/c", "echo")
    waiting = cell.ref.ask(1, block=False)

    DEATHS[how](dispatcher.loop)

    error = died.get(timeout=10)
    assert type(error) is SystemDown
    assert "doomed" in str(error)
    with pytest.raises((SystemDown, ActorDead)):
        waiting.get(timeout=10)
    with pytest.raises(SystemDown):
        echo.ask(1, timeout=10)
    echo.tell(1)
    with pytest.raises(SystemDown):
        dispatcher.spawn(Echo)
    assert not dispatcher.is_running
    assert dispatcher.stop() is True


def test_a_stop_gives_up_on_a_handler_that_does_not_come_back(recorder: Recorder) -> None:
    dispatcher = Dispatcher(events=recorder)
    dispatcher.start()
    died: Future[SystemDown] = Future()
    dispatcher.on_death(died.set)
    began, gate = threading.Event(), threading.Event()
    sleepy, idle = dispatcher.spawn(Sleepy), dispatcher.spawn(Echo)
    settle(dispatcher)
    stuck, queued = sleepy.ask((began, gate), block=False), sleepy.ask((began, gate), block=False)
    assert began.wait(10)

    assert dispatcher.stop(timeout_s=0.05) is False

    assert isinstance(died.get(timeout=10), SystemStopped)
    for answer in (stuck, queued, idle.ask(1, block=False)):
        with pytest.raises((ActorDead, SystemStopped)):
            answer.get(timeout=10)
    assert [event.abandoned for event in recorder.named("dispatcher.stopped")] == [2]
    gate.set()
    assert dispatcher.stop(timeout_s=10) is True


def test_a_sink_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class BadSink:
        def wants(self, name: str) -> bool:
            return True

        def emit(self, event: Any) -> None:
            raise OSError("disk full")

    with running_dispatcher(events=BadSink()) as dispatcher:
        assert dispatcher.spawn(Echo).ask(1) == 1
    assert "disk full" in caplog.text


def test_events_that_nobody_wants_are_not_built() -> None:
    asked: list[str] = []

    class Picky:
        def wants(self, name: str) -> bool:
            asked.append(name)
            return False

        def emit(self, event: Any) -> None:
            raise AssertionError("not wanted")

    with running_dispatcher(events=Picky()) as dispatcher:
        dispatcher.spawn(Echo).stop()
    assert {"dispatcher.started", "actor.started", "actor.stopped", "dispatcher.stopped"} <= set(asked)


def test_a_dispatcher_without_uvloop_runs_on_asyncios_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)
    with running_dispatcher() as dispatcher:
        assert isinstance(dispatcher.loop, asyncio.SelectorEventLoop)
        assert dispatcher.spawn(Echo).ask(1) == 1


def test_wait_idle_gives_up_when_it_is_never_idle(dispatcher: Dispatcher) -> None:
    class Restless(LoopActor):
        @receives(int)
        def on_int(self, number: int) -> None:
            self.ref.tell(number + 1)

    restless = dispatcher.spawn(Restless)
    restless.tell(1)
    began_s = time.monotonic()

    with pytest.raises(TimeoutError, match="not idle within"):
        dispatcher.wait_idle(within_s=0.05)

    assert time.monotonic() - began_s < 5
    restless.kill()
