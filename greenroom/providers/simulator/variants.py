"""Second generations: a model that is asked the same thing again says something else. Deterministic.

"The same" is a request for the same model with the same last user text (the same prompt, in completions): the
attempts of one request are, whatever beginning of the answer they bring along.
"""

from collections import OrderedDict
from random import Random

from greenroom.providers.simulator.lorem import LOREM
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.script_fields import Pieces

REMEMBERED_MAX = 10_000
_CHANGED_SHARE = 0.25


class Generations:
    """Counts the answers to each request. One owner; bounded: the request that was asked longest ago goes out."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str, Script], int] = OrderedDict()

    def next_of(self, script: Script, call: ChatCall) -> Script:
        """What this script says to this call now; from the second time on one of its variants."""
        if not script.variants and script.vary_seed is None:
            return script
        key = (call.model, call.prompt, script)
        count = self._counts.pop(key, 0) + 1
        self._counts[key] = count
        if len(self._counts) > REMEMBERED_MAX:
            self._counts.popitem(last=False)
        return generation(script, count)


def generation(script: Script, count: int) -> Script:
    """The answer of this number, from 1, to the same request. It has no variants of its own."""
    texts: tuple[Pieces, ...] = (script.text, *script.variants)
    text = texts[(count - 1) % len(texts)]
    if count > 1 and script.vary_seed is not None:
        text = _reworded(text, Random(f"{script.vary_seed}/{count}"))  # noqa: S311  (repeatable, no secret)
    return script.replace(text=text, variants=(), vary_seed=None)


def _reworded(text: Pieces, rng: Random) -> Pieces:
    """The text with some words changed, one at least; words are its pieces where it had exact ones."""
    words = list(pieces_of(joined(text), None))
    certain = rng.randrange(len(words)) if words else -1
    for place, word in enumerate(words):
        if rng.random() < _CHANGED_SHARE or place == certain:
            said = word.strip()
            other = rng.choice([one for one in LOREM if one != said])
            words[place] = word.replace(said, other, 1) if said else f"{word}{other}"
    return "".join(words) if isinstance(text, str) else tuple(words)
