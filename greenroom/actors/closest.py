"""The names nearest to one that is not there. Quick enough for a dispatcher: the long comparison is for a few."""

import difflib
from collections.abc import Iterable

CLOSEST_MAX = 3
_COMPARED_MAX = 16
NAME_CHARS_MAX = 256
"""Of a name that is compared; what follows tells nothing more."""


def closest(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """At most three, the nearest first; () where nothing is near. Pure."""
    word = word[:NAME_CHARS_MAX].lower()
    ours = _pairs(word)
    shared = {name: len(ours & _pairs(name.lower())) for name in names}
    likely = sorted(shared, key=lambda name: (-shared[name], abs(len(name) - len(word)), name))[
        :_COMPARED_MAX
    ]
    lowered = {name.lower(): name for name in reversed(likely)}
    return tuple(lowered[near] for near in difflib.get_close_matches(word, lowered, n=CLOSEST_MAX))


def _pairs(lowered: str) -> frozenset[str]:
    return frozenset(map(str.__add__, lowered, lowered[1:]))
