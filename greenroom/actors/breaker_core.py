"""One circuit breaker, pure: the state table, and when it changes. No clock, no I/O; time is an argument.

    closed       every call passes; the window counts them; at a rate's limit it trips
    open         none passes until its time is over
    half_open    `probes` calls pass, and are judged together
    forced_open  none passes        } set by hand, left by `reset`
    disabled     all pass, uncounted }

A permit carries the generation it was given in; every change of state begins another one. So what was let in
before a change counts no more when it ends: neither failures of the outage that opened it, nor late successes.
A call ends as `ok`, `failed` or `ignored`; an ignored one gives its permit back and says nothing.
Differs from resilience4j in three points: half open it trips as soon as the probes that failed decide it; open
times grow while it flaps; and what the provider told of a time to come back makes an open time longer.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from greenroom.actors.breaker_window import CountWindow, Sums, TimeWindow, Window
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.views import BreakerState

Trigger = Literal["tripped", "waited", "recovered", "reset", "force_open", "disable"]
Outcome = Literal["ok", "failed", "ignored"]

RETRY_AFTER_MAX_S = 3600.0
"""A provider that is away for longer tells of a quota or a retirement, not of an outage."""
HALF_OPEN_WAIT_S = 1.0
"""What a call is told to wait while others are probing: it may be seconds until these have their first content."""

_BY_HAND: Mapping[Trigger, BreakerState] = {
    "reset": "closed", "force_open": "forced_open", "disable": "disabled",
}  # fmt: skip
TRANSITIONS: Mapping[BreakerState, Mapping[Trigger, BreakerState]] = {
    "closed": {"tripped": "open", **_BY_HAND},
    "open": {"waited": "half_open", **_BY_HAND},
    "half_open": {"tripped": "open", "recovered": "closed", **_BY_HAND},
    "forced_open": _BY_HAND,
    "disabled": _BY_HAND,
}
"""Where each trigger leads; what is not here is a mistake of ours, and raises."""


class Permit(NamedTuple):
    """Given back by `record`, once."""

    generation: int
    probe: bool


class NotNow(NamedTuple):
    """No permit. `wait_s`: before then there will be none; None: not before somebody resets it."""

    state: BreakerState
    wait_s: float | None


class Change(NamedTuple):
    """What the world is told of a change of state."""

    trigger: Trigger
    state: BreakerState
    cause: str = ""
    """Of a trip: failures, slow or probes."""
    open_s: float = 0.0
    sums: Sums = Sums()
    permits: int = 0
    """Of a half-open one: calls that may try."""
    refused: int = 0
    """Calls that got no permit in the state that is left."""


class Breaker:
    """See the module. `random` gives numbers in [0, 1); `tell` is called in the middle of each change."""

    __slots__ = (
        "_closed_since_s", "_half_open_since_s", "_judged", "_open_s", "_opens", "_permit", "_probe",
        "_probed", "_random", "_refused", "_rules", "_tell", "_until_s", "_window", "failed_total",
        "generation", "ignored_total", "late_total", "ok_total", "opened_total", "probes_out",
        "refused_total", "slow_total", "state",
    )  # fmt: skip

    def __init__(
        self, rules: BreakerConfig, random: Callable[[], float], tell: Callable[[Change], None]
    ) -> None:
        self._rules, self._random, self._tell = rules, random, tell
        self.state: BreakerState = "closed"
        self.generation = 0
        self.probes_out = 0
        """Invariant: probes_out + the probes' sums <= rules.probes."""
        self._probed = Sums()
        self._judged = Sums()
        """What the window held when it opened last."""
        self._opens = 0
        self._open_s = self._until_s = self._half_open_since_s = 0.0
        self._closed_since_s: float | None = None
        self._refused = 0
        self.ok_total = self.failed_total = self.slow_total = self.ignored_total = 0
        self.late_total = self.refused_total = self.opened_total = 0
        self._begin_generation()

    # ---- calls

    def admit(self, now_s: float) -> Permit | NotNow:
        """A permit for one call, to be given back by `record` however the call ends; or none, and why."""
        state = self.state
        if state in ("closed", "disabled"):
            return self._permit
        self.look(now_s)
        if self.state == "half_open" and self.probes_out + self._probed.calls < self._rules.probes:
            self.probes_out += 1
            return self._probe
        self._refused += 1
        self.refused_total += 1
        return NotNow(self.state, self.wait_s(now_s))

    def record(
        self,
        permit: Permit,
        outcome: Outcome,
        now_s: float,
        *,
        slow: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        """The call of this permit has ended."""
        self._count(outcome, slow)
        if permit.generation != self.generation:
            self.late_total += outcome != "ignored"
            if self.state == "open" and outcome == "failed":
                self._until_s = max(self._until_s, now_s + min(retry_after_s or 0.0, RETRY_AFTER_MAX_S))
            return
        self.give_back(permit)
        if outcome == "ignored" or self.state == "disabled":
            return
        failed = outcome == "failed"
        if permit.probe:
            calls, failures, slows = self._probed
            self._probed = Sums(calls + 1, failures + failed, slows + slow)
            self._judge_probes(now_s, retry_after_s)
        # A call that went well can be the one that makes the rates known.
        elif self._window.add(now_s, failed=failed, slow=slow):
            self._judge(now_s, retry_after_s)

    def give_back(self, permit: Permit) -> None:
        """The call of this permit was not made, or its end is counted elsewhere."""
        if permit.probe and permit.generation == self.generation:
            self.probes_out -= 1

    def look(self, now_s: float) -> None:
        """What is due by time alone has happened: an open one lets probes in, a half-open one waits no more."""
        if self.state == "open" and now_s >= self._until_s:
            self._half_open_since_s = now_s
            self._go("waited")
        elif self.state == "half_open" and now_s >= self._half_open_since_s + self._rules.half_open_max_s:
            self._trip("probes", self._probed, now_s, None)

    def due_s(self) -> float | None:
        """When `look` has something to do; None: never."""
        if self.state == "open":
            return self._until_s
        return self._half_open_since_s + self._rules.half_open_max_s if self.state == "half_open" else None

    # ---- by hand

    def set(self, trigger: Literal["reset", "force_open", "disable"]) -> None:
        """From any state; nothing of what was counted before counts on. `reset` forgets earlier openings too."""
        self._opens, self._closed_since_s = 0, None
        self._go(trigger)

    # ---- what is seen

    def wait_s(self, now_s: float) -> float | None:
        """Before then no call gets a permit, as far as is known; 0: now. None: not before a reset."""
        match self.state:
            case "forced_open":
                return None
            case "open":
                return max(self._until_s - now_s, 0.0)
            case "half_open" if self.probes_out + self._probed.calls >= self._rules.probes:
                return HALF_OPEN_WAIT_S
            case _:
                return 0.0

    def sums(self, now_s: float) -> Sums:
        """What is judged by now: the window, the probes, or of an open one what opened it."""
        match self.state:
            case "open":
                return self._judged
            case "half_open":
                return self._probed
            case _:
                return self._window.sums(now_s)

    # ---- judging

    def _count(self, outcome: Outcome, slow: bool) -> None:
        if outcome == "ok":
            self.ok_total += 1
        elif outcome == "failed":
            self.failed_total += 1
        else:
            self.ignored_total += 1
            return
        self.slow_total += slow

    def _judge(self, now_s: float, retry_after_s: float | None) -> None:
        sums = self._window.sums(now_s)
        if sums.calls < self._rules.min_calls:
            return
        if sums.failure_rate() >= self._rules.failure_rate:
            self._trip("failures", sums, now_s, retry_after_s)
        elif sums.slow_rate() >= self._rules.slow_rate:
            self._trip("slow", sums, now_s, retry_after_s)

    def _judge_probes(self, now_s: float, retry_after_s: float | None) -> None:
        """At once where the probes that are still out could change nothing."""
        probes, probed = self._rules.probes, self._probed
        if probed.failed / probes >= self._rules.failure_rate:
            self._trip("failures", probed, now_s, retry_after_s)
        elif probed.slow / probes >= self._rules.slow_rate:
            self._trip("slow", probed, now_s, retry_after_s)
        elif probed.calls >= probes:
            self._closed_since_s = now_s
            self._go("recovered")

    def _trip(self, cause: str, sums: Sums, now_s: float, retry_after_s: float | None) -> None:
        rules = self._rules
        if self._closed_since_s is not None and now_s - self._closed_since_s >= self._open_s:
            self._opens = 0
        self._closed_since_s = None
        # 2.0 ** 1024 is no float; long before, the cap holds.
        grown_s = rules.open_s * rules.open_factor ** min(self._opens, 64)
        own_s = min(rules.open_max_s, grown_s) * (1.0 - rules.open_jitter * self._random())
        self._open_s = max(own_s, min(retry_after_s or 0.0, RETRY_AFTER_MAX_S))
        self._opens += 1
        self.opened_total += 1
        self._until_s, self._judged = now_s + self._open_s, sums
        self._go("tripped", cause, sums)

    def _go(self, trigger: Trigger, cause: str = "", sums: Sums = Sums()) -> None:  # noqa: B008  (a tuple)
        found = TRANSITIONS[self.state].get(trigger)
        if found is None:
            raise ValueError(f"a breaker that is {self.state} cannot be {trigger}")
        refused, self._refused = self._refused, 0
        self.state = found
        self._begin_generation()
        open_s = self._open_s if found == "open" else 0.0
        permits = self._rules.probes if found == "half_open" else 0
        self._tell(Change(trigger, found, cause, open_s, sums, permits, refused))

    def _begin_generation(self) -> None:
        rules = self._rules
        self.generation += 1
        self._permit, self._probe = Permit(self.generation, False), Permit(self.generation, True)
        self.probes_out, self._probed = 0, Sums()
        self._window: Window = (
            TimeWindow(rules.window_s) if rules.window == "time" else CountWindow(rules.window_calls)
        )
