"""BreakerConfig: what cannot work is refused with the field named; what is said of breakers."""

from typing import Any

import pytest

from greenroom.messages import BreakerConfig, InvalidInput, ProviderConfig, SystemConfig


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"failure_rate": 0}, "failure_rate"),
        ({"failure_rate": 1.5}, "failure_rate"),
        ({"slow_rate": -1}, "slow_rate"),
        ({"probes": 0}, "probes"),
        ({"min_calls": 0}, "min_calls"),
        ({"window": "days"}, "window"),
        ({"window_s": 0}, "window_s"),
        ({"open_s": -1}, "open_s"),
        ({"open_factor": 0.5}, "open_factor"),
        ({"open_jitter": 2}, "open_jitter"),
        ({"half_open_max_s": 0}, "half_open_max_s"),
        ({"slow_ttft_s": 0}, "slow_ttft_s"),
        ({"retry_share": -0.1}, "retry_share"),
        ({"retry_min_per_s": float("nan")}, "retry_min_per_s"),
        ({"models_max": 0}, "models_max"),
        ({"open_s": 300}, r"open_s = 300.*must be at most open_max_s \(120\)"),
        ({"window": "count", "window_calls": 5}, r"min_calls = 10.*must be at most window_calls \(5\)"),
        ({"min_call": 5}, r"min_call.*did you mean 'min_calls'"),
    ],
)
def test_what_cannot_work_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        BreakerConfig(**fields)


def test_the_path_of_a_fault_leads_to_its_provider() -> None:
    with pytest.raises(InvalidInput, match=r"providers\.p\.breaker\.probes"):
        SystemConfig(providers={"p": {"breaker": {"probes": 0}}})
    with pytest.raises(InvalidInput, match=r"breaker\.open_s = 500"):
        SystemConfig(breaker={"open_s": 500})


def test_a_providers_own_stands_beside_the_systems() -> None:
    config = SystemConfig(providers={"p": ProviderConfig(breaker=BreakerConfig(probes=1)), "q": {}})
    assert config.providers["p"].breaker == BreakerConfig(probes=1)
    assert config.providers["q"].breaker is None
    assert config.breaker == BreakerConfig()
