"""From a request's model to the endpoint that serves it. Pure."""

import difflib
import os
from collections.abc import Mapping
from typing import TypeVar

from greenroom.messages.config import SystemConfig
from greenroom.messages.failures import InvalidInput
from greenroom.messages.invalid import Problem

E = TypeVar("E")


_ID_BYTES = 10
_random: list[str] = []
"""Drawn ahead: a draw is a system call, and lets other threads take the interpreter from us."""
os.register_at_fork(after_in_child=_random.clear)


def new_id(prefix: str) -> str:
    """A fresh id: the prefix and 80 random bits, safe in paths and headers. Unique across forks. Any thread."""
    try:
        drawn = _random.pop()
    except IndexError:
        ahead = os.urandom(128 * _ID_BYTES).hex()
        drawn, *rest = (ahead[at : at + 2 * _ID_BYTES] for at in range(0, len(ahead), 2 * _ID_BYTES))
        _random.extend(rest)
    return f"{prefix}_{drawn}"


def resolve(model: str | None, config: SystemConfig, endpoints: Mapping[str, E]) -> tuple[E, str]:
    """The endpoint and the model's name there. The provider is what stands before the first slash.

    A model that names only a provider is that provider's `default_model`.
    Raises InvalidInput naming `model`, what stood there, and what would be right.
    """
    asked = model or config.default_model
    if asked is None:
        known = ", ".join(endpoints) or "none is configured"
        raise _wrong("None", f"name one as provider/model (providers: {known}), or set default_model")
    provider, _, name = asked.partition("/")
    if not name and provider in endpoints:
        name = config.providers[provider].default_model or ""
        if not name:
            raise _wrong(
                repr(asked), f"names no model, and {provider} has no default_model; write {provider}/MODEL"
            )
    if not name:
        raise _wrong(repr(asked), f"must be provider/model{_example(provider, endpoints)}")
    if provider not in endpoints:
        raise _wrong(repr(asked), _not_configured(provider, endpoints))
    return endpoints[provider], name


def configured(provider: object, endpoints: Mapping[str, E]) -> E:
    """The endpoint of that name. Raises InvalidInput naming `provider`."""
    if not isinstance(provider, str) or provider not in endpoints:
        raise InvalidInput("", [Problem("provider", repr(provider), _not_configured(provider, endpoints))])
    return endpoints[provider]


def _not_configured(provider: object, endpoints: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(str(provider), endpoints, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"no provider {provider!r} is configured; {hint}configured: {', '.join(endpoints) or 'none'}"


def _example(name: str, endpoints: Mapping[str, object]) -> str:
    first = next(iter(endpoints), None)
    return "" if first is None else f", such as {first}/{name}"


def _wrong(given: str, expected: str) -> InvalidInput:
    return InvalidInput("ChatRequest", [Problem("model", given, expected)])
