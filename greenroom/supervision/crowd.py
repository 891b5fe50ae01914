"""The core of a supervisor with dynamic children: each for itself, in any number, stopped all at once. Pure.

What ends and is not restarted is forgotten: nothing of its spec is kept. Restarts are counted, waited for and
deferred as in family.py; the strategy is one_for_one. Same inputs and orders as Family.
Source of the rules: https://hexdocs.pm/elixir/DynamicSupervisor.html and OTP's simple_one_for_one.
"""

from collections.abc import Callable, Iterable
from typing import Any

from greenroom.messages.signals import ExitReason
from greenroom.supervision.member import Books, Member
from greenroom.supervision.orders import (
    ALIVE,
    Answer,
    ChildCounts,
    ChildError,
    ChildInfo,
    EndedAtStart,
    Forget,
    Kill,
    Launch,
    Leave,
    Order,
    Ready,
    Refusal,
    Stop,
    Tell,
    TooManyRestarts,
    Unwake,
    Wake,
    everything,
)
from greenroom.supervision.spec import ChildSpec, SupervisorOptions


class Crowd:
    """See the module. Not thread-safe; `now_s` never goes back."""

    def __init__(self, specs: Iterable[ChildSpec], options: SupervisorOptions) -> None:
        self.members = {spec.id: Member(spec) for spec in specs}
        self.options = options
        self.books = Books(options)
        self.leaving = False
        self._end: tuple[ExitReason, BaseException | None] = ("shutdown", None)
        self._tokens: dict[str, list[Any]] = {}
        """Who waits for the start or the end of a child."""
        self._orders: list[Order] = []
        self.wants: Callable[[str], bool] = everything
        """Which events are wanted: others are not even made."""
        self._significant = sum(member.spec.significant for member in self.members.values())

    # -- inputs -----------------------------------------------------------------------------------------

    def begin(self, now_s: float) -> list[Order]:  # noqa: ARG002  (as Family's)
        """The children that were given are started, all at once; the supervisor's own start does not wait."""
        for member in self.members.values():
            self._launch(member)
        self._orders.append(Ready())
        return self._flush()

    def launched(self, child: str, number: int) -> None:
        """The shell has carried out a Launch: this is the incarnation's number."""
        self.members[child].number = number

    def adopt(self, child: str, template: ChildSpec, number: int, now_s: float) -> None:
        """A child that the shell has started by itself, and that counts as running."""
        member = self.members[child] = Member(template)
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
        self._tell("child_restarted" if member.restarts else "child_started", child, member, ignored=ignored)
        if ignored:
            self._answer(child, None)
            self._forget(child)
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
        text = None if error is None else f"{type(error).__name__}: {error}"
        self._tell("child_exited", child, member, reason=reason, error=text)
        starting, ordered = member.status == "starting", member.status == "stopping" or self.leaving
        first = starting and not member.restarts
        if ordered or first or not (starting or member.wants_restart(reason)):
            self._gone(child, member, first=first)
            if not (ordered or first):
                self._ended_by_itself(child, member)
        else:
            self.books.crashed(member, now_s)
            self._restart(child, member, now_s)
        return self._flush()

    def overdue(self, child: str, number: int) -> list[Order]:
        """It was ordered to stop, and its time is over."""
        member = self._member(child, number)
        if member is None or member.status != "stopping":
            return []
        self._tell("child_killed", child, member, timeout_s=member.spec.shutdown_s)
        self._orders.append(Kill(child, overdue=True))
        return self._flush()

    def woke(self, child: str, now_s: float) -> list[Order]:
        """The wait that was ordered is over."""
        member = self.members.get(child)
        if member is not None and member.status == "waiting" and not self.leaving:
            if member.deferred:
                self._restart(child, member, now_s)
            else:
                self._again(member)
        return self._flush()

    def shut(self, now_s: float) -> list[Order]:  # noqa: ARG002  (as Family's)
        """All children are ordered to stop; the supervisor ends when the last one has."""
        self._leave("shutdown", None)
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
            self._stop(child, member)
        return self._flush()

    def restart_child(self, child: str, token: Any, now_s: float) -> list[Order]:  # noqa: ARG002
        """There is never one that is down."""
        member = self.members.get(child)
        alive = member is not None and member.status in ALIVE
        self._refuse("not_found" if member is None else "running" if alive else "restarting", child, token)
        return self._flush()

    delete_child = restart_child

    def infos(self, ref_of: Callable[[str], Any], now_s: float) -> tuple[ChildInfo, ...]:
        """All children, in the order of their start."""
        return tuple(
            member.info(name, ref_of(name) if member.status in ALIVE else None, now_s)
            for name, member in self.members.items()
        )

    def counts(self) -> ChildCounts:
        """As OTP counts them."""
        members = self.members.values()
        active = sum(member.status in ALIVE for member in members)
        supervisors = sum(member.spec.type == "supervisor" for member in members)
        total = len(self.members)
        return ChildCounts(total, active, supervisors, total - supervisors, total - active)

    # -- rules ------------------------------------------------------------------------------------------

    def _restart(self, child: str, member: Member, now_s: float) -> None:
        verdict = self.books.judge(member, now_s)
        if verdict.what == "restart":
            self._again(member)
        elif verdict.what == "give_up":
            limit = member.spec.limit
            assert limit is not None
            self._tell("child_given_up", child, member, limit=limit.restarts, within_s=limit.within_s)
            self._forget(child, member.spec)
        elif verdict.what == "storm":
            self._storm(child, member)
        else:
            member.status, member.until_s = "waiting", now_s + verdict.delay_s
            member.deferred = verdict.what == "defer"
            self._tell(
                "restart_scheduled", child, member, delay_s=verdict.delay_s, attempt=member.failures,
                deferred=member.deferred, cause=member.cause(),
            )  # fmt: skip
            self._orders.append(Wake(child, verdict.delay_s))

    def _again(self, member: Member) -> None:
        member.restarts += 1
        self._launch(member)

    def _launch(self, member: Member) -> None:
        member.status = "starting"
        self._orders.append(Launch(member.spec.id, self.books.takes_fresh_state(member)))

    def _stop(self, child: str, member: Member) -> None:
        if member.status == "waiting":
            self._orders.append(Unwake(child))
            self._gone(child, member, first=False)
        elif member.status != "stopping":
            member.status = "stopping"
            within_s = member.spec.shutdown_s
            assert within_s != "default"
            self._orders.append(Kill(child) if within_s == 0 else Stop(child, within_s))

    def _gone(self, child: str, member: Member, *, first: bool) -> None:
        if first:
            cause = member.end[1] or EndedAtStart(f"it ended as {member.end[0]} before its start was over")
            self._answer(child, None, ChildError("start_failed", child).because(cause))
        else:
            self._answer(child, None)
        self._forget(child)
        if self.leaving and not self.members:
            self._orders.append(Leave(*self._end))

    def _ended_by_itself(self, child: str, member: Member) -> None:
        mode = self.options.auto_shutdown
        if member.spec.significant and (mode == "any_significant" or not self._significant):
            self._tell("auto_shutdown", child, member, mode=mode)
            self._leave("shutdown", None)

    def _storm(self, child: str, member: Member) -> None:
        self._tell("intensity_exceeded", child, member, intensity=self.options.intensity)
        text = f"{child} needed one restart more than {self.options.intensity}"
        error = TooManyRestarts(f"{text} in {self.options.period_s:g} s: {member.cause()}")
        error.__cause__ = member.end[1]
        self._forget(child)
        self._leave("shutdown", error)

    def _leave(self, reason: ExitReason, error: BaseException | None) -> None:
        if self.leaving:
            return
        self.leaving, self._end = True, (reason, error)
        for child, member in list(self.members.items()):
            if member.status == "starting":
                self._answer(child, None, ChildError("shutting_down", child))
            self._stop(child, member)
        if not self.members and not any(isinstance(order, Leave) for order in self._orders):
            self._orders.append(Leave(reason, error))

    # -- bookkeeping ------------------------------------------------------------------------------------

    def _member(self, child: str, number: int) -> Member | None:
        member = self.members.get(child)
        return member if member is not None and member.number == number else None

    def _forget(self, child: str, given_up: ChildSpec | None = None) -> None:
        self._orders.append(Forget(child, given_up))
        self._significant -= self.members.pop(child).spec.significant

    def _answer(self, child: str, value: str | None, error: BaseException | None = None) -> None:
        for token in self._tokens.pop(child, ()):
            self._orders.append(Answer(token, value, error))

    def _refuse(self, why: Refusal, child: str, token: Any) -> None:
        self._orders.append(Answer(token, error=ChildError(why, child)))

    def _tell(self, what: str, child: str, member: Member, **facts: Any) -> None:
        if not self.wants(what):
            return
        counted = {"restarts": self.books.window.size, "window_s": self.options.period_s}
        self._orders.append(Tell(what, child, {"incarnation": member.number, **counted, **facts}))

    def _flush(self) -> list[Order]:
        orders, self._orders = self._orders, []
        return orders
