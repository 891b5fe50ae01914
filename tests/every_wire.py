"""Every wire of the registry against one simulator, in one system."""

from collections.abc import Iterator
from contextlib import contextmanager

from greenroom import ActorSystem, BreakerConfig, ProviderConfig, StreamingOptions, SystemConfig
from greenroom.providers.simulator import Simulator

PLACES = {
    "openai-chat": "/v1", "openai-completions": "/v1", "openai-responses": "/v1", "anthropic": "/v1",
    "anthropic-text": "/v1", "gemini": "/v1beta", "gemini-interactions": "/v1beta", "ollama": "",
    "ollama-generate": "", "cohere-chat": "", "cloudflare-ai": "/client/v4/accounts/a1",
}  # fmt: skip
"""Each kind, and the path of its base URL."""
KINDS = tuple(PLACES)


@contextmanager
def every_wire(simulator: Simulator, options: StreamingOptions) -> Iterator[ActorSystem]:
    """A system with one provider for each kind, named like it. However often one fails, it is asked again."""
    root = simulator.base_url.removesuffix("/v1")
    providers = {kind: ProviderConfig(kind=kind, base_url=root + place) for kind, place in PLACES.items()}
    unbroken = BreakerConfig(enabled=False, retry_min_per_s=1e6)
    config = SystemConfig(providers=providers, options=options, breaker=unbroken, drain_s=0)
    with ActorSystem.start(config) as system:
        yield system
