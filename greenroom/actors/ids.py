"""The ids of the message being handled: inherited by what its handler sends, and bound for structlog.

The kernel does not import structlog (65 ms): where nobody did, nobody logs with it and nothing is bound.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from greenroom.messages.signals import Ids

current_ids: ContextVar[Ids | None] = ContextVar("greenroom_ids", default=None)
_structlog_vars: list[tuple[str, ContextVar[Any]]] = []


@contextmanager
def with_ids(ids: Ids | None) -> Iterator[None]:
    """What is told inside carries `ids`. For senders outside of actors; handlers inherit without it."""
    before = current_ids.get()
    bind_ids(ids)
    try:
        yield
    finally:
        bind_ids(before)


def bind_ids(ids: Ids | None) -> None:
    """In this context `ids` are the current ones, for the kernel and for structlog's `merge_contextvars`."""
    current_ids.set(ids)
    for field, var in _structlog_vars or _find_structlog_vars():
        value = None if ids is None else getattr(ids, field)
        # structlog takes Ellipsis for "not bound".
        var.set(... if value is None else value)


def _find_structlog_vars() -> list[tuple[str, ContextVar[Any]]]:
    structlog = sys.modules.get("structlog.contextvars")
    if structlog is not None:
        tokens = structlog.bind_contextvars(request_id=..., stream_id=..., trace=...)
        _structlog_vars.extend((field, token.var) for field, token in tokens.items())
    return _structlog_vars
