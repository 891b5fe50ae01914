"""Every recording of one wire played over real HTTP through the whole system, and what came out wrong."""

from collections.abc import Callable
from typing import Any

from replay_server import ReplayServer

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig

from recorded_play import AT_ONCE, ONCE, batched, ended, played


def asked_by_model(name: str) -> ChatRequest:
    """The replay server looks for the name in the body."""
    return ChatRequest(model=f"rec/{name}", messages="hi")


def wrong_over_http(
    recorded: Any, asked: Callable[[str], ChatRequest] = asked_by_model, **provider: Any
) -> dict[str, object]:
    """By recording, where its completion differs from the expected one otherwise than is allowed.

    `recorded`: a module with STREAMS, `expected`, `differences` and `allowed`.
    """
    wrong = dict[str, object]()
    with ReplayServer(played) as server:
        providers = {"rec": ProviderConfig(base_url=server.base_url, **provider)}
        with ActorSystem.start(SystemConfig(providers=providers, options=ONCE, drain_s=0)) as system:
            for names in batched(recorded.STREAMS, AT_ONCE):
                streams = [system.stream(asked(name)) for name in names]
                for name, stream in zip(names, streams, strict=True):
                    differing = recorded.differences(ended(stream), recorded.expected(name))
                    if differing.keys() != recorded.allowed(name):
                        wrong[name] = differing
    return wrong
