"""Ids travel in the envelope and are bound while a message is handled, and only then."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import structlog

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handlers import receives
from greenroom.actors.ids import current_ids, with_ids
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.testkit import ManualClock, Probe, Recorder, settle
from greenroom.messages.signals import Ids, Reply, TaskDone

IDS = Ids(request_id="r1", stream_id="s1", trace="t1")
OTHER = Ids(request_id="r2")
LEAKY: ContextVar[str] = ContextVar("leaky", default="clean")


class Telling(LoopActor):
    """Tells the probe under which ids it handles what."""

    def __init__(self, report_to: Any) -> None:
        self._report_to = report_to

    def _note(self, what: str) -> None:
        bound = structlog.contextvars.get_contextvars()
        self._report_to.tell((what, current_ids.get(), bound))

    @receives(str)
    def on_str(self, what: str) -> None:
        self._note(what)
        if what == "pass on":
            self.ref.tell("inherited")
            self.ref.tell("given", ids=OTHER)
            self.timer(1, "timer")
            self.ask(self.ref, 1, timeout_s=5)
            self.run(self._work())
            self.spawn(Telling, self._report_to).tell("to a child")

    @receives(int)
    def on_int(self, _: int) -> None: ...

    @receives(Reply, TaskDone)
    def on_done(self, done: Any) -> None:
        self._note(type(done).__name__)

    async def _work(self) -> None:
        self._note("in the task")


def expected(what: str, ids: Ids | None) -> tuple[Any, ...]:
    fields = (
        {} if ids is None else {"request_id": ids.request_id, "stream_id": ids.stream_id, "trace": ids.trace}
    )
    return what, ids, {key: value for key, value in fields.items() if value is not None}


def test_ids_are_bound_for_their_message_alone(dispatcher: Dispatcher) -> None:
    probe = Probe(dispatcher)
    telling = dispatcher.spawn(Telling, probe.ref)
    telling.tell("a")
    telling.tell("b", ids=IDS)
    telling.tell("c", ids=OTHER)
    telling.tell("d")
    with with_ids(IDS):
        telling.tell_control("e")
        telling.admit("f")
    telling.tell("g")
    settle(dispatcher)

    notes = sorted(probe.drain(), key=lambda note: note[0])
    assert notes == [
        expected(what, ids)
        for what, ids in zip("abcdefg", [None, IDS, OTHER, None, IDS, IDS, None], strict=True)
    ]


def test_what_a_handler_sends_and_starts_inherits_its_ids(timed: Dispatcher, clock: ManualClock) -> None:
    probe = Probe(timed)
    timed.spawn(Telling, probe.ref).tell("pass on", ids=IDS)
    clock.advance(2)

    notes = {note[0]: note for note in probe.drain()}
    names = ["pass on", "inherited", "timer", "Reply", "in the task", "TaskDone", "to a child"]
    assert notes == {
        **{name: expected(name, IDS) for name in names},
        "given": expected("given", OTHER),
    }


def test_events_of_an_actor_carry_the_ids_of_its_message(dispatcher: Dispatcher, recorder: Recorder) -> None:
    class Failing(LoopActor):
        @receives(str)
        def on_str(self, _: str) -> None:
            raise ValueError

    with with_ids(IDS):
        dispatcher.spawn(Failing).tell("fail")
    settle(dispatcher)

    for name in ("actor.started", "actor.failed", "actor.stopped"):
        [event] = recorder.named(name)
        assert (event.request_id, event.stream_id) == ("r1", "s1"), name


def test_what_a_handler_binds_reaches_no_other_turn(dispatcher: Dispatcher, probe: Probe) -> None:
    class Leaking(LoopActor):
        @receives(str)
        def on_str(self, what: str) -> None:
            probe.ref.tell((LEAKY.get(), structlog.contextvars.get_contextvars()))
            LEAKY.set(what)
            structlog.contextvars.bind_contextvars(secret=what)

    first, second = dispatcher.spawn(Leaking), dispatcher.spawn(Leaking)
    first.tell("of the first")
    settle(dispatcher)
    second.tell("of the second")
    settle(dispatcher)
    dispatcher.call(lambda: probe.ref.tell((LEAKY.get(), structlog.contextvars.get_contextvars())))
    settle(dispatcher)

    assert probe.drain() == [("clean", {})] * 3


def test_the_senders_own_context_does_not_reach_the_actor(dispatcher: Dispatcher, probe: Probe) -> None:
    class Reading(LoopActor):
        @receives(str)
        def on_str(self, _: str) -> None:
            probe.ref.tell(LEAKY.get())

    token = LEAKY.set("of the host")
    try:
        dispatcher.spawn(Reading).tell("read")
    finally:
        LEAKY.reset(token)

    assert probe.expect(str) == "clean"
