"""The names nearest to one that is not there. Quick enough for a dispatcher: the long comparison is for a few."""

import difflib
from collections import Counter
from collections.abc import Iterable

CLOSEST_MAX = 3
_COMPARED_MAX = 48
_NAME_CHARS = 256


def closest(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """At most three, the nearest first; () where nothing is near. Pure."""
    word = word[:_NAME_CHARS]
    ours = _pairs(word)
    shared = Counter({name: len(ours & _pairs(name)) for name in names})
    likely = sorted(shared, key=lambda name: (-shared[name], abs(len(name) - len(word)), name))[
        :_COMPARED_MAX
    ]
    return tuple(difflib.get_close_matches(word, likely, n=CLOSEST_MAX))


def _pairs(name: str) -> frozenset[str]:
    lowered = name.lower()
    return frozenset(map(str.__add__, lowered, lowered[1:]))
