"""Family and Crowd under everything that can come, in any order: what must hold, holds after each step."""

from typing import Any

from core_world import World, most_in_any_window, spec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from greenroom.messages.signals import ExitReason
from greenroom.supervision.crowd import Crowd
from greenroom.supervision.family import Family
from greenroom.supervision.spec import Backoff, ChildSpec, Limit, SupervisorOptions

NAMES = "abcdef"
REASONS: tuple[ExitReason, ...] = ("normal", "shutdown", "killed", "failed")
PICK = st.integers(0, 5)


@st.composite
def specs_of(draw: st.DrawFn, name: str, auto_shutdown: str = "never") -> ChildSpec:
    restart = draw(st.sampled_from(["permanent", "permanent", "transient", "temporary"]))
    fields: dict[str, Any] = {
        "restart": restart,
        "shutdown_s": draw(st.sampled_from([0, 5.0, None])),
        "significant": auto_shutdown != "never" and restart != "permanent" and draw(st.booleans()),
        "limit": draw(st.sampled_from([None, None, Limit(1, 10.0), Limit(3, 5.0)])),
        "state": draw(st.sampled_from([None, dict])),
    }
    return spec(name, **fields)


@st.composite
def options(draw: st.DrawFn) -> SupervisorOptions:
    on_storm = draw(st.sampled_from(["escalate", "defer"]))
    return SupervisorOptions(
        draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])),
        intensity=draw(st.integers(1 if on_storm == "defer" else 0, 6)), period_s=10.0, on_storm=on_storm,
        auto_shutdown=draw(st.sampled_from(["never", "never", "any_significant", "all_significant"])),
        backoff=draw(st.sampled_from([None, None, Backoff(0.5, 4.0), Backoff(1.0, 2.0, at_once=2)])),
        max_children=draw(st.sampled_from([None, 5])), seed=1,
    )  # fmt: skip


class CoreMachine(RuleBasedStateMachine):
    """`World` asserts after each order and each step; the rules say what may come."""

    core_class: Any

    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.children = 0

    @initialize(data=st.data(), options=options(), count=st.integers(0, 4))
    def begin(self, data: st.DataObject, options: SupervisorOptions, count: int) -> None:
        specs = [data.draw(specs_of(name, options.auto_shutdown)) for name in NAMES[:count]]
        self.world = World(self.core_class, specs, options)
        self.world.begin()

    def _some(self, pick: int, *, up: bool | None = None, ordered: bool | None = None) -> str | None:
        found = [
            name for name, life in self.world.lives.items()
            if up in (None, life.up) and ordered in (None, life.ordered)
        ]  # fmt: skip
        return found[pick % len(found)] if found else None

    @rule(pick=PICK, ignored=st.sampled_from([False] * 5 + [True]))
    def a_start_is_over(self, pick: int, ignored: bool) -> None:
        if (child := self._some(pick, up=False)) is not None:
            self.world.started(child, ignored=ignored)

    @rule(pick=PICK, reason=st.sampled_from(REASONS))
    def a_child_ends(self, pick: int, reason: ExitReason) -> None:
        if (child := self._some(pick)) is not None:
            self.world.ended(child, reason)

    @rule(pick=PICK)
    def one_that_was_told_to_ends(self, pick: int) -> None:
        if (child := self._some(pick, ordered=True)) is not None:
            self.world.ended(child, "shutdown")

    @rule(pick=PICK)
    def one_is_overdue(self, pick: int) -> None:
        child = self._some(pick, ordered=True)
        if child is not None and not self.world.lives[child].killed:
            self.world.overdue(child)

    @rule(name=st.sampled_from(NAMES))
    def the_next_launch_fails(self, name: str) -> None:
        self.world.fails_to_launch.add(name)

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 4.0, 10.1]))
    def time_goes_by(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule()
    def all_do_as_they_are_told(self) -> None:
        self.world.settle()

    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def somebody_starts_a_child(self, data: st.DataObject, name: str) -> None:
        given = data.draw(specs_of(name, self.world.core.options.auto_shutdown))
        self.world.ask("start_child", given)

    @rule(name=st.sampled_from(NAMES))
    def somebody_terminates_one(self, name: str) -> None:
        known, leaving = name in self.world.core.members, self.world.core.leaving
        token = self.world.ask("terminate_child", name)
        self.world.settle()
        if known and not leaving and token >= 0:
            error = self.world.answers[token].error
            assert error is None or getattr(error, "why", "") == "shutting_down", error

    @rule(name=st.sampled_from(NAMES), command=st.sampled_from(["restart_child", "delete_child"]))
    def somebody_asks_for_more(self, name: str, command: str) -> None:
        self.world.ask(command, name)

    @rule(pick=PICK, reason=st.sampled_from(REASONS))
    def news_of_an_older_incarnation_change_nothing(self, pick: int, reason: ExitReason) -> None:
        if (child := self._some(pick)) is None:
            return
        core, number = self.world.core, self.world.lives[child].number - 1
        assert core.started(child, number, self.world.now_s) == []
        assert core.exited(child, number, reason, None, self.world.now_s) == []
        assert core.overdue(child, number) == []

    @precondition(lambda self: len(self.world.launches) > 6)
    @rule()
    def it_is_to_end(self) -> None:
        if not self.world.left:
            self.world.give(self.world.core.shut(self.world.now_s))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.heal()
        left_alone = {member.status for member in world.core.members.values()}
        assert left_alone <= {"running", "down"}
        assert world.readies == 1 or world.left
        self._look_at_the_counts()
        world.shut()
        assert len(world.left) == 1
        assert world.answers.keys() == world.asked.keys()

    def _look_at_the_counts(self) -> None:
        world = self.world
        counted = [(at, child) for at, child, verdict in world.judged if verdict.what in ("restart", "wait")]
        options = world.core.options
        assert most_in_any_window([at for at, _ in counted], options.period_s) <= options.intensity
        counts = world.core.counts()
        assert counts.active == len(world.lives) == len(world.running())
        assert counts.specs == counts.workers == len(world.core.members)
        assert counts.restarting == 0


class FamilyMachine(CoreMachine):
    core_class = Family


class CrowdMachine(CoreMachine):
    core_class = Crowd


TestFamilyMachine = FamilyMachine.TestCase
TestFamilyMachine.settings = settings(stateful_step_count=30)
TestCrowdMachine = CrowdMachine.TestCase
TestCrowdMachine.settings = settings(stateful_step_count=30)
