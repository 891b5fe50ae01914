"""asyncio tasks belong to an actor: they report by message and die with it."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import Probe
from greenroom.messages.signals import TaskDone

Work = Callable[[], Coroutine[Any, Any, Any]]


class Worker(LoopActor):
    """Runs what it is told to run; takes no TaskDone."""

    @receives(tuple)
    def on_work(self, job: tuple[Any, Any]) -> None:
        self.run(job[0](), job[1])

    @receives(str)
    def on_str(self, _: str) -> str:
        return "alive"


class Reporting(Worker):
    def __init__(self, report_to: Any) -> None:
        self._report_to = report_to

    @receives(TaskDone)
    def on_done(self, done: TaskDone) -> None:
        self._report_to.tell(done)


async def give(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def fail(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


def test_a_task_reports_its_value_or_its_error(dispatcher: Dispatcher, probe: Probe) -> None:
    worker = dispatcher.spawn(Reporting, probe.ref)
    error = OSError("refused")
    worker.tell((lambda: give(5), "good"))
    assert probe.expect(TaskDone) == TaskDone("good", 5)
    worker.tell((lambda: fail(error), "bad"))
    assert probe.expect(TaskDone) == TaskDone("bad", None, error)
    worker.tell((lambda: fail(asyncio.CancelledError()), "cancelled"))
    assert isinstance(probe.expect(TaskDone).error, asyncio.CancelledError)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_a_task_that_raises_what_would_end_the_loop_ends_only_itself(
    dispatcher: Dispatcher, probe: Probe, kind: type[BaseException]
) -> None:
    worker = dispatcher.spawn(Reporting, probe.ref)
    worker.tell((lambda: fail(kind()), "exit"))

    error = probe.expect(TaskDone).error

    assert isinstance(error, RuntimeError)
    assert isinstance(error.__cause__, kind)
    assert worker.ask("how are you?") == "alive"


def test_an_error_of_a_task_that_nobody_takes_ends_the_actor(dispatcher: Dispatcher, probe: Probe) -> None:
    worker = dispatcher.spawn(Worker)
    probe.watch(worker)
    error = OSError("refused")
    worker.tell((lambda: give(5), "good"))
    worker.tell((lambda: fail(error), "bad"))

    down = probe.expect_down(worker)

    assert (down.reason, down.error) == ("failed", error)


def test_a_task_is_cancelled_when_its_actor_ends_and_reports_nothing(
    dispatcher: Dispatcher, probe: Probe
) -> None:
    ended: Future[str] = Future()
    running = threading.Event()

    async def long() -> None:
        try:
            running.set()
            await asyncio.sleep(3600)
        finally:
            ended.set("cancelled")

    worker = dispatcher.spawn(Reporting, probe.ref)
    worker.tell((long, "long"))
    assert running.wait(10)
    assert dispatcher.statistics().tasks == 1

    worker.kill()

    assert ended.get(timeout=10) == "cancelled"
    probe.expect_none()
    assert dispatcher.statistics().tasks == 0


def test_a_coroutine_awaits_an_ask_without_blocking_the_thread(dispatcher: Dispatcher, probe: Probe) -> None:
    target = dispatcher.spawn(Worker)

    async def ask() -> Any:
        return await target.ask("how are you?", block=False)

    dispatcher.spawn(Reporting, probe.ref).tell((ask, "asked"))

    assert probe.expect(TaskDone) == TaskDone("asked", "alive")


def test_a_task_that_will_not_be_cancelled_does_not_hold_up_the_end() -> None:
    running = threading.Event()

    async def stubborn() -> None:
        while True:
            try:
                running.set()
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    dispatcher = Dispatcher()
    dispatcher.start()
    dispatcher.spawn(Worker).tell((stubborn, "stubborn"))
    assert running.wait(10)

    assert dispatcher.stop(timeout_s=20)


def test_a_task_whose_actor_ends_before_it_begins_leaves_no_coroutine_unawaited(
    dispatcher: Dispatcher, probe: Probe, recwarn: pytest.WarningsRecorder
) -> None:
    class Hasty(LoopActor):
        @receives(str)
        def on_str(self, _: str) -> None:
            self.run(give(1))
            self.exit()

    hasty = dispatcher.spawn(Hasty)
    probe.watch(hasty)
    hasty.tell("go")
    probe.expect_down(hasty)
    dispatcher.wait_idle()
    gc.collect()
    assert [str(each.message) for each in recwarn] == []
