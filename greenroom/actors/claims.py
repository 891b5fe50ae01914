"""What one incarnation of an actor may still receive: timers, watches, asks and tasks of its own.

Each is a claim, held in the incarnation's set. What comes of it travels as a `Notice` in the ordinary mail,
and counts only if the claim is still good when the notice is handled. So a cancelled timer or watch is silent
even if its message is queued already, and an incarnation never gets what an older one had asked for.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

from greenroom.actors.errors import ActorDead, AskTimeout
from greenroom.actors.ids import current_ids
from greenroom.actors.mailbox import Letter, Wrapped, control_key
from greenroom.messages.signals import AskFailed, Ids, Reply, TaskDone


class Claimant(Protocol):
    """The incarnation, as its claims see it."""

    cell: Any
    claims: "set[Claim] | None"
    keyed: dict[Any, Any] | None
    ended: bool


class Claim:
    """Good while `owner` is set. `ended_in`: the cell whose incarnation ended first; what comes now is stale.

    It remembers the ids under which it was made: what comes of it is handled under them.
    """

    __slots__ = ("ended_in", "ids", "owner")

    def __init__(self, owner: Claimant) -> None:
        self.owner: Claimant | None = owner
        self.ended_in: Any = None
        self.ids: Ids | None = current_ids.get()
        if owner.ended:
            # Asked for by the remains of an actor: nothing will come of it.
            self.owner, self.ended_in = None, owner.cell
            return
        if owner.claims is None:
            owner.claims = set()
        owner.claims.add(self)

    def notify(self, message: Any, *, control: bool = False) -> None:
        """The owner gets the message, if the claim is good then. Any thread."""
        owner = self.owner
        notice: Any = Notice(self, message)
        if owner is None:
            if self.ended_in is not None:
                self.ended_in.home.bury(notice, self.ended_in, "stale_epoch")
            return
        if self.ids is not None:
            notice = Letter(notice, None, self.ids)
        if control:
            owner.cell.post_control(notice, control_key(message))
        else:
            owner.cell.post(notice)

    def settle(self) -> None:
        """It has been used, or is not wanted any more. Dispatcher thread."""
        if self.owner is not None and self.owner.claims is not None:
            self.owner.claims.discard(self)
        self.owner = None

    def revoke(self) -> None:
        """Its incarnation has ended. Dispatcher thread."""
        owner, self.owner = self.owner, None
        self.ended_in = None if owner is None else owner.cell


class Notice(Wrapped):
    """Mail or control for the owner of `claim` alone."""

    __slots__ = ("claim",)

    def __init__(self, claim: Claim, message: Any) -> None:
        super().__init__(message)
        self.claim = claim


class Watch(Claim):
    """The owner gets one Down when an incarnation of `target` ends, from number `since` on."""

    __slots__ = ("fired", "since", "target", "through_restarts")

    def __init__(self, owner: Claimant, target: Any, since: int, *, through_restarts: bool) -> None:
        super().__init__(owner)
        self.target = target
        self.since = since
        self.through_restarts = through_restarts
        self.fired = False

    def fire(self, down: Any) -> None:
        """The Down is on its way. Any thread."""
        self.fired = True
        self.notify(down)

    def revoke(self) -> None:
        super().revoke()
        # A long-lived target shall not gather the watches of the dead.
        self.drop()

    def drop(self) -> None:
        """The target forgets it. Dispatcher thread."""
        self.at_target(self.target.drop_watch)

    def at_target(self, act: Callable[["Watch"], None]) -> None:
        """Add it to the target's watchers, or drop it there: they belong to the thread of its dispatcher."""
        if self.target.home.in_thread():
            act(self)
        else:
            self.target.home.call(act, self)


class Timer(Claim):
    """A message that comes at `due_s`. With `of`, it settles that claim instead of its own."""

    __slots__ = ("control", "due_s", "key", "message", "of")

    def __init__(self, owner: Claimant, due_s: float, message: Any, of: Claim | None = None) -> None:
        super().__init__(owner)
        self.due_s = due_s
        self.message = message
        self.of = of
        self.control = False
        self.key: Any = None

    def fire(self) -> None:
        """Its time has come. Dispatcher thread."""
        if self.of is None:
            self.notify(self.message, control=self.control)
        else:
            self.of.notify(self.message)
            self.settle()

    def cancel(self) -> None:
        """It never fires, and if its message is queued already, that is dropped. Dispatcher thread."""
        self.settle()

    def settle(self) -> None:
        if self.key is not None and self.owner is not None:
            keyed = self.owner.keyed
            if keyed is not None and keyed.get(self.key) is self:
                del keyed[self.key]
        super().settle()
        # It may stand in the queue for long yet, and shall hold nothing there.
        self.message = self.of = None

    def revoke(self) -> None:
        super().revoke()
        self.message = self.of = None


class Ask(Claim):
    """Stands where Pykka puts a future: the answer becomes mail. First `set*` counts; any thread."""

    __slots__ = ("tag", "timer")

    def __init__(self, owner: Claimant, tag: Any) -> None:
        super().__init__(owner)
        self.tag = tag
        self.timer: Timer | None = None

    def set(self, value: Any = None) -> None:
        """The handler has answered."""
        self.notify(Reply(self.tag, value))

    def set_exception(self, exc_info: Any = None) -> None:
        """The handler failed, or the actor ended.

        Takes what Pykka's `set_exception` takes, or an exception.
        """
        error = exc_info if isinstance(exc_info, BaseException) else (exc_info or sys.exc_info())[1]
        self.notify(AskFailed(self.tag, cast("BaseException", error)))

    def timed_out(self, timeout_s: float) -> AskFailed:
        """What is sent when nothing else came."""
        return AskFailed(self.tag, AskTimeout(f"no answer within {timeout_s} s"))

    def settle(self) -> None:
        if self.timer is not None:
            self.timer.settle()
            self.timer = None
        super().settle()


class Running(Claim):
    """An asyncio task that belongs to the owner."""

    __slots__ = ("tag", "task", "work")

    def __init__(self, owner: Claimant, tag: Any, work: Coroutine[Any, Any, Any]) -> None:
        super().__init__(owner)
        self.tag = tag
        self.work = work
        self.task: asyncio.Task[Any] | None = None

    def done(self, task: "asyncio.Task[Any]") -> None:
        """The task has ended: its callback, on the dispatcher thread."""
        self.task = None
        self.work.close()  # one that was cancelled before it began has not ended otherwise
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self.owner is not None:
            self.notify(
                TaskDone(self.tag, task.result()) if error is None else TaskDone(self.tag, None, error)
            )

    def revoke(self) -> None:
        super().revoke()
        if self.task is not None:
            self.task.cancel()
            self.task = None


class Hold(Claim):
    """A held cell that is closed when the owner ends: mail that waits for an incarnation gets its answer then."""

    __slots__ = ("target",)

    def __init__(self, owner: Claimant, target: Any) -> None:
        super().__init__(owner)
        self.target = target

    def revoke(self) -> None:
        super().revoke()
        self.target.close()


class Deferred(Claim):
    """An answer that the owner gives later; an error if it ends first. First `set*` counts; any thread."""

    __slots__ = ("_reply_to",)

    def __init__(self, owner: Claimant, reply_to: Any) -> None:
        super().__init__(owner)
        self._reply_to = reply_to

    def set(self, value: Any = None) -> None:
        """The asker has its answer."""
        reply_to = self._take()
        if reply_to is not None:
            reply_to.set(value)

    def set_exception(self, error: BaseException) -> None:
        """The asker has an error; the actor lives on."""
        reply_to = self._take()
        if reply_to is not None:
            reply_to.set_exception((type(error), error, error.__traceback__))

    def revoke(self) -> None:
        super().revoke()
        # A Pykka future of another runtime may have been set by somebody else.
        with contextlib.suppress(Exception):
            self.set_exception(ActorDead("the asked actor ended before it answered"))

    def _take(self) -> Any:
        reply_to, self._reply_to = self._reply_to, None
        self.settle()
        return reply_to
