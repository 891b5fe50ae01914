"""Walks the tree for `system.census()`.

The dispatcher thread only reads plain facts off the cells (6 to 9 us each, measured); values are made of them in
the thread that asked (some 30 us each). Nothing is kept for it between two censuses but two numbers a cell.
"""

from collections.abc import Iterator
from typing import Any

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errand import run_there
from greenroom.messages.census import ActorCensus, Census
from greenroom.supervision.supervisor import Supervisor

Row = dict[str, Any]


def take_census(dispatcher: Dispatcher, max_actors: int, wait_s: float) -> Census:
    """All actors below the root, and the root. Raises as run_there does."""
    rows, left_out, at_s = run_there(dispatcher, lambda: _rows(dispatcher, max_actors), wait_s)
    return Census(at_s=at_s, actors=tuple(ActorCensus(**row) for row in rows), left_out=left_out)


def _rows(dispatcher: Dispatcher, most: int) -> tuple[list[Row], int, float]:
    walk = _below(dispatcher.keystone, None, dispatcher.clock.now_s())
    rows = [row for _, row in zip(range(most), walk, strict=False)]
    left_out = max(dispatcher.statistics().actors - len(rows), 0) if len(rows) == most else 0
    return rows, left_out, dispatcher.clock.wall_s()


def _below(root: Any, parent: str | None, now_s: float) -> Iterator[Row]:
    # A stack, not recursion: the tree may be as deep as a host likes.
    stack: list[tuple[Any, str | None, Row]] = [(root, parent, {})] if root is not None else []
    while stack:
        cell, above, known = stack.pop()
        row = _row(cell, above, now_s) | known
        life = cell.life
        if life is not None and isinstance(life.actor, Supervisor):
            row["window"] = life.actor.window(now_s)
            below = list(life.actor.census(now_s))
        else:
            below = [] if life is None else [(child, {}) for child in life.children or ()]
        row["children"] = len(below)
        yield row
        stack.extend((child, cell.path, facts) for child, facts in reversed(below))


def _row(cell: Any, parent: str | None, now_s: float) -> Row:
    life, error = cell.life, cell.last_error()
    return {
        "path": cell.path, "parent": parent, "kind": cell.kind, "actor_class": cell.actor_class().__name__,
        "state": "down" if life is None and cell.birth is None else "starting" if life is None else "running",
        "incarnation": cell.incarnation, "mailbox": cell.depth(), "mailbox_high": cell.high_water,
        "handled": cell.handled + (0 if life is None else life.handled),
        "age_s": None if life is None else max(now_s - life.began_s, 0.0),
        "last_error": None if error is None else f"{type(error).__name__}: {error}",
    }  # fmt: skip
