"""The actor of one provider endpoint: owns the pool, hands sockets over, and is not on the byte path.

Mail: `Open` and `CancelOpen` (one of each an attempt), one report a connecting task, one `Freed` an exchange,
one Down a holder: bounded by the live attempts. An attempt that waits for a free connection gives up after
`pool_timeout_s`, by its own timer here.
A crash ends no live exchange: the table (connection_table.py) is the cell's state, and the next incarnation
watches its holders.
What was only asked for is lost; the streams that asked see the Down and fail it themselves.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from greenroom.actors.connection_table import Table
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.pool import Connect, Key, Use, key_of
from greenroom.messages.commands import (
    CancelOpen,
    GetStatistics,
    Open,
    Opened,
    OpenFailed,
    ReadOn,
    WireRead,
)
from greenroom.messages.config import ProviderConfig
from greenroom.messages.contracts import Link, Transport, TransportError
from greenroom.messages.events import ProviderConnected, ProviderDisconnected
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.signals import Down, TaskDone
from greenroom.messages.statistics import EndpointStatistics

DRAIN_S = 0.5
"""How long a finished answer's connection may still take to end its HTTP body, to be used again."""
SWEEP_APART_S = 0.05
"""Between two looks at idle links: those that rest alike are closed together."""
BACKLOG_READS = 8
BACKLOG_BYTES = 1024 * 1024
"""More reads than this waiting at a stream, or one so large (an inflated one), and its socket is not read."""


@dataclass(frozen=True, slots=True)
class Freed:
    """The exchange of this attempt is over."""

    late_is_fine: ClassVar[bool] = True
    key: Key


@dataclass(frozen=True, slots=True)
class WaitedTooLong:
    key: Key


@dataclass(frozen=True, slots=True)
class DrainOver:
    key: Key


@dataclass(frozen=True, slots=True)
class Sweep:
    """Idle links are due to be closed."""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """A socket is gone. If it was idle, its place is free."""

    late_is_fine: ClassVar[bool] = True


class Connection(LoopActor):
    """See the module. `transport` is closed when the actor stops, not when it crashes."""

    kind = "connection"

    def __init__(self, provider: str, config: ProviderConfig, transport: Transport) -> None:
        super().__init__()
        self._provider = provider
        self._transport = transport
        self._config = config
        self._timers: dict[Key, Any] = {}
        self._sweeping = False

    def on_start(self) -> None:
        self._table: Table = self.cell.state
        self._pool, self._wires, self._holders = self._table.pool, self._table.wires, self._table.holders
        self._table.loss_told = False
        for link in self._table.rest():
            link.close()
        for holder, key in list(self._holders.items()):
            if key in self._wires:
                self.watch(holder)
            else:
                del self._holders[holder]
        for holder in self._table.left_behind():
            self.watch(holder)
        self._sweep_later()

    def on_stop(self) -> None:
        self._table.closed = True
        for wire in list(self._wires.values()):
            wire.abort()
        self._table.abort_left_behind()
        for link in [*self._pool.links(), *self._table.fresh]:
            link.close()
        self._transport.close()
        self.cell.state = None

    @classmethod
    def given_up(
        cls, table: Table | None, _provider: str, _config: ProviderConfig, transport: Transport
    ) -> None:
        """No incarnation will follow, and none lives to be stopped."""
        if table is not None:
            table.drop()
        transport.close()

    @receives(Open)
    def on_open(self, asked: Open) -> None:
        key = key_of(asked)
        if not asked.holder.is_alive():
            return
        self._holders[asked.holder] = key
        self.watch(asked.holder)
        what = self._pool.ask(asked, self.clock.now_s())
        if not isinstance(what, Use):
            wait_s = self._config.pool_timeout_s + (0.0 if what is None else asked.connect_timeout_s)
            self._timers[key] = self.timer(wait_s, WaitedTooLong(key))
        self._do(what)

    @receives(CancelOpen)
    def on_cancel(self, message: CancelOpen) -> None:
        self._give_up((message.stream_id, message.epoch))

    @receives(Down)
    def on_down(self, message: Down) -> None:
        key = self._holders.pop(message.ref, None)
        if key is None:
            self._table.abort_left_behind(message.ref)
            return
        if message.reason == "normal" and key in self._wires:
            # Its answer was whole: the body's last bytes may still be on their way.
            self.timer(DRAIN_S, DrainOver(key))
        else:
            self._give_up(key)

    @receives(DrainOver)
    def on_drain_over(self, message: DrainOver) -> None:
        self._give_up(message.key)

    @receives(TaskDone)
    def on_connect_ended(self, done: TaskDone) -> None:
        if done.error is None:
            link: Link = done.value
            self._table.fresh.discard(link)
            self._notice_loss(link)
            self._table.opened += 1
            self._tell_connected(self.clock.now_s() - done.tag)
            self._do(self._pool.connected(link, self.clock.now_s()))
            self._sweep_later()
            return
        self._table.failed += 1
        failed, further = self._pool.connect_failed()
        if failed is not None:
            self._refuse(failed, _evidence(done.error))
        self._do(further)

    @receives(WaitedTooLong)
    def on_waited_too_long(self, message: WaitedTooLong) -> None:
        asked = self._pool.waiting.pop(message.key, None)
        if asked is not None:
            limit, wait_s = self._pool.max_connections, self._config.pool_timeout_s
            text = (
                f"no connection to {self._provider} became free within {wait_s:g} s (pool_timeout_s);"
                f" max_connections={limit} are in use"
            )
            # The wait was the try: another one would only begin at the end of the queue.
            refusal = ErrorEvidence(
                kind="clock", clock="pool_timeout_s", phase="connect", message=text, is_retryable=False
            )
            self._refuse(asked, refusal)

    @receives(Freed)
    def on_freed(self, message: Freed) -> None:
        self._wires.pop(message.key, None)
        link = self._pool.busy.get(message.key)
        closed = link is not None and not link.reusable
        what = self._pool.freed(message.key, self.clock.now_s())
        if closed:
            self._tell_disconnected("closed")
        self._do(what)
        self._sweep_later()

    @receives(Sweep)
    def on_sweep(self, _: Sweep) -> None:
        self._sweeping = False
        self._drop_expired()
        self._sweep_later()

    @receives(LinkLost)
    def on_link_lost(self, _: LinkLost) -> None:
        self._table.loss_told = False
        self._drop_expired()

    def _drop_expired(self) -> None:
        for link in self._pool.expired(self.clock.now_s()):
            reason = "idle" if link.reusable else "closed"
            link.close()
            self._tell_disconnected(reason)

    def _notice_loss(self, link: Link) -> None:
        """An idle link that the server closes is dropped at once. One look finds all that were lost by then."""
        me, table = self.ref.cell, self._table

        def lost() -> None:
            if table.pool.idle and not table.loss_told and not table.closed:
                table.loss_told = True
                me.post(LinkLost())

        link.on_close = lost

    @receives(GetStatistics)
    def on_get_statistics(self, _: GetStatistics) -> EndpointStatistics:
        pool, table = self._pool, self._table
        return EndpointStatistics(
            provider=self._provider, busy=len(pool.busy), idle=len(pool.idle), connecting=pool.connecting,
            waiting=len(pool.waiting), max_connections=pool.max_connections, connected_total=table.opened,
            connect_failed_total=table.failed, reused_total=table.reused,
        )  # fmt: skip

    # ---- obeying the pool

    def _do(self, what: Use | Connect | None) -> None:
        while isinstance(what, Use):
            what = self._use(what)
        if isinstance(what, Connect):
            self.run(_connect(self._transport, what.timeout_s, self._table), tag=self.clock.now_s())

    def _use(self, use: Use) -> Use | Connect | None:
        """The request is being written; what the pool wants done next, where it could not be."""
        key, holder = key_of(use.asked), use.asked.holder
        self._drop_timer(key)
        reused = use.link.exchanges > 0
        self._table.reused += reused
        live = _Live(self.cell, self._table, use)
        use.asked.mark_sent()
        try:
            wire = use.link.exchange(use.asked.request, use.asked.epoch, live.deliver, live.free)
        except ValueError as error:
            return self._unsendable(use, str(error))
        self._wires[key] = wire
        holder.tell(Opened(use.asked.epoch, wire, reused), ids=use.asked.ids)
        return None

    def _unsendable(self, use: Use, why: str) -> Use | Connect | None:
        """Nothing was written (an api_key with a line end, say): the link serves the next."""
        text = f"the request cannot be sent: {why}"
        self._refuse(
            use.asked, ErrorEvidence(kind="refusal", code="unsendable", phase="request", message=text)
        )
        return self._table.pool.freed(key_of(use.asked), self.clock.now_s())

    def _refuse(self, asked: Open, evidence: ErrorEvidence) -> None:
        self._drop_timer(key_of(asked))
        # Not under the ids of whoever's message has led to it: that may be another request's.
        asked.holder.tell(OpenFailed(asked.epoch, evidence), ids=asked.ids)

    def _give_up(self, key: Key) -> None:
        self._drop_timer(key)
        self._pool.give_up(key)
        wire = self._wires.pop(key, None)
        if wire is not None:
            wire.abort()

    def _drop_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _sweep_later(self) -> None:
        if self._pool.idle and not self._sweeping:
            self._sweeping = True
            due_s = self._pool.next_expiry_s() or 0.0
            self.timer(max(due_s - self.clock.now_s(), SWEEP_APART_S), Sweep())

    def _tell_connected(self, took_s: float) -> None:
        if self.events.wants(ProviderConnected.name):
            event = ProviderConnected(
                at_s=self.clock.wall_s(), actor=self.path, provider=self._provider,
                connect_ms=took_s * 1000, open_connections=self._pool.open_count,
            )  # fmt: skip
            self.events.emit(event)

    def _tell_disconnected(self, reason: str) -> None:
        if self.events.wants(ProviderDisconnected.name):
            event = ProviderDisconnected(
                at_s=self.clock.wall_s(), actor=self.path, provider=self._provider, reason=reason,
                open_connections=self._pool.open_count,
            )  # fmt: skip
            self.events.emit(event)


class _Live:
    """What a socket calls: one exchange, whatever has become of the actor that began it."""

    __slots__ = ("_cell", "_epoch", "_key", "_link", "_reads", "_table")

    def __init__(self, cell: Any, table: Table, use: Use) -> None:
        self._cell, self._table, self._link = cell, table, use.link
        self._key, self._epoch, self._reads = key_of(use.asked), use.asked.epoch, use.asked.holder.cell

    def free(self) -> None:
        table = self._table
        if table.closed:
            table.wires.pop(self._key, None)
            self._link.close()
        else:
            # Not `tell`: a socket's callback runs with the ids of whoever opened the socket.
            self._cell.post(Freed(self._key))

    def deliver(self, read: WireRead) -> None:
        reads = self._reads
        # What comes behind the answer's end reaches nobody, and nobody misses it.
        if reads.closed:
            table = self._table
            if table.closed and (alone := table.wires.pop(self._key, None)) is not None:
                alone.abort()  # this table was dropped: nobody watches its holders
            return
        reads.post(read)
        if len(reads.mail) > BACKLOG_READS or len(read.data) > BACKLOG_BYTES:
            # A loop reads faster than anybody decodes: without this a flood would fill the memory.
            self._table.wires[self._key].pause()
            reads.post(ReadOn(self._epoch))


async def _connect(transport: Transport, timeout_s: float, table: Table) -> Link:
    """The link stands in the table before anybody can miss the news of it: a crash would leave its socket."""
    link = await transport.connect(timeout_s)
    table.fresh.add(link)
    return link


def _evidence(error: BaseException) -> ErrorEvidence:
    if isinstance(error, TransportError):
        return error.evidence
    text = f"connecting failed: {type(error).__name__}: {error}"
    return ErrorEvidence(kind="transport", phase="connect", message=text)
