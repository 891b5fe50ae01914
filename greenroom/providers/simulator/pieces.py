"""Splits a script's text into the pieces that its deltas carry. Law: the pieces joined are the text."""

import re
from collections.abc import Iterator

from greenroom.providers.simulator.script_fields import Pieces

_WORD = re.compile(r"\s*\S+(?:\s+\Z)?|\s+")


def pieces_of(text: Pieces, chunk_size: int | None) -> Iterator[str]:
    """The exact pieces, where the script gives them; else `chunk_size` characters each; else words."""
    if not isinstance(text, str):
        yield from text
    elif chunk_size is None:
        for match in _WORD.finditer(text):
            yield match[0]
    else:
        for start in range(0, len(text), chunk_size):
            yield text[start : start + chunk_size]


def joined(text: Pieces) -> str:
    """The whole text."""
    return text if isinstance(text, str) else "".join(text)
