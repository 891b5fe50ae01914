"""A provider's keys: taken in turn, and one of several that the provider refuses rests while the others serve.

How long a key rests: what the provider told, a second at least, else doubling from the class's first rest to its
longest. An answer to that key forgets it all. A single key never rests: nothing would be gained.
"""

import hashlib
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import pykka
from pydantic import SecretStr

from greenroom.messages.breaker import KeyStatus
from greenroom.messages.failures import ErrorClass

_MARK_SALT = os.urandom(32)


class Drawn(NamedTuple):
    """The key for one attempt."""

    number: int | None
    """Which of several, from 1, in the order in which they were configured; None: there is but one."""
    secret: str


class Rest(NamedTuple):
    """How long a refused key rests, seconds: at first, and at most."""

    first_s: float
    longest_s: float


RESTS: dict[ErrorClass, Rest] = {
    "rate_limit": Rest(1.0, 60.0),
    "quota": Rest(60.0, 600.0),
    "credential": Rest(60.0, 600.0),
}
"""The classes that speak of a key. A permission does not: the same key may be good for another model.

Ours: a limit counts in minutes at most; a quota or a revoked key changes when somebody has acted, and one request
in ten minutes that another key answers unseen is a small price for noticing.
"""


REST_MIN_S = 1.0
"""Told to come back at once, requests would go round among refused keys as fast as these answer."""


class Rested(NamedTuple):
    """A key rests from now on."""

    number: int
    keys: int
    error_class: ErrorClass
    rest_s: float


class _Key:
    __slots__ = ("error_class", "refusals", "secret", "until_s")

    def __init__(self, secret: SecretStr) -> None:
        self.secret = secret
        self.until_s = 0.0
        """It rests until then, where it was refused."""
        self.refusals = 0
        """On end."""
        self.error_class: ErrorClass | None = None


class ApiKeys:
    """A provider's keys. With a callable, `asker` gives the actor that runs it. Dispatcher thread, where no other
    is named."""

    __slots__ = ("_asker", "_keys", "_last", "_mark")

    def __init__(
        self, keys: tuple[SecretStr, ...] = (), asker: "Callable[[], pykka.ActorRef[Any]] | None" = None
    ) -> None:
        self._keys = tuple(map(_Key, keys))
        self._last = -1
        """Drawn."""
        self._asker = asker
        self._mark = os.urandom(16).hex()

    @property
    def asker(self) -> "pykka.ActorRef[Any] | None":
        """The living actor that is to be asked for the key; None where the keys are known."""
        return None if self._asker is None else self._asker()

    def draw(self, now_s: float, same: int | None = None) -> Drawn | None:
        """The next key that does not rest, or the one whose rest ends first. None: the server needs none.

        `same`: the number of the key that is to be used again, out of turn, if it does not rest: what a provider
        keeps belongs to the project of the key that it was made with.
        """
        keys = self._keys
        if len(keys) < 2:
            return Drawn(None, keys[0].secret.get_secret_value()) if keys else None
        # Of a stored stream the list may have been another.
        if same is not None and same <= len(keys) and keys[same - 1].until_s <= now_s:
            return Drawn(same, keys[same - 1].secret.get_secret_value())
        turn = [(self._last + step) % len(keys) for step in range(1, len(keys) + 1)]
        # min() keeps the first of equals: whose turn it is.
        at = self._last = min(turn, key=lambda at: max(keys[at].until_s, now_s))
        return Drawn(at + 1, keys[at].secret.get_secret_value())

    def first(self) -> str | None:
        """The first key that does not rest, whoever's turn it is; None where there is none. Any thread."""
        best = min(self._keys, key=lambda key: key.until_s, default=None)
        return None if best is None else best.secret.get_secret_value()

    def refused(
        self, number: int, error_class: ErrorClass, told_wait_s: float | None, now_s: float
    ) -> Rested | None:
        """An attempt with this key ended so. Not None: it rests from now on."""
        rest = RESTS.get(error_class)
        if rest is None:
            return None
        key = self._keys[number - 1]
        was_resting = key.until_s > now_s
        if not was_resting:
            # Attempts under way together are refused together: that is one refusal.
            key.refusals += 1
        if told_wait_s is not None:
            rest_s = max(told_wait_s, REST_MIN_S)
        else:
            rest_s = min(rest.first_s * 2.0 ** min(key.refusals - 1, 30), rest.longest_s)
        key.until_s, key.error_class = max(key.until_s, now_s + rest_s), error_class
        return None if was_resting else Rested(number, len(self._keys), error_class, rest_s)

    def served(self, number: int) -> None:
        """The provider took this key."""
        key = self._keys[number - 1]
        if key.refusals:
            key.refusals, key.until_s, key.error_class = 0, 0.0, None

    def another(self, now_s: float) -> bool:
        """One of several does not rest: what was refused to a key may be asked with that one at once."""
        return len(self._keys) > 1 and any(key.until_s <= now_s for key in self._keys)

    def status(self, now_s: float) -> tuple[KeyStatus, ...]:
        """Of each of several keys; () for one or none."""
        if len(self._keys) < 2:
            return ()
        return tuple(
            KeyStatus(
                number=number, rests_s=max(key.until_s - now_s, 0.0),
                error_class=key.error_class if key.until_s > now_s else None,
            )
            for number, key in enumerate(self._keys, 1)
        )  # fmt: skip

    def mark(self) -> str:
        """Equal for equal credentials in this process, and says nothing of them."""
        if self._asker is not None:
            return self._mark
        digest = hashlib.blake2b(key=_MARK_SALT, digest_size=16)
        for key in self._keys:
            digest.update(key.secret.get_secret_value().encode() + b"\0")
        return digest.hexdigest()
