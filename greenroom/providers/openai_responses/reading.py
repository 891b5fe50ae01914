"""The JSON of an event, its strings valid Unicode, characters joined that a server cut in two.

A server that counts in UTF-16 may end one piece with `\\ud83d` and begin the next with `\\ude00`. The first half
is held back for the next piece of the same part; what no other half follows becomes U+FFFD.
"""

import json
from typing import Any

from pydantic_core import from_json

from greenroom.messages.frozen import freeze_wire, thaw

_PLACES = ("output_index", "item_id", "content_index", "summary_index")
_HALVES_MAX = 64


class EventReader:
    """One owner. Holds at most one half of a character for each running part."""

    __slots__ = ("_halves",)

    def __init__(self) -> None:
        self._halves: dict[tuple[Any, ...], tuple[str, dict[str, Any]]] = {}
        """By part: the half, and the event that would bring it alone."""

    @property
    def holds(self) -> bool:
        return bool(self._halves)

    def read(self, data: bytes) -> Any:
        """The event's JSON value. Raises ValueError where it is none."""
        if not self._halves:
            try:
                return from_json(data)
            except ValueError:
                pass
        try:
            value = json.loads(data.decode("utf-8", "replace"))
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if isinstance(value, dict):
            self._join(value)
        return thaw(freeze_wire(value))

    def left(self) -> list[dict[str, Any]]:
        """Halves that nothing followed, as events; forgotten here."""
        left = [event for _, event in self._halves.values()]
        self._halves.clear()
        return left

    def _join(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if not isinstance(kind, str):
            return
        name, _, last = kind.rpartition(".")
        places = {place: event[place] for place in _PLACES if isinstance(event.get(place), (str, int))}
        key = (name, *places.items())
        if last == "done":
            self._halves.pop(key, None)  # it tells the whole text
        piece = event.get("delta")
        if last != "delta" or not isinstance(piece, str):
            return
        half, _ = self._halves.pop(key, ("", None))
        piece = half + piece
        if "\ud800" <= piece[-1:] <= "\udbff" and len(self._halves) < _HALVES_MAX:
            self._halves[key] = (piece[-1], {**places, "type": kind, "delta": "\ufffd"})
            piece = piece[:-1]
        event["delta"] = piece
