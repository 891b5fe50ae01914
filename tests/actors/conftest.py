"""A handle on a channel that the test fills."""

from collections.abc import Iterator

import pytest
from test_channel import END

from greenroom.actors.dispatcher import Dispatcher

from held_stream import Held


@pytest.fixture(scope="module")
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher("handles")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def held(dispatcher: Dispatcher) -> Iterator[Held]:
    made = Held(dispatcher)
    yield made
    made.channel.close(END)
