"""JSON values of a wire's words, values with a fault in them, and bytes with noise between and in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

_NUMBERS = (0, 1, -1, 2, 3.0, 1.5, 128, 10**20, 1e300, float("nan"), float("inf"))


@dataclass(frozen=True)
class Vocabulary:
    """What the values of one wire are made of."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    depth: int
    """So deep may a made-up value be nested."""

    def value(self, rng: Random, depth: int = 0) -> Any:
        """Any JSON value, mostly of the words and names of this wire."""
        kind = rng.randrange(9 if depth < self.depth else 6)
        if kind < 2:
            return rng.choice(self.words)
        if kind < 6:
            return rng.choice((None, True, False, *_NUMBERS))
        if kind < 7:
            return [self.value(rng, depth + 1) for _ in range(rng.randrange(4))]
        return {rng.choice(self.names): self.value(rng, depth + 1) for _ in range(rng.randrange(5))}

    def mutated(self, rng: Random, given: Any) -> Any:
        """The same with one value somewhere inside it replaced, dropped, doubled or moved to another name."""
        return mutated(rng, given, self.names, self.value)


def mutated(rng: Random, given: Any, names: Sequence[str], leaf: Callable[[Random], Any]) -> Any:
    """See Vocabulary.mutated; `leaf` makes what a value is replaced with."""
    if isinstance(given, dict) and given and rng.random() < 0.85:
        name = rng.choice(list(given))
        match rng.randrange(5):
            case 0:
                return {key: inner for key, inner in given.items() if key != name}
            case 1:
                return {**given, rng.choice(names): given[name]}
            case _:
                return {**given, name: mutated(rng, given[name], names, leaf)}
    if isinstance(given, list) and given and rng.random() < 0.85:
        at = rng.randrange(len(given))
        return [*given[:at], mutated(rng, given[at], names, leaf), *given[at + rng.randrange(2) :]]
    return leaf(rng)


def noisy(rng: Random, frames: list[bytes], noise: Sequence[bytes]) -> bytes:
    """The frames, noise or other frames put between some of them, and a few bytes changed."""
    out = list(frames)
    for _ in range(rng.choice((0, 0, 1, 3))):
        out.insert(rng.randrange(len(out) + 1), rng.choice((*noise, *out)))
    data = bytearray(b"".join(out))
    for _ in range(rng.choice((0, 0, 0, 1, 4)) if data else 0):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def broken_off(rng: Random, data: bytes, share: float) -> bytes:
    """The beginning of these bytes, in this share of cases; else all."""
    return data[: rng.randrange(len(data) + 1)] if rng.random() < share else data
