"""What an endpoint remembers of its server."""

from collections.abc import Iterator

import pytest

from greenroom import ProviderConfig
from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.endpoints import ADJUSTMENTS_MAX, Endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    clock = ManualClock()
    config = ProviderConfig(profile="vllm", base_url="http://127.0.0.1:9/v1")
    made = Endpoint("box", config, Dispatcher("endpoints", clock), clock)
    yield made
    made.close()


def test_what_was_learnt_of_the_server_is_bounded_and_the_oldest_goes(endpoint: Endpoint) -> None:
    endpoint.adjust("no_stream_options")
    for number in range(ADJUSTMENTS_MAX):
        endpoint.adjust(f"no_prefix:model-{number}")
        endpoint.adjust("no_stream_options")
    learnt = endpoint.target("m").adjustments
    assert len(learnt) == ADJUSTMENTS_MAX
    assert "no_prefix:model-0" not in learnt
    assert {"no_stream_options", "no_prefix:model-1", f"no_prefix:model-{ADJUSTMENTS_MAX - 1}"} <= learnt
