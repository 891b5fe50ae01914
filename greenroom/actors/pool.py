"""Which link serves which request: the pool's decisions, without I/O and without a clock of its own.

Invariant: len(busy) + len(idle) + connecting <= max_connections.
Waiters are served first come, first served; the newest idle link first, so that the others may expire.
"""

from collections import OrderedDict, deque
from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple

from greenroom.messages.commands import Open
from greenroom.messages.contracts import Link

Key = tuple[str, int]
"""(stream_id, epoch): one attempt."""


def key_of(asked: Open) -> Key:
    return asked.stream_id, asked.epoch


@dataclass(slots=True)
class Idle:
    link: Link
    since_s: float


class Use(NamedTuple):
    """Send `asked` on this idle link."""

    asked: Open
    link: Link


@dataclass(frozen=True, slots=True)
class Connect:
    """Make one more connection."""

    timeout_s: float


class Pool:
    """One endpoint's. Every method returns what is to be done; the connection actor does it."""

    __slots__ = ("busy", "connecting", "idle", "keep_alive_s", "max_connections", "waiting")

    def __init__(self, max_connections: int, keep_alive_s: float) -> None:
        self.max_connections = max_connections
        self.keep_alive_s = keep_alive_s
        self.waiting: OrderedDict[Key, Open] = OrderedDict()
        self.idle: deque[Idle] = deque()
        self.busy: dict[Key, Link] = {}
        self.connecting = 0

    @property
    def open_count(self) -> int:
        return len(self.busy) + len(self.idle)

    def ask(self, asked: Open, now_s: float) -> Use | Connect | None:
        """An attempt wants a link: an idle one, a new one, or it waits in the queue."""
        link = None if self.waiting else self._take_idle(now_s)
        if link is not None:
            self.busy[key_of(asked)] = link
            return Use(asked, link)
        self.waiting[key_of(asked)] = asked
        if self.connecting < len(self.waiting) and self.open_count + self.connecting < self.max_connections:
            self.connecting += 1
            return Connect(asked.connect_timeout_s)
        return None

    def connected(self, link: Link, now_s: float) -> Use | None:
        """A new link is there: the first in the queue has it; idle where nobody waits any more."""
        self.connecting -= 1
        return self._serve(link, now_s)

    def connect_failed(self) -> tuple[Open | None, Connect | None]:
        """Who fails by it (the first in the queue), and whether another connection is needed for the rest."""
        self.connecting -= 1
        failed = self.waiting.popitem(last=False)[1] if self.waiting else None
        return failed, self._another()

    def freed(self, key: Key, now_s: float) -> Use | Connect | None:
        """The attempt's exchange is over: its link serves the next, or rests; a closed one makes room."""
        link = self.busy.pop(key, None)
        if link is None:
            return None
        if link.reusable:
            return self._serve(link, now_s)
        return self._another()

    def give_up(self, key: Key) -> tuple[bool, Link | None]:
        """The attempt wants nothing any more: whether it was in the queue, and the link that it held."""
        return self.waiting.pop(key, None) is not None, self.busy.get(key)

    def expired(self, now_s: float) -> list[Link]:
        """Idle links that are to be closed, and are idle no more: resting too long, or closed by the server."""
        gone = [idle.link for idle in self.idle if not self._fresh(idle, now_s)]
        if gone:
            self.idle = deque(idle for idle in self.idle if self._fresh(idle, now_s))
        return gone

    def next_expiry_s(self) -> float | None:
        """When the next idle link will have rested too long; None where none is idle."""
        return min((idle.since_s + self._allowed_s(idle) for idle in self.idle), default=None)

    def links(self) -> list[Link]:
        """All that are open."""
        return [*self.busy.values(), *(idle.link for idle in self.idle)]

    def recover(self, live: Container[Key]) -> list[Link]:
        """Its actor is a new one: what was asked for is lost. Returns busy links without a live exchange."""
        self.waiting.clear()
        self.connecting = 0
        lost = [key for key in self.busy if key not in live]
        return [self.busy.pop(key) for key in lost]

    def _serve(self, link: Link, now_s: float) -> Use | None:
        if not self.waiting:
            self.idle.append(Idle(link, now_s))
            return None
        key, asked = self.waiting.popitem(last=False)
        self.busy[key] = link
        return Use(asked, link)

    def _another(self) -> Connect | None:
        if self.connecting < len(self.waiting) and self.open_count + self.connecting < self.max_connections:
            self.connecting += 1
            return Connect(next(iter(self.waiting.values())).connect_timeout_s)
        return None

    def _take_idle(self, now_s: float) -> Link | None:
        while self.idle:
            idle = self.idle.pop()
            if self._fresh(idle, now_s):
                return idle.link
            idle.link.close()
        return None

    def _fresh(self, idle: Idle, now_s: float) -> bool:
        return idle.link.reusable and now_s - idle.since_s < self._allowed_s(idle)

    def _allowed_s(self, idle: Idle) -> float:
        limit_s = idle.link.idle_limit_s
        return self.keep_alive_s if limit_s is None else min(self.keep_alive_s, limit_s)
