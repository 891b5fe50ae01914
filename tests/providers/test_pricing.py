"""What usage costs."""

from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages import ModelPrice, Usage
from greenroom.messages.contracts import PriceBook
from greenroom.providers.pricing import PriceList, price_book

PRICE = ModelPrice(input_usd_per_mtok=1.0, output_usd_per_mtok=10.0)
CACHING = ModelPrice(
    input_usd_per_mtok=1.0, output_usd_per_mtok=10.0, cached_input_usd_per_mtok=0.1,
    cache_write_usd_per_mtok=1.25, reasoning_usd_per_mtok=5.0,
)  # fmt: skip
LIST = PriceList(
    {"a/m": PRICE, "a/c": CACHING, "free/*": ModelPrice(input_usd_per_mtok=0, output_usd_per_mtok=0)}
)
MTOK = 1_000_000


@pytest.mark.parametrize(
    ("model", "usage", "cost_usd"),
    [
        ("a/m", Usage(input_tokens=MTOK, output_tokens=MTOK), 11.0),
        ("a/m", Usage(input_tokens=MTOK), 1.0),
        ("a/m", Usage(output_tokens=100), 0.001),
        ("a/m", Usage(input_tokens=MTOK, output_tokens=0, cached_input_tokens=MTOK), 1.0),
        (
            "a/c",
            Usage(input_tokens=MTOK, cached_input_tokens=MTOK // 2, cache_write_tokens=MTOK // 4),
            0.6125,
        ),
        ("a/c", Usage(output_tokens=MTOK, reasoning_tokens=MTOK // 2), 7.5),
        ("a/c", Usage(input_tokens=10, cached_input_tokens=99), 1e-6),
        ("free/anything", Usage(input_tokens=5), 0.0),
        ("a/other", Usage(input_tokens=5), None),
        ("a/m", Usage(), None),
        ("a/m", Usage(total_tokens=5), None),
    ],
)
def test_each_part_has_its_price(model: str, usage: Usage, cost_usd: float | None) -> None:
    found = LIST.cost_usd(*model.split("/"), usage)
    assert found == (cost_usd if cost_usd is None else pytest.approx(cost_usd))


def test_without_prices_nothing_has_a_cost() -> None:
    assert PriceList({}).cost_usd("a", "m", Usage(input_tokens=5)) is None


def test_it_is_a_price_book() -> None:
    book: PriceBook = LIST
    assert book.cost_usd("a", "m", Usage(input_tokens=MTOK)) == 1.0


class Book:
    """A service's own: gives, or raises, what it was made with."""

    def __init__(self, gives: Any) -> None:
        self.gives = gives

    def cost_usd(self, provider: str, model: str, usage: Usage) -> float | None:
        if isinstance(self.gives, Exception):
            raise self.gives
        return cast("float | None", self.gives)


@pytest.mark.parametrize(
    ("gives", "cost_usd", "warned"),
    [
        (0.25, 0.25, ""),
        (0, 0.0, ""),
        (Decimal("0.5"), 0.5, ""),
        (None, 1.0, ""),
        (ValueError("of sk-secret"), 1.0, "for a/m (ValueError)"),
        (float("nan"), 1.0, "for a/m (it told nan)"),
        (-1, 1.0, "for a/m (it told -1.0)"),
        ("much", 1.0, "for a/m (ValueError)"),
        ({}, 1.0, "for a/m (TypeError)"),
    ],
)
def test_a_book_of_the_services_own_comes_first(
    gives: Any, cost_usd: float, warned: str, caplog: pytest.LogCaptureFixture
) -> None:
    book = price_book({"a/m": PRICE}, Book(gives))
    for _ in range(2):
        assert book.cost_usd("a", "m", Usage(input_tokens=MTOK)) == cost_usd
    told = [record.getMessage() for record in caplog.records]
    assert told == ([f"the price book gave no number of at least 0 {warned}"] if warned else [])


@given(*[st.integers(0, MTOK)] * 5)
def test_a_part_costs_never_more_than_the_dearest_token(
    i: int, o: int, cached: int, wrote: int, thought: int
) -> None:
    usage = Usage(
        input_tokens=i,
        output_tokens=o,
        cached_input_tokens=cached,
        cache_write_tokens=wrote,
        reasoning_tokens=thought,
    )
    cost = LIST.cost_usd("a", "c", usage)
    assert cost is not None
    assert 0.1 * i + 5.0 * o <= cost * MTOK * (1 + 1e-9) + 1e-6
    assert cost * MTOK <= (1.25 * i + 10.0 * o) * (1 + 1e-9) + 1e-6
