"""Usage: what adding it up means."""

from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages import EMPTY_MAP, NO_USAGE, Usage

from strategies import usages

bare = usages.map(lambda usage: usage.model_copy(update={"raw": EMPTY_MAP}))


@given(bare, bare, bare)
def test_addition_is_associative(a: Usage, b: Usage, c: Usage) -> None:
    assert (a + b) + c == a + (b + c)


@given(bare, bare)
def test_addition_is_commutative(a: Usage, b: Usage) -> None:
    assert a + b == b + a


@given(usages)
def test_no_usage_changes_nothing(a: Usage) -> None:
    assert a + NO_USAGE == a
    assert NO_USAGE + a == a


@given(st.lists(usages, min_size=2, max_size=5))
def test_told_counts_are_sums_and_untold_ones_stay_none(several: list[Usage]) -> None:
    total = reduce(add, several)
    for name in ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"):
        told = [getattr(usage, name) for usage in several if getattr(usage, name) is not None]
        assert getattr(total, name) == (sum(told) if told else None)


def test_the_weaker_source_holds() -> None:
    provider, partial, estimated = (
        Usage(input_tokens=1, source="provider"),
        Usage(input_tokens=1, source="partial"),
        Usage(input_tokens=1, source="estimated"),
    )
    assert (provider + provider).source == "provider"
    assert (provider + partial).source == "partial"
    assert (partial + estimated).source == "estimated"


def test_an_untold_total_counts_as_its_parts() -> None:
    told = Usage(input_tokens=3, output_tokens=4, total_tokens=7, source="provider")
    cut = Usage(input_tokens=3, output_tokens=2, source="partial")
    assert (told + cut).total_tokens == 12
    assert (told + cut).input_tokens == 6
    assert cut.total_tokens is None


def test_zero_is_not_none() -> None:
    assert (Usage(input_tokens=0) + Usage(output_tokens=1)).input_tokens == 0
    assert (Usage(output_tokens=1) + Usage(output_tokens=1)).input_tokens is None
