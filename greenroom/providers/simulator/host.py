"""What all connections of one simulator share, and what strikes all of them at once. The loop's thread only."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from greenroom.providers.simulator.control import Control
from greenroom.providers.simulator.door import Door
from greenroom.providers.simulator.history import History
from greenroom.providers.simulator.limits import SimulatorLimits
from greenroom.providers.simulator.pacing import Pacer
from greenroom.providers.simulator.records import Ended, Entry, RequestRecord
from greenroom.providers.simulator.script_faults import Outage
from greenroom.providers.simulator.service import Service

Absence = Literal["crash", "close", "reset", "backlog"]


class Guest(Protocol):
    """A connection, as its host sees it."""

    def abort(self) -> None: ...
    def crash(self) -> None: ...


@dataclass(slots=True)
class Host:
    """Owner of the connections. `told` is called with each finished record."""

    service: Service
    history: History
    pacer: Pacer
    limits: SimulatorLimits
    told: Callable[[RequestRecord], None] | None = None
    control: Control | None = None
    outages: tuple[Outage, ...] = ()
    door: Door | None = None
    connections: set[Guest] = field(default_factory=set)
    stopping: bool = False
    _answered: int = 0
    _empty: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def turns_away(self) -> str | None:
        """How a new connection is sent away; None: it is welcome."""
        if self.door is None or self.door.state == "open":
            return None
        return self.door.state

    def leave(self, connection: Guest) -> None:
        """Forget a connection that is lost."""
        self.connections.discard(connection)
        self.history.disconnected()
        if self.stopping and not self.connections:
            self._empty.set()

    async def emptied(self) -> None:
        """Every connection is closed and none is taken any more."""
        self.stopping = True
        for task in self._under_way:
            task.cancel()
        for connection in tuple(self.connections):
            connection.abort()
        if self.connections:
            await self._empty.wait()

    def finish(self, entry: Entry, how: Ended) -> None:
        """Close the entry, once, and tell. The outage that is due after it begins in the loop's next turn."""
        if entry.ended is not None:
            return
        self.history.ended(entry, how, self.pacer.now_s())
        if self.told is not None:
            self.told(entry.snapshot())
        self._answered += 1
        for outage in self.outages:
            if outage.after_requests == self._answered and not self.stopping:
                self.away_soon(outage.how, outage.for_s)

    def away_soon(self, how: Absence, for_s: float | None) -> None:
        """Be away from the loop's next turn on."""
        task = asyncio.get_running_loop().create_task(self.away(how, for_s))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def away(self, how: Absence, for_s: float | None) -> None:
        """The server is away like this. After a crash no connection is left."""
        if self.door is None or self.stopping:
            return
        if how == "crash":
            for connection in tuple(self.connections):
                connection.crash()
        await self.door.go(how, for_s)
