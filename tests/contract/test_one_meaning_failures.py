"""One failure, one evidence: what breaks means the same on every wire, streamed or whole."""

from collections.abc import Iterator
from typing import Any

import pytest
from every_wire import KINDS, every_wire

from greenroom import ActorSystem, ChatRequest, StreamError, StreamingOptions
from greenroom.messages.deltas import RawDelta
from greenroom.providers.simulator import Cut, Script, Simulator, Stall
from greenroom.providers.simulator.script import StreamError as ErrorEvent
from greenroom.providers.simulator.script_faults import Garbage, HttpAnswer

LIMIT_S = 20.0
QUICK = StreamingOptions(
    continue_prefix=False,
    backoff_initial_s=0.001, backoff_max_s=0.002, max_reconnect_attempts=1, content_gap_timeout_s=0.2,
    first_content_timeout_s=0.2, local_first_content_timeout_s=0.2, max_silent_s=0.4,
)  # fmt: skip
TEXT = "one two three four"
BEGUN = "one two"
SERVER = {"message": "The server had an error", "type": "server_error"}
Expected = tuple[str, bool, float | None, str]
"""Error class, whether it may be tried again, the told wait, the kind of evidence."""

AT_ONCE: dict[str, tuple[Script, Expected]] = {
    "context length": (
        Script.failing(
            400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
            type="invalid_request_error", code="context_length_exceeded",
        ),
        ("context_length", False, None, "http"),
    ),
    "bad request": (
        Script.failing(400, "temperature is out of range"), ("invalid_request", False, None, "http")
    ),
    "key": (Script.failing(401), ("credential", False, None, "http")),
    "permission": (
        Script.failing(403, "You do not have access to this model"), ("permission", False, None, "http")
    ),
    "model": (
        Script.failing(404, "The model `m` does not exist"), ("model_not_found", False, None, "http")
    ),
    "quota": (
        Script.failing(
            429, "You exceeded your current quota, please check your plan and billing details.",
            type="insufficient_quota", code="insufficient_quota",
        ),
        ("quota", False, None, "http"),
    ),
    "rate limit": (Script.failing(429, retry_after_s=0.02), ("rate_limit", True, 0.02, "http")),
    "rate limit without a wait": (Script.failing(429), ("rate_limit", True, None, "http")),
    "server error": (Script.failing(500), ("transient", True, None, "http")),
    "unavailable": (Script.failing(503), ("overloaded", True, None, "http")),
    "overloaded": (Script.failing(529, "Overloaded"), ("overloaded", True, None, "http")),
    "loading": (Script.failing(503, "Loading model"), ("model_loading", True, None, "http")),
    "a gateway's page": (
        Script(answer=HttpAnswer(status=502, headers={"content-type": "text/html"}, body="<html>502</html>")),
        ("transient", True, None, "http"),
    ),
    "another server's JSON": (
        Script(answer=HttpAnswer(body={"hello": "there"})), ("protocol", True, None, "protocol")
    ),
}  # fmt: skip
"""Before anything was said: those that may be tried again are, once."""

IN_THE_MIDDLE: dict[str, tuple[Script, Expected]] = {
    "an error event": (
        Script(text=TEXT, stream_error=ErrorEvent(after_deltas=2, error=SERVER)),
        ("transient", True, None, "in_stream"),
    ),
    "a cut": (Script(text=TEXT, cut=Cut(after_deltas=2)), ("transient", True, None, "transport")),
    "a reset": (
        Script(text=TEXT, cut=Cut(after_deltas=2, how="reset")), ("transient", True, None, "transport")
    ),
    "a body that ends early": (
        Script(text=TEXT, cut=Cut(after_deltas=2, how="end")), ("protocol", True, None, "protocol")
    ),
    "an event that is no JSON": (
        Script(text=TEXT, garbage=Garbage(place="stream", after_deltas=2)),
        ("protocol", True, None, "protocol"),
    ),
    "an event whose JSON breaks off": (
        Script(text=TEXT, garbage=Garbage(place="json", after_deltas=2)),
        ("protocol", True, None, "protocol"),
    ),
    "a stall": (Script(text=TEXT, stall=Stall(after_deltas=2)), ("timeout", True, None, "clock")),
}  # fmt: skip
"""After two words were delivered: they are kept, and nothing is sent again."""


@pytest.fixture(scope="module")
def system(simulator: Simulator) -> Iterator[ActorSystem]:
    with every_wire(simulator, QUICK) as started:
        yield started


def failed(system: ActorSystem, kind: str, **fields: Any) -> StreamError:
    with pytest.raises(StreamError) as caught:
        system.stream(ChatRequest(model=f"{kind}/m", messages="hi", **fields)).result(timeout=LIMIT_S)
    return caught.value


def evidence_of(error: StreamError) -> Expected:
    failure = error.failure
    assert failure.evidence is not None
    return (failure.error_class, failure.is_retryable, failure.retry_after_s, failure.evidence.kind)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("name", AT_ONCE)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_refused(
    system: ActorSystem, simulator: Simulator, kind: str, name: str, stream: bool
) -> None:
    script, expected = AT_ONCE[name]
    attempts = 2 if expected[1] else 1
    simulator.enqueue(*[script] * attempts)
    before = len(simulator.requests)
    error = failed(system, kind, stream=stream)
    assert evidence_of(error) == expected
    assert error.partial.text == ""
    assert error.partial.outcome == "failed"
    assert len(error.partial.attempts) == len(simulator.requests) - before == attempts
    if expected[3] == "http":
        assert error.failure.status == (script.answer and script.answer.status)
        assert f"HTTP {error.failure.status}" in str(error)


@pytest.mark.parametrize("name", IN_THE_MIDDLE)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_breaks(system: ActorSystem, simulator: Simulator, kind: str, name: str) -> None:
    script, expected = IN_THE_MIDDLE[name]
    simulator.enqueue(script)
    error = failed(system, kind)
    assert evidence_of(error) == expected
    assert error.partial.text == BEGUN
    assert error.partial.usage.source != "provider"
    assert len(error.partial.attempts) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_without_its_end(system: ActorSystem, simulator: Simulator, kind: str) -> None:
    simulator.enqueue(Script(text=TEXT, send_finish=False, send_done=False))
    error = failed(system, kind)
    assert evidence_of(error) == ("protocol", True, None, "protocol")
    assert error.partial.text == TEXT


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("kind", KINDS)
def test_silence_before_the_first_word(
    system: ActorSystem, simulator: Simulator, kind: str, stream: bool
) -> None:
    simulator.enqueue(*[Script(text=TEXT, headers_delay_s=5)] * 2)
    error = failed(system, kind, stream=stream)
    assert evidence_of(error) == ("timeout", True, None, "clock")
    assert len(error.partial.attempts) == 2


UNKNOWN = '{"type": "something.new", "event_type": "something.new", "novel": {"x": 1}}'


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_the_future_is_raw_and_breaks_nothing(
    system: ActorSystem, simulator: Simulator, kind: str
) -> None:
    script = Script(text=TEXT, garbage=Garbage(place="stream", after_deltas=2, data=UNKNOWN))
    for raw_deltas in (False, True):
        simulator.enqueue(script)
        options = QUICK.replace(raw_deltas=raw_deltas)
        handle = system.stream(ChatRequest(model=f"{kind}/m", messages="hi", options=options))
        raw = [delta for delta in handle if isinstance(delta, RawDelta)]
        assert handle.result(timeout=LIMIT_S).text == TEXT
        assert [dict(delta.data["novel"]) for delta in raw] == ([{"x": 1}] if raw_deltas else [])
