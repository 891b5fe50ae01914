"""Attempts ask their breaker and their scope settles: real actors, a fake wire, a manual clock."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from greenroom.actors.breaker_guard import Changed, News
from greenroom.actors.breaker_table import Breakers
from greenroom.actors.stream_lease import leave_to_send
from greenroom.messages import AdmissionRefused, BreakerConfig
from greenroom.messages.commands import Cancel
from greenroom.messages.failures import StreamError

from fake_provider import FakeWire, refused
from request_path import PATIENT, Rig, Started, error_of

ONCE = PATIENT.replace(max_reconnect_attempts=0)
RULES = BreakerConfig(min_calls=3, probes=2, open_s=5.0, open_jitter=0.0, retry_min_per_s=10.0)


class Guarded:
    """A rig whose requests have breakers."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.news = rig, list[News]()
        self.use(RULES)

    def use(self, rules: BreakerConfig) -> None:
        self.table = Breakers({"fake": rules}, Random(1).random, self.news.append)

    def begin(self, options: Any = ONCE) -> Started:
        def guard(started: Started) -> None:
            started.job.breakers = self.table

        started = self.rig.begin(options, before=guard)
        self.rig.settle()
        return started

    def open(self, options: Any = ONCE) -> tuple[Started, FakeWire]:
        count = len(self.rig.transport.wires)
        started = self.begin(options)
        assert len(self.rig.transport.wires) == count + 1
        return started, self.rig.wire

    def fail(self, times: int, options: Any = ONCE) -> None:
        for _ in range(times):
            _, wire = self.open(options)
            wire.head(503).end()

    def succeed(self) -> None:
        started, wire = self.open()
        wire.head().send("t a", "done").end()
        assert started.stream.result(timeout=0).text == "a"

    def opened(self) -> list[str]:
        return [news.key for news in self.news if isinstance(news, Changed) and news.change.state == "open"]

    def states(self) -> list[str]:
        return [guard.breaker.state for guard in self.table.guards()]


@pytest.fixture
def guarded(rig: Rig) -> Iterator[Guarded]:
    guarded = Guarded(rig)
    yield guarded
    rig.settle()
    assert guarded.table.leases == 0
    assert all(guard.in_flight == 0 for guard in guarded.table.guards())


def test_a_sick_model_is_asked_no_more_and_the_request_ends_as_refused(guarded: Guarded) -> None:
    guarded.fail(3)
    assert guarded.opened() == ["fake/m"]
    count = len(guarded.rig.transport.wires)
    started = guarded.begin()
    error = error_of(started)
    assert isinstance(error, AdmissionRefused)
    assert (error.error_class, error.retry_after_s, error.is_retryable) == ("refused", 5.0, True)
    assert "its circuit breaker is open" in str(error)
    assert len(guarded.rig.transport.wires) == count, "nothing was sent"
    assert [attempt.sent for attempt in started.channel.ends[0].attempts] == [False]


def test_when_its_time_is_over_probes_are_let_in_and_close_it(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.rig.advance(5.0)
    probes = [guarded.open() for _ in range(2)]
    assert isinstance(error_of(guarded.begin()), AdmissionRefused)
    for started, wire in probes:
        wire.head().send("t a", "done").end()
        assert started.stream.result(timeout=0).outcome == "completed"
    assert guarded.states() == ["closed", "closed"]
    guarded.succeed()


def test_a_probes_first_content_is_enough(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.rig.advance(5.0)
    probes = [guarded.open() for _ in range(2)]
    for _, wire in probes:
        wire.head().send("t a long answer begins")
    assert guarded.states() == ["closed", "closed"]
    guarded.succeed()
    for started, wire in probes:
        wire.cut()
        assert isinstance(error_of(started), StreamError)
    assert guarded.states() == ["closed", "closed"]


def test_connections_that_cannot_be_made_open_the_endpoint(guarded: Guarded) -> None:
    guarded.rig.transport.failures = [refused(), refused(), refused()]
    for _ in range(3):
        error_of(guarded.begin())
    assert guarded.opened() == ["fake"]
    assert error_of(guarded.begin()).retry_after_s == 5.0


def test_a_request_that_has_begun_waits_for_its_breaker(guarded: Guarded) -> None:
    guarded.fail(2)
    started, wire = guarded.open(PATIENT)
    wire.head(503).end()
    assert guarded.opened() == ["fake/m"]
    guarded.rig.advance(4.9)
    assert len(guarded.rig.transport.wires) == 3
    guarded.rig.advance(0.2)
    guarded.rig.wire.head().send("t a", "done").end()
    assert started.stream.result(timeout=0).text == "a"
    assert [attempt.waited_s for attempt in started.channel.ends[0].attempts] == [5.0, 0.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429])
def test_callers_and_keys_open_nothing(guarded: Guarded, status: int) -> None:
    for _ in range(10):
        _, wire = guarded.open()
        wire.head(status).end()
    assert guarded.opened() == []


def test_cancels_and_deadlines_open_nothing(guarded: Guarded) -> None:
    for _ in range(5):
        started, _ = guarded.open()
        started.stream.cancel()
        guarded.rig.settle()
    hurried = [guarded.open(ONCE.replace(deadline_s=20)) for _ in range(5)]
    guarded.rig.advance(21.0)
    assert {error_of(started).error_class for started, _ in hurried} == {"timeout"}
    assert guarded.opened() == []


def test_clocks_of_ours_open_it_where_they_were_patient(guarded: Guarded) -> None:
    for first_content_s, opened in ((2.0, []), (30.0, ["fake/m"])):
        waiting = [guarded.open(ONCE.replace(first_content_timeout_s=first_content_s)) for _ in range(3)]
        guarded.rig.advance(first_content_s + 1)
        assert {error_of(started).error_class for started, _ in waiting} == {"timeout"}
        assert guarded.opened() == opened


def test_first_contents_that_come_late_open_it(guarded: Guarded) -> None:
    guarded.use(RULES.replace(slow_ttft_s=3.0))
    for _ in range(3):
        _, wire = guarded.open()
        guarded.rig.advance(4.0)
        wire.head().send("t a", "done").end()
    assert [news.change.cause for news in guarded.news if isinstance(news, Changed)] == ["slow"]


@pytest.mark.parametrize(("buffer_bytes", "opened"), [(256 * 1024, ["fake/m"]), (1024, [])])
def test_tokens_that_come_slowly_open_it_unless_the_reader_was_the_slow_one(
    guarded: Guarded, buffer_bytes: int, opened: list[str]
) -> None:
    guarded.use(RULES.replace(slow_tokens_per_s=10.0))
    for _ in range(3):
        started, wire = guarded.open(ONCE.replace(max_buffer_bytes=buffer_bytes))
        cursor = iter(started.stream)
        wire.head().send("t " + "x" * 2000)
        guarded.rig.advance(20.0)
        assert len(next(cursor).text) == 2000
        wire.send("u 100", "done").end()
        assert started.stream.result(timeout=0).outcome == "completed"
    assert guarded.opened() == opened


def test_crashes_of_ours_open_nothing_and_keep_no_permit(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.rig.advance(5.0)
    for number, path in enumerate(("stream-1", ""), start=4):
        guarded.open()
        guarded.rig.crash(f"/requests/s{number}/{path}".rstrip("/"))
    assert guarded.states() == ["closed", "half_open"]
    guarded.succeed()
    guarded.succeed()
    assert guarded.states() == ["closed", "closed"]


def test_the_supervisors_crash_keeps_no_permit(guarded: Guarded) -> None:
    live = [guarded.open() for _ in range(3)]
    guarded.rig.crash("/requests")
    assert {error_of(started).error_class for started, _ in live} == {"bug"}
    assert guarded.table.leases == 0


def test_an_attempt_whose_request_was_ended_is_not_sent_and_obtains_nothing(guarded: Guarded) -> None:
    started, _ = guarded.open()
    now_s = guarded.rig.clock.now_s()
    guarded.rig.crash("/requests")
    assert guarded.table.leases == 0
    told = leave_to_send(started.job, 1, now_s)
    assert told is not None
    assert told.kind == "crash"
    assert guarded.table.leases == 0


def test_the_connections_crash_says_nothing_of_the_provider(guarded: Guarded) -> None:
    guarded.rig.transport.held = []
    waiting = [guarded.begin() for _ in range(4)]
    guarded.rig.crash("/endpoints/fake")
    assert {error_of(started).error_class for started in waiting} == {"transient"}
    assert guarded.opened() == []
    guarded.rig.transport.let_connect()


def test_a_cancel_before_the_socket_gives_the_permit_back(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.rig.advance(5.0)
    guarded.rig.transport.held = []
    guarded.rig.endpoint.state.pool.idle.clear()
    for _ in range(5):
        started = guarded.begin()
        started.cell.ref.tell_control(Cancel())
        guarded.rig.settle()
    guarded.rig.transport.let_connect()
    assert guarded.states() == ["closed", "half_open"]


def test_retries_end_where_their_budget_does(guarded: Guarded) -> None:
    guarded.use(RULES.replace(retry_min_per_s=0.3, retry_share=0.0, enabled=False))
    started = [guarded.begin(PATIENT) for _ in range(5)]
    for wire in list(guarded.rig.transport.wires):
        wire.head(503).end()
    failed = [each for each in started if each.channel.ends]
    assert len(failed) == 2
    assert {"the retry budget is used up" in str(error_of(each)) for each in failed} == {True}
    guarded.rig.advance(2.0)
    for wire in guarded.rig.transport.wires[5:]:
        wire.head().send("t a", "done").end()
    assert [each.channel.ends[0].outcome for each in started].count("completed") == 3
    assert len([news for news in guarded.news if not isinstance(news, Changed)]) == 1
