"""`Supervisor`: an actor that starts its children in order, restarts them, and stops them in reverse order.

The decisions are made by a pure core (family.py; crowd.py for `DynamicSupervisor`); this carries out its orders.
A child lives in a held cell: its ref stays good across restarts, and mail waits there, bounded, in between. What
a crash must not lose is held by the cell too, and handed to the next incarnation after a check; state that is not
is let go by its `drop()`, if it has one. A class whose children hold more than that has `given_up(state, *args)`,
called where no incarnation will follow and none lives to be stopped.

    Supervisor((ChildSpec("a", A), ChildSpec("b", B, restart="transient")), SupervisorOptions("rest_for_one"))
    ChildSpec("sub", Supervisor, (specs, options), type="supervisor")

Its start is over when all its children's are. Mail: what children send at their start and end, one each, and
commands, which are asks.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from greenroom.actors.claims import Hold
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref
from greenroom.messages.events import ActorZombie
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.signals import Down, ExitReason, ShutDown, Started
from greenroom.messages.supervisor_events import ChildStateDropped, SupervisorShutDown
from greenroom.supervision.crowd import Crowd
from greenroom.supervision.family import Family
from greenroom.supervision.orders import (
    Answer,
    ChildCounts,
    ChildError,
    ChildInfo,
    CountChildren,
    DeleteChild,
    Forget,
    Kill,
    Launch,
    Leave,
    LieIdle,
    Order,
    Ready,
    RestartChild,
    StartChild,
    Stop,
    Tell,
    TerminateChild,
    Unwake,
    Wake,
    WhichChildren,
)
from greenroom.supervision.spec import ChildSpec, SupervisorOptions, check_family, check_fit
from greenroom.supervision.supervisor_telling import event_of


@dataclass(frozen=True, slots=True)
class WaitOver:
    child: str


@dataclass(frozen=True, slots=True)
class StopOverdue:
    child: str
    number: int


@dataclass(frozen=True, slots=True)
class StopsOverdue:
    children: list[tuple[str, int]]


class Supervisor(LoopActor):
    """See the module. Raises InvalidInput where the specs cannot work."""

    kind = "supervisor"
    expected_errors: ClassVar[tuple[type[Exception], ...]] = (ChildError, InvalidInput)
    core_class: ClassVar[Callable[..., Any]] = Family

    def __init__(self, specs: Iterable[ChildSpec] = (), options: SupervisorOptions | None = None) -> None:
        super().__init__()
        options = options or SupervisorOptions()
        self.core = self.core_class(check_family(specs, options), options)
        # Not a method of this: the core would hold its actor, and both would wait for a collection.
        self.core.wants = partial(_is_wanted, self.events)
        self._now_s: Callable[[], float] = self.clock.now_s
        self._cells: dict[str, Any] = {}
        self._names: dict[Any, str] = {}
        self._holds: dict[str, Hold] = {}
        """Of cells that this made."""
        self._orders: deque[Order] = deque()
        self._busy = False

    def on_start(self) -> None:
        self.start_later()
        self._carry_out(self.core.begin(self._now_s()))

    def on_shutdown(self) -> None:
        self._carry_out(self.core.shut(self._now_s()))

    # -- what children say ------------------------------------------------------------------------------

    @receives(Started)
    def on_started(self, up: Started) -> None:
        name = self._names.get(up.ref.cell)
        if name is not None:
            now_s = self._now_s()
            self._carry_out(self.core.started(name, up.incarnation, now_s, ignored=up.ignored))

    @receives(Down)
    def on_down(self, down: Down) -> None:
        name = self._names.get(down.ref.cell)
        if name is not None:
            self.cancel_timer(("stop", name, down.incarnation))
            now_s = self._now_s()
            self._carry_out(self.core.exited(name, down.incarnation, down.reason, down.error, now_s))

    @receives(WaitOver)
    def on_wait_over(self, over: WaitOver) -> None:
        self._carry_out(self.core.woke(over.child, self._now_s()))

    @receives(StopOverdue)
    def on_stop_overdue(self, overdue: StopOverdue) -> None:
        self._carry_out(self.core.overdue(overdue.child, overdue.number))

    # -- what can be asked ------------------------------------------------------------------------------

    @receives(StartChild)
    def on_start_child(self, message: StartChild) -> None:
        check_fit(message.spec, self.core.options)
        self._carry_out(self.core.start_child(message.spec, self.defer(), self._now_s()))

    @receives(TerminateChild)
    def on_terminate_child(self, message: TerminateChild) -> None:
        self._carry_out(self.core.terminate_child(message.id, self.defer(), self._now_s()))

    @receives(RestartChild)
    def on_restart_child(self, message: RestartChild) -> None:
        self._carry_out(self.core.restart_child(message.id, self.defer(), self._now_s()))

    @receives(DeleteChild)
    def on_delete_child(self, message: DeleteChild) -> None:
        self._carry_out(self.core.delete_child(message.id, self.defer(), self._now_s()))

    @receives(WhichChildren)
    def on_which_children(self, _: WhichChildren) -> tuple[ChildInfo, ...]:
        infos: tuple[ChildInfo, ...] = self.core.infos(self._ref_of, self._now_s())
        return infos

    @receives(CountChildren)
    def on_count_children(self, _: CountChildren) -> ChildCounts:
        counts: ChildCounts = self.core.counts()
        return counts

    # -- what a census asks, in this thread -------------------------------------------------------------

    def window(self, now_s: float) -> dict[str, Any]:
        """The fields of its RestartWindow."""
        window = self.core.books.window
        return {"restarts": window.count(now_s), "intensity": window.most, "period_s": window.period_s}

    def census(self, now_s: float) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Each child's cell, and what only its supervisor knows of it."""
        for name, member in self.core.members.items():
            cell = self._cells.get(name) or member.spec.cell
            if cell is None:
                continue  # it never was started
            info = member.info(None, now_s)
            yield cell, {
                "state": info.status, "restart": info.restart, "restarts": info.restarts, "wait_s": info.wait_s,
                "supervised": not member.adopted,
            }  # fmt: skip

    # -- orders -----------------------------------------------------------------------------------------

    def _carry_out(self, orders: list[Order]) -> None:
        # An order may call the core again (a child that cannot be made): its orders come behind.
        self._orders.extend(orders)
        if self._busy:
            return
        self._busy = True
        try:
            while self._orders:
                order = self._orders.popleft()
                self._OBEY[type(order)](self, order)
        finally:
            self._busy = False

    def _obey_launch(self, order: Launch) -> None:
        self._launch(self.core.members[order.id].spec, fresh=order.fresh)

    def _obey_stop(self, order: Stop) -> None:
        child, number = order.id, self.core.members[order.id].number
        self._cells[child].post_control(ShutDown(number), ShutDown)
        if order.within_s is not None:
            self._overdue_in(order.within_s, child, number)

    def _overdue_in(self, within_s: float, child: str, number: int) -> None:
        self.timer(within_s, StopOverdue(child, number), key=("stop", child, number))

    def _obey_kill(self, order: Kill) -> None:
        self._abandon(self._cells[order.id], overdue=order.overdue)

    def _obey_wake(self, order: Wake) -> None:
        self.timer(order.delay_s, WaitOver(order.id), key=("wait", order.id))

    def _obey_unwake(self, order: Unwake) -> None:
        self.cancel_timer(("wait", order.id))

    def _obey_forget(self, order: Forget) -> None:
        self._forget(order.id, order.given_up)

    def _obey_lie_idle(self, order: LieIdle) -> None:
        if (cell := self._cells.get(order.id)) is not None:
            cell.lie_idle()

    def _obey_tell(self, order: Tell) -> None:
        self.dispatcher.report(event_of(order.what), actor=self.path, child=order.child, **order.facts)

    def _obey_answer(self, order: Answer) -> None:
        _answer(order.token, None if order.child is None else self._ref_of(order.child), order.error)

    def _obey_ready(self, _: Ready) -> None:
        self.started()

    def _obey_leave(self, order: Leave) -> None:
        self._leave(order.reason, order.error)

    # A table: a chain of cases would be asked six times for every dynamic child.
    _OBEY: ClassVar[dict[type[Any], Callable[[Any, Any], None]]] = {
        Answer: _obey_answer, Forget: _obey_forget, Kill: _obey_kill, Launch: _obey_launch, Leave: _obey_leave,
        LieIdle: _obey_lie_idle, Ready: _obey_ready, Stop: _obey_stop, Tell: _obey_tell, Unwake: _obey_unwake,
        Wake: _obey_wake,
    }  # fmt: skip

    def _launch(self, spec: ChildSpec, *, fresh: bool) -> None:
        cell = self._cells.get(spec.id)
        if cell is None or cell.closed:
            cell = self._cell_for(spec)
        try:
            self._ready_state(spec, cell, fresh=fresh)
            self.spawn_announced(spec.start, spec.args, spec.kwargs, cell)
        except Exception as error:  # noqa: BLE001  (whoever makes its state may raise anything: it did not start)
            self.core.launched(spec.id, cell.incarnation)
            now_s = self._now_s()
            self._carry_out(self.core.exited(spec.id, cell.incarnation, "failed", error, now_s))
        else:
            self.core.launched(spec.id, cell.incarnation)

    def _cell_for(self, spec: ChildSpec) -> Any:
        cell = spec.cell
        if cell is None or cell.closed:
            cell = self._new_cell(spec)
        self._names.pop(self._cells.get(spec.id), None)
        self._cells[spec.id] = cell
        self._names[cell] = spec.id
        return cell

    def _new_cell(self, spec: ChildSpec) -> Any:
        path = f"{'' if self.path == '/' else self.path}/{spec.id}"
        if spec.restart == "temporary" and spec.mailbox_bound is None:
            # It is started once: there is no mail to be held for a next incarnation.
            return self.dispatcher.make_cell(spec.start, path)
        bound = spec.mailbox_bound or spec.start.mailbox_bound
        cell = self.dispatcher.new_cell(path, spec.start.kind, bound)
        self._holds[spec.id] = self.hold(cell)
        return cell

    def _ready_state(self, spec: ChildSpec, cell: Any, *, fresh: bool) -> None:
        if spec.state is None:
            return
        if fresh:
            self._drop_state(spec, cell, "poisoned", None)
        elif cell.state is not None and spec.check is not None:
            try:
                spec.check(cell.state)
            except Exception as error:  # noqa: BLE001  (the user's check may raise anything: that is its answer)
                self._drop_state(spec, cell, "unfit", error)
        if cell.state is None:
            cell.state = spec.state()

    def _drop_state(self, spec: ChildSpec, cell: Any, why: str, error: Exception | None) -> None:
        drop: Callable[[], None] | None = getattr(cell.state, "drop", None)
        cell.state = None
        if drop is not None:
            drop()
        text = None if error is None else f"{type(error).__name__}: {error}"
        self.dispatcher.report(ChildStateDropped, actor=self.path, child=spec.id, why=why, error=text)

    def _abandon(self, cell: Any, *, overdue: bool) -> None:
        if overdue:
            self.dispatcher.count_zombie()
            fields = {"kind": cell.kind, "incarnation": cell.incarnation, "reason": "it did not end in time"}
            self.dispatcher.report(ActorZombie, actor=cell.path, **fields)
        cell.kill("killed")

    def _forget(self, child: str, given_up: ChildSpec | None) -> None:
        cell = self._cells.get(child)
        if cell is None:
            return
        if child not in self.core.members:
            del self._cells[child], self._names[cell]
        hold = self._holds.pop(child, None)
        if hold is not None:
            hold.settle()
        if not cell.closed:
            cell.close()
        if given_up is not None:
            _give_up(cell, given_up)

    def _ref_of(self, child: str) -> "Ref[Any] | None":
        cell = self._cells.get(child)
        return None if cell is None or not cell.is_alive() else cell.ref

    def _leave(self, reason: ExitReason, error: BaseException | None) -> None:
        for name, member in self.core.members.items():
            if (cell := self._cells.get(name)) is not None and cell.state is not None and not cell.is_alive():
                _give_up(cell, member.spec)  # it waited, and was not there to be stopped
        text = None if error is None else f"{type(error).__name__}: {error}"
        self.dispatcher.report(
            SupervisorShutDown, actor=self.path, child=self.path, incarnation=self.incarnation,
            reason=reason, escalated=error is not None, error=text,
        )  # fmt: skip
        self.exit(reason, error)


class DynamicSupervisor(Supervisor):
    """Children come and go, each for itself, up to `max_children`; what ends for good is forgotten."""

    kind = "dynamic_supervisor"
    core_class: ClassVar[Callable[..., Any]] = Crowd

    def __init__(self, specs: Iterable[ChildSpec] = (), options: SupervisorOptions | None = None) -> None:
        super().__init__(specs, options)
        self._last_stops: dict[float, list[tuple[str, int]]] = {}

    def _overdue_in(self, within_s: float, child: str, number: int) -> None:
        if not self.core.leaving:
            super()._overdue_in(within_s, child, number)
            return
        # At its end all children are stopped in one moment, and one timer is enough for those of one time.
        together = self._last_stops.get(within_s)
        if together is None:
            together = self._last_stops[within_s] = []
            self.timer(within_s, StopsOverdue(together))
        together.append((child, number))

    @receives(StopsOverdue)
    def on_stops_overdue(self, overdue: StopsOverdue) -> None:
        for child, number in overdue.children:
            self._carry_out(self.core.overdue(child, number))

    def adopt(self, name: str, template: ChildSpec, args: tuple[Any, ...], cell: Any) -> Ref[Any]:
        """A temporary child made on the spot, in a held cell that closes with it; it counts as running.

        For children by the hundred thousand: many share one template. `name` is not in use.
        """
        ref: Ref[Any] = self.spawn(template.start, *args, cell=cell)
        cell.close()
        self._cells[name] = cell
        self._names[cell] = name
        self.core.adopt(name, template, cell.incarnation, self._now_s())
        return ref


def _give_up(cell: Any, spec: ChildSpec) -> None:
    free: Callable[..., None] | None = getattr(spec.start, "given_up", None)
    state, cell.state = cell.state, None
    if free is not None:
        free(state, *spec.args)


def _is_wanted(events: Any, what: str) -> bool:
    wanted: bool = events.wants(event_of(what).name)
    return wanted


def _answer(token: Any, value: Any, error: BaseException | None) -> None:
    if error is not None:
        token.set_exception(error)
    else:
        token.set(value)
