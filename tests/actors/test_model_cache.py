"""The catalogue's decisions: tables, and laws over any order of events."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.closest import closest
from greenroom.actors.model_cache import (
    Answer,
    CacheRules,
    CacheState,
    Fetch,
    Fetched,
    FetchFailed,
    Given,
    Impatient,
    LookUp,
    Output,
    StaleServed,
    step,
)
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.models import ListedModels, ModelInfo

RULES = CacheRules(ttl_s=600.0, entries_max=100, settle_s=10.0, hold_s=10.0)
DOWN = ErrorEvidence(kind="transport", message="down")


def listing(*names: str, complete: bool = True) -> ListedModels:
    return ListedModels(models=tuple(ModelInfo(id=name) for name in names), complete=complete)


class Run:
    """A cache with its clock: each call is one step."""

    def __init__(self, **rules: Any) -> None:
        self.state = CacheState(replace(RULES, **rules))
        self.now_s = 1000.0
        self.number = 0

    def give(self, given: Given) -> list[Output]:
        self.state, outputs = step(self.state, given, self.now_s)
        return outputs

    def ask(self, model: str | None = None, key: str = "k", *, refresh: bool = False) -> list[Output]:
        self.number += 1
        return self.give(LookUp(self.number, key, model, refresh))

    def fetched(self, *names: str, key: str = "k", complete: bool = True) -> list[Output]:
        return self.give(Fetched(key, listing(*names, complete=complete), 5.0))

    def failed(
        self, key: str = "k", evidence: ErrorEvidence = DOWN, *, returned: bool = True
    ) -> list[Output]:
        return self.give(FetchFailed(key, evidence, returned))


def answer(outputs: Sequence[Output]) -> Answer:
    (found,) = [output for output in outputs if isinstance(output, Answer)]
    return found


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def filled() -> Run:
    """With the models a and b, fetched a second ago."""
    run = Run()
    run.ask()
    run.fetched("a", "b")
    run.now_s += 1
    return run


def test_the_first_look_up_fetches_and_the_next_is_answered_at_once(run: Run) -> None:
    assert run.ask() == [Fetch("k")]
    first = answer(run.fetched("a"))
    assert (first.number, first.verdict, first.stale, first.fetched_at_s) == (1, "known", False, 5.0)
    assert answer(run.ask()).listed == listing("a")
    assert answer(run.ask("a")).verdict == "known"
    assert (run.state.counts.hits, run.state.counts.misses, run.state.counts.fetches) == (2, 1, 1)


def test_who_asks_while_it_is_fetched_waits_for_that_one(run: Run) -> None:
    assert run.ask() == [Fetch("k")]
    assert run.ask("a") == []
    assert run.ask("x", refresh=True) == []
    answers = run.fetched("a")
    assert [(each.number, each.verdict) for each in answers if isinstance(each, Answer)] == [
        (1, "known"), (2, "known"), (3, "unknown"),
    ]  # fmt: skip


def test_a_list_is_taken_up_to_its_ttl(filled: Run) -> None:
    filled.now_s += 598.9
    assert isinstance(filled.ask()[0], Answer)
    filled.now_s += 0.2
    assert filled.ask() == [Fetch("k")]


def test_refresh_fetches_whatever_is_here(filled: Run) -> None:
    assert filled.ask(refresh=True) == [Fetch("k")]


def test_an_unknown_model_is_fetched_for_once(filled: Run) -> None:
    assert filled.ask("c") == [Fetch("k")]
    assert answer(filled.fetched("a", "b")).verdict == "unknown"
    assert answer(filled.ask("d")).verdict == "unknown", "the list is as new as it can be"
    filled.now_s += 10.1
    assert filled.ask("d") == [Fetch("k")]
    assert answer(filled.fetched("a", "d")).verdict == "known"


def test_the_closest_names_come_with_it(run: Run) -> None:
    run.ask("gpt-5-mni")
    found = answer(run.fetched("gpt-5-mini", "gpt-5", "claude"))
    assert found.closest[0] == "gpt-5-mini"
    assert "claude" not in found.closest


def test_what_is_kept_of_wrong_names_is_bounded(filled: Run) -> None:
    filled.ask("c")
    filled.fetched("a", "b")
    for number in range(600):
        assert answer(filled.ask(f"{number}" + "x" * 1000)).verdict == "unknown"
    kept = filled.state.entries["k"].closest
    assert len(kept) == 256
    assert {len(name) for name in kept} == {256}


def test_an_alias_is_known(run: Run) -> None:
    run.ask("llama")
    listed = ListedModels(models=(ModelInfo(id="llama:latest", aliases=("llama",)),))
    assert answer(run.give(Fetched("k", listed, 0.0))).verdict == "known"


def test_a_list_that_is_not_complete_never_says_no(run: Run) -> None:
    run.ask("deployment")
    assert answer(run.fetched("a", complete=False)).verdict == "unsure"
    assert answer(run.ask("deployment")).verdict == "unsure"
    assert run.state.counts.fetches == 1


def test_an_outage_without_a_list(run: Run) -> None:
    run.ask("a")
    found = answer(run.failed())
    assert (found.listed, found.verdict, found.evidence, found.stale) == (None, "unsure", DOWN, False)
    assert answer(run.ask("a")).verdict == "unsure", "nobody asks again so soon"
    run.now_s += 10.1
    assert run.ask("a") == [Fetch("k")]


def test_an_outage_with_a_list_can_say_yes_and_never_no(filled: Run) -> None:
    filled.now_s += 700
    filled.ask("a")
    filled.ask("c")
    outputs = filled.failed()
    told = [output for output in outputs if isinstance(output, StaleServed)]
    assert [(each.models, each.age_s) for each in told] == [(2, 701.0)]
    verdicts = [(each.verdict, each.stale) for each in outputs if isinstance(each, Answer)]
    assert verdicts == [("known", True), ("unsure", True)]
    again = filled.ask()
    assert [type(each) for each in again] == [Answer], "told once for each fetch that failed"
    assert filled.state.counts.stale_served == 3
    filled.now_s += 11
    filled.ask()
    assert StaleServed in [type(each) for each in filled.failed()]
    filled.now_s += 11
    filled.ask()
    found = answer(filled.fetched("a"))
    assert (found.stale, found.evidence) == (False, None)


def test_a_providers_retry_after_is_kept_but_not_for_ever(run: Run) -> None:
    run.ask()
    run.failed(evidence=DOWN.model_copy(update={"retry_after_s": 60.0}))
    run.now_s += 59
    assert isinstance(run.ask()[0], Answer)
    assert run.ask(refresh=True) == [Fetch("k")]
    run.failed(evidence=DOWN.model_copy(update={"retry_after_s": 1e6}))
    run.now_s += 601
    assert run.ask() == [Fetch("k")]


def test_a_fetch_that_does_not_return_is_waited_for_once(filled: Run) -> None:
    filled.now_s += 700
    filled.ask("a")
    assert answer(filled.failed(returned=False)).stale
    filled.now_s += 100
    assert [type(each) for each in filled.ask(refresh=True)] == [Answer], "never two at once"
    filled.failed()
    assert filled.state.counts.fetch_failures == 1
    filled.now_s += 11
    assert filled.ask() == [Fetch("k")]


def test_a_late_list_is_taken(run: Run) -> None:
    run.ask()
    run.failed(returned=False)
    assert run.fetched("a") == []
    assert answer(run.ask("a")).verdict == "known"


def test_who_waits_no_longer_gets_what_is_here(filled: Run) -> None:
    filled.now_s += 700
    filled.ask()
    late = ErrorEvidence(kind="clock", message="late")
    found = answer(filled.give(Impatient(LookUp(filled.number, "k"), late)))
    assert (found.listed, found.stale, found.evidence) == (listing("a", "b"), True, late)
    assert filled.state.counts.stale_served == 0


def test_the_one_longest_unused_goes(run: Run) -> None:
    run = Run(entries_max=2)
    for key in ("x", "y"):
        run.ask(key=key)
        run.fetched("a", key=key)
    run.ask(key="x")
    run.ask(key="z")
    run.fetched("a", key="z")
    assert list(run.state.entries) == ["x", "z"]
    assert run.state.counts.evicted == 1


def test_what_is_fetched_is_not_dropped(run: Run) -> None:
    run = Run(entries_max=1)
    for key in ("x", "y", "z"):
        assert run.ask(key=key) == [Fetch(key)]
    for key in ("x", "y", "z"):
        assert answer(run.fetched("a", key=key)).verdict == "known"
    assert len(run.state.entries) == 1


def test_ten_thousand_who_wait_cost_little(run: Run) -> None:
    for _ in range(10_000):
        run.ask("a")
    assert len(run.fetched("a")) == 10_000


@pytest.mark.parametrize(
    ("word", "names", "found"),
    [
        ("gpt-4o-mni", ("gpt-4o-mini", "gpt-4o", "o3"), ("gpt-4o-mini", "gpt-4o")),
        ("x", ("aaaa", "bbbb"), ()),
        ("", ("a",), ()),
        ("a", (), ()),
        ("Qwen3-4B", ("qwen/qwen3-4b", "llama"), ("qwen/qwen3-4b",)),
    ],
)
def test_closest(word: str, names: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert closest(word, names) == found


@given(word=st.text(max_size=300), names=st.lists(st.text(max_size=40), max_size=80))
def test_closest_is_bounded_and_names_what_is_there(word: str, names: list[str]) -> None:
    found = closest(word, names)
    assert len(found) <= 3
    assert set(found) <= set(names)


keys = st.sampled_from(["x", "y", "z"])
models = st.sampled_from([None, "a", "b", "c"])
events = st.one_of(
    st.tuples(st.just("ask"), keys, models, st.booleans()),
    st.tuples(st.just("fetched"), keys, st.sets(st.sampled_from(["a", "b"])), st.booleans()),
    st.tuples(st.just("failed"), keys, st.none(), st.booleans()),
    st.tuples(st.just("wait"), keys, st.sampled_from([0.5, 9.0, 11.0, 601.0]), st.booleans()),
)


@given(st.lists(events, max_size=60))
def test_laws(happening: list[tuple[str, str, Any, bool]]) -> None:
    """One fetch a key at a time; every question is answered once; a no is said by a new list alone."""
    run = Run(entries_max=2)
    under_way: dict[str, bool] = {}
    open_questions: dict[int, str] = {}
    truth: dict[str, set[str]] = {}
    for what, key, value, flag in happening:
        outputs: list[Output] = []
        if what == "wait":
            run.now_s += value
        elif what == "ask":
            open_questions[run.number + 1] = key
            outputs = run.ask(value, key, refresh=flag)
        elif key in under_way and what == "fetched":
            del under_way[key]
            truth[key] = value
            outputs = run.fetched(*sorted(value), key=key)
        elif key in under_way and (flag or not under_way[key]):
            outputs = run.failed(key, returned=flag)
            under_way[key] = True
            if flag:
                del under_way[key]
        for output in outputs:
            if isinstance(output, Fetch):
                assert output.key not in under_way
                under_way[output.key] = False
            elif isinstance(output, Answer):
                assert open_questions.pop(output.number) == key
                if output.verdict == "unknown":
                    assert not output.stale
                    assert output.listed is not None
                    assert {model.id for model in output.listed.models} == truth[key]
        waiting_for = set(open_questions.values())
        assert waiting_for <= {name for name, overdue in under_way.items() if not overdue}
        assert len(run.state.entries) <= max(2, len(under_way))
    counts = run.state.counts
    assert counts.hits + counts.misses == run.number
