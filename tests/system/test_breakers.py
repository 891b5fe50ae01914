"""Circuit breakers before real sockets: a sick provider is left alone, tried carefully, and taken back."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from greenroom import (
    ActorSystem,
    AdmissionRefused,
    BreakerConfig,
    ChatRequest,
    ConnectionFailed,
    InvalidInput,
    ProviderConfig,
    ProviderOverloaded,
    StreamError,
    StreamingOptions,
    SystemConfig,
    SystemStatus,
    SystemStopped,
)
from greenroom.providers.simulator import Script, Simulator

from request_path import EventLog
from tests_system import LIMIT_S, wait_until

Start = Callable[..., ActorSystem]
ONCE = StreamingOptions(max_reconnect_attempts=0)
BREAKER = BreakerConfig(min_calls=4, probes=2, open_s=0.3, open_jitter=0.0, open_factor=1.0)
FINE = Script(text="one two three four five")


def guarded(start: Start, url: str, rules: BreakerConfig = BREAKER, **provider: Any) -> ActorSystem:
    return start(url, options=ONCE, breaker=rules, **provider)


def ask(system: ActorSystem, model: str = "sim/test-model") -> str:
    return system.stream(ChatRequest(model=model, messages="Count")).result(timeout=LIMIT_S).text


def failures(system: ActorSystem, times: int, model: str = "sim/test-model") -> list[StreamError]:
    errors = []
    for _ in range(times):
        with pytest.raises(StreamError) as caught:
            ask(system, model)
        errors.append(caught.value)
    return errors


def states(status: SystemStatus) -> dict[str, str]:
    return {
        each.key: each.state
        for provider in status.providers
        for each in (provider.endpoint, *provider.models)
    }


@pytest.mark.parametrize("transport", ["reactor", "requests"])
def test_a_failing_server_is_left_alone_then_tried_and_taken_back(
    start: Start, simulator: Simulator, transport: str
) -> None:
    system = guarded(start, simulator.base_url, transport=transport)
    simulator.set_default(Script.failing(503))
    kinds = [type(error) for error in failures(system, 6)]
    assert kinds == [ProviderOverloaded] * 4 + [AdmissionRefused] * 2
    assert len(simulator.requests) == 4, "nothing reaches it while the breaker is open"
    assert states(system.status()) == {"sim": "closed", "sim/test-model": "open"}
    wait_until(lambda: states(system.status())["sim/test-model"] == "half_open")

    assert [type(error) for error in failures(system, 1)] == [ProviderOverloaded]
    assert states(system.status())["sim/test-model"] == "open", "one of two probes that fails decides it"

    simulator.set_default(FINE)
    wait_until(lambda: states(system.status())["sim/test-model"] == "half_open")
    assert [ask(system) for _ in range(2)] == [FINE.text] * 2
    assert states(system.status())["sim/test-model"] == "closed"
    statistics = system.statistics().breakers
    assert statistics.leases == 0
    model = next(each for each in statistics.breakers if each.key == "sim/test-model")
    assert (model.failed_total, model.succeeded_total, model.refused_total, model.opened_total) == (
        5,
        2,
        2,
        2,
    )


def test_other_models_of_a_sick_one_go_on(start: Start, simulator: Simulator) -> None:
    system = guarded(start, simulator.base_url)
    simulator.enqueue(*[Script.failing(529)] * 4)
    failures(system, 5, "sim/sick")
    assert ask(system, "sim/well") == ask(system) == "one two three four five"
    assert states(system.status()) == {
        "sim": "closed", "sim/sick": "open", "sim/test-model": "closed", "sim/well": "closed",
    }  # fmt: skip


def test_a_server_that_is_gone_is_left_alone_with_all_its_models(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    system = guarded(start, f"http://127.0.0.1:{port}/v1")
    kinds = [type(error) for model in "abcdef" for error in failures(system, 1, f"sim/{model}")]
    assert kinds == [ConnectionFailed] * 4 + [AdmissionRefused] * 2
    status = system.status()
    assert (status.available, status.providers[0].available) == (False, False)
    assert status.providers[0].endpoint.half_open_in_s is not None
    assert SystemStatus.model_validate_json(status.model_dump_json()) == status


def test_a_retry_after_is_waited_for_by_all(start: Start, simulator: Simulator) -> None:
    system = guarded(start, simulator.base_url)
    simulator.set_default(Script.failing(503, retry_after_s=60))
    failures(system, 4)
    (error,) = failures(system, 1)
    assert isinstance(error, AdmissionRefused)
    assert 55 < (error.retry_after_s or 0) <= 60


def test_a_long_probe_closes_it_with_its_first_words(start: Start, simulator: Simulator) -> None:
    system = guarded(start, simulator.base_url, BREAKER.replace(probes=1))
    simulator.enqueue(*[Script.failing(503)] * 4)
    failures(system, 4)
    wait_until(lambda: states(system.status())["sim/test-model"] == "half_open")
    simulator.enqueue(Script(text=FINE.text, delta_interval_s=2.0))
    stream = system.stream(ChatRequest(messages="Count"))
    assert stream.next_delta().get(timeout=LIMIT_S) is not None
    assert states(system.status())["sim/test-model"] == "closed"
    assert ask(system) == FINE.text
    stream.cancel()


def test_hands_hold_it_open_switch_it_off_and_reset_it(start: Start, simulator: Simulator) -> None:
    system = guarded(start, simulator.base_url)
    whole, model = system.breaker("sim"), system.breaker("sim/test-model")
    assert model.force_open().state == "forced_open"
    (error,) = failures(system, 1)
    assert (error.error_class, error.retry_after_s, error.is_retryable) == ("refused", None, False)
    assert ask(system, "sim/other") == FINE.text
    assert whole.disable().state == "disabled"
    simulator.enqueue(*[Script.failing(503)] * 20)
    assert {type(error) for error in failures(system, 20)} == {ProviderOverloaded}
    assert whole.reset().state == "closed"
    assert model.status().state == "closed"
    assert ask(system) == FINE.text
    with pytest.raises(InvalidInput, match=r"no provider 'sam' is configured; did you mean 'sim'"):
        system.breaker("sam/test-model")
    system.stop()
    with pytest.raises(SystemStopped):
        system.status()
    with pytest.raises(SystemStopped):
        system.breaker("sim")


def test_it_can_be_switched_off_in_the_configuration(start: Start, simulator: Simulator) -> None:
    system = guarded(start, simulator.base_url, BreakerConfig(enabled=False))
    simulator.set_default(Script.failing(503))
    assert {type(error) for error in failures(system, 20)} == {ProviderOverloaded}


def test_many_at_once_find_out_together_and_no_more_probe_than_may(simulator: Simulator) -> None:
    """A flood on a server that fails: what was on its way comes back, the rest is refused here."""
    log = EventLog()
    sim = ProviderConfig(base_url=simulator.base_url, breaker=BREAKER.replace(open_s=0.2, open_max_s=0.2))
    config = SystemConfig(default_model="sim/m", providers={"sim": sim}, options=ONCE, drain_s=0)
    simulator.set_default(Script.failing(503))
    with ActorSystem.start(config, events=log) as system:
        end_s = time.monotonic() + 1.0
        while time.monotonic() < end_s:
            streams = [system.stream(ChatRequest(messages="Count")) for _ in range(20)]
            for stream in streams:
                with pytest.raises(StreamError):
                    stream.result(timeout=LIMIT_S)
        sent_sick = len(simulator.requests)
        simulator.set_default(FINE)
        wait_until(lambda: system.status().providers[0].models[0].state != "open")
        wait_until(lambda: _answered(system) and system.breaker("sim/m").status().state == "closed")
        statistics = system.statistics().breakers
    rounds = len(log.of("breaker.half_open"))
    assert rounds >= 2
    assert sent_sick <= 20 + 2 * rounds, "twenty before it was known, then probes alone"
    assert statistics.leases == 0
    names = log.names("breaker.")
    assert names[:2] == ["breaker.opened", "breaker.half_open"]
    assert names[-1] == "breaker.closed"


def _answered(system: ActorSystem) -> bool:
    try:
        return ask(system, "sim/m") == FINE.text
    except AdmissionRefused:
        return False
