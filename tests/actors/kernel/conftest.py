"""A running dispatcher for each test of the kernel: on the system's clock, or on a manual one."""

from collections.abc import Iterator

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.testkit import ManualClock, Probe, Recorder, running_dispatcher


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def dispatcher(recorder: Recorder) -> Iterator[Dispatcher]:
    with running_dispatcher(events=recorder, slow_handler_s=5.0) as dispatcher:
        yield dispatcher


@pytest.fixture
def probe(dispatcher: Dispatcher) -> Probe:
    return Probe(dispatcher)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(clock: ManualClock, recorder: Recorder) -> Iterator[Dispatcher]:
    """A dispatcher on the manual clock."""
    with running_dispatcher(clock=clock, events=recorder, slow_handler_s=5.0) as dispatcher:
        yield dispatcher
