"""What usage costs: by the configured prices, and by a service's own book before them."""

import logging
from collections.abc import Mapping
from math import isfinite
from typing import Any

from greenroom.messages.contracts import PriceBook
from greenroom.messages.prices import ModelPrice
from greenroom.messages.usage import Usage

_MTOK = 1_000_000
_log = logging.getLogger("greenroom.providers")


def price_book(prices: Mapping[str, ModelPrice], own: PriceBook | None) -> PriceBook:
    """The configured prices, behind a book of the service's own where it gave one."""
    listed = PriceList(prices)
    return listed if own is None else OwnPrices(own, listed)


class OwnPrices:
    """Implements messages.contracts.PriceBook. What the service's own book does not know, the list may.

    Whatever that book does, a stream comes to its end: what it raises, or tells that is no sum of money, counts as
    not known, and the first time is told on the logger `greenroom.providers`. Thread-safe where the book is.
    """

    __slots__ = ("_listed", "_own", "_warned")

    def __init__(self, own: PriceBook, listed: PriceBook) -> None:
        self._own, self._listed = own, listed
        self._warned = False

    def cost_usd(self, provider: str, model: str, usage: Usage) -> float | None:
        cost = self._told(provider, model, usage)
        return self._listed.cost_usd(provider, model, usage) if cost is None else cost

    def _told(self, provider: str, model: str, usage: Usage) -> float | None:
        try:
            told: Any = self._own.cost_usd(provider, model, usage)
            if told is None:
                return None
            cost = float(told)
        except Exception as error:  # noqa: BLE001  (the service's own code)
            self._warn(provider, model, type(error).__name__)
            return None
        if isfinite(cost) and cost >= 0:
            return cost
        self._warn(provider, model, f"it told {cost}")
        return None

    def _warn(self, provider: str, model: str, why: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("the price book gave no number of at least 0 for %s/%s (%s)", provider, model, why)


class PriceList:
    """Implements messages.contracts.PriceBook. Thread-safe."""

    __slots__ = ("_prices",)

    def __init__(self, prices: Mapping[str, ModelPrice]) -> None:
        self._prices = dict(prices)

    def cost_usd(self, provider: str, model: str, usage: Usage) -> float | None:
        """None where the model has no price, or its tokens of neither side were counted."""
        if not self._prices or usage.input_tokens is usage.output_tokens is None:
            return None
        price = self._prices.get(f"{provider}/{model}") or self._prices.get(f"{provider}/*")
        return None if price is None else (_input(price, usage) + _output(price, usage)) / _MTOK


def _input(price: ModelPrice, usage: Usage) -> float:
    plain = price.input_usd_per_mtok
    parts = (
        (usage.cached_input_tokens, price.cached_input_usd_per_mtok),
        (usage.cache_write_tokens, price.cache_write_usd_per_mtok),
        (usage.audio_input_tokens, price.audio_input_usd_per_mtok),
    )
    return _side(usage.input_tokens, plain, parts)


def _output(price: ModelPrice, usage: Usage) -> float:
    plain = price.output_usd_per_mtok
    parts = (
        (usage.reasoning_tokens, price.reasoning_usd_per_mtok),
        (usage.audio_output_tokens, price.audio_output_usd_per_mtok),
    )
    return _side(usage.output_tokens, plain, parts)


def _side(tokens: int | None, plain: float, parts: tuple[tuple[int | None, float | None], ...]) -> float:
    """Each part that has a price of its own costs that; the rest of the tokens is plain."""
    left, cost = tokens or 0, 0.0
    for part, own in parts:
        if part and own is not None:
            counted = min(part, left)
            cost += counted * own
            left -= counted
    return cost + left * plain
