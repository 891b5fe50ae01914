import threading
from collections.abc import Iterator

import pytest
from simulator_client import open_files

from greenroom.providers.simulator import Script, Simulator


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    """libuv opens a pipe for signals once in a process and keeps it."""
    Simulator().start().stop()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A running simulator that says Hello; afterwards no thread and no descriptor of it is left."""
    threads, files = threading.active_count(), open_files()
    with Simulator(Script(text="Hello there, dear client")) as running:
        yield running
    assert threading.active_count() <= threads
    assert open_files() <= files
