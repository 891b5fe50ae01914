"""Every recorded message over real HTTP, cut at random places, through the whole system."""

import pytest
from recorded_messages import OLDER, STREAMS, allowed, message_differences
from replay_server import ReplayServer

from greenroom import (
    ActorSystem,
    ChatRequest,
    ProviderConfig,
    SystemConfig,
)

from recorded_chats import CORPUS, expected
from recorded_play import ONCE, ended, played

pytestmark = pytest.mark.skipif(not STREAMS, reason=f"{CORPUS} is not there")
PAUSED = "anth-anthropic-syn-pause-turn"
"""Played again for each continuation it would pause for ever: see test_anthropic_pauses.py."""


def test_recorded_messages_over_http_give_the_expected_completions() -> None:
    wrong = dict[str, object]()
    with ReplayServer(played) as server:
        providers = {
            kind: ProviderConfig(kind=kind, base_url=server.base_url)
            for kind in ("anthropic", "anthropic-text")
        }
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            names = [("anthropic", name) for name in STREAMS if name != PAUSED]
            names += [("anthropic-text", name) for name in OLDER]
            streams = [
                (name, system.stream(ChatRequest(model=f"{kind}/{name}", messages="hi")))
                for kind, name in names
            ]
            for name, stream in streams:
                differing = message_differences(ended(stream), expected(name))
                if differing.keys() != allowed(name):
                    wrong[name] = differing
    assert wrong == {}
