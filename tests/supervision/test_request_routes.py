"""A request on its route: real actors, a fake wire, a manual clock. Its hops share one endpoint."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.actors.job import Hop
from greenroom.messages.contracts import Target
from greenroom.messages.failures import ConnectionFailed, StreamCancelled, StreamTimedOut
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import AttemptRecord
from greenroom.messages.route_plan import HopRule, Plan
from greenroom.messages.routes import FALL_BACK_ON, HopConfig

from fake_provider import FakeWire, refused
from request_path import PATIENT, Rig, Started, error_of

LEADS_ON = frozenset(FALL_BACK_ON)


def routed(*hops: HopConfig, rounds: int = 1) -> Callable[[Started], None]:
    """Puts the job on a route of these hops."""

    def put(started: Started) -> None:
        job, base = started.job, started.job.hop
        job.hops = tuple(
            replace(
                base, target=Target(f"p{place}", "lines", hop.model), request=_patched(base, hop),
                options=_options(base, hop),
            )
            for place, hop in enumerate(hops)
        )  # fmt: skip
        rules = tuple(HopRule(hop.model, LEADS_ON, retries=hop.retries) for hop in hops)
        job.plan, job.hop = Plan("r", rules, rounds), job.hops[0]

    return put


def _patched(base: Hop, hop: HopConfig) -> ChatRequest:
    return base.request.model_copy(update=hop.patch())


def _options(base: Hop, hop: HopConfig) -> StreamingOptions:
    return base.options.model_copy(update=hop.options.changes() if hop.options else {})


TWO = routed(HopConfig(model="a"), HopConfig(model="b"))


def attempts(started: Started) -> list[tuple[str, str]]:
    return [(record.model, record.decision) for record in records(started)]


def records(started: Started) -> tuple[AttemptRecord, ...]:
    return started.channel.ends[0].attempts


def test_the_next_hop_is_asked_in_the_turn_of_the_failure(rig: Rig) -> None:
    started, wire = rig.open(before=TWO)
    wire.head(503).end()
    assert [call.target.model for call in rig.codec.calls] == ["a", "b"]
    rig.wire.head().send("t hello", "done").end()
    completion = started.stream.result(timeout=0)
    assert (completion.text, completion.route, completion.provider) == ("hello", "r", "p1")
    assert attempts(started) == [("a", "fall_back"), ("b", "completed")]
    assert rig.log.of("stream.retrying") == []
    (failover,) = rig.log.of("stream.failover")
    assert (failover.epoch, failover.next_epoch, failover.from_model, failover.model) == (1, 2, "a", "b")
    assert failover.reason == "overloaded"


def test_what_was_held_back_of_the_first_hop_is_not_delivered(rig: Rig) -> None:
    started, wire = rig.open(before=TWO)
    wire.head().send("u 5", "raw x").cut()
    rig.wire.head().send("t hello", "u 7", "done").end()
    completion = started.stream.result(timeout=0)
    assert [type(delta).__name__ for delta in started.stream] == ["TextDelta", "UsageDelta"]
    assert completion.usage.output_tokens == 12
    assert [record.usage.output_tokens for record in records(started)] == [5, 7]


def test_a_field_that_a_server_cannot_take_is_left_out_there_alone(rig: Rig) -> None:
    started, wire = rig.open(before=routed(HopConfig(model="a"), HopConfig(model="b"), rounds=2))
    wire.head(400, adjust="no_x").end()
    rig.wire.head(503).end()
    rig.wire.head(503).end()
    rig.advance(30)
    rig.wire.head().send("t x", "done").end()
    assert [(c.target.model, sorted(c.target.adjustments)) for c in rig.codec.calls] == [
        ("a", []), ("a", ["no_x"]), ("b", []), ("a", ["no_x"]),
    ]  # fmt: skip
    assert rig.adjusted == ["no_x"]
    assert started.stream.result(timeout=0).text == "x"


def test_retries_are_counted_anew_at_each_hop(rig: Rig) -> None:
    options = PATIENT.replace(max_reconnect_attempts=2)
    hops = routed(HopConfig(model="a", retries=1), HopConfig(model="b"))
    started, _ = rig.open(options, before=hops)
    for _ in range(5):
        rig.wire.head(503).end()
        rig.advance(60)
    error = error_of(started)
    assert attempts(started) == [
        ("a", "retry"), ("a", "fall_back"), ("b", "retry"), ("b", "retry"), ("b", "give_up"),
    ]  # fmt: skip
    assert "given up after 2 retries (max_reconnect_attempts=2); route r has no further hop" in str(error)


def test_a_hops_own_retries_are_no_more_than_the_request_allows(rig: Rig) -> None:
    options = PATIENT.replace(max_reconnect_attempts=1)
    started, _ = rig.open(options, before=routed(HopConfig(model="a", retries=5), HopConfig(model="b")))
    for _ in range(2):
        rig.wire.head(503).end()
        rig.advance(60)
    rig.wire.head().send("t x", "done").end()
    assert attempts(started) == [("a", "retry"), ("a", "fall_back"), ("b", "completed")]


def test_a_stale_connection_is_no_reason_to_leave(rig: Rig) -> None:
    started, wire = rig.open(before=TWO)
    wire.cut(reused=True)
    rig.wire.head().send("t x", "done").end()
    assert attempts(started) == [("a", "retry"), ("a", "completed")]


def test_one_deadline_is_over_all_hops(rig: Rig) -> None:
    started, _ = rig.open(PATIENT.replace(deadline_s=20, first_content_timeout_s=15), before=TWO)
    rig.advance(15.1)
    assert [call.target.model for call in rig.codec.calls] == ["a", "b"]
    rig.advance(5)
    assert isinstance(error_of(started), StreamTimedOut)
    assert [record.error_class for record in records(started)] == ["timeout", None]


def test_a_hop_has_its_own_clock(rig: Rig) -> None:
    hasty = HopConfig(model="a", options={"first_content_timeout_s": 1.0})
    started, _ = rig.open(before=routed(hasty, HopConfig(model="b")))
    rig.advance(1.1)
    assert len(rig.transport.wires) == 2
    rig.advance(60)
    rig.wire.head().send("t x", "done").end()
    assert started.stream.result(timeout=0).text == "x"


def test_a_crash_of_the_attempt_leads_on(rig: Rig) -> None:
    started, wire = rig.open(before=TWO)
    wire.head().send("boom now")
    rig.wire.head().send("t x", "done").end()
    assert [record.error_class for record in records(started)] == ["bug", None]


def test_a_cancel_during_the_wait_for_a_second_round_is_the_end(rig: Rig) -> None:
    started, wire = rig.open(before=routed(HopConfig(model="a"), rounds=2))
    wire.head(503).end()
    started.stream.cancel()
    rig.settle()
    assert isinstance(error_of(started), StreamCancelled)
    rig.advance(100)
    assert len(rig.transport.wires) == 1


def test_what_was_paused_goes_on_where_it_was_begun(rig: Rig) -> None:
    started, wire = rig.open(PATIENT.replace(max_reconnect_attempts=0), before=TWO)
    wire.head().send("t Hel", "pause").end()
    rig.wire.head(503).end()
    assert [call.target.model for call in rig.codec.calls] == ["a", "a"]
    assert error_of(started).partial is not None


@pytest.mark.parametrize("place", [0, 1])
def test_a_refused_connection_leads_on_though_nothing_may_be_sent_twice(rig: Rig, place: int) -> None:
    rig.transport.failures = [refused()] * (place + 1)
    started = rig.begin(PATIENT.replace(max_reconnect_attempts=0), before=TWO)
    rig.settle()
    if place == 0:
        rig.wire.head().send("t x", "done").end()
        assert started.stream.result(timeout=0).text == "x"
    else:
        assert isinstance(error_of(started), ConnectionFailed)
    assert [model for model, _ in attempts(started)] == ["a", "b"]


# ---- what holds on any route


patches = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2), "max_output_tokens": st.integers(1, 99),
        "extra_body": st.dictionaries(st.sampled_from("xy"), st.integers(0, 9)), "retries": st.integers(0, 2),
    },
)  # fmt: skip
requests = st.builds(
    ChatRequest, messages=st.just("hi"), model=st.just("r"), temperature=st.none() | st.floats(0, 2),
    max_output_tokens=st.none() | st.integers(1, 99),
    extra_body=st.dictionaries(st.sampled_from("xz"), st.integers(0, 9)),
)  # fmt: skip
faults: dict[str, Callable[[FakeWire], Any]] = {
    "busy": lambda wire: wire.head(503).end(),
    "limited": lambda wire: wire.head(429, retry_after="3").end(),
    "key": lambda wire: wire.head(401).end(),
    "cut": lambda wire: wire.head().cut(),
    "usage, then cut": lambda wire: wire.head().send("u 3").cut(),
    "boom": lambda wire: wire.head().send("boom x"),
    "answer": lambda wire: wire.head().send("t x", "done").end(),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=requests, given_hops=st.lists(patches, min_size=1, max_size=4), rounds=st.integers(1, 2),
    script=st.lists(st.sampled_from(sorted(faults)), max_size=12),
)  # fmt: skip
def test_every_hop_gets_the_original_and_its_patch_and_one_is_asked_at_a_time(
    rig: Rig, asked: ChatRequest, given_hops: list[Any], rounds: int, script: list[str]
) -> None:
    hops = [HopConfig(model=f"m{place}", **fields) for place, fields in enumerate(given_hops)]
    calls, wires = len(rig.codec.calls), len(rig.transport.wires)

    def put(started: Started) -> None:
        started.job.hop = replace(started.job.hop, request=asked)
        routed(*hops, rounds=rounds)(started)

    started = rig.begin(PATIENT.replace(max_reconnect_attempts=2), before=put)
    rig.settle()
    for name in [*script, *["answer"] * 3]:
        live = [wire for wire in rig.transport.wires[wires:] if not wire.over]
        assert len(live) <= 1
        for wire in live:
            faults[name](wire)
        rig.advance(60)
    assert started.channel.ends
    asked_at: Counter[int] = Counter()
    for call in rig.codec.calls[calls:]:
        place = int(call.target.model.removeprefix("m"))
        assert call.request == asked.model_copy(update=hops[place].patch())
        assert call.request.messages is asked.messages
        asked_at[place] += 1
    first_came = [int(record.model.removeprefix("m")) for record in records(started)]
    turns = Counter(b for a, b in zip([None, *first_came], first_came, strict=False) if a != b)
    assert all(count <= rounds for count in turns.values()) or len(hops) == 1
    told = [record for record in records(started) if record.decision == "fall_back"]
    assert len(told) == len(rig.log.of("stream.failover"))
    rig.log.events.clear()
