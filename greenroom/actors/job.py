"""One request with all that its actors need: made in the caller's thread, never shared with another."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pykka

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.breaker_table import Breakers
from greenroom.actors.channel import Channel
from greenroom.actors.gate import Gate
from greenroom.actors.history import History, unpriced
from greenroom.actors.model_place import ModelLookUp
from greenroom.actors.parking import ParkingGate
from greenroom.actors.ref import Ref
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, CapabilityLookup, Codec, Target
from greenroom.messages.options import Durability, StreamingOptions
from greenroom.messages.rate_limits import RateLimits
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.messages.route_plan import Plan
from greenroom.messages.signals import Ids
from greenroom.messages.usage import Usage


def untold(_head: WireHead, _at: float) -> RateLimits | None:
    """Of a provider whose headers nobody reads."""
    return None


def unable(target: Target) -> Capabilities:  # noqa: ARG001
    """Of a server of which nothing is known."""
    return Capabilities(instruction_continuation=False)


@dataclass(slots=True)
class Hop:
    """A place where a request can be answered, with all that an attempt needs there.

    Never changed, but replaced. Not `frozen`: every request makes one, and frozen fields cost 2 us together.
    """

    request: ChatRequest = field(repr=False)
    """As it is asked here: the caller's, with what of it is other at this hop."""
    options: StreamingOptions
    """Of an attempt here: the request's, with what of it is other at this hop. The clocks are read from these."""
    target: Target
    codec: Codec
    connection: "Ref[Any]"
    """The endpoint's."""
    api_keys: ApiKeys
    """The provider's."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    adjust: Callable[[str], None]
    """Called with a patch that the endpoint's later requests should respect too."""
    rate_limits: Callable[[WireHead, float], RateLimits | None] = untold
    """Reads an answer's head, at seconds since 1970 UTC, for the provider's limits."""
    models: ModelLookUp | None = None
    """Where its model is looked up first; None: it is not."""


@dataclass(slots=True)
class Job:
    """Owned by its scope once admitted."""

    stream_id: str
    request_id: str
    request: ChatRequest
    """As the caller gave it."""
    options: StreamingOptions
    """Of the whole request: deadline, retries, recovery, bounds."""
    channel: Channel
    hop: Hop
    """Where it is asked now."""
    started_s: float
    started_at: float
    plan: Plan | None = None
    """Where else it may be asked, and when; None: nowhere."""
    hops: tuple[Hop, ...] = ()
    """Those of the plan."""
    token_counter: "pykka.ActorRef[Any] | None" = None
    """Counts where the provider does not; None: characters are counted."""
    breakers: Breakers | None = None
    """Asked by each attempt just before it is sent; None: by none."""
    durability: Durability = "memory"
    parked: Callable[[], None] | None = None
    """Called when a batch waits for the store; None: none does (durability before_deliver alone)."""
    resumed: RetryState | None = None
    """As a store had it: what an earlier life of the request came to."""
    capabilities: CapabilityLookup = unable
    """What its targets can do for a cut stream."""
    cost_usd: Callable[[str, str, Usage], float | None] = unpriced
    """What a provider's model costs for this usage; None where that is not known."""
    gate: Gate = field(init=False)
    """Outlives attempts and the scope: what it journaled is never lost."""
    history: History = field(init=False)
    ids: Ids = field(init=False)
    """For envelopes: a socket's read brings none."""

    def __post_init__(self) -> None:
        if self.parked is None:
            self.gate = Gate(self.channel, self.options.max_output_bytes)
        else:
            self.gate = ParkingGate(self.channel, self.options, self.parked)
        self.history = History(self.cost_usd)
        self.ids = Ids(self.request_id, self.stream_id)

    @property
    def target(self) -> Target:
        return self.hop.target

    @property
    def codec(self) -> Codec:
        return self.hop.codec

    @property
    def connection(self) -> "Ref[Any]":
        return self.hop.connection

    @property
    def api_keys(self) -> ApiKeys:
        return self.hop.api_keys

    @property
    def route(self) -> str | None:
        """The name of the route that was asked for."""
        return None if self.plan is None else self.plan.route

    def go_to(self, place: int) -> None:
        """The next attempt is made at this hop of the plan."""
        self.hop = self.hops[place]

    def adjust(self, patch: str) -> None:
        """Later attempts here heed this fact about the server, and so do its endpoint's later requests."""
        hop = self.hop
        hop.adjust(patch)
        target = replace(hop.target, adjustments=hop.target.adjustments | {patch})
        self.hop = replace(hop, target=target)
        self.hops = tuple(self.hop if other is hop else other for other in self.hops)

    def call(self, epoch: int, api_key: str | None, request: ChatRequest | None = None) -> Call:
        """What the codec needs for one attempt. `request`: the hop's as this attempt changes it."""
        hop = self.hop
        return Call(
            stream_id=self.stream_id, request_id=self.request_id, epoch=epoch, request=request or hop.request,
            target=hop.target, options=hop.options, api_key=api_key, headers=hop.headers,
        )  # fmt: skip
