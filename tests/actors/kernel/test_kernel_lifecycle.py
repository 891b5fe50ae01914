"""Birth, end, restart in one cell, and killing."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import ActorDead
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import ManualClock, Probe, Recorder, running_dispatcher, settle
from greenroom.messages.signals import AskFailed, Down, Reply, TaskDone


class Diary(LoopActor):
    """Writes into a list that the test holds, in the order things happen."""

    def __init__(self, book: list[Any], name: str = "diary") -> None:
        self.book = book
        self.name = name
        book.append(("made", name))

    def on_start(self) -> None:
        self.book.append(("start", self.name))

    def on_stop(self) -> None:
        self.book.append(("stop", self.name))

    def on_failure(self, kind: Any, error: Any, traceback: Any) -> None:
        self.book.append(("failure", self.name))

    @receives(int)
    def on_int(self, number: int) -> int:
        self.book.append((number, self.name))
        return number

    @receives(str)
    def on_exit(self, reason: Any) -> None:
        self.exit(reason, ValueError("said so") if reason == "failed" else None)

    @receives(Exception)
    def on_error(self, error: Exception) -> None:
        raise error


class Parent(Diary):
    def on_start(self) -> None:
        super().on_start()
        for name in ("first", "second", "third"):
            self.spawn(Diary, self.book, name, name=name)

    @receives(Down)
    def on_down(self, down: Down) -> None:
        self.book.append(("down", down.ref.path, down.reason))


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


# -- one cell, several incarnations -------------------------------------------------------------------


def test_mail_and_control_wait_for_the_first_incarnation(dispatcher: Dispatcher) -> None:
    class Late(Diary):
        @receives(float)
        def on_float(self, cancel: float) -> None:
            self.book.append((cancel, self.name))

    book: list[Any] = []
    cell = dispatcher.new_cell("/late", "late")
    cell.ref.tell(1)
    answer = cell.ref.ask(2, block=False)
    cell.ref.tell_control(0.5)
    settle(dispatcher)
    assert cell.ref.is_alive()
    assert not answer.done()

    ref = dispatcher.spawn(Late, book, cell=cell)

    assert answer.get(timeout=10) == 2
    assert book[2:] == [(0.5, "diary"), (1, "diary"), (2, "diary")]
    assert (ref, cell.incarnation) == (cell.ref, 1)


def test_a_new_incarnation_gets_the_mail_the_old_one_left(dispatcher: Dispatcher, probe: Probe) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/c", "diary")
    ref = dispatcher.spawn(Diary, book, "one", cell=cell)
    probe.watch(ref)
    ref.tell(ValueError("crash"))
    ref.tell(1)
    answer = ref.ask(2, block=False)
    assert probe.expect_down(ref).incarnation == 1
    assert not ref.is_alive()
    book.clear()

    again = dispatcher.spawn(Diary, book, "two", cell=cell)

    # The message that it died of is not delivered again.
    assert answer.get(timeout=10) == 2
    assert book == [("made", "two"), ("start", "two"), (1, "two"), (2, "two")]
    assert (again, cell.incarnation, ref.is_alive()) == (ref, 2, True)


def test_mail_between_incarnations_is_bounded(dispatcher: Dispatcher, recorder: Recorder) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/c", "diary", mailbox_bound=3)
    ref = dispatcher.spawn(Diary, book, cell=cell)
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)  # so that all of this stands in the mailbox at the time of the crash
    ref.tell(ValueError("crash"))
    for n in range(4):
        ref.tell(n)
    gate.set()
    settle(dispatcher)
    ref.tell(99)
    overflowed = ref.ask(100, block=False)

    with pytest.raises(ActorDead, match="no room"):
        overflowed.get(timeout=10)
    assert dispatcher.statistics().dead_letters == {"full": 2}
    book.clear()
    dispatcher.spawn(Diary, book, "two", cell=cell).ask(7)
    assert [entry[0] for entry in book[2:]] == [0, 1, 2, 7]


def test_admissions_that_overflow_between_incarnations_leave_the_count(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary", mailbox_bound=2)
    ref = dispatcher.spawn(Diary, [], cell=cell)
    settle(dispatcher)
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)
    ref.tell(ValueError("crash"))
    for n in (1, 2):
        ref.tell(n)
    assert [ref.admit(n) for n in (3, 4, 5)] == [True, True, False]
    gate.set()
    settle(dispatcher)
    dispatcher.spawn(Diary, [], "two", cell=cell).ask(6)

    assert [ref.admit(n) for n in (7, 8)] == [True, True]


def test_children_are_gone_before_the_next_incarnation_takes_mail(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/p", "parent")
    ref = dispatcher.spawn(Parent, book, "one", cell=cell)
    settle(dispatcher)
    book.clear()

    dispatcher.spawn(Parent, book, "two", cell=cell)
    ref.tell(1)
    settle(dispatcher)

    gone = [("stop", "third"), ("stop", "second"), ("stop", "first")]
    assert book[:6] == [*gone, ("made", "two"), ("start", "two"), (1, "two")]


class Claimant(Diary):
    """Asks for everything that can come back."""

    def __init__(self, book: list[Any], name: str, began: Any = None, gate: Any = None) -> None:
        super().__init__(book, name)
        self.began, self.gate = began, gate

    def on_start(self) -> None:
        if self.incarnation == 1:
            self.began.set()
            assert self.gate.wait(30)
            self.timer(1, 11)
            self.timer(1, 12, control=True)
            self.ask(self.ref, 13, timeout_s=5, tag="ask")
            self.run(self._work(), "task")

    async def _work(self) -> int:
        self.book.append("task ran")
        return 14

    @receives(Reply, AskFailed, TaskDone, Down)
    def on_answer(self, answer: Any) -> None:
        self.book.append(answer)


def test_a_new_incarnation_fences_the_one_before(timed: Dispatcher, clock: ManualClock) -> None:
    book: list[Any] = []
    cell = timed.new_cell("/c", "claimant")
    began, gate = threading.Event(), threading.Event()
    timed.spawn(Claimant, book, "one", began, gate, cell=cell)
    assert began.wait(10)
    cell.ref.tell(1)

    timed.spawn(Claimant, book, "two", cell=cell)
    gate.set()
    clock.advance(10)

    # What was told to the cell is for the new one, what the old one had asked for is for nobody. (13 is its
    # question: that was ordinary mail.)
    book = [entry for entry in book if entry != "task ran"]  # that may be, but nothing comes of it
    assert book == [("made", "one"), ("made", "two"), (1, "two"), (13, "two")]
    assert (timed.statistics().timers, timed.statistics().tasks) == (0, 0)
    assert timed.statistics().dead_letters == {"stale_epoch": 1}  # the answer to 13


def test_an_incarnation_that_was_superseded_before_it_began_never_begins(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    book: list[Any] = []
    cell = dispatcher.new_cell("/c", "diary")
    gate = threading.Event()
    dispatcher.call(gate.wait, 30)
    dispatcher.spawn(Diary, book, "one", cell=cell)
    dispatcher.spawn(Diary, book, "two", cell=cell)
    gate.set()

    assert cell.ref.ask(1) == 1
    assert book == [("made", "two"), ("start", "two"), (1, "two")]


def test_each_incarnation_a_parent_starts_in_a_cell_has_its_own_down(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    cell = dispatcher.new_cell("/c", "diary")

    class Restarter(LoopActor):
        @receives(str)
        def on_start_one(self, name: str) -> None:
            self.spawn(Diary, [], name, cell=cell)

        @receives(Down)
        def on_down(self, down: Down) -> None:
            probe.ref.tell((down.incarnation, down.reason))

    restarter = dispatcher.spawn(Restarter)
    restarter.tell("one")
    settle(dispatcher)
    restarter.tell("two")  # while the first one lives
    settle(dispatcher)
    cell.ref.tell(ValueError("crash"))
    settle(dispatcher)
    restarter.tell("three")
    settle(dispatcher)
    assert probe.drain() == [(1, "killed"), (2, "failed")]

    restarter.stop()  # the newest one is still its child
    assert not cell.ref.is_alive()


def test_the_incarnation_that_superseded_a_child_is_a_child_too(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary")

    class Restarter(LoopActor):
        @receives(str)
        def on_start_one(self, name: str) -> None:
            self.spawn(Diary, [], name, cell=cell)

    restarter = dispatcher.spawn(Restarter)
    for name in ("one", "two"):
        restarter.tell(name)
        settle(dispatcher)
    restarter.stop()

    assert cell.incarnation == 2
    assert not cell.ref.is_alive()


def test_a_closed_cell_answers_what_waits_and_takes_no_further_incarnation(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    cell = dispatcher.new_cell("/c", "diary")
    waiting = cell.ref.ask(1, block=False)
    probe.watch(cell.ref)

    cell.close()

    assert probe.expect_down(cell.ref).reason == "shutdown"
    with pytest.raises(ActorDead):
        waiting.get(timeout=10)
    with pytest.raises(ActorDead, match="closed"):
        dispatcher.spawn(Diary, [], cell=cell)


def test_a_cell_closed_under_a_living_actor_closes_with_it(dispatcher: Dispatcher) -> None:
    cell = dispatcher.new_cell("/c", "diary")
    ref = dispatcher.spawn(Diary, [], cell=cell)
    cell.close()

    assert ref.ask(1) == 1
    ref.stop()
    with pytest.raises(ActorDead):
        dispatcher.spawn(Diary, [], cell=cell)


def test_the_cells_state_survives_a_crash(dispatcher: Dispatcher) -> None:
    class Keeper(LoopActor):
        def on_start(self) -> None:
            self.cell.state = self.cell.state or {"kept": 0}

        @receives(int)
        def on_int(self, number: int) -> int:
            self.cell.state["kept"] += number
            if number < 0:
                raise ValueError
            return int(self.cell.state["kept"])

    cell = dispatcher.new_cell("/keeper", "keeper")
    dispatcher.spawn(Keeper, cell=cell).tell(-1)
    settle(dispatcher)

    assert dispatcher.spawn(Keeper, cell=cell).ask(3) == 2


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
