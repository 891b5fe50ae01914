"""Fallback routes as configuration: a name that stands for several models, tried one after the other.

A hop's own fields patch the request that the caller gave, never what another hop made of it. What of a
route is wrong by itself is found here; what is wrong with its place among the others, by `route_check`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import Filled
from greenroom.messages.value import FrozenMap, Input

FallBackClass = Literal[
    "transient", "rate_limit", "quota", "overloaded", "credential", "permission", "model_not_found",
    "model_loading", "context_length", "content_policy", "invalid_request", "timeout", "protocol", "budget",
    "refused", "bug", "unknown",
]  # fmt: skip
"""Error classes after which another hop may help. The others end the request wherever it is asked: the caller
cancelled or does not read, our own bound was passed, the system stops."""

FALL_BACK_ON: tuple[FallBackClass, ...] = (
    "transient", "rate_limit", "quota", "overloaded", "credential", "permission", "model_not_found",
    "model_loading", "timeout", "protocol", "refused", "bug", "unknown",
)  # fmt: skip
"""The default: what speaks of the hop. Not what speaks of the request (context_length, content_policy,
invalid_request), nor a budget, which another hop would spend as well."""


class HopOptions(Input):
    """Options of one attempt that a hop has of its own. None leaves the request's.

    Those of the whole request (its deadline, retries, recovery, bounds) are the same on every hop.
    """

    connect_timeout_s: float | None = None
    first_content_timeout_s: float | None = None
    local_first_content_timeout_s: float | None = None
    content_gap_timeout_s: float | None = None
    max_silent_s: float | None = None
    on_unsupported: Literal["refuse", "drop"] | None = None
    raw_deltas: bool | None = None

    @model_validator(mode="after")
    def _as_streaming_options(self) -> Self:
        """Each field has the rules of its namesake."""
        StreamingOptions(**self.changes())
        return self

    def changes(self) -> dict[str, Any]:
        """Those that are given."""
        return {name: given for name in ATTEMPT_OPTIONS if (given := getattr(self, name)) is not None}


ATTEMPT_OPTIONS = tuple(HopOptions.model_fields)
"""The streaming options that one hop may have otherwise than another."""


class HopConfig(Input):
    """One place of a route: a model, when it is its turn, and what of the request is other there."""

    model: Filled
    """`provider/model`, a provider that has a default_model, or another route, whose hops stand here then."""
    weight: float | None = Field(default=None, ge=0)
    """With order="weighted": its share among the hops that are left (1 by default). 0: only after all others."""
    after: Given[Sequence[FallBackClass], tuple[FallBackClass, ...]] = held(())
    """Given: it is asked only when the failure before it was one of these (`context_length`: a larger model)."""
    retries: int = Field(default=0, ge=0, le=100)
    """How often it is tried again, where that may help, before the next hop is. The last hop that is left has
    the request's `max_reconnect_attempts`."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_output_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    extra_body: Given[Mapping[str, Any] | None, FrozenMap | None] = held(None)
    """In place of the request's, whole: {} sends none of it here."""
    options: Given[HopOptions | Mapping[str, Any] | None, HopOptions | None] = held(None)

    @model_validator(mode="before")
    @classmethod
    def _string_is_a_model(cls, given: Any) -> Any:
        return {"model": given} if isinstance(given, str) else given

    def patch(self) -> dict[str, Any]:
        """Fields of the request that are other here, as the request holds them."""
        return {name: given for name in PATCHED if (given := getattr(self, name)) is not None}


PATCHED = ("temperature", "top_p", "max_output_tokens", "seed", "reasoning_effort", "extra_body")
"""Fields of a request that a hop may have otherwise."""


class RouteConfig(Input):
    """A named route. A list is taken as its hops, a string in it as a hop's model."""

    hops: Given[Sequence[HopConfig | Mapping[str, Any] | str], tuple[HopConfig, ...]] = Field(min_length=1)
    order: Literal["listed", "weighted"] = "listed"
    """listed: the first hop first. weighted: drawn anew for each request, by weight, without repetition."""
    fall_back_on: Given[Sequence[FallBackClass], tuple[FallBackClass, ...]] = held(FALL_BACK_ON)
    """Failures of its hops after which the next one is asked; any other ends the request, unless a hop names
    it in `after`."""
    unfit: Literal["refuse", "skip"] = "refuse"
    """A request that a hop's wire cannot take as it is: refused before anything is sent, or sent without it."""
    rounds: int = Field(default=1, ge=1, le=10)
    """How often each hop may come to its turn in one request."""
    options: StreamingOptions | None = None
    """For requests to this route that bring none; None takes the system's."""

    @model_validator(mode="before")
    @classmethod
    def _list_is_hops(cls, given: Any) -> Any:
        if isinstance(given, str):
            raise ValueError("must be a list of models, such as ['openai/gpt-5', 'anthropic'], or a table")
        return {"hops": given} if isinstance(given, (list, tuple)) else given

    @model_validator(mode="after")
    def _weights_count(self) -> Self:
        for place, hop in enumerate(self.hops):
            if hop.weight is not None and self.order == "listed":
                text = "is for order='weighted'; set that too, or leave it out"
                raise InvalidInput.at(f"hops.{place}.weight", text, hop.weight)
        if all(hop.weight == 0 for hop in self.hops):
            raise InvalidInput.at("hops", "must not all have weight 0; one of them has to be the first")
        return self

    @model_validator(mode="after")
    def _retries_are_allowed(self) -> Self:
        most = 100 if self.options is None else self.options.max_reconnect_attempts
        for place, hop in enumerate(self.hops):
            if hop.retries > most:
                text = f"must be at most the route's options.max_reconnect_attempts ({most})"
                raise InvalidInput.at(f"hops.{place}.retries", text, hop.retries)
        return self

    @model_validator(mode="after")
    def _one_hop_begins(self) -> Self:
        if all(hop.after for hop in self.hops):
            raise InvalidInput.at("hops", "must not all have `after`; one of them has to be the first")
        return self
