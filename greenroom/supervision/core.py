"""What the cores of all supervisors share: the roll of children, the books, and what is ordered and told. Pure.

A core says when a child is restarted and what has to stop before (`_begin_restart`, `_leave`, `_forget`);
counting, waiting and giving up are the same for all.
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
    Forget,
    Kill,
    Launch,
    Order,
    Refusal,
    Stop,
    Tell,
    TooManyRestarts,
    Wake,
    everything,
)
from greenroom.supervision.spec import ChildSpec, SupervisorOptions


class Core:
    """See the module. Not thread-safe; `now_s` never goes back."""

    def __init__(self, specs: Iterable[ChildSpec], options: SupervisorOptions) -> None:
        self.members = {spec.id: Member(spec) for spec in specs}
        self.options = options
        self.books = Books(options)
        self.leaving = False
        self._orders: list[Order] = []
        self.wants: Callable[[str], bool] = everything
        """Which events are wanted: others are not even made."""

    # -- for the shell ----------------------------------------------------------------------------------

    def launched(self, child: str, number: int) -> None:
        """The shell has carried out a Launch: this is the incarnation's number."""
        self.members[child].number = number

    def overdue(self, child: str, number: int) -> list[Order]:
        """It was ordered to stop, and its time is over."""
        member = self._member(child, number)
        if member is None or member.status != "stopping":
            return []
        self._tell("child_killed", member, timeout_s=member.spec.shutdown_s)
        self._order(Kill(child, overdue=True))
        return self._flush()

    def infos(self, ref_of: Callable[[str], Any], now_s: float) -> tuple[ChildInfo, ...]:
        """All children, in the order of their start."""
        return tuple(
            member.info(ref_of(name) if member.status in ALIVE else None, now_s)
            for name, member in self.members.items()
        )

    def counts(self) -> ChildCounts:
        """As OTP counts them."""
        members = self.members.values()
        supervisors = sum(member.spec.type == "supervisor" for member in members)
        return ChildCounts(
            specs=len(self.members),
            active=sum(member.status in ALIVE for member in members),
            supervisors=supervisors,
            workers=len(self.members) - supervisors,
            restarting=sum(member.status in ("restarting", "waiting", "ended") for member in members),
        )

    # -- a child that is to be restarted ----------------------------------------------------------------

    def _restart(self, member: Member, now_s: float) -> None:
        verdict = self.books.judge(member, now_s)
        if verdict.what == "restart":
            self._begin_restart(member)
        elif verdict.what == "give_up":
            self._give_up(member)
        elif verdict.what == "storm":
            self._storm(member)
        else:
            self._wait(member, verdict.delay_s, now_s, deferred=verdict.what == "defer")

    def _begin_restart(self, member: Member) -> None:
        raise NotImplementedError

    def _wait(self, member: Member, delay_s: float, now_s: float, *, deferred: bool) -> None:
        member.status, member.deferred, member.until_s = "waiting", deferred, now_s + delay_s
        self._tell(
            "restart_scheduled", member, delay_s=delay_s, attempt=member.failures, deferred=deferred,
            cause=member.cause(),
        )  # fmt: skip
        self._order(Wake(member.name, delay_s))

    def _wait_over(self, child: str, now_s: float) -> None:
        member = self.members.get(child)
        if member is None or member.status != "waiting" or self.leaving:
            return
        if member.deferred:
            self._restart(member, now_s)
        else:
            self._begin_restart(member)

    def _give_up(self, member: Member) -> None:
        limit = member.spec.limit
        assert limit is not None
        member.status, member.given_up = "down", True
        self._tell("child_given_up", member, limit=limit.restarts, within_s=limit.within_s)
        self._order(Forget(member.name, member.spec))

    def _storm(self, member: Member) -> None:
        self._tell("intensity_exceeded", member, intensity=self.options.intensity)
        member.status = "down"
        text = f"{member.name} needed one restart more than {self.options.intensity}"
        error = TooManyRestarts(f"{text} in {self.options.period_s:g} s: {member.cause()}")
        error.__cause__ = member.end[1]
        self._leave("shutdown", error)

    def _leave(self, reason: ExitReason, error: BaseException | None = None) -> None:
        raise NotImplementedError

    # -- orders -----------------------------------------------------------------------------------------

    def _launch(self, member: Member) -> None:
        member.status = "starting"
        self._order(Launch(member.name, self.books.takes_fresh_state(member)))

    def _stop(self, member: Member) -> None:
        member.status = "stopping"
        within_s = member.spec.shutdown_s
        assert within_s != "default"
        self._order(Kill(member.name) if within_s == 0 else Stop(member.name, within_s))

    def _refuse(self, why: Refusal, child: str, token: Any, cause: BaseException | None = None) -> None:
        self._order(Answer(token, error=ChildError(why, child).because(cause)))

    def _tell_exit(self, member: Member) -> None:
        reason, error = member.end
        text = None if error is None else f"{type(error).__name__}: {error}"
        self._tell("child_exited", member, reason=reason, error=text)

    def _tell(self, what: str, member: Member, **facts: Any) -> None:
        if not self.wants(what):
            return
        counted = {"restarts": self.books.window.size, "window_s": self.options.period_s}
        self._order(Tell(what, member.name, {"incarnation": member.number, **counted, **facts}))

    def _order(self, order: Order) -> None:
        self._orders.append(order)

    def _flush(self) -> list[Order]:
        orders, self._orders = self._orders, []
        return orders

    def _member(self, child: str, number: int) -> Member | None:
        member = self.members.get(child)
        return member if member is not None and member.number == number else None
