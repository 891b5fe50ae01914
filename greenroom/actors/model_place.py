"""Where a provider's list of models is had: what the catalogue needs of an endpoint."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenroom.actors.abandon import Abandon
from greenroom.actors.ref import Ref
from greenroom.messages.contracts import Clock, ModelQuery, ModelSource, Target


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Made once an endpoint. Places of equal `key` share one list."""

    target: Target
    """`model` is empty."""
    api_keys: Any
    """The provider's ApiKeys: the first that does not rest is used; a callable is asked before each fetch."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    source: Callable[[], ModelSource]
    """Called in the thread of each fetch: what it needs is loaded there."""
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        marked = hashlib.blake2b(digest_size=16, key=self.api_keys.mark().encode()[:64])
        target = self.target
        for part in (
            target.base_url,
            target.kind,
            target.profile or "",
            self.proxy or "",
            *sum(self.headers, ()),
        ):
            marked.update(part.encode() + b"\0")
        object.__setattr__(self, "key", marked.hexdigest())

    def query(self, api_key: str | None, clock: Clock, timeout_s: float, abandon: Abandon) -> ModelQuery:
        """What one fetch asks."""
        return ModelQuery(
            target=self.target, clock=clock, api_key=api_key, headers=self.headers, timeout_s=timeout_s,
            proxy=self.proxy, ca_bundle=self.ca_bundle, abandoned=abandon.register,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelLookUp:
    """The catalogue's ref, and the place of one endpoint."""

    catalog: Ref[Any]
    place: ModelPlace
