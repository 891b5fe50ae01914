"""One child in its supervisor's books, and the books: windows, back-off, poisoned state. Pure."""

import random
from dataclasses import dataclass
from typing import Any, Literal

from greenroom.messages.signals import ExitReason
from greenroom.supervision.intensity import Window
from greenroom.supervision.orders import ChildInfo, Status
from greenroom.supervision.spec import ChildSpec, SupervisorOptions, without_arguments

POISONED_AFTER = 2
"""State that so many incarnations crashed with, one after the other and without calm, is dropped."""
CALM_S = 5.0
"""Of a child without back-off: after so long its crashes in a row are forgotten."""


class Member:
    """A child's record. Its supervisor's core is the only writer."""

    __slots__ = (
        "adopted", "deferred", "end", "failures", "given_up", "kept_crashes", "limit", "name", "number",
        "restarts", "since_s", "spec", "status", "until_s", "unwanted",
    )  # fmt: skip

    def __init__(self, spec: ChildSpec, name: str | None = None) -> None:
        self.spec = spec
        self.name = name or spec.id
        """Of an adopted child its own: many share a spec."""
        self.status: Status = "down"
        self.number = 0
        """Of its present or last incarnation."""
        self.restarts = 0
        self.failures = 0
        """In a row, for the back-off."""
        self.kept_crashes = 0
        """In a row, with the state that its cell holds now."""
        self.since_s = 0.0
        """When its start was over."""
        self.until_s = 0.0
        """When it is started again, while it waits."""
        self.deferred = False
        """It waits for room in the window, and is counted then."""
        self.limit = None if spec.limit is None else Window(spec.limit.restarts, spec.limit.within_s)
        self.given_up = False
        self.adopted = False
        """It has no spec of its own and is never restarted; `actor.stopped` says enough of its end."""
        self.unwanted = False
        """It was terminated while it started."""
        self.end: tuple[ExitReason, BaseException | None] = ("normal", None)

    def let_go_of_arguments(self) -> None:
        """It has started. A temporary child is started once: nothing of what it was given is kept."""
        spec = self.spec
        if spec.restart == "temporary" and spec.state is None and (spec.args or spec.kwargs):
            self.spec = without_arguments(spec)

    def wants_restart(self, reason: ExitReason) -> bool:
        """By OTP's rule."""
        kind = self.spec.restart
        return kind == "permanent" or (kind == "transient" and abnormal(reason))

    def cause(self) -> str:
        """Why it ended, in words."""
        reason, error = self.end
        return reason if error is None else f"{type(error).__name__}: {error}"

    def info(self, ref: Any, now_s: float) -> ChildInfo:
        """What is told of it."""
        spec, waiting = self.spec, self.status == "waiting"
        return ChildInfo(
            self.name, ref, self.status, spec.type, spec.restart, self.number, self.restarts,
            max(self.until_s - now_s, 0.0) if waiting else None,
        )  # fmt: skip


def abnormal(reason: ExitReason) -> bool:
    """True for what is neither a wanted nor a quiet end."""
    return reason in ("failed", "killed")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a child that is to be restarted."""

    what: Literal["restart", "wait", "defer", "give_up", "storm"]
    """defer: not counted yet, as the window is full; asked about again after the wait."""
    delay_s: float = 0.0


class Books:
    """A supervisor's counts. The jitter comes from a generator of its own, seeded by the options."""

    def __init__(self, options: SupervisorOptions) -> None:
        self.options = options
        self.window = Window(options.intensity, options.period_s)
        self._random = random.Random(options.seed)  # noqa: S311  (jitter)

    def crashed(self, member: Member, now_s: float) -> None:
        """It ended by itself, or did not start, and is to be restarted."""
        if member.status != "starting" and now_s - member.since_s >= self._calm_s(member):
            member.failures = member.kept_crashes = 0
        member.failures += 1
        # Whoever ends by itself has not died of its state.
        member.kept_crashes = member.kept_crashes + 1 if abnormal(member.end[0]) else 0

    def takes_fresh_state(self, member: Member) -> bool:
        """True where the next incarnation is not to have what crashed those before it; counted anew then."""
        poisoned = member.spec.state is not None and member.kept_crashes >= POISONED_AFTER
        if poisoned:
            member.kept_crashes = 0
        return poisoned

    def judge(self, member: Member, now_s: float) -> Verdict:
        """One restart of it is counted, if it may have one. One that was deferred is not counted twice."""
        if member.status != "waiting" and member.limit is not None and not member.limit.add(now_s):
            return Verdict("give_up")
        if not self.window.add(now_s):
            if self.options.on_storm == "escalate":
                return Verdict("storm")
            return Verdict("defer", max(self.window.room_in_s(now_s), self._delay_s(member)))
        delay_s = 0.0 if member.status == "waiting" else self._delay_s(member)
        return Verdict("wait" if delay_s > 0 else "restart", delay_s)

    def _delay_s(self, member: Member) -> float:
        backoff = member.spec.backoff or self.options.backoff
        return 0.0 if backoff is None else backoff.delay_s(member.failures, self._random.random())

    def _calm_s(self, member: Member) -> float:
        backoff = member.spec.backoff or self.options.backoff
        return CALM_S if backoff is None else backoff.calm_s
