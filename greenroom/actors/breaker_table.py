"""All circuit breakers and retry budgets of a system, with the leases on them. A plain object, dispatcher thread.

Why no actor stands between: see docs/decisions/0011. Whoever asks has the answer in the same turn, so what is
decided on a view is true of it; and when the actor that looks after this table crashes, calls go on.
A request passes two breakers, its endpoint's and its model's there (`breaker_scope` says which of them an end
is counted at). Leases are keyed by (stream_id, epoch): asked for by the attempt just before it is sent, settled
by its scope after it ended, however it ended; settling twice, or what was never let through, changes nothing.
Bounded: a lease a live attempt, `models_max` models a provider, one endpoint a provider.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Literal

from greenroom.actors.breaker_core import Breaker, Change, NotNow
from greenroom.actors.breaker_guard import (
    Changed,
    EndpointGuard,
    Forgotten,
    Guard,
    Lease,
    News,
    RetriesSpent,
    refused,
)
from greenroom.actors.breaker_scope import told_wait_s, too_late, verdict_of
from greenroom.messages.breaker import Place
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.commands import Granted, Refused, Reserve, Settle
from greenroom.messages.failures import ErrorClass
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.views import BreakerView, Settled

IDLE_S = 600.0
"""A model's breaker that was not asked for so long is dropped, unless something is still due to it."""
SWEEP_S = 60.0
"""Between two looks at models that nobody asks for."""
_CLOSED = BreakerView()
_LET, _PROBE = Granted(), Granted(probe=True)
_NO_DECISION = Settled()


class Breakers:
    """See the module. `rules` are the providers' by name; `random` spreads open times; `tell` takes the news."""

    __slots__ = (
        "_cause", "_endpoints", "_leases", "_random", "_rules", "_tell", "forgotten_total", "unguarded_total",
    )  # fmt: skip

    def __init__(
        self,
        rules: Mapping[str, BreakerConfig],
        random: Callable[[], float],
        tell: Callable[[News], None],
    ) -> None:
        self._rules, self._random, self._tell = rules, random, tell
        self._endpoints: dict[tuple[str, str], EndpointGuard] = {}
        self._leases: dict[tuple[str, int], Lease] = {}
        self._cause: ErrorClass | None = None
        """Of what is being settled."""
        self.forgotten_total = self.unguarded_total = 0

    # ---- leases

    def reserve(self, asked: Reserve, now_s: float) -> Granted | Refused:
        """The attempt may be sent, or why not. A request's first attempt is traffic to the retry budget."""
        place, epoch = asked.place, asked.epoch
        at = self.endpoint(place, now_s)
        if epoch == 1:
            at.budget.request(now_s)
        if not at.rules.enabled:
            return _LET
        permit = at.breaker.admit(now_s)
        if isinstance(permit, NotNow):
            return refused(at, permit)
        lease = Lease(at, permit)
        # A hand's word on the whole endpoint holds for its models too.
        model = self.model(at, place.model, now_s) if at.breaker.state != "disabled" else None
        probe = permit.probe
        if model is not None:
            its = model.breaker.admit(now_s)
            if isinstance(its, NotNow):
                at.breaker.give_back(permit)
                return refused(model, its)
            model.in_flight += 1
            model.used_s = now_s
            lease.model, lease.model_permit = model, its
            probe = probe or its.probe
        at.in_flight += 1
        self._leases[asked.stream_id, epoch] = lease
        return _PROBE if probe else _LET

    def prove(self, stream_id: str, epoch: int, ttft_s: float, now_s: float) -> None:
        """A probe had its first content: that is what its breakers wait for. Answers take minutes to end."""
        lease = self._leases.get((stream_id, epoch))
        if lease is None:
            return
        slow = too_late(ttft_s, lease.at.rules)
        if lease.permit is not None and lease.permit.probe:
            permit, lease.permit = lease.permit, None
            lease.at.breaker.record(permit, "ok", now_s)
        if lease.model is not None and lease.model_permit is not None and lease.model_permit.probe:
            permit, lease.model_permit = lease.model_permit, None
            lease.model.breaker.record(permit, "ok", now_s, slow=slow)

    def settle(self, report: Settle, now_s: float) -> Settled:
        """The attempt has ended, and its lease with it. What the one decision looks at, where there is one."""
        lease = self._leases.pop((report.stream_id, report.epoch), None)
        if lease is not None:
            endpoint, model, slow = verdict_of(report, lease.at.rules)
            self._cause = report.error_class
            wait_s = told_wait_s(report.evidence)
            lease.at.in_flight -= 1
            if lease.permit is not None:
                lease.at.breaker.record(lease.permit, endpoint, now_s, retry_after_s=wait_s)
            if lease.model is not None:
                lease.model.in_flight -= 1
                if lease.model_permit is not None:
                    its = lease.model_permit
                    lease.model.breaker.record(its, model, now_s, slow=slow, retry_after_s=wait_s)
            self._cause = None
        if report.outcome == "completed":
            return _NO_DECISION
        at = self.endpoint(report.place, now_s)
        return Settled(self._view(at, report.place.model, now_s), at.budget.view(now_s))

    def abandon(self, stream_id: str, epoch: int) -> None:
        """Who would settle it has died: the permits are given back, and nothing is said of the provider."""
        lease = self._leases.pop((stream_id, epoch), None)
        if lease is None:
            return
        lease.at.in_flight -= 1
        if lease.permit is not None:
            lease.at.breaker.give_back(lease.permit)
        if lease.model is not None:
            lease.model.in_flight -= 1
            if lease.model_permit is not None:
                lease.model.breaker.give_back(lease.model_permit)

    @property
    def leases(self) -> int:
        """Attempts that were let through and are not settled."""
        return len(self._leases)

    # ---- views and retries

    def view(self, place: Place, now_s: float) -> BreakerView:
        """What an attempt there would meet now; for a fallback too that was not asked yet."""
        return self._view(self.endpoint(place, now_s), place.model, now_s)

    def _view(self, at: EndpointGuard, model: str, now_s: float) -> BreakerView:
        if at.breaker.state == "disabled":
            return _CLOSED
        guard = at.models.get(model)
        for breaker in (at.breaker,) if guard is None else (at.breaker, guard.breaker):
            if breaker.state != "closed" and (wait_s := breaker.wait_s(now_s)) != 0.0:
                return BreakerView(breaker.state, wait_s or 0.0)
        return _CLOSED

    def spend_retry(self, place: Place, now_s: float) -> None:
        """A retry there was decided on, in the turn in which its view was read."""
        self.endpoint(place, now_s).budget.spend(now_s)

    def refuse_retry(self, place: Place, now_s: float) -> None:
        """A retry there was not made, as its budget had nothing left."""
        at = self.endpoint(place, now_s)
        if at.budget.refuse(now_s):
            self._tell(RetriesSpent(at.key, *at.budget.traffic(now_s)))

    # ---- the breakers themselves

    def endpoints(self) -> tuple[EndpointGuard, ...]:
        """Those that were asked for by now."""
        return tuple(self._endpoints.values())

    def endpoint(self, place: Place, now_s: float) -> EndpointGuard:
        """The endpoint's, made when it is first asked for."""
        key = place[:2]
        at = self._endpoints.get(key)
        if at is None:
            rules = self._rules.get(place.provider) or BreakerConfig()
            breaker = self._breaker(place.provider, rules)
            at = self._endpoints[key] = EndpointGuard(place.provider, rules, breaker, now_s)
        return at

    def model(self, at: EndpointGuard, model: str, now_s: float) -> Guard | None:
        """The model's, made when it is first asked for. None: as many as may be are in use."""
        guard = at.models.get(model)
        if guard is not None:
            return guard
        if now_s - at.swept_s >= SWEEP_S:
            self._drop_idle(at, now_s)
        if len(at.models) >= at.rules.models_max and not self._make_room(at, now_s):
            self.unguarded_total += 1
            return None
        key = f"{at.key}/{model}"
        guard = at.models[model] = Guard(key, self._breaker(key, at.rules), now_s)
        return guard

    def _breaker(self, key: str, rules: BreakerConfig) -> Breaker:
        return Breaker(rules, self._random, functools.partial(self._changed, key))

    def _changed(self, key: str, change: Change) -> None:
        self._tell(Changed(key, change, self._cause if change.trigger == "tripped" else None))

    def _make_room(self, at: EndpointGuard, now_s: float) -> bool:
        """A tenth of those that nobody needs now are dropped, the longest unused first. False: there is none."""
        closed = [
            (guard.used_s, model)
            for model, guard in at.models.items()
            if guard.breaker.state == "closed" and guard.droppable(now_s, 0.0)
        ]
        closed.sort()
        going = closed[: max(at.rules.models_max // 10, 1)]
        for _, model in going:
            self._forget(at, model, "too_many")
        return bool(going)

    def drop_idle(self, now_s: float) -> None:
        """Models that were not asked for a long time have no breaker any more.

        Done before somebody looks at them, and when a model is new; so that no timer runs in a system at rest.
        """
        for at in self._endpoints.values():
            self._drop_idle(at, now_s)

    def _drop_idle(self, at: EndpointGuard, now_s: float) -> None:
        at.swept_s, idle_s = now_s, max(IDLE_S, at.rules.window_s)
        for model in [name for name, guard in at.models.items() if guard.droppable(now_s, idle_s)]:
            self._forget(at, model, "idle")

    def _forget(self, at: EndpointGuard, model: str, why: Literal["idle", "too_many"]) -> None:
        self.forgotten_total += 1
        self._tell(Forgotten(at.models.pop(model).key, why))

    # ---- by hand

    def find(self, place: Place, now_s: float) -> tuple[BreakerConfig, Guard]:
        """The breaker that is meant; an empty `model` means the endpoint's own. Raises InvalidInput: no room."""
        at = self.endpoint(place, now_s)
        guard = self.model(at, place.model, now_s) if place.model else at
        if guard is None:
            text = f"has no breaker: {at.rules.models_max} models of {at.key} are in use (models_max)"
            raise InvalidInput.at("name", text, f"{at.key}/{place.model}")
        return at.rules, guard

    def set(self, place: Place, trigger: Literal["reset", "force_open", "disable"], now_s: float) -> None:
        """Set by hand; a reset of an endpoint's own resets those of its models. Raises as `find`."""
        _, guard = self.find(place, now_s)
        guard.breaker.set(trigger)
        if isinstance(guard, EndpointGuard) and trigger == "reset":
            for model in guard.models.values():
                model.breaker.set(trigger)

    # ---- time

    def guards(self) -> list[Guard]:
        """All: each endpoint's, and behind it those of its models."""
        return [guard for at in self._endpoints.values() for guard in (at, *at.models.values())]

    def look(self, now_s: float) -> float | None:
        """What was due has happened; when something is due next, None where nothing is."""
        for guard in self.guards():
            guard.breaker.look(now_s)
        return min(
            (due for guard in self.guards() if (due := guard.breaker.due_s()) is not None), default=None
        )
