"""Several API keys of one provider before real sockets: one that is refused rests, and nobody notices."""

from collections.abc import Callable
from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    BreakerConfig,
    ChatRequest,
    Completion,
    CredentialRefused,
    ProviderConfig,
    RateLimited,
    StreamingOptions,
    SystemConfig,
)
from greenroom.providers.simulator import Cut, Script, Simulator

from request_path import EventLog
from tests_system import LIMIT_S, wait_until

GOOD, BAD = "sk-good", "sk-bad"
FINE = Script(text="one two three")
Keyed = Callable[..., ActorSystem]


def config(simulator: Simulator, *keys: str, **fields: Any) -> SystemConfig:
    return SystemConfig(
        providers={"sim": ProviderConfig(base_url=simulator.base_url, api_key=list(keys))}, **fields
    )


def ask(system: ActorSystem) -> Completion[Any]:
    return system.stream(ChatRequest(model="sim/x", messages="Count")).result(timeout=LIMIT_S)


def bearers(simulator: Simulator) -> list[str]:
    return [dict(record.headers)["authorization"].removeprefix("Bearer ") for record in simulator.requests]


def test_a_revoked_key_costs_one_unseen_attempt_and_then_rests() -> None:
    events = EventLog()
    with Simulator(FINE, api_key=GOOD) as simulator:
        with ActorSystem.start(config(simulator, BAD, GOOD), events=events) as system:
            first = ask(system)
            later = [ask(system) for _ in range(5)]
            (provider,) = system.status().providers
        assert bearers(simulator) == [BAD, *[GOOD] * 6]
    refused, served = first.attempts
    assert (refused.key, refused.error_class, refused.decision) == (1, "credential", "retry")
    assert (refused.waited_s, refused.reason) == (0.0, "another key may do")
    assert (served.key, served.decision) == (2, "completed")
    assert all(len(each.attempts) == 1 for each in later)
    assert [each.error_class for each in provider.keys] == ["credential", None]
    assert 55 < provider.keys[0].rests_s <= 60
    assert provider.available
    told = [event for event in events.events if event.name == "provider.key_rests"]
    assert [(event.number, event.keys, event.error_class, event.rest_s) for event in told] == [
        (1, 2, "credential", 60.0)
    ]
    assert "sk-" not in f"{told} {first!r} {provider!r}"


def test_a_limited_key_rests_as_long_as_was_told_and_nobody_waits_for_it() -> None:
    with Simulator(FINE) as simulator:
        simulator.enqueue(Script.failing(429, retry_after_s=50))
        with ActorSystem.start(config(simulator, "sk-1", "sk-2", "sk-3")) as system:
            completion = ask(system)
            for _ in range(3):
                ask(system)
            (provider,) = system.status().providers
        assert bearers(simulator) == ["sk-1", "sk-2", "sk-3", "sk-2", "sk-3"]
    assert completion.timings.duration_s < 20
    assert 40 < provider.keys[0].rests_s <= 50


def test_where_every_key_is_refused_the_request_ends_with_the_refusal() -> None:
    with Simulator(FINE, api_key=GOOD) as simulator:
        with (
            ActorSystem.start(config(simulator, "sk-1", "sk-2", "sk-3")) as system,
            pytest.raises(CredentialRefused) as caught,
        ):
            ask(system)
        assert bearers(simulator) == ["sk-1", "sk-2", "sk-3"]
    assert caught.value.partial is not None
    assert [each.key for each in caught.value.partial.attempts] == [1, 2, 3]


def test_where_every_key_is_limited_the_wait_that_was_told_is_kept() -> None:
    once = StreamingOptions(max_reconnect_attempts=1, deadline_s=20)
    with Simulator(FINE) as simulator:
        for _ in range(2):
            simulator.enqueue(Script.failing(429, retry_after_s=1))
        with ActorSystem.start(config(simulator, "sk-1", "sk-2", options=once)) as system:
            completion = ask(system)
        assert len(simulator.requests) == 3
    assert [each.waited_s >= 1 for each in completion.attempts] == [False, True, False]


def test_a_single_key_never_rests() -> None:
    options = StreamingOptions(max_reconnect_attempts=0)
    with Simulator(FINE) as simulator:
        simulator.enqueue(Script.failing(429, retry_after_s=50))
        with ActorSystem.start(config(simulator, "sk-1", options=options)) as system:
            with pytest.raises(RateLimited):
                ask(system)
            assert ask(system).text == "one two three"
            assert system.status().providers[0].keys == ()


def test_refusals_of_keys_open_no_breaker() -> None:
    rules = BreakerConfig(min_calls=2, failure_rate=0.1)
    with (
        Simulator(FINE, api_key=GOOD) as simulator,
        ActorSystem.start(config(simulator, "sk-1", "sk-2", GOOD, breaker=rules)) as system,
    ):
        for _ in range(4):
            ask(system)
        assert [each.endpoint.state for each in system.status().providers] == ["closed"]


def test_what_a_provider_keeps_is_asked_for_with_the_key_that_it_was_made_with() -> None:
    options = StreamingOptions(backoff_initial_s=0.01, server_resume=True)
    events = EventLog()
    with Simulator(Script(text="one two", delta_interval_s=5.0)) as simulator:
        simulator.enqueue(Script(text="one two three", cut=Cut(after_deltas=2)))
        system_config = SystemConfig(
            providers={
                "sim": ProviderConfig(
                    kind="openai-responses", profile="openai-responses", base_url=simulator.base_url,
                    api_key=["sk-1", "sk-2", "sk-3"],
                )
            },
            options=options,
        )  # fmt: skip
        with ActorSystem.start(system_config, events=events) as system:
            read_on = ask(system)
            stream = system.stream(ChatRequest(model="sim/x", messages="Count"))
            next(iter(stream))
            stream.cancel()
            wait_until(lambda: bool(events.of("stream.server_cancel")))
        assert read_on.text == "one two three"
        assert [each.key for each in read_on.attempts] == [1, 1]
        assert [record.method for record in simulator.requests] == ["POST", "GET", "POST", "POST"]
        assert bearers(simulator) == ["sk-1", "sk-1", "sk-2", "sk-2"]
