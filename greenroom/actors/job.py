"""One request with all that its actors need: made in the caller's thread, never shared with another."""

import hashlib
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pykka
from pydantic import SecretStr

from greenroom.actors.breaker_table import Breakers
from greenroom.actors.channel import Channel
from greenroom.actors.gate import Gate
from greenroom.actors.history import History
from greenroom.actors.model_place import ModelLookUp
from greenroom.actors.ref import Ref
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Codec, Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.rate_limits import RateLimits
from greenroom.messages.request import ChatRequest

_MARK_SALT = os.urandom(32)


class ApiKeys:
    """A provider's keys, taken in turn. With a callable, `asker` gives the actor that runs it."""

    __slots__ = ("_asker", "_keys", "_mark", "_turn")

    def __init__(
        self, keys: tuple[SecretStr, ...] = (), asker: "Callable[[], pykka.ActorRef[Any]] | None" = None
    ) -> None:
        self._keys = keys
        self._turn = itertools.count()
        self._asker = asker
        self._mark = os.urandom(16).hex()

    @property
    def asker(self) -> "pykka.ActorRef[Any] | None":
        """The living actor that is to be asked for the key; None where the keys are known."""
        return None if self._asker is None else self._asker()

    def take(self) -> str | None:
        """The next key, or None where the server needs none. Any thread."""
        if not self._keys:
            return None
        return self._keys[next(self._turn) % len(self._keys)].get_secret_value()

    def first(self) -> str | None:
        """The first key, whoever's turn it is; None where there is none. Any thread."""
        return self._keys[0].get_secret_value() if self._keys else None

    def mark(self) -> str:
        """Equal for equal credentials in this process, and says nothing of them."""
        if self._asker is not None:
            return self._mark
        digest = hashlib.blake2b(key=_MARK_SALT, digest_size=16)
        for key in self._keys:
            digest.update(key.get_secret_value().encode() + b"\0")
        return digest.hexdigest()


def untold(_head: WireHead, _at: float) -> RateLimits | None:
    """Of a provider whose headers nobody reads."""
    return None


@dataclass(slots=True)
class Job:
    """Owned by its scope once admitted. `connection` is the endpoint's; `api_keys` the provider's."""

    stream_id: str
    request_id: str
    request: ChatRequest
    target: Target
    options: StreamingOptions
    codec: Codec
    channel: Channel
    connection: "Ref[Any]"
    api_keys: ApiKeys
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    started_s: float
    started_at: float
    adjust: Callable[[str], None]
    """Called with a patch that the endpoint's later requests should respect too."""
    rate_limits: Callable[[WireHead, float], RateLimits | None] = untold
    """Reads an answer's head, at seconds since 1970 UTC, for the provider's limits."""
    breakers: Breakers | None = None
    """Asked by each attempt just before it is sent; None: by none."""
    models: ModelLookUp | None = None
    """Where its model is looked up first; None: it is not."""
    token_counter: "pykka.ActorRef[Any] | None" = None
    """Counts where the provider does not; None: characters are counted."""
    gate: Gate = field(init=False)
    """Outlives attempts and the scope: what it journaled is never lost."""
    history: History = field(init=False, default_factory=History)

    def __post_init__(self) -> None:
        self.gate = Gate(self.channel, self.options.max_output_bytes)

    def call(self, epoch: int, api_key: str | None) -> Call:
        """What the codec needs for one attempt."""
        return Call(
            stream_id=self.stream_id, request_id=self.request_id, epoch=epoch, request=self.request,
            target=self.target, options=self.options, api_key=api_key, headers=self.headers,
        )  # fmt: skip
