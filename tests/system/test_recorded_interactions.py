"""Every recorded interaction over real HTTP, cut at random places, through the whole system."""

import pytest
from replay_server import ReplayServer

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig

from recorded_interactions import STREAMS, differences, expected
from recorded_play import ONCE, ended, played
from shared_files import CORPUS

pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")


def test_recordings_over_http_give_the_expected_completions() -> None:
    with ReplayServer(played) as server:
        providers = {"rec": ProviderConfig(kind="gemini-interactions", base_url=server.base_url)}
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            for name in STREAMS:
                stream = system.stream(ChatRequest(model=f"rec/{name}", messages="hi"))
                assert differences(ended(stream), expected(name)) == {}
