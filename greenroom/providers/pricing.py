"""What usage costs by the configured prices. Pure."""

from collections.abc import Mapping

from greenroom.messages.prices import ModelPrice
from greenroom.messages.usage import Usage

_MTOK = 1_000_000


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
