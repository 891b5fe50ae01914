"""The contract of a transport, run over each that there is: `way` says which, and on which loop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from transport_client import SESSION, WAYS
from transport_tls import Trust

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


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
