"""No end waits for somebody who may not come: the deadline and the shutdown while the end is being made."""

from typing import Any

import pykka
import pytest

from greenroom.actors.aggregator import Aggregator
from greenroom.actors.mailbox import bare
from greenroom.messages.commands import CancelAll, CountTokens, Finish, StartRequest
from greenroom.messages.failures import InternalError
from greenroom.supervision.request_ending import AGGREGATORS_MAX
from greenroom.supervision.requests import LOST_S, Requests

from request_path import PATIENT, Rig, Started, error_of

COUNTED = PATIENT.replace(aggregation="tiktoken", deadline_s=2.0)


class Inbox:
    def __init__(self) -> None:
        self.asked: list[Any] = []

    def put(self, envelope: Any) -> None:
        self.asked.append(envelope)

    def qsize(self) -> int:
        return len(self.asked)


class Mute(pykka.ActorRef[Any]):
    """A token counter that hangs for ever."""

    def __init__(self) -> None:
        self.actor_inbox = Inbox()  # type: ignore[assignment]

    def is_alive(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def aggregators_from_the_first_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else only a long answer has one."""
    monkeypatch.setattr("greenroom.actors.journal.COMPACT_EVERY", 1)


def counting(rig: Rig) -> tuple[Started, Any, Mute]:
    counter = Mute()

    def given(started: Started) -> None:
        started.job.token_counter = counter

    started = rig.begin(COUNTED, before=given)
    rig.settle()
    return started, rig.wire, counter


def test_a_deadline_does_not_wait_for_a_token_counter_that_hangs(rig: Rig) -> None:
    started, wire, counter = counting(rig)
    wire.head().send("t abcd", "done").end()
    assert [type(each.message) for each in counter.actor_inbox.asked] == [CountTokens]  # type: ignore[attr-defined]
    assert not started.stream.done
    rig.advance(2.0)
    completion = started.stream.result(timeout=0)
    assert (completion.text, completion.usage.source, completion.usage.output_tokens) == (
        "abcd",
        "estimated",
        1,
    )


def test_a_deadline_does_not_wait_for_an_aggregator_that_hangs(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Aggregator.handler_table, Finish, lambda *_: None)
    started, wire = rig.open(PATIENT.replace(deadline_s=2.0))
    rig.advance(1.5)
    wire.head().send("t a", "done").end()
    rig.advance(0.5)
    assert started.stream.result(timeout=0).text == "a"


def test_what_the_deadline_ends_is_not_kept_from_its_consumer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Aggregator.handler_table, Finish, lambda *_: None)
    started, wire = rig.open(PATIENT.replace(deadline_s=2.0))
    wire.head().send("t a")
    rig.advance(2.0)
    error = error_of(started)
    assert error.partial is not None
    assert (error.error_class, error.partial.text) == ("timeout", "a")


def test_a_shutdown_does_not_make_a_failure_of_an_answer_that_is_only_being_counted(rig: Rig) -> None:
    started, wire, _ = counting(rig)
    wire.head().send("t abcd", "done").end()
    rig.requests.ref.tell(CancelAll("shutdown"))
    rig.settle()
    assert started.stream.result(timeout=0).usage.source == "estimated"


def test_tokens_are_counted_where_the_scope_folds_too(rig: Rig) -> None:
    started, wire, _ = counting(rig)
    wire.head().send("t abcd")
    for number in range(1, AGGREGATORS_MAX + 1):
        rig.crash("/requests/s1/aggregator" + (f"-{number}" if number > 1 else ""))
    wire.send("done").end()
    rig.advance(2.0)
    assert started.stream.result(timeout=0).usage.source == "estimated"


def test_an_aggregator_that_dies_while_tokens_are_counted_changes_nothing(rig: Rig) -> None:
    started, wire, _ = counting(rig)
    wire.head().send("t abcd", "done").end()
    rig.crash("/requests/s1/aggregator")
    assert not started.stream.done
    rig.advance(2.0)
    assert started.stream.result(timeout=0).usage.source == "estimated"


# ---- the scope's crash, and its supervisor's


def test_a_scope_that_dies_loses_neither_attempts_nor_timings_nor_usage(rig: Rig) -> None:
    started, wire = rig.open()
    rig.advance(1)
    wire.head(503).end()
    rig.advance(1)
    rig.wire.head().send("t a", "u 7")
    rig.advance(1)
    rig.crash("/requests/s1")
    error = error_of(started)
    assert isinstance(error, InternalError)
    assert error.attempt == 2
    assert error.partial is not None
    first, second = error.partial.attempts
    assert (first.error_class, first.decision) == ("overloaded", "retry")
    assert (second.error_class, second.decision, second.sent) == ("bug", "give_up", True)
    assert second.usage.output_tokens == 7
    assert error.partial.usage.output_tokens == 7
    assert error.partial.timings.duration_s == pytest.approx(3.0)


def test_a_request_whose_mail_died_with_its_supervisor_still_ends(rig: Rig) -> None:
    started: list[Started] = []

    def begin_and_lose() -> None:
        started.append(rig.begin())
        assert isinstance(bare(rig.requests.mail.pop()), StartRequest)
        rig.requests.count_out()
        rig.actor("/requests")._life.fail(RuntimeError("x"), "tell")
        rig.requests.kick()

    rig.dispatcher.call(begin_and_lose)
    rig.settle()
    assert not started[0].stream.done
    rig.advance(LOST_S)
    assert isinstance(error_of(started[0]), InternalError)
    assert rig.live.submitted == {}
    started[0].cell.close()


def test_a_supervisor_that_dies_over_an_admission_ends_the_request(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal(_: Requests) -> None:
        raise RuntimeError("at the door")

    with monkeypatch.context() as patch:
        patch.setattr(Requests, "_refusal", refusal)
        started = rig.begin()
        rig.settle()
    assert isinstance(error_of(started), InternalError)
    started.cell.close()


def test_each_pause_may_meet_a_stale_connection(rig: Rig) -> None:
    started, wire = rig.open()
    for _ in range(2):
        wire.head().send("t a", "pause").end()
        rig.wire.cut(reused=True)
        wire = rig.wire
    wire.head().send("t b", "done").end()
    assert started.stream.result(timeout=0).text == "aab"
