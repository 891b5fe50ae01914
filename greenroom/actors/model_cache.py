"""The catalogue's decisions: `step(state, given, now_s) -> (state, outputs)`. Pure.

A look-up is answered

    at once      from a list that is not older than the TTL and has the model that is asked for
    by a fetch   in all other cases, one for all who wait; with `refresh`, whatever is here
    by what is   here where a fetch failed within `hold_s` (or the provider's Retry-After), or does not return

A model that a fresh list does not have is unknown only by a list that was fetched after the question, or again
for another such question within `settle_s`; by an older one while the provider cannot be asked, or by one that
is not complete, it is unsure.
Bounds: at most `entries_max` entries but for those being fetched; those longest unused go first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from greenroom.actors.closest import NAME_CHARS_MAX, closest
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.models import ListedModels

Verdict = Literal["known", "unknown", "unsure"]
_CLOSEST_KEPT = 256


@dataclass(frozen=True, slots=True)
class CacheRules:
    """Seconds, and a count."""

    ttl_s: float = 600.0
    entries_max: int = 100
    settle_s: float = 10.0
    """A list that was fetched again for a name it did not have is not fetched again for another one in this time:
    clients that ask for wrong names over and over cost their provider one request in it."""
    hold_s: float = 10.0
    """After a failed fetch nobody asks again for so long, unless with `refresh`."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """`number` names the question. `model` None: the list is wanted, whatever is in it."""

    number: int
    key: str
    model: str | None = None
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetch has brought this list. `at_s` is wall time."""

    key: str
    listed: ListedModels
    at_s: float


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """A fetch has failed. `returned` False: it is overdue, and may still bring a list."""

    key: str
    evidence: ErrorEvidence
    returned: bool = True


@dataclass(frozen=True, slots=True)
class Impatient:
    """Who asked this waits no longer. Another Answer to it may follow, which reaches nobody."""

    asked: LookUp
    evidence: ErrorEvidence


Given = LookUp | Fetched | FetchFailed | Impatient


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask the provider; exactly one Fetched or FetchFailed(returned=True) must follow."""

    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """To a LookUp. `listed` None: there is no list; `evidence` says why, also where the list is stale."""

    number: int
    listed: ListedModels | None
    verdict: Verdict
    fetched_at_s: float | None = None
    stale: bool = False
    evidence: ErrorEvidence | None = None
    closest: tuple[str, ...] = ()
    """With `unknown`."""


@dataclass(frozen=True, slots=True)
class StaleServed:
    """The first answer with an older list since the fetch that failed."""

    key: str
    models: int
    age_s: float
    evidence: ErrorEvidence


Output = Fetch | Answer | StaleServed


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """One who waits for the fetch under way, and those before it."""

    asked: LookUp
    before: "Waiting | None"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one place."""

    listed: ListedModels | None = None
    names: frozenset[str] = frozenset()
    fetched_s: float = 0.0
    fetched_at_s: float | None = None
    evidence: ErrorEvidence | None = None
    """Of the newest fetch, where it failed."""
    hold_until_s: float = 0.0
    stale_told: bool = False
    refetching: bool = False
    """The fetch under way is for a name that a fresh list does not have."""
    settled_until_s: float = 0.0
    fetching: bool = False
    overdue: bool = False
    waiting: "Waiting | None" = None
    """The newest first, as a chain: ten thousand may wait for one fetch, and each adds itself."""
    closest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of names that were asked for and are not there."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the start."""

    hits: int = 0
    misses: int = 0
    fetches: int = 0
    fetch_failures: int = 0
    stale_served: int = 0
    evicted: int = 0


@dataclass(frozen=True, slots=True)
class CacheState:
    """`entries`: the one longest unused first."""

    rules: CacheRules
    entries: Mapping[str, Entry] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    def holding(self, key: str, entry: Entry, **counted: int) -> "CacheState":
        """With this entry as the one used last, and so much added to the counts."""
        entries = {name: other for name, other in self.entries.items() if name != key}
        entries[key] = entry
        return replace(self, entries=entries).counting(**counted)

    def counting(self, **counted: int) -> "CacheState":
        if not counted:
            return self
        added = {name: getattr(self.counts, name) + more for name, more in counted.items()}
        return replace(self, counts=replace(self.counts, **added))


def step(state: CacheState, given: Given, now_s: float) -> tuple[CacheState, list[Output]]:
    """The next state, and what is to be done, in this order."""
    match given:
        case LookUp():
            return _look_up(state, given, now_s)
        case Fetched():
            return _fetched(state, given, now_s)
        case FetchFailed():
            return _failed(state, given, now_s)
        case Impatient():
            return _impatient(state, given, now_s)


def _look_up(state: CacheState, asked: LookUp, now_s: float) -> tuple[CacheState, list[Output]]:
    entry = state.entries.get(asked.key, Entry())
    fresh = not asked.refresh and _is_fresh(entry, state.rules, now_s)
    if fresh:
        assert entry.listed is not None
        settled = now_s < entry.settled_until_s
        if asked.model is None or asked.model in entry.names or settled or not entry.listed.complete:
            entry, answer = _by_list(entry, asked)
            return state.holding(asked.key, entry, hits=1), [answer]
    if entry.overdue or (not entry.fetching and not asked.refresh and now_s < entry.hold_until_s):
        outputs, entry = _by_what_is_here(asked, entry, now_s)
        served = int(entry.listed is not None)
        return state.holding(asked.key, entry, misses=1, stale_served=served), outputs
    entry = replace(entry, waiting=Waiting(asked, entry.waiting))
    if entry.fetching:
        return state.holding(asked.key, entry, misses=1), []
    state = state.holding(asked.key, replace(entry, fetching=True, refetching=fresh), misses=1, fetches=1)
    return _bounded(state), [Fetch(asked.key)]


def _fetched(state: CacheState, given: Fetched, now_s: float) -> tuple[CacheState, list[Output]]:
    before = state.entries.get(given.key, Entry())
    names = frozenset(name for model in given.listed.models for name in (model.id, *model.aliases))
    settled_until_s = now_s + state.rules.settle_s if before.refetching else 0.0
    entry = Entry(
        listed=given.listed, names=names, fetched_s=now_s, fetched_at_s=given.at_s,
        settled_until_s=settled_until_s,
    )  # fmt: skip
    answers: list[Output] = []
    for asked in _in_order(before.waiting):
        entry, answer = _by_list(entry, asked)
        answers.append(answer)
    return _bounded(state.holding(given.key, entry)), answers


def _failed(state: CacheState, given: FetchFailed, now_s: float) -> tuple[CacheState, list[Output]]:
    before = state.entries.get(given.key, Entry())
    hold_s = max(state.rules.hold_s, min(given.evidence.retry_after_s or 0.0, state.rules.ttl_s))
    entry = replace(
        before, evidence=given.evidence, hold_until_s=now_s + hold_s, stale_told=before.overdue, waiting=None,
        fetching=not given.returned, overdue=not given.returned,
    )  # fmt: skip
    asked = _in_order(before.waiting)
    outputs: list[Output] = []
    for each in asked:
        more, entry = _by_what_is_here(each, entry, now_s)
        outputs += more
    served = len(asked) if entry.listed is not None else 0
    # One that is overdue was counted as failed when it became so.
    state = state.holding(given.key, entry, fetch_failures=int(not before.overdue), stale_served=served)
    return _bounded(state), outputs


def _impatient(state: CacheState, given: Impatient, now_s: float) -> tuple[CacheState, list[Output]]:
    entry = state.entries.get(given.asked.key, Entry())
    outputs, _ = _by_what_is_here(given.asked, replace(entry, evidence=given.evidence), now_s)
    return state, [output for output in outputs if isinstance(output, Answer)]


def _is_fresh(entry: Entry, rules: CacheRules, now_s: float) -> bool:
    return entry.listed is not None and now_s - entry.fetched_s < rules.ttl_s


def _by_list(entry: Entry, asked: LookUp) -> tuple[Entry, Answer]:
    """By a list that is as good as new."""
    assert entry.listed is not None
    answer = Answer(asked.number, entry.listed, "known", entry.fetched_at_s)
    if asked.model is None or asked.model in entry.names:
        return entry, answer
    if not entry.listed.complete:
        return entry, replace(answer, verdict="unsure")
    name = asked.model[:NAME_CHARS_MAX]
    near = entry.closest.get(name)
    if near is None:
        near = closest(name, entry.names)
        kept = dict(list(entry.closest.items())[1 - _CLOSEST_KEPT :])
        entry = replace(entry, closest={**kept, name: near})
    return entry, replace(answer, verdict="unknown", closest=near)


def _by_what_is_here(asked: LookUp, entry: Entry, now_s: float) -> tuple[list[Output], Entry]:
    """While the provider cannot be asked: an older list can say yes, and never no."""
    evidence = entry.evidence
    if entry.listed is None:
        return [Answer(asked.number, None, "unsure", evidence=evidence)], entry
    known = asked.model is None or asked.model in entry.names
    answer = Answer(
        asked.number, entry.listed, "known" if known else "unsure", entry.fetched_at_s, stale=True,
        evidence=evidence,
    )  # fmt: skip
    if evidence is None or entry.stale_told:
        return [answer], entry
    told = StaleServed(asked.key, len(entry.listed.models), now_s - entry.fetched_s, evidence)
    return [told, answer], replace(entry, stale_told=True)


def _in_order(waiting: Waiting | None) -> list[LookUp]:
    asked: list[LookUp] = []
    while waiting is not None:
        asked.append(waiting.asked)
        waiting = waiting.before
    return asked[::-1]


def _bounded(state: CacheState) -> CacheState:
    """Entries that are being fetched stay, as somebody waits for them; there are as many as threads."""
    idle = [key for key, entry in state.entries.items() if not entry.fetching]
    too_many = min(len(state.entries) - state.rules.entries_max, len(idle))
    if too_many <= 0:
        return state
    gone = set(idle[:too_many])
    entries = {key: entry for key, entry in state.entries.items() if key not in gone}
    return replace(state, entries=entries).counting(evicted=len(gone))
