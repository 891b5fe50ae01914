"""What a connection actor must not lose: held by its cell, handed to its next incarnation after a check."""

from dataclasses import dataclass, field
from typing import Any

from greenroom.actors.pool import Key, Pool
from greenroom.messages.contracts import Link, Wire


@dataclass(slots=True)
class Table:
    """Its pool and the live exchanges. Dispatcher thread."""

    pool: Pool
    wires: dict[Key, Wire] = field(default_factory=dict)
    holders: dict[Any, Key] = field(default_factory=dict)
    opened: int = 0
    failed: int = 0
    reused: int = 0
    closed: bool = False
    """No incarnation has it any more: what becomes free is closed."""
    loss_told: bool = False
    """A LinkLost is on its way."""
    fresh: set[Link] = field(default_factory=set)
    """Connected, and not yet in the pool: their news is on its way."""

    former: "list[Table]" = field(default_factory=list, repr=False)
    """Dropped ones with exchanges that still run: one list for all tables of an endpoint."""

    def rest(self) -> list[Link]:
        """Nobody will use these any more: links without a live exchange. They are the caller's to close."""
        links = [*self.pool.recover(self.wires), *self.fresh]
        self.fresh.clear()
        return links

    def drop(self) -> None:
        """Idle sockets are closed; live exchanges go on, and close theirs at their end."""
        self.closed = True
        for link in [*self.rest(), *(idle.link for idle in self.pool.idle)]:
            link.close()
        self.pool.idle.clear()
        if self.wires:
            self.former.append(self)

    def left_behind(self) -> list[Any]:
        """Holders of exchanges that dropped tables still have: nobody else watches them."""
        self.former[:] = [table for table in self.former if table.wires]
        return [
            holder for table in self.former for holder, key in table.holders.items() if key in table.wires
        ]

    def abort_left_behind(self, holder: Any = None) -> None:
        """The exchange that the holder had from a dropped table is over; without a holder, all of them."""
        for table in self.former:
            keys = list(table.wires) if holder is None else [table.holders.pop(holder, None)]
            for key in keys:
                if key is not None and (wire := table.wires.pop(key, None)) is not None:
                    wire.abort()

    def check(self) -> None:
        """Raises ValueError where no next incarnation should have it."""
        if self.closed:
            raise ValueError("the table was dropped")
        strays = self.wires.keys() - self.pool.busy.keys()
        if strays:
            raise ValueError(f"{len(strays)} live exchanges have no connection in the pool")
        if self.pool.open_count + self.pool.connecting > self.pool.max_connections:
            raise ValueError(f"the pool has more than max_connections ({self.pool.max_connections})")
