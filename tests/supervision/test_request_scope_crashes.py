"""What dies under a request, and where it ends: real actors, a fake wire, a manual clock."""

from typing import Any

import pytest

from greenroom.messages.failures import (
    ErrorEvidence,
    InternalError,
)
from greenroom.supervision.request_ending import AGGREGATORS_MAX
from greenroom.supervision.requests import closing, judged

from request_path import PATIENT, Rig, error_of

# ---- crashes


@pytest.fixture(autouse=True)
def aggregators_from_the_first_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else only a long answer has one."""
    monkeypatch.setattr("greenroom.actors.journal.COMPACT_EVERY", 1)


def test_a_stream_that_dies_before_content_is_tried_again(rig: Rig) -> None:
    started, wire = rig.open()
    rig.crash("/requests/s1/stream-1")
    assert wire.aborted
    rig.advance(1)
    rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert started.channel.ends[0].attempts[0].error_class == "bug"


def test_a_request_that_has_its_end_is_not_tried_again(rig: Rig) -> None:
    started, _ = rig.open()
    rig.crash("/requests/s1/stream-1")
    count = len(rig.transport.wires)
    evidence = ErrorEvidence(kind="crash", message="ended by a successor")
    end = closing(started.job, judged(started.job, evidence), 0.0)
    rig.dispatcher.call(started.channel.close, end)
    rig.advance(5)
    assert len(rig.transport.wires) == count
    assert isinstance(error_of(started), InternalError)


def test_a_stream_that_dies_after_content_fails_with_what_was_delivered(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    rig.crash("/requests/s1/stream-1")
    error = error_of(started)
    assert isinstance(error, InternalError)
    assert error.partial is not None
    assert error.partial.text == "a"
    assert wire.aborted


def test_a_killed_stream_is_a_crash(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    rig.actor("/requests/s1/stream-1").ref.kill()
    rig.settle()
    assert isinstance(error_of(started), InternalError)
    assert wire.aborted


def test_an_aggregator_that_dies_is_made_anew_from_the_journal(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    rig.crash("/requests/s1/aggregator")
    wire.send(*["t b"] * 600)
    rig.crash("/requests/s1/aggregator-2")
    wire.send("t c", "done").end()
    assert started.stream.result(timeout=0).text == "a" + "b" * 600 + "c"


def test_an_aggregator_made_anew_counts_nothing_twice(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    rig.crash("/requests/s1/aggregator")
    wire.send("t b", "done").end()
    assert started.stream.result(timeout=0).text == "ab"


def test_a_journal_that_kills_aggregators_is_folded_by_the_scope(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    for number in range(1, AGGREGATORS_MAX + 1):
        rig.crash("/requests/s1/aggregator" + (f"-{number}" if number > 1 else ""))
    assert sorted(path for path in rig.dispatcher.live_paths() if "/s1/" in path) == ["/requests/s1/stream-1"]
    wire.send(*["t b"] * 300).send("done").end()
    assert started.stream.result(timeout=0).text == "a" + "b" * 300


def test_a_silent_aggregator_does_not_hold_up_the_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from greenroom.actors.aggregator import Aggregator
    from greenroom.messages.commands import Finish

    monkeypatch.setitem(Aggregator.handler_table, Finish, lambda *_: None)
    started, wire = rig.open()
    wire.head().send("t a", "done").end()
    rig.advance(0.9)
    assert not started.stream.done
    rig.advance(0.2)
    assert started.stream.result(timeout=0).text == "a"


def test_an_aggregator_that_dies_over_the_end_does_not_hold_it_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from greenroom.actors.aggregator import Aggregator
    from greenroom.messages.commands import Finish

    def die(*_: Any) -> None:
        raise RuntimeError("poisoned")

    monkeypatch.setitem(Aggregator.handler_table, Finish, die)
    started, wire = rig.open()
    wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"


def test_a_scope_that_dies_ends_its_request_as_a_bug(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head().send("t a")
    rig.crash("/requests/s1")
    error = error_of(started)
    assert isinstance(error, InternalError)
    assert error.partial is not None
    assert error.partial.text == "a"
    assert error.request_id == "r1"
    assert wire.aborted
    assert rig.log.names()[-1] == "stream.failed"


def test_a_scope_that_dies_while_waiting(rig: Rig) -> None:
    started, wire = rig.open()
    wire.head(500).end()
    rig.crash("/requests/s1")
    assert isinstance(error_of(started), InternalError)
    rig.advance(100)
    assert len(rig.transport.wires) == 1


def test_the_evidence_of_an_end_is_the_last_attempts(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(max_reconnect_attempts=1))
    wire.head(503).end()
    rig.advance(1)
    rig.wire.head().end(clean=False, evidence=ErrorEvidence(kind="transport", message="reset"))
    error = error_of(started)
    assert [a.error_class for a in error.partial.attempts] == ["overloaded", "transient"]  # type: ignore[union-attr]
    assert error.error_class == "transient"
