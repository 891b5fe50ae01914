"""A request over its cut attempts: real actors, a fake wire, a manual clock."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from greenroom.actors.job import Job
from greenroom.messages.breaker import Place
from greenroom.messages.commands import Granted, Reserve, Settle
from greenroom.messages.contracts import Target
from greenroom.messages.deltas import StreamReset, StreamSeam
from greenroom.messages.failures import ConnectionFailed, StreamError
from greenroom.messages.options import StreamingOptions
from greenroom.messages.retry_state import Capabilities
from greenroom.messages.route_plan import HopRule, Plan
from greenroom.messages.routes import FALL_BACK_ON
from greenroom.messages.views import BreakerView, RetryBudgetView, Settled

from request_path import PATIENT, Rig, Started, error_of

RESETS = PATIENT.replace(on_cut="reset")
PREFIX = Capabilities(prefix_continuation=True)


def able(capabilities: Capabilities) -> Callable[[Started], None]:
    def before(started: Started) -> None:
        started.job.capabilities = lambda target: capabilities

    return before


def story(started: Started) -> list[tuple[str, str]]:
    return [(attempt.mode, attempt.decision) for attempt in started.channel.ends[0].attempts]


def types(started: Started) -> list[str]:
    return [delta.type for delta in started.stream]


def test_the_turn_starts_again_behind_a_reset_where_that_is_allowed(rig: Rig) -> None:
    started, wire = rig.open(RESETS)
    wire.head().send("t Hel", "u 3").cut()
    rig.advance(1)
    rig.wire.head().send("t Good", "t bye", "u 5", "done").end()
    completion = started.stream.result(timeout=0)
    assert completion.text == "Goodbye"
    assert types(started) == ["text", "usage", "reset", "text", "text", "usage"]
    assert [delta.seq for delta in started.job.gate.journal][-1] == 6
    assert story(started) == [("fresh", "reset"), ("reset", "completed")]
    assert (completion.usage.output_tokens, completion.usage.source) == (8, "partial")
    resumed = rig.log.of("stream.resumed_from")
    assert [(event.mode, event.seq, event.epoch) for event in resumed] == [("reset", 2, 2)]


def test_the_mark_comes_with_the_first_content_and_not_before(rig: Rig) -> None:
    started, wire = rig.open(RESETS)
    wire.head().send("t Hel").cut()
    rig.advance(1)
    rig.wire.head().send("u 1", "raw x")
    assert started.job.gate.checkpoint.seq == 1
    rig.wire.send("t A")
    assert started.job.gate.checkpoint.seq == 5
    reset = next(delta for delta in started.job.gate.journal if isinstance(delta, StreamReset))
    assert (reset.seq, reset.epoch, reset.provider, reset.model) == (2, 2, "fake", "m")
    rig.wire.send("done").end()
    assert started.stream.result(timeout=0).text == "A"


def test_an_attempt_that_says_nothing_new_is_replaced_unseen(rig: Rig) -> None:
    started, wire = rig.open(RESETS)
    wire.head().send("t Hel").cut()
    rig.advance(1)
    rig.wire.head(503).end()
    rig.advance(2)
    rig.wire.head().send("t A", "done").end()
    assert started.stream.result(timeout=0).text == "A"
    assert types(started) == ["text", "reset", "text"]
    assert story(started) == [("fresh", "reset"), ("reset", "retry"), ("reset", "completed")]
    reset = next(delta for delta in started.job.gate.journal if isinstance(delta, StreamReset))
    assert reset.epoch == 3


def test_an_empty_answer_behind_a_reset_still_takes_the_old_one_back(rig: Rig) -> None:
    started, wire = rig.open(RESETS)
    wire.head().send("t Hel").cut()
    rig.advance(1)
    rig.wire.head().send("u 0", "done").end()
    assert started.stream.result(timeout=0).text == ""
    assert types(started) == ["text", "reset", "usage"]


def test_a_prefix_is_gone_on_with_behind_a_seam(rig: Rig) -> None:
    started, wire = rig.open(before=able(PREFIX))
    wire.head().send("t Hel").cut()
    rig.advance(1)
    rig.wire.head().send("t lo", "done").end()
    assert started.stream.result(timeout=0).text == "Hello"
    seam = list(started.stream)[1]
    assert isinstance(seam, StreamSeam)
    assert (seam.mode, seam.epoch, seam.seq, seam.dropped) == ("prefix", 2, 2, "none")
    assert "reset" in seam.reason
    assert story(started) == [("fresh", "resume"), ("prefix", "completed")]


def test_an_open_call_is_taken_back_and_asked_for_again(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(redo_open_block=True))
    wire.head().send("t Let me see.", "c look").cut()
    rig.advance(1)
    rig.wire.head().send("c find", "done").end()
    completion = started.stream.result(timeout=0)
    assert [call.name for call in completion.tool_calls] == ["find"]
    assert completion.text == "Let me see."
    asked = rig.codec.calls[-1].request.messages
    assert [(message.role, message.text) for message in asked[:2]] == [
        ("user", "hi"),
        ("assistant", "Let me see."),
    ]
    assert asked[2].role == "user"
    assert rig.codec.calls[0].request.messages == asked[:1]


def test_every_attempt_patches_the_original_request(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(redo_open_block=True))
    wire.head().send("t One.", "c f").cut()
    rig.advance(1)
    rig.wire.head().send("t Two.", "c f").cut()
    rig.advance(2)
    rig.wire.head().send("done").end()
    assert started.stream.result(timeout=0).text == "One.Two."
    asked = rig.codec.calls[-1].request.messages
    assert [message.role for message in asked] == ["user", "assistant", "user"]
    assert asked[1].text == "One.Two."


def test_the_counts_bound_all_rungs_together(rig: Rig) -> None:
    started, wire = rig.open(RESETS.replace(max_reconnect_attempts=2))
    for _ in range(3):
        rig.wire.head().send("t Hel").cut()
        rig.advance(30)
    assert len(rig.transport.wires) == 3
    error = error_of(started)
    assert isinstance(error, ConnectionFailed)
    assert error.partial is not None
    assert error.partial.text == "Hel"
    assert [decision for _, decision in story(started)] == ["reset", "reset", "give_up"]
    assert wire.over


def test_what_may_not_act_twice_fails_with_what_was_delivered(rig: Rig) -> None:
    def stateful(started: Started) -> None:
        request = started.job.request.replace(extra_body={"conversation": "conv_1"})
        started.job.hop = replace(started.job.hop, request=request)

    started, wire = rig.open(RESETS, before=stateful)
    wire.head().send("t Hel").cut()
    rig.advance(30)
    assert len(rig.transport.wires) == 1
    assert error_of(started).partial is not None
    assert "conversation" in started.channel.ends[0].attempts[0].reason


def test_the_bound_of_the_output_is_one_answers(rig: Rig) -> None:
    started, wire = rig.open(RESETS.replace(max_output_bytes=1024, max_event_bytes=1024))
    wire.head().send("t " + "a" * 700).cut()
    rig.advance(1)
    rig.wire.head().send("t " + "b" * 700, "done").end()
    assert started.stream.result(timeout=0).text == "b" * 700


def test_a_cancel_between_attempts_ends_it(rig: Rig) -> None:
    started, wire = rig.open(RESETS)
    wire.head().send("t Hel").cut()
    started.stream.cancel()
    rig.settle()
    assert started.channel.ends[0].outcome == "cancelled"
    assert started.channel.ends[0].text == "Hel"
    rig.advance(30)
    assert len(rig.transport.wires) == 1


# ---- beside a breaker


class Beside:
    """In the place of the breakers' table: grants all, and says what the test wants."""

    def __init__(self, says: Settled) -> None:
        self.says = says
        self.told: list[tuple[str, Any]] = []

    def __call__(self, started: Started) -> None:
        job: Any = started.job
        job.breakers = self

    def reserve(self, asked: Reserve, now_s: float) -> Granted:
        return Granted()

    def settle(self, report: Settle, now_s: float) -> Settled:
        self.told.append(("settle", (report.epoch, report.sent, report.error_class)))
        return self.says

    def spend_retry(self, place: Place, now_s: float) -> None:
        self.told.append(("retry", place.model))

    def view(self, place: Place, now_s: float) -> BreakerView:
        return BreakerView("open", 9.0) if place.model == "m2" else BreakerView()


def test_the_breakers_view_and_budget_are_heeded(rig: Rig) -> None:
    beside = Beside(Settled(BreakerView("open", 7.0), RetryBudgetView(2.0)))
    started, wire = rig.open(before=beside)
    wire.head(503).end()
    rig.advance(6.9)
    assert len(rig.transport.wires) == 1
    rig.advance(0.2)
    rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert beside.told == [
        ("settle", (1, True, "overloaded")), ("retry", "m"), ("settle", (2, True, None)),
    ]  # fmt: skip


# ---- elsewhere


def routed(retries: int = 0) -> Callable[[Started], None]:
    """Its second hop is model m2 of provider `other`."""

    def before(started: Started) -> None:
        job = started.job
        there = replace(job.hop, target=Target("other", "lines", "m2"))
        rules = (HopRule("fake/m", frozenset(FALL_BACK_ON), retries=retries), HopRule("other/m2"))
        job.hops, job.plan = (job.hop, there), Plan("r", rules)

    return before


def test_a_route_is_followed_before_content_unseen(rig: Rig) -> None:
    started, wire = rig.open(before=routed())
    wire.head(401).end()
    rig.settle()
    rig.wire.head().send("t a", "done").end()
    completion = started.stream.result(timeout=0)
    assert (completion.provider, completion.model_asked) == ("other", "m2")
    assert types(started) == ["text"]
    assert [(a.provider, a.model, a.decision) for a in completion.attempts] == [
        ("fake", "m", "fall_back"), ("other", "m2", "completed"),
    ]  # fmt: skip
    (event,) = rig.log.of("stream.failover")
    assert (event.from_provider, event.provider, event.error_class) == ("fake", "other", "credential")


def test_a_hop_whose_breaker_is_open_is_passed_over(rig: Rig) -> None:
    beside, route = Beside(Settled()), routed()

    def before(started: Started) -> None:
        route(started)
        beside(started)

    started, wire = rig.open(PATIENT.replace(max_reconnect_attempts=0), before=before)
    wire.head(401).end()
    error = error_of(started)
    assert "route r has no further hop; other/m2 is not asked: its breaker is open for 9 s" in str(error)
    assert len(rig.transport.wires) == 1


def test_a_route_is_followed_after_content_behind_a_reset(rig: Rig) -> None:
    started, wire = rig.open(RESETS.replace(max_reconnect_attempts=1), before=routed(retries=1))
    wire.head().send("t Hel").cut()
    rig.advance(1)
    rig.wire.head().send("t Hal").cut()
    rig.settle()
    rig.wire.head().send("t Hi", "done").end()
    assert started.stream.result(timeout=0).text == "Hi"
    resets = [delta for delta in started.stream if isinstance(delta, StreamReset)]
    assert [(reset.provider, reset.model) for reset in resets] == [("fake", "m"), ("other", "m2")]


def test_without_a_reset_a_route_is_not_followed_after_content(rig: Rig) -> None:
    started, wire = rig.open(before=routed())
    wire.head().send("t Hel").cut()
    rig.advance(30)
    with pytest.raises(StreamError):
        started.stream.result(timeout=0)
    assert len(rig.transport.wires) == 1


def test_hops_count_their_own_retries(rig: Rig) -> None:
    options: StreamingOptions = PATIENT.replace(max_reconnect_attempts=1)
    started, wire = rig.open(options, before=routed(retries=1))
    wire.head(503).end()
    rig.advance(1)
    rig.wire.head(503).end()
    rig.settle()
    rig.wire.head(503).end()
    rig.advance(1)
    rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"
    decisions = [decision for _, decision in story(started)]
    assert decisions == ["retry", "fall_back", "retry", "completed"]


def test_a_job_goes_to_its_hop_with_all_that_belongs_to_it(rig: Rig) -> None:
    started, wire = rig.open()
    job: Job = started.job
    hop = replace(job.hop, target=replace(job.target, model="x"), headers=(("a", "b"),))
    job.hops = (job.hop, hop)
    job.go_to(1)
    call = job.call(1, None)
    assert (job.target.model, call.target.model, call.headers) == ("x", "x", (("a", "b"),))
    wire.head().send("t a", "done").end()
