"""Watching: one Down a watch, in order, and none that is not wanted."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import Probe, running_dispatcher, settle
from greenroom.messages.signals import Down


class Target(LoopActor):
    @receives(tuple)
    def on_say(self, job: tuple[Any, Any]) -> None:
        to, message = job
        to.tell(message)
        self.exit()

    @receives(Exception)
    def on_error(self, error: Exception) -> None:
        raise error


def test_one_down_comes_after_the_targets_last_message(dispatcher: Dispatcher, probe: Probe) -> None:
    target = dispatcher.spawn(Target)
    probe.watch(target)
    target.tell((probe.ref, "last words"))

    assert probe.expect(str) == "last words"
    assert probe.expect_down(target) == Down(target, "normal", None, 1)
    probe.expect_none()


def test_watching_twice_is_watching_once(dispatcher: Dispatcher, probe: Probe) -> None:
    target = dispatcher.spawn(Target)
    probe.watch(target)
    probe.watch(target)
    target.stop()

    assert probe.expect_down(target) == Down(target, "normal", None, 1)
    probe.expect_none()


def test_watching_the_dead_gives_a_down_at_once(dispatcher: Dispatcher, probe: Probe) -> None:
    target = dispatcher.spawn(Target)
    error = ValueError("broken")
    target.tell(error)
    settle(dispatcher)

    for _ in range(2):
        probe.watch(target)
        assert probe.expect_down(target) == Down(target, "failed", error, 1)
    probe.expect_none()


def test_no_down_comes_after_unwatch_even_if_it_is_queued(dispatcher: Dispatcher) -> None:
    seen: list[Any] = []

    class Watcher(LoopActor):
        @receives(Down)
        def on_down(self, down: Down) -> None:
            seen.append(down)

    target, watcher = dispatcher.spawn(Target), dispatcher.spawn(Watcher)
    settle(dispatcher)
    watcher_cell: Any = watcher.cell

    def fire_then_unwatch() -> None:
        actor = watcher_cell.actor()
        actor.watch(target)
        target.cell.life.end("shutdown")  # type: ignore[attr-defined]
        assert len(watcher_cell.mail) == 1
        actor.unwatch(target)

    dispatcher.call(fire_then_unwatch)
    settle(dispatcher)

    assert seen == []
    assert dispatcher.statistics().dead_letters == {}


def test_a_watch_made_while_a_down_is_queued_is_a_new_watch(dispatcher: Dispatcher, probe: Probe) -> None:
    target, collector = dispatcher.spawn(Target), probe.ref
    settle(dispatcher)

    def watch_twice() -> None:
        actor: Any = collector.find_actor()
        actor.watch(target)
        target.cell.life.end("shutdown")  # type: ignore[attr-defined]
        actor.watch(target)

    dispatcher.call(watch_twice)
    settle(dispatcher)

    assert probe.drain() == [Down(target, "shutdown", None, 1)] * 2


def test_a_watch_through_restarts_ends_with_the_cell(dispatcher: Dispatcher, probe: Probe) -> None:
    cell = dispatcher.new_cell("/c", "target")
    dispatcher.spawn(Target, cell=cell)
    probe.watch(cell.ref, through_restarts=True)
    cell.ref.tell(ValueError("crash"))
    settle(dispatcher)
    dispatcher.spawn(Target, cell=cell)
    probe.expect_none()

    cell.close()
    cell.ref.stop()

    assert probe.expect_down(cell.ref).incarnation == 2
    probe.expect_none()


def test_a_plain_watch_ends_with_the_incarnation_and_can_be_renewed(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    cell = dispatcher.new_cell("/c", "target")
    for number in (1, 2):
        dispatcher.spawn(Target, cell=cell)
        probe.watch(cell.ref)
        cell.ref.tell(ValueError("crash"))
        assert probe.expect_down(cell.ref).incarnation == number
    probe.expect_none()


def test_actors_of_different_dispatchers_watch_each_other(probe: Probe) -> None:
    with running_dispatcher() as elsewhere:
        target, kept = elsewhere.spawn(Target), elsewhere.spawn(Target)
        probe.watch(target)
        probe.watch(kept)
        probe.unwatch(kept)
        settle(elsewhere)
        kept.stop()
        target.stop()
        assert probe.expect_down(target).reason == "normal"
        probe.expect_none()


def test_a_dead_watcher_gets_nothing_and_holds_nothing(dispatcher: Dispatcher, probe: Probe) -> None:
    class Watcher(LoopActor):
        def on_start(self) -> None:
            self.watch(target)
            self.exit()

    target: Any = dispatcher.spawn(Target)
    dispatcher.spawn(Watcher)
    settle(dispatcher)
    assert not target.cell.watchers
    target.stop()
    settle(dispatcher)

    assert dispatcher.statistics().dead_letters == {}


STEPS = st.lists(
    st.tuples(st.sampled_from(["watch", "unwatch", "stop", "kill", "crash", "spawn"]), st.integers(0, 1)),
    max_size=25,
)


def end(ref: Any, how: str) -> None:
    if how == "stop":
        ref.stop(block=False)
    elif how == "kill":
        ref.kill()
    else:
        ref.tell(ValueError())


@settings(max_examples=40)
@given(STEPS)
def test_there_is_one_down_for_each_watch(steps: list[tuple[str, int]]) -> None:
    """On two cells: each watch that is not taken back gets one Down, when its incarnation has ended."""
    with running_dispatcher() as dispatcher:
        probe = Probe(dispatcher)
        cells = [dispatcher.new_cell(f"/{n}", "target") for n in (0, 1)]
        watched, lives = [False, False], [False, False]
        expected: list[tuple[int, int]] = []

        def ends(which: int) -> None:
            if watched[which] and lives[which]:
                expected.append((which, cells[which].incarnation))
                watched[which] = False
            lives[which] = False

        for step, which in steps:
            cell = cells[which]
            if step == "watch":
                probe.watch(cell.ref)
                if cell.incarnation and not lives[which]:
                    expected.append((which, cell.incarnation))  # dead already: at once, each time
                else:
                    watched[which] = True
            elif step == "unwatch":
                probe.unwatch(cell.ref)
                watched[which] = False
            elif step == "spawn":
                ends(which)
                dispatcher.spawn(Target, cell=cell)
                lives[which] = True
            elif lives[which]:
                ends(which)
                end(cell.ref, step)
            settle(dispatcher)

        downs = [(int(down.ref.path[1:]), down.incarnation) for down in probe.drain()]
        assert downs == expected
