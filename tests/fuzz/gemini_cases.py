"""The Gemini codec: fed anything, it ends once, in a type, and says the same for every cut."""

from random import Random

from greenroom.providers.gemini import GeminiCodec

from .gemini_streams import gemini_stream
from .judge import exchange, has_finished, judge

_CODEC = GeminiCodec()


def gemini_case(rng: Random) -> None:
    given = exchange(rng, _CODEC, gemini_stream(rng), n=rng.choice((1, 1, 2)))
    judge(rng, given, has_finished)
