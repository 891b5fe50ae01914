"""Reads the JSON of events, and joins characters that a server cut in two.

A server that counts in UTF-16 may end one piece with `\\ud83d` and begin the next with `\\ude00`. The first half
is held back for the next piece of the same text; what no other half follows becomes U+FFFD.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import from_json

from greenroom.messages.frozen import freeze_wire, thaw

_TEXTS = ("content", "reasoning_content", "reasoning", "reasoning_text", "thinking", "refusal")
_OF_A_BLOCK = ("text", "thinking", "partial_json")
_HALVES_MAX = 1024
"""Of so many texts a half is held at once: no answer has as many, and what a server makes up is bounded."""
Pieces = Callable[[Any], Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]]
"""Of an event: (which text, the object that holds a piece of it, under which name). A text is (choice, name)."""


def read_json(data: bytes, join: Callable[[Any], None], *, at_once: bool) -> Any:
    """The JSON value, its strings valid Unicode. Raises ValueError where it is none.

    `join` puts the halves of characters together in a value that may hold some; `at_once`: none is waiting, so
    a value without any needs no look.
    """
    if at_once:
        try:
            return from_json(data)
        except ValueError:
            pass
    try:
        value = json.loads(data.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    join(value)
    return thaw(freeze_wire(value))


class JsonReader:
    """One owner. Holds at most one half of a character for each text of each choice."""

    __slots__ = ("_halves", "_pieces")

    def __init__(self, pieces: Pieces | None = None) -> None:
        """`pieces`: where this wire's events have their texts; None: as the chat wire."""
        self._pieces = pieces or pieces_of_choices
        self._halves: dict[tuple[Any, ...], tuple[str, dict[str, Any]]] = {}
        """By text: the half, and the delta that would bring it alone."""

    @property
    def holds(self) -> bool:
        return bool(self._halves)

    def read(self, data: bytes) -> Any:
        """The event's JSON value, its strings valid Unicode. Raises ValueError where it is none."""
        return read_json(data, self._join, at_once=not self._halves)

    def left(self, of: Any = None) -> list[tuple[Any, dict[str, Any]]]:
        """Halves that nothing followed, as deltas by choice (or block), of one or of all; forgotten here."""
        keys = [key for key in self._halves if of is None or key[0] == of]
        return [(key[0], self._halves.pop(key)[1]) for key in keys]

    def _join(self, chunk: Any) -> None:
        for key, holder, name in self._pieces(chunk):
            half, _ = self._halves.pop(key, ("", None))
            piece = half + holder[name]
            if "\ud800" <= piece[-1:] <= "\udbff" and piece and len(self._halves) < _HALVES_MAX:
                self._halves[key] = (piece[-1], _alone(key))
                piece = piece[:-1]
            holder[name] = piece


def pieces_of_a_block(event: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Of a wire whose events have one `delta` of the block at `index`."""
    delta = event.get("delta") if isinstance(event, dict) else None
    if not isinstance(delta, dict):
        return
    place = event.get("index")
    for name in _OF_A_BLOCK:
        if isinstance(delta.get(name), str):
            yield (place if type(place) is int else 0, name), delta, name


def pieces_of_choices(chunk: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Of the chat wire and its older form."""
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        delta, index = choice.get("delta"), choice.get("index")
        index = index if type(index) is int else 0
        if isinstance(choice.get("text"), str):  # the older completions
            yield (index, "content"), choice, "text"
        if not isinstance(delta, dict):
            continue
        for name in _TEXTS:
            if isinstance(delta.get(name), str):
                yield (index, name), delta, name
        yield from pieces_of_calls(delta.get("tool_calls"), index)


def pieces_of_calls(calls: Any, choice: int = 0) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """The arguments of fragments, as the chat wire has them; each call has its own `index`."""
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            number = call.get("index")
            yield (choice, "arguments", number if type(number) is int else None), function, "arguments"


def _alone(key: tuple[Any, ...]) -> dict[str, Any]:
    if key[1] != "arguments":
        return {key[1]: "\ufffd"}
    return {"tool_calls": [{"index": key[2], "function": {"arguments": "\ufffd"}}]}
