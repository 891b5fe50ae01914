"""hypothesis strategies: trees, and scripts of what happens to them."""

from hypothesis import strategies as st

from otp.cases import (
    TOP,
    Action,
    Burst,
    Case,
    Child,
    Command,
    Dying,
    Kill,
    Leaf,
    Outcome,
    Path,
    Plan,
    Quit,
    Shutdown,
    Stop,
    Sup,
    below,
)

DEPTH = 3
CHILDREN = 4
ACTIONS = 8
NEW_IDS = ("a", "b", "n", "m")
"""Of children that are started by command: some clash with ids of the tree."""

restarts = st.sampled_from(["permanent", "transient", "temporary"])
reasons = st.sampled_from(["crash", "normal", "shutdown", "kill"])
quits = st.sampled_from(["crash", "normal", "shutdown"])
strategies = st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])
intensities = st.sampled_from([3, 1, 2, 10, 0])
autos = st.sampled_from(["never", "any_significant", "all_significant"])
endings: st.SearchStrategy[tuple[Shutdown, Dying]] = st.sampled_from(
    [
        (5000, "obey"),
        ("brutal_kill", "obey"),
        ("infinity", "obey"),
        (5000, "normal"),
        (5000, "crash"),
        (1, "never"),
    ]
)
asks = st.sampled_from(["terminate", "restart", "delete"])
new_ids = st.sampled_from(NEW_IDS)
kinds_of_children = [st.lists(st.booleans(), min_size=least, max_size=CHILDREN) for least in (0, 1)]
outcomes: st.SearchStrategy[tuple[Outcome, ...]] = st.lists(
    st.sampled_from(["fail", "ok", "ignore", "raise"]), min_size=1, max_size=4
).map(tuple)
first_outcomes = st.one_of([*3 * [outcomes.map(lambda later: ("ok", *later))], outcomes])
"""Of what is there from the beginning: mostly it fails at a restart only, or little would come after it."""
actions = st.sampled_from(3 * ["kill"] + 3 * ["burst"] + 2 * ["ask"] + ["plan", "start", "kill_sup", "quit"])
parts = st.sampled_from(3 * ["kill"] + 2 * ["ask"] + ["kill_sup", "start"])
sizes = st.integers(2, 4)
plan_counts = st.integers(0, 2)
lengths = st.integers(1, ACTIONS)


class Drawing:
    """One case being drawn. Plain choices, no strategies made on the way: that would be most of the time."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.tree: dict[Path, Child] = {}
        """What may stand where, also by commands of the script so far."""

    def leaf(self, id_: str, auto_above: str) -> Leaf:
        restart = self.draw(restarts)
        shutdown, dying = self.draw(endings)
        return Leaf(id_, restart, self._significant(restart, auto_above), shutdown, dying)

    def sup(self, id_: str, depth: int, auto_above: str) -> Sup:
        """A supervisor with at most `depth` levels of them, itself included."""
        draw = self.draw
        strategy, intensity, auto = draw(strategies), draw(intensities), draw(autos)
        kinds = draw(kinds_of_children[depth == DEPTH])
        children = tuple(
            self.sup(id_below, depth - 1, auto) if is_sup and depth > 1 else self.leaf(id_below, auto)
            for id_below, is_sup in zip("abcd", kinds, strict=False)
        )
        restart = draw(restarts)
        significant = self._significant(restart, auto_above)
        return Sup(id_, children, strategy, intensity, auto, restart, significant)

    def _significant(self, restart: str, auto_above: str) -> bool:
        return auto_above != "never" and restart != "permanent" and self.draw(st.booleans())

    def case(self) -> Case:
        top = self.sup("top", DEPTH, "never")
        self.tree = dict(below(top))
        planned = [self._one(list(self.tree)) for _ in range(self.draw(plan_counts))]
        plans = {path: self.draw(first_outcomes) for path in planned}
        script = [self._action() for _ in range(self.draw(lengths))]
        return Case(top, (*script, Stop()), plans)

    def _one(self, paths: list[Path]) -> Path:
        return self.draw(st.sampled_from(paths))

    def _paths(self, kind: type, above: Path = ()) -> list[Path]:
        return [
            path
            for path, child in self.tree.items()
            if isinstance(child, kind) and path != TOP and path[:-1] == (above or path[:-1])
        ]

    def _action(self) -> Action:
        sups, leaves = self._paths(Sup), self._paths(Leaf)
        match self.draw(actions):
            case "kill" if leaves:
                return Kill(self._one(leaves), self.draw(reasons))
            case "kill_sup" if sups:
                return Kill(self._one(sups), "kill")
            case "quit" if sups:
                return Quit(self._one(sups), self.draw(quits))
            case "plan" if sups or leaves:
                return Plan(self._one(leaves + sups), self.draw(outcomes))
            case "ask" if sups or leaves:
                return self._ask(leaves + sups)
            case "start":
                return self._start(self._one([TOP, *sups]))
        above = self._one([TOP, *sups])
        return Burst(above, tuple(self._part(above) for _ in range(self.draw(sizes))))

    def _part(self, above: Path) -> Kill | Command:
        sups, leaves = self._paths(Sup, above), self._paths(Leaf, above)
        match self.draw(parts):
            case "kill" if leaves:
                return Kill(self._one(leaves), self.draw(reasons))
            case "kill_sup" if sups:
                return Kill(self._one(sups), "kill")
            case "ask" if sups or leaves:
                return self._ask(leaves + sups)
        return self._start(above)

    def _ask(self, paths: list[Path]) -> Command:
        path = self._one(paths)
        return Command(path[:-1], self.draw(asks), path[-1])

    def _start(self, above: Path) -> Command:
        sup = self.tree[above]
        assert isinstance(sup, Sup)
        id_ = self.draw(new_ids)
        child: Child
        if len(above) < DEPTH and self.draw(st.booleans()):
            child = self.sup(id_, 1, sup.auto_shutdown)
        else:
            child = self.leaf(id_, sup.auto_shutdown)
        for path, inner in below(child, above):
            self.tree.setdefault(path, inner)
        return Command(above, "start", child)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Trees of at most three levels of supervisors, and scripts that end with the top's shutdown."""
    return Drawing(draw).case()
