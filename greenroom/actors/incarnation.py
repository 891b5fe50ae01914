"""One life of an actor in its cell: from its birth to its one end.

Everything that dies with it hangs here: children, claims (timers, watches, asks, tasks), the actor object.
An end runs in this order: no further message, children (youngest first), on_stop, claims, the cell told. A
failing handler's on_failure runs at once, while the children live; who is killed has no hook.
All of it happens on the dispatcher thread, outside of any handler but its own; only `abandon` may come from
another thread, while a handler is stuck.
"""

import inspect
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import pykka

from greenroom.actors.claims import Claim, Notice, Watch
from greenroom.actors.errors import ActorDead, ActorFailed, DeathPact, IgnoreStart, UnhandledMessage
from greenroom.actors.handlers import nearest
from greenroom.actors.ids import current_ids
from greenroom.actors.mailbox import Admitted, Yield, bare
from greenroom.actors.pykka_compat import LoopActorHooks, attach, log_failure, run_mail
from greenroom.messages.events import ActorFailed as ActorFailedEvent
from greenroom.messages.events import ActorStarted, ActorStopped
from greenroom.messages.signals import Down, ExitReason, ShutDown, Started

_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Birth:
    """An incarnation that was asked for and has not begun. It is handled under the ids of who asked."""

    __slots__ = ("actor", "announce", "args", "cls", "ids", "kwargs", "life", "parent")

    def __init__(
        self, cls: type[LoopActorHooks], args: Any, kwargs: Any, parent: "Incarnation | None"
    ) -> None:
        self.life: Incarnation
        self.cls = cls
        self.args = args
        self.kwargs = kwargs
        self.parent = parent
        self.announce = False
        """The parent gets a Started."""
        self.ids = current_ids.get()
        self.actor: LoopActorHooks | None = None


class Incarnation:
    """One life. Stands for the actor's `actor_stopped` too: is_set, set and wait are those of an Event."""

    __slots__ = (
        "_event", "_failure_told", "actor", "announcing", "began_s", "cell", "children", "claims", "ended",
        "error", "handled", "home", "keyed", "number", "parent", "reason", "ref", "stopped", "watches",
    )  # fmt: skip

    def __init__(self, cell: Any, ref: Any, number: int, parent: "Incarnation | None") -> None:
        self.cell = cell
        self.home = cell.home
        self.ref = ref
        self.number = number
        self.parent = parent
        self.actor: Any = None
        self.children: dict[Any, int] | None = None
        """Cell -> number of the incarnation that is this one's child, in the order of their start."""
        self.claims: set[Claim] | None = None
        self.keyed: dict[Any, Any] | None = None
        self.watches: dict[Any, Watch] | None = None
        """Cell -> the newest watch on it."""
        self.reason: ExitReason = "normal"
        self.error: BaseException | None = None
        self.stopped = False
        self.ended = False
        self.handled = 0
        self.began_s = 0.0
        self.announcing: bool | None = None
        """The parent is to be told of the start: True, when on_start returns; None, when the actor says so."""
        self._failure_told = False
        self._event: threading.Event | None = None

    # -- what Pykka calls actor_stopped ---------------------------------------------------------------

    def is_set(self) -> bool:
        """True from the moment it began to end."""
        return self.stopped

    def set(self) -> None:
        """It takes no further message, and ends after the present one."""
        with self.home.lock:
            self.stopped = True
            event = self._event
        if event is not None:
            event.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it begins to end; True if it did within `timeout` seconds."""
        with self.home.lock:
            if self.stopped:
                return True
            self._event = self._event or threading.Event()
        return self._event.wait(timeout)

    # -- mail -----------------------------------------------------------------------------------------

    def begin(self, birth: Birth) -> None:
        """The actor is made and started; a failure of its constructor or on_start is its own."""
        self.began_s = self.home.clock.now_s()
        self.announcing = birth.announce
        self.home.turn.bind(birth.ids)
        try:
            actor = birth.actor
            if actor is None:
                self.actor = actor = birth.cls.__new__(birth.cls)
                attach(actor, self, self.ref)
                actor.__init__(*birth.args, **birth.kwargs)  # type: ignore[misc]
            self.actor = actor
            if actor.registered and actor is not birth.actor:
                pykka.ActorRegistry.register(self.ref)
            if self.home.events.wants(ActorStarted.name):
                self._report_start()
            actor.on_start()
            if self.announcing:
                self.announce()
        except IgnoreStart:
            self.announcing = birth.announce
            self.announce(ignored=True)
            self.exit("normal", None)
        except BaseException as error:  # noqa: BLE001  (a start's failure is this actor's exit)
            self.fail(error, "on_start")

    def _report_start(self) -> None:
        self.home.report(ActorStarted, actor=self.cell.path, kind=self.cell.kind, incarnation=self.number)

    def announce(self, *, ignored: bool = False) -> None:
        """The start is over: the parent that asked for it is told, unless it is over in another sense already."""
        if self.announcing is not False and not self.stopped and self.parent is not None:
            self.parent.cell.post(Started(self.ref, self.number, ignored))
        self.announcing = False

    def run(self) -> None:
        """One turn's worth of mail has been handled."""
        try:
            run_mail(self.actor)
        except Yield:
            pass
        except BaseException as error:  # noqa: BLE001  (the last catch: this actor alone)
            self.fail(error, "drain")
        if not self.ended:
            self.handled += self.home.turn.served()

    def find_handler(self, message: Any) -> Callable[[Any, Any], Any]:
        """The handler of the nearest type, or on_receive; remembered for the class."""
        table = type(self.actor).handler_table
        handler = nearest(table, type(message)) or _on_receive
        table[type(message)] = handler
        return handler

    def receive_notice(self, notice: Notice) -> Any:
        """The claim's message is handled, if the claim is still good."""
        claim = notice.claim
        if claim.owner is not self:
            if claim.ended_in is not None:
                self.home.bury(notice.message, self.cell, "stale_epoch")
            return None
        claim.settle()
        if type(claim) is Watch:
            return self._receive_down(claim, notice.message)
        return self.dispatch(notice.message)

    def _receive_down(self, watch: Watch, down: Down) -> Any:
        if self.watches is not None and self.watches.get(watch.target) is watch:
            del self.watches[watch.target]
        try:
            return self.dispatch(down)
        except UnhandledMessage as unhandled:
            if not watch.since:
                raise DeathPact(f"{down.ref}, which it watched, ended as {down.reason}") from unhandled
            # Its own child, which it need not ask about: a quiet end is not even a dead letter.
            if down.reason in ("normal", "shutdown"):
                return None
            raise

    def receive_admitted(self, admitted: Admitted) -> Any:
        """The message leaves the admission count and is handled."""
        self.cell.count_out()
        return self.dispatch(admitted.message)

    def dispatch(self, message: Any) -> Any:
        """The message's handler has run; returns what it returned."""
        table = type(self.actor).handler_table
        return (table.get(type(message)) or self.find_handler(message))(self.actor, message)

    def receive_shut_down(self, order: ShutDown) -> None:
        """Its supervisor wants it down. An order for an earlier incarnation is none."""
        if order.incarnation == self.number:
            self.actor.on_shutdown()

    # -- the end --------------------------------------------------------------------------------------

    def crashed(self, error: BaseException) -> bool:
        """A handler raised. True: raise it again, so that Pykka's loop answers the asker with it."""
        asker = self.home.turn.letter.reply_to
        if isinstance(error, UnhandledMessage):
            self.home.bury(self.home.turn.letter.message, self.cell, "unhandled")
            return asker is not None
        if asker is not None and isinstance(error, self.actor.expected_errors):
            return True
        self.fail(error, "tell" if asker is None else "ask")
        if asker is None:
            return False
        if isinstance(error, Exception):
            return True
        # A raw CancelledError or SystemExit would end the asker's task or thread.
        wrapped = ActorFailed(f"{self.ref} was ended by {error!r}")
        wrapped.__cause__ = error
        asker.set_exception((ActorFailed, wrapped, None))
        return False

    def fail(self, error: BaseException, via: str) -> None:
        """The failure is recorded, logged and told to on_failure; the end follows after this turn."""
        if not self.ended:
            self._record(error, via)
            self._tell_failure()

    def _record(self, error: BaseException, via: str) -> None:
        self.reason, self.error = "failed", error
        message = bare(self.home.turn.letter)
        self.home.report(
            ActorFailedEvent,
            actor=self.cell.path,
            kind=self.cell.kind,
            incarnation=self.number,
            error_type=type(error).__name__,
            error=_text(error),
            via=via,
            message_type=None if message is None else type(message).__name__,
        )
        self.set()
        if self.actor is not None:
            log_failure(self.actor, error)

    def _tell_failure(self) -> None:
        error = self.error
        if self._failure_told or self.actor is None or error is None:
            return
        self._failure_told = True
        try:
            self.actor.on_failure(type(error), error, error.__traceback__)
        except BaseException as second:  # noqa: BLE001  (a hook's failure must not hide the first)
            log_failure(self.actor, second)

    def exit(self, reason: ExitReason, error: BaseException | None) -> None:
        """It ends after the present message, for this reason."""
        if not self.stopped:
            self.reason = reason
            self.error = (
                RuntimeError(f"{self.ref} said it failed") if reason == "failed" and error is None else error
            )
            self.set()

    def stop(self) -> None:
        """A stop was mail, and has come up: it has ended."""
        self.handled += self.home.turn.served()
        self.end("normal")

    def end(self, reason: ExitReason | None = None) -> None:
        """It has ended: children, hook, claims, cell. Without a reason, for the one recorded."""
        with self.home.lock:
            if self.ended:
                return
            self.ended = True
        if reason is not None:
            self.reason = reason
        self.set()
        self.end_children()
        if self.reason == "failed":
            self._tell_failure()
        elif self.reason != "killed":
            self._say_goodbye()
        try:
            self.release()
        finally:
            self.cell.vacate(self)

    def abandon(self, reason: ExitReason) -> bool:
        """Ended from outside while its handler runs on; False if it had ended before. Any thread."""
        with self.home.lock:
            if self.ended:
                return False
            self.ended = True
        self.reason = reason
        self.set()
        asker = self.home.turn.letter.reply_to
        if asker is not None and self.home.turn.running is self.cell:
            asker.set_exception(ActorDead(f"{self.ref} was killed while handling the message"))
        self.home.call(self._release_all)
        self.cell.vacate(self)
        return True

    def end_children(self) -> None:
        """All children have ended, the youngest first."""
        while self.children:
            child = next(reversed(self.children))
            del self.children[child]
            watch = (self.watches or {}).get(child)
            if watch is not None:
                # Nobody will read its Down, and it is no dead letter.
                watch.settle()
            child.end_with_parent(self)

    def _say_goodbye(self) -> None:
        try:
            if self.actor is not None:
                self.actor.on_stop()
        except BaseException as error:  # noqa: BLE001  (its last act failed: that is its exit)
            self._record(error, "on_stop")

    def release(self) -> None:
        """What it had asked for is cancelled; nothing holds the actor any more."""
        claims, self.claims = self.claims, None
        # A copy: an answer given later, from another thread, takes itself out of the set.
        for claim in tuple(claims or ()):
            claim.revoke()
        self.watches = self.keyed = None
        siblings = None if self.parent is None else self.parent.children
        if siblings is not None and siblings.get(self.cell) == self.number:
            del siblings[self.cell]
        self.parent = None
        if self.actor is not None and self.actor.registered:
            pykka.ActorRegistry.unregister(self.ref)
        self.actor = None
        if self.error is not None:
            _let_go(self.error)
            # Once more when this turn is over: frames that run now cannot be cleared, and hold the cell.
            self.home.call(_let_go, self.error)

    def _release_all(self) -> None:
        self.end_children()
        self.release()

    def stopped_event(self) -> dict[str, Any]:
        """The fields of its `actor.stopped`."""
        return {
            "actor": self.cell.path,
            "kind": self.cell.kind,
            "incarnation": self.number,
            "reason": self.reason,
            "uptime_s": self.home.clock.now_s() - self.began_s,
            "messages": self.handled,
            "mailbox_left": self.cell.depth(),
        }

    def report_end(self) -> None:
        """The world knows that it has ended."""
        if self.home.events.wants(ActorStopped.name):
            self.home.report(ActorStopped, **self.stopped_event())


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (a user's __str__)
        return f"<{type(error).__name__} whose text cannot be had>"


def _on_receive(actor: Any, message: Any) -> Any:
    return actor.on_receive(message)


def _let_go(error: BaseException | None) -> None:
    # A traceback's frames hold the dead actor; the lines stay, the locals go.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        # And from the outermost of them the kernel's own, which ran the handler, up to those that run now.
        caller = frames[0].f_back if frames else None
        while caller is not None and _cleared(caller):
            caller = caller.f_back
        for frame in frames:
            _cleared(frame)
        error = error.__cause__ or error.__context__


def _cleared(frame: FrameType) -> bool:
    # Clearing a suspended coroutine's frame would close it, and it may be somebody else's.
    if frame.f_code.co_flags & _SUSPENDABLE:
        return False
    try:
        frame.clear()
    except RuntimeError:
        return False
    return True
