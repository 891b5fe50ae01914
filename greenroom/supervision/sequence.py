"""One thing after the other: how a supervisor's core works through stops and starts. Pure.

A piece of work first stops children, one after the other, then starts children, each when the start of the one
before it is over. What comes meanwhile waits in a queue. `rules` (family.py) stand on top.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from greenroom.messages.signals import ExitReason
from greenroom.supervision.core import Core
from greenroom.supervision.member import Member
from greenroom.supervision.orders import (
    ALIVE,
    Answer,
    ChildError,
    EndedAtStart,
    Forget,
    Leave,
    LieIdle,
    Order,
    Unwake,
)
from greenroom.supervision.spec import ChildSpec, SupervisorOptions

Failed = Callable[[Member, BaseException], None]


class Work:
    """What is being done: first all `stops`, then all `starts`, then `done`; `failed` where a start fails."""

    __slots__ = ("done", "failed", "starts", "stops", "token")

    def __init__(
        self,
        stops: Iterable[str] = (),
        starts: Iterable[str] = (),
        done: Callable[[], None] | None = None,
        failed: Failed | None = None,
        token: Any = None,
    ) -> None:
        self.stops, self.starts = deque(stops), deque(starts)
        self.done, self.failed = done, failed
        self.token = token
        """Who waits for an answer."""


class Sequence(Core):
    """See the module. Not thread-safe; `now_s` never goes back."""

    def __init__(self, specs: Iterable[ChildSpec], options: SupervisorOptions) -> None:
        super().__init__(specs, options)
        self._work: Work | None = None
        self._queue: deque[tuple[Callable[[float], None], Any]] = deque()
        """What to do next, and who waits for an answer to it."""

    def _later(self, act: Callable[[float], None], token: Any = None) -> None:
        self._queue.append((act, token))

    def _go(self, now_s: float) -> list[Order]:
        while self._work is not None or self._queue:
            if self._work is None:
                act, _ = self._queue.popleft()
                act(now_s)
            elif not self._push(self._work):
                break
        return self._flush()

    def _push(self, work: Work) -> bool:
        """One step of the work. False: it waits for a child."""
        if work.stops:
            return self._push_stop(work)
        if work.starts:
            return self._push_start(work)
        self._work = None
        if work.done is not None:
            work.done()
        return True

    def _push_stop(self, work: Work) -> bool:
        member = self.members.get(work.stops[0])
        if member is not None and member.status in ALIVE:
            if member.status != "stopping":
                self._stop(member)
            return False
        work.stops.popleft()
        if member is not None:
            if member.status == "ended":
                self._tell_exit(member)
            elif member.status == "waiting":
                self._order(Unwake(member.name))
            self._now_down(member)
        return True

    def _push_start(self, work: Work) -> bool:
        member = self.members.get(work.starts[0])
        if member is not None and member.unwanted and member.status not in ALIVE:
            self._start_ended(work, member)
        elif member is None or member.status in ("running", "ended") or member.given_up:
            work.starts.popleft()
        elif member.status in ("starting", "stopping"):
            return False
        else:
            self._launch(member)
            return False
        return True

    def _start_ended(self, work: Work, member: Member) -> None:
        """Somebody terminated it while it started: the work goes on without it."""
        work.starts.popleft()
        member.unwanted = False
        self._now_down(member)
        self._lie_idle(member)
        if work.token is not None:
            ended = EndedAtStart("it was terminated while it started")
            self._order(Answer(work.token, error=ChildError("start_failed", member.name).because(ended)))
            work.token = work.done = None

    def _now_down(self, member: Member) -> None:
        member.status = "down"
        if member.spec.restart == "temporary" and not member.unwanted:
            self._forget(member)

    def _lie_idle(self, member: Member) -> None:
        """It is down, its spec is kept, and no restart will bring it back."""
        if member.name in self.members:
            self._order(LieIdle(member.name))

    def _forget(self, member: Member) -> None:
        if self.members.pop(member.name, None) is not None:
            self._order(Forget(member.name))

    def _leave(self, reason: ExitReason, error: BaseException | None = None) -> None:
        """Everything else is dropped: all children are stopped, then the supervisor ends."""
        if self.leaving:
            return
        self.leaving = True
        tokens = [self._work.token] if self._work is not None else []
        for token in (*tokens, *(token for _, token in self._queue)):
            if token is not None:
                self._order(Answer(token, error=ChildError("shutting_down", "")))
        self._queue.clear()
        self._work = Work(reversed(self.members), done=partial(self._order, Leave(reason, error)))
