"""Token usage in one shape for every wire: input with cached, output with reasoning, parts where known."""

from typing import Literal

from pydantic import NonNegativeInt

from greenroom.messages.value import EMPTY_MAP, FrozenMap, Value

UsageSource = Literal["provider", "partial", "estimated", "none"]
"""provider: the provider's final count. partial: its newest count of a stream that did not finish.
estimated: counted here from the text. none: nobody counted."""


class Usage(Value):
    """Tokens of one attempt or of a whole request. None means that nobody told, 0 that it was told as 0.

    `input_tokens` includes cached tokens, `output_tokens` includes reasoning tokens, on every wire.
    """

    input_tokens: NonNegativeInt | None = None
    output_tokens: NonNegativeInt | None = None
    total_tokens: NonNegativeInt | None = None
    cached_input_tokens: NonNegativeInt | None = None
    cache_write_tokens: NonNegativeInt | None = None
    reasoning_tokens: NonNegativeInt | None = None
    audio_input_tokens: NonNegativeInt | None = None
    audio_output_tokens: NonNegativeInt | None = None
    source: UsageSource = "none"
    raw: FrozenMap = EMPTY_MAP
    """The provider's own object, untouched."""

    def is_untold(self) -> bool:
        """Nobody told anything: it equals NO_USAGE."""
        return self is NO_USAGE or (self.source == "none" and self == NO_USAGE)

    def __add__(self, other: "Usage") -> "Usage":
        """Counts added field by field; the source is the weaker of the two; `raw` is dropped.

        An untold total counts as input plus output, so that a sum's total never misses a part.
        """
        if self.is_untold():
            return other
        if other.is_untold():
            return self
        counts = {name: _sum(getattr(self, name), getattr(other, name)) for name in _COUNTS}
        counts["total_tokens"] = _sum(_total(self), _total(other))
        return Usage(**counts, source=max(self.source, other.source, key=_WEAKNESS.index))


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None and b is None else (a or 0) + (b or 0)


def _total(usage: Usage) -> int | None:
    if usage.total_tokens is not None:
        return usage.total_tokens
    return _sum(usage.input_tokens, usage.output_tokens)


_WEAKNESS: tuple[UsageSource, ...] = ("provider", "partial", "estimated", "none")
_COUNTS = tuple(name for name in Usage.model_fields if name.endswith("_tokens"))
NO_USAGE = Usage.model_construct()
