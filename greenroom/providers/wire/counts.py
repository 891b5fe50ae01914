"""Token counts as providers write them: read with care, newest first, never added up."""

from typing import Any

from pydantic_core import to_json

SMALL_BYTES = 16 * 1024
"""Of one object beside the content, counts or a fact: a larger one is none and is not taken, so that what is kept
of them stays small."""
_MAX_COUNT = 10**15
_MAX_NAMES = 256


def is_small(value: Any) -> bool:
    """The JSON value has at most SMALL_BYTES."""
    return len(to_json(value)) <= SMALL_BYTES


def counts_given(usage: Any) -> dict[str, Any]:
    """The usage object that a wire sent; {} where it is none."""
    return usage if usage and isinstance(usage, dict) and is_small(usage) else {}


def replace_counts(usage: dict[str, Any], newer: dict[str, Any]) -> None:
    """The newest value of each name that is not null, details too: chunks repeat counts, none adds to it."""
    for name, value in newer.items():
        known = usage.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            replace_counts(known, value)
        elif value is not None and (name in usage or len(usage) < _MAX_NAMES):
            usage[name] = dict(value) if isinstance(value, dict) else value


def whole_number(value: Any) -> int | None:
    """A number that is not negative, also as 3.0 or "3"; None for anything else."""
    if type(value) is not int:
        is_number = (type(value) is float and value.is_integer()) or (
            type(value) is str and value.isascii() and value.isdigit() and len(value) < 20
        )
        value = int(value) if is_number else -1
    return value if 0 <= value < _MAX_COUNT else None


def count_in(raw: dict[str, Any], *names: str) -> int | None:
    """The first of these that is a count."""
    if raw:
        for name in names:
            if name in raw and (count := whole_number(raw[name])) is not None:
                return count
    return None
