"""The command line against the simulator, as `openai`."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Here, Runner

from greenroom.providers.simulator import Simulator

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def _interrupts_are_heard() -> Iterator[None]:
    """A shell's background job starts with SIGINT ignored, and so would every command that a test runs."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def greenroom(tmp_path: Path) -> Runner:
    """The command, in an empty folder."""
    return Runner(tmp_path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(tmp_path, monkeypatch, capsys)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(api_key=KEY) as simulator:
        yield simulator


@pytest.fixture
def chat(greenroom: Runner, simulator: Simulator) -> Runner:
    """The command, with the simulator configured by environment variables, as users do."""
    greenroom.environ |= {
        "OPENAI_BASE_URL": simulator.base_url, "OPENAI_API_KEY": KEY,
        "GREENROOM_DEFAULT_MODEL": "openai/small", "GREENROOM_BACKOFF_INITIAL_S": "0.01",
        "GREENROOM_BACKOFF_MAX_S": "0.05",
    }  # fmt: skip
    return greenroom
