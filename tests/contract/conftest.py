"""The contract of a transport, run over each that there is: `way` says which, and on which loop."""

from collections.abc import Iterator

import pytest
from transport_client import SESSION, WAYS
from transport_tls import no_settings_of_this_machine, trust  # noqa: F401  (fixtures)

from greenroom.providers.simulator import Simulator


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "way" in metafunc.fixturenames:
        ways = [*WAYS, SESSION] if hasattr(metafunc.function, "sessions_too") else WAYS
        metafunc.parametrize("way", ways, ids=[f"{way.transport}-{way.loop}" for way in ways])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One for all tests of a file."""
    with Simulator() as running:
        yield running
