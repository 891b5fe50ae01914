"""Every recorded Gemini stream over real HTTP, cut at random places, through the whole system."""

import pytest
from replay_server import ReplayServer

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig

from recorded_gemini import STREAMS, allowed, differences, expected
from recorded_play import ONCE, batched, ended, played
from shared_files import CORPUS

pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")
AT_ONCE = 8


def asked(name: str) -> ChatRequest:
    """The replay server looks for the name in the body."""
    return ChatRequest(model=f"rec/{name}", messages="hi", extra_body={"model": name})


def test_recordings_over_http_give_the_expected_completions() -> None:
    wrong = dict[str, object]()
    with ReplayServer(played) as server:
        providers = {"rec": ProviderConfig(kind="gemini", base_url=server.base_url)}
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            for names in batched(STREAMS, AT_ONCE):
                streams = [system.stream(asked(name)) for name in names]
                for name, stream in zip(names, streams, strict=True):
                    differing = differences(ended(stream), expected(name))
                    if differing.keys() != allowed(name):
                        wrong[name] = differing
    assert wrong == {}
