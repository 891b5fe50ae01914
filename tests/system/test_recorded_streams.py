"""Every recorded chat stream over real HTTP, cut at random places, through the whole system."""

import pytest
from replay_server import ReplayServer

from greenroom import (
    ActorSystem,
    ChatRequest,
    ProviderConfig,
    SystemConfig,
)

from recorded_chats import (
    CORPUS,
    STREAMS,
    allowed,
    differences,
    expected,
)
from recorded_play import AT_ONCE, ONCE, batched, ended, played

pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")


def test_recordings_over_http_give_the_expected_completions() -> None:
    wrong = dict[str, object]()
    with ReplayServer(played) as server:
        providers = {"rec": ProviderConfig(base_url=server.base_url)}
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            for names in batched(STREAMS, AT_ONCE):
                streams = [system.stream(ChatRequest(model=f"rec/{name}", messages="hi")) for name in names]
                for name, stream in zip(names, streams, strict=True):
                    differing = differences(ended(stream), expected(name))
                    if differing.keys() != allowed(name):
                        wrong[name] = differing
    assert wrong == {}
