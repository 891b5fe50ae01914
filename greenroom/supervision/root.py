"""The tree of one system, from its root down: what is restarted when it crashes, and what falls with what.

    / (one_for_one)      without it the dispatcher falls, and with that every open stream ends
    |- services          store, catalogue, breakers: restarts are deferred in a storm, never given up
    |- endpoints         a connection actor for each provider: likewise, each with its own back-off
    '- requests          one dynamic supervisor; without it nothing works: its storm is the root's end

Stopped in the reverse order: requests first. What a crash of a connection must not lose stands in its cell, which
the system holds. A crash of the supervisor of endpoints costs their connections: its children end with it.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from greenroom.actors.connection import Connection
from greenroom.actors.connection_table import Table
from greenroom.actors.pool import Pool
from greenroom.messages.config import ProviderConfig
from greenroom.messages.contracts import Transport
from greenroom.supervision.spec import Backoff, ChildSpec, SupervisorOptions
from greenroom.supervision.supervisor import Supervisor

INTENSITY = 10
PERIOD_S = 60.0
BRANCH_BACKOFF = Backoff(0.1, 10.0, at_once=5)
"""Of services and connections: a crash now and then costs nobody a wait, a crash loop does not burn the CPU."""

ROOT_OPTIONS = SupervisorOptions(intensity=INTENSITY, period_s=PERIOD_S)


class Root(Supervisor):
    """See the module."""

    kind = "root"


def tree(
    services: Iterable[ChildSpec], endpoints: Iterable[ChildSpec], requests: ChildSpec
) -> tuple[ChildSpec, ...]:
    """The specs of the root's children."""
    return (branch("services", services), branch("endpoints", endpoints), requests)


def branch(name: str, children: Iterable[ChildSpec]) -> ChildSpec:
    """A supervisor that outlives its children's storms."""
    specs = tuple(children)
    intensity = INTENSITY * max(len(specs), 1)
    options = SupervisorOptions(
        intensity=intensity, period_s=PERIOD_S, on_storm="defer", backoff=BRANCH_BACKOFF
    )
    return ChildSpec(name, Supervisor, (specs, options), type="supervisor")


def connection(name: str, config: ProviderConfig, transport: Transport, cell: Any) -> ChildSpec:
    """The connection actor of one provider. Its pool outlives it in the cell."""
    former: list[Table] = []
    return ChildSpec(
        name, Connection, (name, config, transport), cell=cell, check=Table.check,
        state=partial(_table, config.max_connections, config.keep_alive_s, former),
    )  # fmt: skip


def _table(max_connections: int, keep_alive_s: float, former: list[Table]) -> Table:
    return Table(Pool(max_connections, keep_alive_s), former=former)
