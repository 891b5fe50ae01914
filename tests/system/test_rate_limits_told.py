"""What a provider tells beside its answer, over real sockets: its limits, and which model it was that answered."""

import json
import logging

import pytest
from replay_server import ReplayServer

from greenroom import ActorSystem, ChatRequest, Completion, ProviderConfig, StreamError, StreamingOptions
from greenroom.messages.config import SystemConfig
from greenroom.providers.simulator import Script, Simulator

from tests_system import LIMIT_S

LIMITS = [
    ("x-ratelimit-limit-requests", "14400"),
    ("x-ratelimit-remaining-requests", "14392"),
    ("x-ratelimit-reset-requests", "48s"),
    ("x-ratelimit-remaining-tokens", "5870"),
]
ANSWERED = {"same": "same-2024-08-06", "asked-4b": "other-8b", "auto": "some-70b"}


def played(name: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "choices": [choice]}
    told = answer | ({"model": ANSWERED[name]} if name in ANSWERED else {})
    headers = LIMITS if name == "same" else []
    return [("content-type", "application/json"), *headers], [json.dumps(told).encode()]


def ask(system: ActorSystem, model: str) -> Completion:
    return system.stream(ChatRequest(model=model, messages="hi", stream=False)).result(LIMIT_S)


def config(base_url: str, profile: str | None = None) -> SystemConfig:
    return SystemConfig(providers={"here": ProviderConfig(base_url=base_url, profile=profile)}, drain_s=0)


@pytest.mark.parametrize(("profile", "window_s"), [("groq", 86400.0), (None, 60.0)])
def test_the_limits_reach_the_completion(profile: str | None, window_s: float) -> None:
    with ReplayServer(played) as server, ActorSystem.start(config(server.base_url, profile)) as system:
        completion = ask(system, "here/same")
        assert completion.rate_limits is not None
        requests, tokens = completion.rate_limits.windows
        assert (requests.unit, requests.limit, requests.remaining) == ("requests", 14400, 14392)
        assert (requests.resets_in_s, requests.window_s) == (48, window_s)
        assert (tokens.unit, tokens.remaining, tokens.window_s) == ("tokens", 5870, 60)
        assert abs(completion.rate_limits.measured_at - completion.timings.started_at) < LIMIT_S
        assert ask(system, "here/asked-4b").rate_limits is None


def test_a_refused_attempt_tells_them_too() -> None:
    refusal = Script.failing(
        429, "slow down", headers={"x-ratelimit-remaining-requests": "0", "retry-after": "9"}
    )
    options = StreamingOptions(max_reconnect_attempts=0)
    with Simulator(refusal) as simulator, ActorSystem.start(config(simulator.base_url)) as system:
        with pytest.raises(StreamError) as failed:
            system.stream(ChatRequest(model="here/m", messages="hi", options=options)).result(LIMIT_S)
        assert failed.value.retry_after_s == 9
        assert failed.value.partial is not None
        assert failed.value.partial.rate_limits is not None
        assert failed.value.partial.rate_limits.windows[0].remaining == 0


def test_another_model_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING, "greenroom"),
        ReplayServer(played) as server,
        ActorSystem.start(config(server.base_url)) as system,
    ):
        assert ask(system, "here/same").model_matches is True
        assert ask(system, "here/auto").model_matches is None
        assert ask(system, "here/unnamed").model_matches is None
        for _ in range(2):
            completion = ask(system, "here/asked-4b")
            assert (completion.model_matches, completion.model) == (False, "other-8b")
    (line,) = [each.getMessage() for each in caplog.records if "model_mismatch" in each.getMessage()]
    assert "model_asked=asked-4b" in line
    assert "model_answered=other-8b" in line


def test_a_deployment_s_name_says_nothing_of_its_model() -> None:
    with ReplayServer(played) as server, ActorSystem.start(config(server.base_url, "azure")) as system:
        assert ask(system, "here/asked-4b").model_matches is None
