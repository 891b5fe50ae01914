"""Real sockets, real time, generous limits. Every test here is checked for what it leaves behind."""

from collections.abc import Callable, Iterator

import pytest

from greenroom import ActorSystem, ProviderConfig, StreamingOptions, SystemConfig
from greenroom.providers.simulator import Script, Simulator

LIMIT_S = 20.0
"""How long a test waits for what should take milliseconds."""
FAST = StreamingOptions(backoff_initial_s=0.01, backoff_max_s=0.05)

Start = Callable[..., ActorSystem]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Script(text="one two three four five", usage="counted")) as running:
        yield running


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts systems that talk to a base_url as provider `sim`, and stops them afterwards."""
    systems: list[ActorSystem] = []

    def begin(base_url: str, options: StreamingOptions = FAST, **provider: object) -> ActorSystem:
        sim = ProviderConfig(base_url=base_url, **provider)
        config = SystemConfig(
            default_model="sim/test-model", providers={"sim": sim}, options=options, drain_s=0
        )
        systems.append(ActorSystem.start(config))
        return systems[-1]

    yield begin
    for system in systems:
        system.stop(drain_s=0)


@pytest.fixture
def system(simulator: Simulator, start: Start) -> ActorSystem:
    return start(simulator.base_url)
