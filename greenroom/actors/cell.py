"""A cell: mailbox, address, watchers, and the number of the incarnation that lives in it.

A cell made by `spawn` closes with its actor. A cell made by `new_cell` is held: mail waits in it, bounded,
before its first incarnation and between two, until its owner calls `close`. A new incarnation fences the one
before: that is abandoned, and nothing that it had asked for reaches the new one.
"""

import contextlib
import threading
import uuid
from typing import Any

from greenroom.actors.claims import Watch
from greenroom.actors.errors import ActorDead
from greenroom.actors.incarnation import Birth, Incarnation
from greenroom.actors.mailbox import Mailbox, is_admitted
from greenroom.actors.pykka_compat import LoopActorHooks
from greenroom.actors.ref import Ref
from greenroom.messages.events import ActorZombie, MailboxHigh, MailboxRefused
from greenroom.messages.signals import Down, ExitReason


class Cell(Mailbox):
    """Mailbox, stable ref, watchers, incarnation.

    Methods are for the dispatcher thread unless they say otherwise.
    """

    __slots__ = (
        "__weakref__", "_cls", "_ended", "_high", "_killing", "_urn", "birth", "handled", "held", "high_water",
        "incarnation", "kind", "life", "path", "state", "watchers",
    )  # fmt: skip

    def __init__(self, home: Any, path: str, kind: str, bound: int, *, held: bool) -> None:
        super().__init__(home, bound)
        self.path = path
        self.kind = kind
        self.held = held
        self.incarnation = 0
        """Number of the newest incarnation, from 1; 0 before the first. Any thread may read it."""
        self.life: Incarnation | None = None
        self.birth: Birth | None = None
        self._ended: tuple[ExitReason, BaseException | None, int] | None = None
        """How the last incarnation ended, and its number. Not its Down: that holds a ref to this."""
        self.state: Any = None
        """For the owner: what must survive a crash of the actor (a connection's pool)."""
        self.watchers: dict[Watch, None] | None = None
        self._cls: type[LoopActorHooks] | None = None
        self._killing: tuple[ExitReason, int] | None = None
        self._high = bound
        self.high_water = 0
        """The most mail that was found waiting at the beginning of a turn."""
        self.handled = 0
        """Messages that incarnations which have ended had handled."""
        self._urn: str | None = None

    # -- what refs see; any thread --------------------------------------------------------------------

    @property
    def ref(self) -> Ref[Any]:
        """The stable address: the same before, during and after every incarnation."""
        life = self.life
        return Ref(self) if life is None else life.ref

    def is_alive(self) -> bool:
        """False once its actor has begun to end, until the next one was asked for."""
        if self.closed:
            return False
        if self.birth is not None:
            return True
        life = self.life
        return self.incarnation == 0 if life is None else not life.stopped

    def has_lived(self) -> bool:
        """True once an incarnation has begun, whatever became of it. False for one that never did."""
        return self.life is not None or self._ended is not None

    def actor(self) -> Any:
        """The actor that lives here, or is about to."""
        life, birth = self.life, self.birth
        if life is not None:
            return life.actor
        return None if birth is None else birth.actor

    def actor_class(self) -> type[Any]:
        """The class of the present or last incarnation."""
        return self._cls or LoopActorHooks

    def last_error(self) -> BaseException | None:
        """What the present incarnation fails of, or the last one failed of. Any thread."""
        life, ended = self.life, self._ended
        if life is not None and life.error is not None:
            return life.error
        return None if ended is None else ended[1]

    def urn(self) -> str:
        """Pykka's identity; a uuid4, made when first asked for."""
        if self._urn is None:
            with self.home.lock:
                self._urn = self._urn or uuid.uuid4().urn
        return self._urn

    def stopped_flag(self) -> Any:
        """Pykka's `actor_stopped` of the present incarnation."""
        life, birth = self.life, self.birth
        if life is not None:
            return life
        if birth is not None:
            return birth.life
        flag = threading.Event()
        if self.incarnation:
            flag.set()
        return flag

    def refuse(self, message: Any) -> None:
        """Tell the world that an admission was refused."""
        self.home.count_refused()
        self.home.report(
            MailboxRefused, actor=self.path, message_type=type(message).__name__, bound=self.bound
        )

    def kill(self, reason: ExitReason = "killed") -> None:
        """The incarnation that lives here, or was asked for, is abandoned before its next message.

        Any thread.
        """
        self._killing = (reason, self.incarnation)
        self.home.turn.cut(self)
        self.kick()

    def close(self) -> None:
        """No incarnation will follow: mail left is buried, now or when the living one ends. Any thread."""
        self.held = False
        self.home.call(self._close_if_vacant)

    def lie_idle(self) -> None:
        """No incarnation is due: mail that waits, and what comes before one is asked for, is buried."""
        with self.home.lock:
            if self.birth is not None:
                return
            self.idle = True
            if self.life is not None:
                return
            self.waiting = False
        self._sort_mail("dead")

    # -- incarnations ---------------------------------------------------------------------------------

    def expect(self, birth: Birth) -> Birth:
        """A further incarnation is asked for; `launch` lets it begin. Any thread. Raises ActorDead."""
        with self.home.lock:
            if self.closed:
                raise ActorDead(f"{self.path} is closed: it takes no further incarnation")
            self.idle = False
            self.incarnation += 1
            birth.life = Incarnation(self, Ref(self), self.incarnation, birth.parent)
            superseded, self.birth = self.birth, birth
            self._cls = birth.cls
        if superseded is not None:
            self.home.call(self._discard, superseded, "killed")
        return birth

    def launch(self) -> None:
        """The incarnation that was asked for begins in the cell's next turn. Any thread."""
        self.home.register(self)
        with self.home.lock:
            self.waiting = False
        # Whoever lives here now handles no further message.
        self.home.turn.cut(self)
        self.kick()

    def kick(self) -> None:
        """The cell gets a turn, with or without mail. Any thread."""
        self.scheduled = True
        self.home.enqueue(self)

    def take_turn(self) -> None:
        """Orders first (a kill, a birth), then mail."""
        if self._killing is not None:
            self._obey_kill()
        if self.birth is not None:
            self._give_birth()
        life = self.life
        if life is None:
            self._sort_mail("dead")
            return
        if (self.mail or self.backlog) and (depth := self.depth()) > self.high_water:
            self.high_water = depth
            if depth > self._high:
                self._report_high(depth)
        if not life.stopped:
            life.run()
        if life.stopped:
            life.end()

    def has_work(self) -> bool:
        """True if the cell needs a further turn."""
        if self.birth is not None or self._killing is not None:
            return True
        return not self.waiting and not self.empty()

    def end_with_parent(self, parent: Incarnation) -> None:
        """Its actor has ended because its parent did; one that was only asked for never begins."""
        self._discard(self._take_birth(parent=parent), "shutdown")
        if self.life is not None and self.life.parent is parent:
            self.life.end("shutdown")

    def shut(self) -> None:
        """The system stops: its actor has ended, and none will follow."""
        self.held = False
        self._discard(self._take_birth(), "shutdown")
        if self.life is not None:
            self.life.end("shutdown")
        self._close_if_vacant()

    def vacate(self, life: Incarnation) -> None:
        """The life has ended: mail is kept or buried, watchers are told. Any thread, for an abandoned one."""
        self._ended = (life.reason, life.error, life.number)
        self.handled += life.handled
        life.report_end()
        self.life = None
        self._rest()
        self._tell_watchers(Down(life.ref, *self._ended))

    def add_watch(self, watch: Watch) -> None:
        """The watch gets its Down, at once if the actor is dead."""
        ended = self._ended
        vacant = self.life is None and self.birth is None
        if self.closed or (
            vacant and ended is not None and watch.since <= ended[2] and not watch.through_restarts
        ):
            watch.fire(Down(Ref(self), *(ended or ("shutdown", None, self.incarnation))))
            return
        if self.watchers is None:
            self.watchers = {}
        self.watchers[watch] = None

    def drop_watch(self, watch: Watch) -> None:
        """The watch is forgotten."""
        if self.watchers is not None:
            self.watchers.pop(watch, None)

    def give_up(self) -> None:
        """If it is to be killed: its handler does not come back, so it ends now. Watchdog's thread."""
        order, life = self._killing, self.life
        if order is not None and life is not None and life.number <= order[1]:
            self._killing = None
            if life.abandon(order[0]):
                self.home.count_zombie()
                fields = {"kind": self.kind, "incarnation": life.number, "reason": order[0]}
                self.home.report(ActorZombie, actor=self.path, **fields)

    def abandon(self) -> bool:
        """The thread is stuck: whoever lives here is given up. True if somebody did. Any thread."""
        self.held = False
        self._discard(self._take_birth(), "killed")
        life = self.life
        abandoned = life is not None and life.abandon("killed")
        self.bury_all()
        return abandoned

    def bury_all(self) -> None:
        """The system is down: nobody will take what is queued here. Any thread."""
        self.closed = True
        # Or who sends later would leave it here for an incarnation that does not come.
        self.waiting = False
        self._sort_mail("dead")

    def _obey_kill(self) -> None:
        order, self._killing = self._killing, None
        if order is None:
            return
        reason, newest = order
        self._discard(self._take_birth(newest), reason)
        if self.life is not None and self.life.number <= newest:
            self.life.end(reason)

    def _give_birth(self) -> None:
        if self.life is not None:
            self.life.end("killed")
        birth = self._take_birth()
        if birth is not None:
            self.life = birth.life
            birth.life.begin(birth)

    def _take_birth(self, newest: int | None = None, parent: Incarnation | None = None) -> Birth | None:
        # Another thread may put a newer one there at any moment.
        with self.home.lock:
            birth = self.birth
            if birth is None or (newest is not None and birth.life.number > newest):
                return None
            if parent is not None and birth.parent is not parent:
                return None
            self.birth = None
            return birth

    def _discard(self, birth: Birth | None, reason: ExitReason) -> None:
        if birth is None:
            return
        birth.life.reason = reason
        birth.life.ended = True
        birth.life.set()
        birth.life.release()
        if self.life is None:
            self._rest()
        self._tell_watchers(Down(birth.life.ref, reason, None, birth.life.number))

    def _rest(self) -> None:
        # Nobody lives here now: wait for the next one, or close.
        with self.home.lock:
            if self.birth is not None:
                return
            self.closed = not self.held
            self.waiting = self.held and not self.idle
            self.home.forget(self)
            if self.home.keystone is self:
                self.home.keystone_fell()
        self._sort_mail("stopped")

    def _close_if_vacant(self) -> None:
        if self.life is None and self.birth is None and not self.closed and not self.held:
            self._rest()
            self._tell_watchers(Down(Ref(self), *(self._ended or ("shutdown", None, self.incarnation))))

    def _sort_mail(self, why: str) -> None:
        """Bury what no incarnation will take: all if none will come, else what is over the bound, newest first."""
        if self.empty():
            return
        # More than one thread may be at it: the dispatcher's, the watchdog's, once the system is down senders'.
        none_due = self.closed or self.idle
        if none_due:
            with contextlib.suppress(LookupError):
                while True:
                    self.home.bury(self.take_control(), self, why)
        surplus = self.take_surplus(0 if none_due else self.bound)
        for item in reversed(surplus) if none_due else surplus:
            if is_admitted(item):
                self.count_out()
            self.home.bury(item, self, why if none_due else "full")

    def _tell_watchers(self, down: Down) -> None:
        with self.home.lock:
            watchers, self.watchers = self.watchers, None
        for watch in watchers or ():
            if watch.since > down.incarnation or (watch.through_restarts and not self.closed):
                self.add_watch(watch)
            else:
                watch.fire(down)

    def _report_high(self, depth: int) -> None:
        # Told at every doubling, not at every message.
        self._high = 2 * depth
        self.home.report(MailboxHigh, actor=self.path, depth=depth, bound=self.bound)
