"""The core of a supervisor with dynamic children: each for itself, in any number, stopped all at once. Pure.

What ends and is not restarted is forgotten: nothing of its spec is kept. Restarts are counted, waited for and
deferred as in family.py; the strategy is one_for_one. Same inputs and orders as Family.
Source of the rules: https://hexdocs.pm/elixir/DynamicSupervisor.html and OTP's simple_one_for_one.
"""

from collections.abc import Iterable
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
    Order,
    Ready,
    Unwake,
)
from greenroom.supervision.spec import ChildSpec, SupervisorOptions


class Crowd(Core):
    """See the module. Not thread-safe; `now_s` never goes back."""

    def __init__(self, specs: Iterable[ChildSpec], options: SupervisorOptions) -> None:
        super().__init__(specs, options)
        self._last: tuple[ExitReason, BaseException | None] = ("shutdown", None)
        """How it will have ended."""
        self._tokens: dict[str, list[Any]] = {}
        """Who waits for the start or the end of a child."""
        self._significant = sum(member.spec.significant for member in self.members.values())

    # -- inputs -----------------------------------------------------------------------------------------

    def begin(self, now_s: float) -> list[Order]:  # noqa: ARG002  (as Family's)
        """The children that were given are started, all at once; the supervisor's own start does not wait."""
        for member in self.members.values():
            self._launch(member)
        self._order(Ready())
        return self._flush()

    def adopt(self, child: str, template: ChildSpec, number: int, now_s: float) -> None:
        """A child that the shell has started by itself, and that counts as running."""
        member = self.members[child] = Member(template, child)
        member.status, member.number, member.since_s, member.adopted = "running", number, now_s, True

    def has_room(self) -> bool:
        """False where there are `max_children`, or the supervisor is about to end."""
        most = self.options.max_children
        return not self.leaving and (most is None or len(self.members) < most)

    def started(self, child: str, number: int, now_s: float, *, ignored: bool = False) -> list[Order]:
        """The start of that incarnation is over."""
        member = self._member(child, number)
        if member is None or member.status != "starting":
            return []
        member.status, member.since_s = "running", now_s
        member.let_go_of_arguments()
        self._tell("child_restarted" if member.restarts else "child_started", member, ignored=ignored)
        if ignored:
            self._answer(child, None)
            self._forget(member)
        else:
            self._answer(child, child)
        return self._flush()

    def exited(
        self, child: str, number: int, reason: ExitReason, error: BaseException | None, now_s: float
    ) -> list[Order]:
        """That incarnation has ended, whatever ended it."""
        member = self._member(child, number)
        if member is None or member.status not in ALIVE:
            return []
        if member.adopted and not self.leaving and child not in self._tokens:
            del self.members[child]
            return [Forget(child)]
        member.end = reason, error
        self._tell_exit(member)
        starting, ordered = member.status == "starting", member.status == "stopping" or self.leaving
        first = starting and not member.restarts
        if ordered or first or not (starting or member.wants_restart(reason)):
            self._gone(member, first=first)
            if not (ordered or first):
                self._ended_by_itself(member)
        else:
            self.books.crashed(member, now_s)
            self._restart(member, now_s)
        return self._flush()

    def woke(self, child: str, now_s: float) -> list[Order]:
        """The wait that was ordered is over."""
        self._wait_over(child, now_s)
        return self._flush()

    def shut(self, now_s: float) -> list[Order]:  # noqa: ARG002  (as Family's)
        """All children are ordered to stop; the supervisor ends when the last one has."""
        self._leave("shutdown")
        return self._flush()

    # -- commands ---------------------------------------------------------------------------------------

    def start_child(self, spec: ChildSpec, token: Any, now_s: float) -> list[Order]:  # noqa: ARG002
        """Start a further child."""
        if self.leaving:
            self._refuse("shutting_down", spec.id, token)
        elif spec.id in self.members:
            self._refuse("already_started", spec.id, token)
        elif not self.has_room():
            self._refuse("max_children", spec.id, token)
        else:
            member = self.members[spec.id] = Member(spec)
            self._significant += spec.significant
            self._tokens[spec.id] = [token]
            self._launch(member)
        return self._flush()

    def terminate_child(self, child: str, token: Any, now_s: float) -> list[Order]:  # noqa: ARG002
        """Stop a child, or its restart."""
        member = self.members.get(child)
        if member is None:
            self._refuse("not_found", child, token)
        else:
            ended = EndedAtStart("it was terminated while it started")
            self._answer(child, None, ChildError("start_failed", child).because(ended))
            self._tokens.setdefault(child, []).append(token)
            self._end(member)
        return self._flush()

    def restart_child(self, child: str, token: Any, now_s: float) -> list[Order]:  # noqa: ARG002
        """There is never one that is down."""
        member = self.members.get(child)
        alive = member is not None and member.status in ALIVE
        self._refuse("not_found" if member is None else "running" if alive else "restarting", child, token)
        return self._flush()

    delete_child = restart_child

    # -- rules ------------------------------------------------------------------------------------------

    def _begin_restart(self, member: Member) -> None:
        member.restarts += 1
        self._launch(member)

    def _give_up(self, member: Member) -> None:
        super()._give_up(member)
        self._remove(member)

    def _end(self, member: Member) -> None:
        if member.status == "waiting":
            self._order(Unwake(member.name))
            self._gone(member, first=False)
        elif member.status != "stopping":
            self._stop(member)

    def _gone(self, member: Member, *, first: bool) -> None:
        name = member.name
        if first:
            cause = member.end[1] or EndedAtStart(f"it ended as {member.end[0]} before its start was over")
            self._answer(name, None, ChildError("start_failed", name).because(cause))
        else:
            self._answer(name, None)
        self._forget(member)
        if self.leaving and not self.members:
            self._order(Leave(*self._last))

    def _ended_by_itself(self, member: Member) -> None:
        mode = self.options.auto_shutdown
        if member.spec.significant and (mode == "any_significant" or not self._significant):
            self._tell("auto_shutdown", member, mode=mode)
            self._leave("shutdown")

    def _storm(self, member: Member) -> None:
        self._forget(member)
        super()._storm(member)

    def _leave(self, reason: ExitReason, error: BaseException | None = None) -> None:
        if self.leaving:
            return
        self.leaving, self._last = True, (reason, error)
        if not self.members:
            self._order(Leave(reason, error))
        for member in list(self.members.values()):
            if member.status == "starting":
                self._answer(member.name, None, ChildError("shutting_down", member.name))
            self._end(member)

    def _forget(self, member: Member) -> None:
        self._order(Forget(member.name))
        self._remove(member)

    def _remove(self, member: Member) -> None:
        del self.members[member.name]
        self._significant -= member.spec.significant

    def _answer(self, child: str, value: str | None, error: BaseException | None = None) -> None:
        for token in self._tokens.pop(child, ()):
            self._order(Answer(token, value, error))
