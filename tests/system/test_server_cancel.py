"""A provider that keeps answers is told to stop when nobody wants one any more."""

from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, StreamingOptions, SystemConfig
from greenroom.providers.simulator import Script, Simulator

from request_path import EventLog
from tests_system import LIMIT_S, wait_until

KEPT = StreamingOptions(backoff_initial_s=0.01, backoff_max_s=0.05, server_resume=True)
SLOW = Script(text="one two three four five six seven", delta_interval_s=5.0)
WIRES = [("openai-responses", "gpt-5"), ("gemini-interactions", "gemini-2.5-flash")]


def paths(server: Simulator) -> list[tuple[str, str]]:
    return [(record.method, record.path.rsplit("/", 1)[-1]) for record in server.requests]


def config(server: Simulator, wire: tuple[str, str], options: StreamingOptions = KEPT) -> SystemConfig:
    kind, model = wire
    provider = ProviderConfig(kind=kind, profile=kind, base_url=server.base_url, api_key="key")
    return SystemConfig(default_model=f"sim/{model}", providers={"sim": provider}, options=options, drain_s=0)


def cancels(log: EventLog) -> list[Any]:
    return log.of("stream.server_cancel")


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire[0])
def test_a_cancelled_answer_is_cancelled_there(wire: tuple[str, str]) -> None:
    log = EventLog()
    with Simulator(SLOW) as server, ActorSystem.start(config(server, wire), events=log) as system:
        stream = system.stream(ChatRequest(messages="hi"))
        next(iter(stream))
        stream.cancel()
        with pytest.raises(StreamError):
            stream.result(timeout=LIMIT_S)
        wait_until(lambda: bool(cancels(log)))
        assert [(event.status, event.why_not) for event in cancels(log)] == [(200, "")]
        assert paths(server)[-1] == ("POST", "cancel")


def test_an_answer_past_the_deadline_is_cancelled_there() -> None:
    log = EventLog()
    with Simulator(SLOW) as server:
        options = KEPT.replace(deadline_s=0.3)
        with ActorSystem.start(config(server, WIRES[0], options), events=log) as system:
            with pytest.raises(StreamError, match="deadline_s"):
                system.stream(ChatRequest(messages="hi")).result(timeout=LIMIT_S)
            wait_until(lambda: bool(cancels(log)))
        assert paths(server)[-1] == ("POST", "cancel")


def test_a_whole_answer_is_not_cancelled_nor_one_that_nobody_keeps() -> None:
    log = EventLog()
    with Simulator(Script(text="one two")) as server:
        with ActorSystem.start(config(server, WIRES[0]), events=log) as system:
            assert system.stream(ChatRequest(messages="hi")).result(timeout=LIMIT_S).text == "one two"
        server.set_default(SLOW)
        plain = KEPT.replace(server_resume=False)
        with ActorSystem.start(config(server, WIRES[0], plain), events=log) as system:
            stream = system.stream(ChatRequest(messages="hi"))
            next(iter(stream))
            stream.cancel()
            with pytest.raises(StreamError):
                stream.result(timeout=LIMIT_S)
        assert ("POST", "cancel") not in paths(server)
    assert cancels(log) == []


def test_an_answer_that_is_given_up_is_cancelled_there() -> None:
    log = EventLog()
    with Simulator(Script(text="one two three", cut={"after_deltas": 1})) as server:
        options = KEPT.replace(retry_on_connection_error=False)
        with ActorSystem.start(config(server, WIRES[0], options), events=log) as system:
            with pytest.raises(StreamError, match="closed"):
                system.stream(ChatRequest(messages="hi")).result(timeout=LIMIT_S)
            wait_until(lambda: bool(cancels(log)))
        assert paths(server) == [("POST", "responses"), ("POST", "cancel")]
