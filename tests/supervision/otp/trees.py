"""hypothesis strategies: trees, and scripts of what happens to them."""

from hypothesis import strategies as st

from otp.cases import (
    TOP,
    Action,
    Burst,
    Case,
    Child,
    Command,
    Kill,
    Leaf,
    Outcome,
    Path,
    Plan,
    Quit,
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
outcomes: st.SearchStrategy[tuple[Outcome, ...]] = st.lists(
    st.sampled_from(["fail", "ok", "ignore", "raise"]), min_size=1, max_size=4
).map(tuple)
first_outcomes = st.one_of([*3 * [outcomes.map(lambda later: ("ok", *later))], outcomes])
"""Of what is there from the beginning: mostly it fails at a restart only, or little would come after it."""


@st.composite
def leaves(draw: st.DrawFn, id_: str, auto_shutdown: str) -> Leaf:
    restart = draw(restarts)
    shutdown, dying = draw(
        st.sampled_from(
            [(5000, "obey"), ("brutal_kill", "obey"), ("infinity", "obey"), (5000, "normal"), (5000, "crash"),
             (1, "never")]
        )
    )  # fmt: skip
    return Leaf(id_, restart, draw(_significant(restart, auto_shutdown)), shutdown, dying)


def _significant(restart: str, auto_shutdown: str) -> st.SearchStrategy[bool]:
    return st.booleans() if auto_shutdown != "never" and restart != "permanent" else st.just(False)


@st.composite
def sups(draw: st.DrawFn, id_: str, depth: int, auto_above: str) -> Sup:
    """A supervisor with at most `depth` levels of them, itself included."""
    strategy = draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]))
    intensity = draw(st.sampled_from([3, 1, 2, 10, 0]))
    auto = draw(st.sampled_from(["never", "any_significant", "all_significant"]))
    kinds = draw(st.lists(st.booleans(), min_size=0 if depth < DEPTH else 1, max_size=CHILDREN))
    children: list[Child] = []
    for id_below, is_sup in zip("abcd", kinds, strict=False):
        if is_sup and depth > 1:
            children.append(draw(sups(id_below, depth - 1, auto)))
        else:
            children.append(draw(leaves(id_below, auto)))
    restart = draw(restarts)
    significant = draw(_significant(restart, auto_above))
    return Sup(id_, tuple(children), strategy, intensity, auto, restart, significant)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    top = draw(sups("top", DEPTH, "never"))
    tree = dict(below(top))
    plans = draw(st.dictionaries(st.sampled_from(list(tree)), first_outcomes, max_size=2))
    script: list[Action] = []
    for _ in range(draw(st.integers(1, ACTIONS))):
        action = draw(_actions(tree))
        script.append(action)
        if isinstance(action, Command) and isinstance(action.child, (Leaf, Sup)):
            tree.update(below(action.child, action.sup))
    return Case(top, (*script, Stop()), plans)


def _actions(tree: dict[Path, Child]) -> st.SearchStrategy[Action]:
    leaf_paths = [path for path, child in tree.items() if isinstance(child, Leaf)]
    sup_paths = [path for path, child in tree.items() if isinstance(child, Sup)]
    below_paths = [path for path in tree if path != TOP]
    sup = st.sampled_from(sup_paths)
    lower = st.sampled_from(sup_paths[1:]) if sup_paths[1:] else st.just(TOP)
    kinds: list[st.SearchStrategy[Action]] = []
    if leaf_paths:
        kinds += 3 * [st.builds(Kill, st.sampled_from(leaf_paths), reasons)]
        kinds += 2 * [sup.flatmap(lambda path: _bursts(path, tree))]
    if below_paths:
        kinds += 2 * [st.sampled_from(below_paths).flatmap(_asks)]
        kinds.append(st.builds(Plan, st.sampled_from(below_paths), outcomes))
    kinds.append(sup.flatmap(lambda path: _starts(path, tree)))
    kinds.append(st.builds(Kill, lower, st.just("kill")))
    kinds.append(st.builds(Quit, lower, st.sampled_from(["crash", "normal", "shutdown"])))
    return st.one_of(kinds)


def _asks(path: Path) -> st.SearchStrategy[Command]:
    return st.builds(
        Command, st.just(path[:-1]), st.sampled_from(["terminate", "restart", "delete"]), st.just(path[-1])
    )


def _starts(path: Path, tree: dict[Path, Child]) -> st.SearchStrategy[Command]:
    sup = tree[path]
    assert isinstance(sup, Sup)
    child: st.SearchStrategy[Child] = st.sampled_from(NEW_IDS).flatmap(
        lambda id_: leaves(id_, sup.auto_shutdown)
    )
    if len(path) < DEPTH:
        child |= st.sampled_from(NEW_IDS).flatmap(lambda id_: sups(id_, 1, sup.auto_shutdown))
    return st.builds(Command, st.just(path), st.just("start"), child)


def _bursts(path: Path, tree: dict[Path, Child]) -> st.SearchStrategy[Action]:
    mine = [below_path for below_path in tree if below_path[:-1] == path]
    leaf_paths = [below_path for below_path in mine if isinstance(tree[below_path], Leaf)]
    parts: list[st.SearchStrategy[Kill | Command]] = [_starts(path, tree)]
    if leaf_paths:
        parts += 3 * [st.builds(Kill, st.sampled_from(leaf_paths), reasons)]
    if mine:
        parts += 2 * [st.sampled_from(mine).flatmap(_asks)]
    return st.lists(st.one_of(parts), min_size=2, max_size=4).map(lambda drawn: Burst(path, tuple(drawn)))
