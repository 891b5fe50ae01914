"""Fixtures for the tests of services. Loaded by every pytest run, so it imports next to nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from greenroom.providers.simulator import Script, Simulator, SimulatorRules


class SimulatorFactory(Protocol):
    """Makes running simulators; takes what `Simulator` takes. All are stopped when the test ends."""

    def __call__(self, script: "Script | SimulatorRules | None" = None, **options: Any) -> "Simulator": ...


@pytest.fixture
def greenroom_simulator_factory() -> Iterator[SimulatorFactory]:
    """A function that starts a simulator: `greenroom_simulator_factory(Script(text="Hi"), api_key="k")`."""
    from greenroom.providers.simulator.server import Simulator

    with ExitStack() as running:

        def start(script: "Script | SimulatorRules | None" = None, **options: Any) -> Simulator:
            return running.enter_context(Simulator(script, **options))

        yield start


@pytest.fixture
def greenroom_simulator(greenroom_simulator_factory: SimulatorFactory) -> "Simulator":
    """A running simulator of this test's own; `base_url` says where, `enqueue` what it answers."""
    return greenroom_simulator_factory()
