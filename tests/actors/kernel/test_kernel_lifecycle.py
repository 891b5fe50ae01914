"""Birth, end and killing."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import Probe, Recorder, running_dispatcher, settle
from greenroom.messages.signals import Down

from diary import Diary, Parent

# -- birth ----------------------------------------------------------------------------------------


def test_an_actor_is_made_and_started_on_the_dispatcher_thread(dispatcher: Dispatcher) -> None:
    class Home(LoopActor):
        def __init__(self) -> None:
            self.made = (threading.get_ident(), self.path, self.incarnation)

        def on_start(self) -> None:
            self.started = threading.get_ident()

        @receives(str)
        def on_str(self, _: str) -> Any:
            return self.made, self.started, self.dispatcher, self.ref

    ref = dispatcher.spawn(Home, path="/home")

    made, started, home, itself = ref.ask("where?")
    assert made == (started, "/home", 1)
    assert started != threading.get_ident()
    assert (home, itself) == (dispatcher, ref)


@pytest.mark.parametrize("where", ["constructor", "on_start"])
@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_a_start_that_fails_is_reported_to_watchers_and_parent(
    dispatcher: Dispatcher, probe: Probe, recorder: Recorder, where: str, kind: type[BaseException]
) -> None:
    class Stillborn(LoopActor):
        def __init__(self) -> None:
            if where == "constructor":
                raise kind("no")

        def on_start(self) -> None:
            raise kind("no")

    class Mother(LoopActor):
        def on_start(self) -> None:
            self.spawn(Stillborn, name="child")

        @receives(Down)
        def on_down(self, down: Down) -> None:
            probe.ref.tell(down)

    dispatcher.spawn(Mother)
    assert probe.expect(Down).reason == "failed"

    ref = dispatcher.spawn(Stillborn, path="/still")
    asked = ref.ask("anything", block=False)
    probe.watch(ref)
    down = probe.expect_down(ref)
    assert isinstance(down.error, kind)
    with pytest.raises(ActorDead):
        asked.get(timeout=10)
    assert {event.via for event in recorder.named("actor.failed")} == {"on_start"}


def test_what_runs_no_loop_actor_is_refused(dispatcher: Dispatcher) -> None:
    with pytest.raises(TypeError, match="subclasses of LoopActor"):
        dispatcher.spawn(dict)  # type: ignore[type-var]
    with pytest.raises(RuntimeError, match="needs a dispatcher"):
        LoopActor()


def test_pykkas_start_makes_the_actor_in_the_callers_thread(dispatcher: Dispatcher) -> None:
    class Old(Diary):
        home = dispatcher

    book: list[Any] = []
    assert dispatcher.spawn(Diary, [], "spawned").proxy().name.get() == "spawned"
    ref = Old.start(book, "old")

    assert ref.ask(1) == 1
    assert ref.proxy().name.get() == "old"
    assert book[:2] == [("made", "old"), ("start", "old")]
    with pytest.raises(TypeError):
        Old.start()


# -- end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "reason", "hook"),
    [
        ("normal", "normal", [("stop", "diary")]),
        ("shutdown", "shutdown", [("stop", "diary")]),
        ("killed", "killed", []),
        ("failed", "failed", [("failure", "diary")]),
        (ValueError("raised"), "failed", [("failure", "diary")]),
    ],
)
def test_an_end_has_its_reason_and_its_hook(
    dispatcher: Dispatcher, probe: Probe, recorder: Recorder, how: Any, reason: str, hook: list[Any]
) -> None:
    book: list[Any] = []
    ref = dispatcher.spawn(Diary, book)
    probe.watch(ref)
    ref.tell(how)
    ref.tell(5)

    down = probe.expect_down(ref)

    assert (down.reason, down.incarnation) == (reason, 1)
    assert (down.error is not None) is (reason == "failed")
    assert book[2:] == hook
    settle(dispatcher)
    [stopped] = [event for event in recorder.named("actor.stopped") if event.actor == "/diary"]
    assert (stopped.reason, stopped.messages, stopped.mailbox_left) == (reason, 1, 1)


def test_exit_answers_the_present_ask_first(dispatcher: Dispatcher) -> None:
    class Leaving(LoopActor):
        @receives(int)
        def on_int(self, number: int) -> int:
            self.exit()
            return number

    leaving = dispatcher.spawn(Leaving)
    answers = [leaving.ask(n, block=False) for n in (1, 2)]

    assert answers[0].get(timeout=10) == 1
    with pytest.raises(ActorDead):
        answers[1].get(timeout=10)


def test_the_first_exit_of_a_handler_counts(dispatcher: Dispatcher, probe: Probe) -> None:
    class Undecided(LoopActor):
        @receives(int)
        def on_int(self, _: int) -> None:
            self.exit("shutdown")
            self.exit("failed")

    ref = dispatcher.spawn(Undecided)
    probe.watch(ref)
    ref.tell(1)

    assert probe.expect_down(ref).reason == "shutdown"


def test_the_remains_of_an_actor_start_nothing(dispatcher: Dispatcher) -> None:
    ran: list[str] = []

    async def work() -> None:
        ran.append("task")

    def call_on_remains(actor: Any) -> None:
        actor.run(work(), "late")
        actor.timer(0, "late")
        with pytest.raises(ActorDead, match="spawns no more"):
            actor.spawn(Diary, ran)
        ran.append("checked")

    ref = dispatcher.spawn(Diary, [])
    ref.ask(1)
    actor = ref.find_actor()
    ref.stop()
    dispatcher.call(call_on_remains, actor)
    settle(dispatcher)

    assert ran == ["checked"]
    assert (dispatcher.statistics().tasks, dispatcher.statistics().timers) == (0, 0)


def test_a_failing_on_stop_is_that_actors_failure(dispatcher: Dispatcher, probe: Probe) -> None:
    class Bad(LoopActor):
        def on_stop(self) -> None:
            raise KeyboardInterrupt("in on_stop")

    ref = dispatcher.spawn(Bad)
    probe.watch(ref)

    assert ref.stop() is True
    assert probe.expect_down(ref).reason == "failed"


def test_a_failing_on_failure_does_not_hide_the_first_failure(dispatcher: Dispatcher, probe: Probe) -> None:
    class Bad(Diary):
        def on_failure(self, kind: Any, error: Any, traceback: Any) -> None:
            raise SystemExit("in on_failure")

    ref = dispatcher.spawn(Bad, [])
    probe.watch(ref)
    error = ValueError("first")
    ref.tell(error)

    assert probe.expect_down(ref).error is error


def test_children_end_with_their_parent_the_youngest_first(dispatcher: Dispatcher, probe: Probe) -> None:
    book: list[Any] = []
    parent = dispatcher.spawn(Parent, book, "parent", path="/p")
    settle(dispatcher)
    assert dispatcher.live_paths() == ["/probe", "/p", "/p/first", "/p/second", "/p/third"]
    book.clear()

    parent.stop()

    assert book == [("stop", "third"), ("stop", "second"), ("stop", "first"), ("stop", "parent")]
    assert dispatcher.live_paths() == ["/probe"]


def test_children_end_with_shutdown_however_the_parent_ends(dispatcher: Dispatcher, probe: Probe) -> None:
    for how in (ValueError("broken"), "normal", "killed"):
        book: list[Any] = []
        parent = dispatcher.spawn(Parent, book, "parent", path="/p")
        probe.watch(parent)
        settle(dispatcher)
        parent.tell(how)
        probe.expect_down(parent)
        # When the parent's Down is out, the children are gone.
        assert dispatcher.live_paths() == ["/probe"]
        assert [entry for entry in book if entry[0] == "stop" and entry[1] != "parent"] == [
            ("stop", "third"),
            ("stop", "second"),
            ("stop", "first"),
        ]


def test_a_child_that_was_asked_for_but_has_not_begun_never_begins(dispatcher: Dispatcher) -> None:
    book: list[Any] = []

    class Hasty(LoopActor):
        def on_start(self) -> None:
            self.spawn(Diary, book)
            self.exit()

    dispatcher.spawn(Hasty)
    settle(dispatcher)

    assert book == []
    assert dispatcher.live_paths() == []


def test_the_parent_gets_a_down_and_lives_on_when_a_child_ends(dispatcher: Dispatcher) -> None:
    book: list[Any] = []
    dispatcher.spawn(Parent, book, "parent", path="/p")
    settle(dispatcher)
    book.clear()
    children = {cell.path: cell.ref for cell in dispatcher._cells}

    children["/p/second"].tell(ValueError("broken"))
    settle(dispatcher)

    assert book == [("failure", "second"), ("down", "/p/second", "failed")]
    assert dispatcher.live_paths() == ["/p", "/p/first", "/p/third"]


# -- kill -----------------------------------------------------------------------------------------


def test_a_kill_is_served_before_mail_and_runs_no_hook(dispatcher: Dispatcher, probe: Probe) -> None:
    book: list[Any] = []
    ref = dispatcher.spawn(Diary, book)
    probe.watch(ref)
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)
    answers = [ref.ask(n, block=False) for n in range(3)]
    ref.kill()
    gate.set()

    assert probe.expect_down(ref).reason == "killed"
    for answer in answers:
        with pytest.raises(ActorDead):
            answer.get(timeout=10)
    assert book == [("made", "diary"), ("start", "diary")]
    assert dispatcher.statistics().zombies == 0


def test_a_kill_with_shutdown_lets_it_say_goodbye(dispatcher: Dispatcher, probe: Probe) -> None:
    book: list[Any] = []
    ref = dispatcher.spawn(Diary, book)
    probe.watch(ref)
    settle(dispatcher)
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)
    ref.tell(1)
    ref.kill("shutdown")
    gate.set()

    assert probe.expect_down(ref).reason == "shutdown"
    assert book == [("made", "diary"), ("start", "diary"), ("stop", "diary")]


def test_a_kill_of_the_old_does_not_reach_the_new(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary")
    dispatcher.spawn(Diary, [], "one", cell=cell)
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)
    cell.ref.kill()
    dispatcher.spawn(Diary, [], "two", cell=cell)
    gate.set()

    assert cell.ref.ask(1) == 1
    assert cell.incarnation == 2


def test_a_kill_that_comes_up_late_does_not_reach_the_new(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary")

    class Second(Diary):
        def on_start(self) -> None:
            # As from a thread that was held up since the first one lived.
            cell._killing = ("killed", 1)
            cell.kick()

    dispatcher.spawn(Diary, [], "one", cell=cell)
    dispatcher.spawn(Second, [], "two", cell=cell)
    settle(dispatcher)

    assert cell.ref.ask(1) == 1


def test_killing_what_waits_or_is_dead_harms_nothing(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary")
    cell.ref.kill()
    settle(dispatcher)
    ref = dispatcher.spawn(Diary, [], cell=cell)
    assert ref.ask(1) == 1
    ref.stop()
    ref.kill()
    settle(dispatcher)
    assert dispatcher.spawn(Diary, [], cell=cell).ask(2) == 2


class Stuck(LoopActor):
    def on_start(self) -> None:
        self.timer(3600, "never")
        self.spawn(Diary, [], name="child")

    @receives(tuple)
    def on_gate(self, events: Any) -> str:
        began, gate = events
        began.set()
        assert gate.wait(30)
        return "came back"


def test_a_handler_that_does_not_come_back_is_abandoned_as_a_zombie(recorder: Recorder) -> None:
    with (
        running_dispatcher(slow_handler_s=0.05, events=recorder) as stuck,
        running_dispatcher() as elsewhere,
    ):
        probe = Probe(elsewhere)
        gate, cell = threading.Event(), stuck.new_cell("/stuck", "stuck")
        ref = stuck.spawn(Stuck, cell=cell)
        probe.watch(ref)
        began = threading.Event()
        running, queued = ref.ask((began, gate), block=False), ref.ask((began, gate), block=False)
        assert began.wait(10)
        ref.kill()

        # All of this while the thread is still in the handler:
        with pytest.raises(ActorDead, match="killed while handling"):
            running.get(timeout=10)
        assert probe.expect_down(ref).reason == "killed"
        assert not gate.is_set()
        assert stuck.statistics().zombies == 1
        [zombie] = recorder.named("actor.zombie")
        assert (zombie.actor, zombie.incarnation) == ("/stuck", 1)

        gate.set()
        settle(stuck)
        assert stuck.live_paths() == []
        assert stuck.statistics().timers == 0
        # In a held cell queued mail waits for the next incarnation.
        stuck.spawn(Stuck, cell=cell)
        assert queued.get(timeout=10) == "came back"


def test_a_short_handler_is_not_counted_as_a_zombie(dispatcher: Dispatcher, probe: Probe) -> None:
    began, gate = threading.Event(), threading.Event()
    ref = dispatcher.spawn(Stuck)
    probe.watch(ref)
    answer, left = ref.ask((began, gate), block=False), ref.ask((began, gate), block=False)
    assert began.wait(10)
    ref.kill()
    gate.set()

    # It came back in time: its answer counts, and it handled no further message.
    assert answer.get(timeout=10) == "came back"
    assert probe.expect_down(ref).reason == "killed"
    with pytest.raises(ActorDead):
        left.get(timeout=10)
    assert dispatcher.statistics().zombies == 0
