"""The core of a supervisor with ordered children: OTP's supervisor as a pure state machine.

One piece of work at a time (sequence.py), as OTP's supervisor is one process:

    exit of a child -> restart | down | the supervisor's own end (significant)
    restart         -> counted; too many: the end, or a wait (storm); then by strategy stop some, start some
    failed restart  -> counted again, behind what waits in the queue (try again)

Inputs are methods; each returns the orders that follow, for supervisor.py to carry out in that order.
Source of the rules: https://github.com/erlang/otp/blob/OTP-25.0/lib/stdlib/src/supervisor.erl
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from greenroom.messages.signals import ExitReason
from greenroom.supervision.member import Member
from greenroom.supervision.orders import (
    STANDING,
    Answer,
    ChildError,
    EndedAtStart,
    Order,
    Ready,
)
from greenroom.supervision.sequence import Sequence, Work
from greenroom.supervision.spec import ChildSpec


class Family(Sequence):
    """See the module. Not thread-safe; `now_s` never goes back."""

    # -- inputs -----------------------------------------------------------------------------------------

    def begin(self, now_s: float) -> list[Order]:
        """Start all children in order. If one fails, the others are stopped and the supervisor has failed."""
        self._work = Work(starts=self.members, done=partial(self._order, Ready()), failed=self._init_failed)
        return self._go(now_s)

    def started(self, child: str, number: int, now_s: float, *, ignored: bool = False) -> list[Order]:
        """The start of that incarnation is over."""
        member = self._member(child, number)
        if member is None or member.status != "starting":
            return []
        member.status, member.since_s = "running", now_s
        member.let_go_of_arguments()
        again = member.restarts > 0
        self._tell("child_restarted" if again else "child_started", member, ignored=ignored)
        if ignored:
            self._now_down(member)
            self._lie_idle(member)
            self._not_needed()
        return self._go(now_s)

    def exited(
        self, child: str, number: int, reason: ExitReason, error: BaseException | None, now_s: float
    ) -> list[Order]:
        """That incarnation has ended, whatever ended it."""
        member = self._member(child, number)
        if member is None:
            return []
        member.end = reason, error
        if member.status == "running":
            member.status = "ended"
            self._later(partial(self._deal_with_exit, child, number))
        elif member.status == "stopping" or (member.status == "starting" and self.leaving):
            self._tell_exit(member)
            self._now_down(member)
        elif member.status == "starting":
            self._start_failed(member, now_s)
        return self._go(now_s)

    def woke(self, child: str, now_s: float) -> list[Order]:
        """The wait that was ordered is over."""
        self._later(partial(self._wait_over, child))
        return self._go(now_s)

    def shut(self, now_s: float) -> list[Order]:
        """The supervisor is to end: everything else is dropped."""
        self._leave("shutdown")
        return self._go(now_s)

    # -- commands: `token` comes back in the Answer -----------------------------------------------------

    def start_child(self, spec: ChildSpec, token: Any, now_s: float) -> list[Order]:
        """Start a further child."""
        return self._command(partial(self._start_child, spec, token), token, now_s)

    def terminate_child(self, child: str, token: Any, now_s: float) -> list[Order]:
        """Stop a child; also one whose start does not come to an end."""
        member = self.members.get(child)
        starting = member is not None and member.status == "starting" and not self.leaving
        if member is not None and starting:
            member.unwanted = True
            self._stop(member)
        # A temporary one is forgotten by then, and was there to be terminated all the same.
        act = partial(self._terminate_child, child, token, was_there=starting)
        return self._command(act, token, now_s)

    def restart_child(self, child: str, token: Any, now_s: float) -> list[Order]:
        """Start a child that is down."""
        return self._command(partial(self._restart_child, child, token), token, now_s)

    def delete_child(self, child: str, token: Any, now_s: float) -> list[Order]:
        """Forget a child that is down."""
        return self._command(partial(self._delete_child, child, token), token, now_s)

    def _command(self, act: Callable[[float], None], token: Any, now_s: float) -> list[Order]:
        if self.leaving:
            self._refuse("shutting_down", "", token)
            return self._flush()
        self._later(act, token)
        return self._go(now_s)

    def _start_child(self, spec: ChildSpec, token: Any, _: float) -> None:
        name, most = spec.id, self.options.max_children
        present = self.members.get(name)
        if present is not None:
            self._refuse("already_started" if present.status in STANDING else "already_present", name, token)
        elif most is not None and not self._has_room(most):
            self._refuse("max_children", name, token)
        else:
            self.members[name] = Member(spec)
            self._start_for(name, token, self._forget)

    def _has_room(self, most: int) -> bool:
        # Who is down has no place; that is looked at only where it matters.
        return len(self.members) < most or sum(each.status != "down" for each in self.members.values()) < most

    def _restart_child(self, child: str, token: Any, _: float) -> None:
        member = self.members.get(child)
        if member is None:
            self._refuse("not_found", child, token)
        elif member.status != "down":
            self._refuse("running" if member.status in STANDING else "restarting", child, token)
        else:
            member.given_up = False
            self._start_for(child, token, None)

    def _start_for(self, child: str, token: Any, undo: Callable[[Member], None] | None) -> None:
        def failed(member: Member, error: BaseException) -> None:
            if undo is None:
                self._lie_idle(member)
            else:
                undo(member)
            self._refuse("start_failed", child, token, error)

        self._work = Work((), (child,), partial(self._order, Answer(token, child)), failed, token)

    def _terminate_child(self, child: str, token: Any, _: float, *, was_there: bool) -> None:
        member = self.members.get(child)
        if member is not None:
            done = partial(self._terminated, child, token, waited=member.status == "waiting")
            self._work = Work((child,), (), done, token=token)
        elif was_there:
            self._order(Answer(token))
        else:
            self._refuse("not_found", child, token)

    def _terminated(self, child: str, token: Any, *, waited: bool) -> None:
        member = self.members.get(child)
        if member is not None:
            self._lie_idle(member)
        self._order(Answer(token))
        if member is not None and waited:
            self._start_rest(member)

    def _delete_child(self, child: str, token: Any, _: float) -> None:
        member = self.members.get(child)
        if member is None:
            self._refuse("not_found", child, token)
        elif member.status != "down":
            self._refuse("running" if member.status in STANDING else "restarting", child, token)
        else:
            self._forget(member)
            self._order(Answer(token))

    def _not_needed(self) -> None:
        """The child that is being started ignores it: that is no failure, and its asker gets no ref."""
        work = self._work
        if work is None or not work.starts:
            return
        work.starts.popleft()
        if work.token is not None:
            self._order(Answer(work.token))
            work.token = work.done = None

    # -- a child that did not start ---------------------------------------------------------------------

    def _start_failed(self, member: Member, now_s: float) -> None:
        reason, error = member.end
        if error is None:
            error = EndedAtStart(f"{member.name} ended as {reason} before its start was over")
        self._tell("start_failed", member, error=f"{type(error).__name__}: {error}")
        self.books.crashed(member, now_s)
        member.status = "down"
        work, self._work = self._work, None
        assert work is not None
        assert work.failed is not None
        for left in work.starts:
            # Whoever's end began this waits for the restart of this one now, which starts it too.
            if (behind := self.members.get(left)) is not None and behind.status == "restarting":
                behind.status = "down"
        work.failed(member, error)

    def _init_failed(self, member: Member, error: BaseException) -> None:
        self._leave("failed", ChildError("start_failed", member.name).because(error))

    def _restart_failed(self, member: Member, _: BaseException) -> None:
        member.status = "restarting"
        self._later(partial(self._try_again, member.name))

    def _try_again(self, child: str, now_s: float) -> None:
        member = self.members.get(child)
        if member is not None and member.status == "restarting":
            self._restart(member, now_s)
            if member.given_up:
                self._start_rest(member)

    # -- a child that ended by itself -------------------------------------------------------------------

    def _deal_with_exit(self, child: str, number: int, now_s: float) -> None:
        member = self._member(child, number)
        if member is None or member.status != "ended":
            return
        self._tell_exit(member)
        if member.wants_restart(member.end[0]):
            self.books.crashed(member, now_s)
            member.status = "restarting"
            self._restart(member, now_s)
            return
        self._now_down(member)
        self._lie_idle(member)
        if member.spec.significant and self._ends_all():
            self._tell("auto_shutdown", member, mode=self.options.auto_shutdown)
            self._leave("shutdown")

    def _ends_all(self) -> bool:
        if self.options.auto_shutdown == "all_significant":
            return not any(each.spec.significant and each.status != "down" for each in self.members.values())
        return self.options.auto_shutdown == "any_significant"

    def _begin_restart(self, member: Member) -> None:
        group = self._group(member)
        for name in group:
            self.members[name].restarts += 1
        member.status = "restarting"
        stops = [name for name in reversed(group) if name != member.name]
        self._work = Work(stops, group, failed=self._restart_failed)

    def _start_rest(self, member: Member) -> None:
        """The others of its group were stopped for its restart, which will not come: they start without it."""
        rest = [name for name in self._group(member) if name != member.name]
        self._work = Work((), rest, failed=self._restart_failed)

    def _wait(self, member: Member, delay_s: float, now_s: float, *, deferred: bool) -> None:
        super()._wait(member, delay_s, now_s, deferred=deferred)
        self._work = Work([each for each in reversed(self._group(member)) if each != member.name])

    def _group(self, member: Member) -> list[str]:
        names = list(self.members)
        if self.options.strategy == "one_for_one":
            return [member.name]
        return names if self.options.strategy == "one_for_all" else names[names.index(member.name) :]
