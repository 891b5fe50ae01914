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
_NO_IDS = Ids()
_structlog_vars: list[ContextVar[Any]] = []
"""Of request_id, stream_id and trace; empty: structlog is not there yet."""


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
    before, now = current_ids.get() or _NO_IDS, ids or _NO_IDS
    current_ids.set(ids)
    bound = _structlog_vars or _find_structlog_vars()
    if not bound:
        return
    # Once a message: a set costs more than a look.
    request, stream, trace = bound
    if now.request_id != before.request_id:
        _bind(request, now.request_id)
    if now.stream_id != before.stream_id:
        _bind(stream, now.stream_id)
    if now.trace != before.trace:
        _bind(trace, now.trace)


def _bind(var: ContextVar[Any], value: str | None) -> None:
    # structlog takes Ellipsis for "not bound".
    var.set(... if value is None else value)


def _find_structlog_vars() -> list[ContextVar[Any]]:
    structlog = sys.modules.get("structlog.contextvars")
    if structlog is not None:
        tokens = structlog.bind_contextvars(request_id=..., stream_id=..., trace=...)
        _structlog_vars.extend(tokens[field].var for field in ("request_id", "stream_id", "trace"))
    return _structlog_vars
