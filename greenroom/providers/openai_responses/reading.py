"""The JSON of an event, its strings valid Unicode, characters joined that a server cut in two.

A server that counts in UTF-16 may end one piece with `\\ud83d` and begin the next with `\\ude00`. The first half
is held back for the next piece of the same part; what no other half follows becomes U+FFFD.
"""

from typing import Any

from greenroom.providers.wire.halves import read_json

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
        return read_json(data, self._join, at_once=not self._halves)

    def left(self) -> list[dict[str, Any]]:
        """Halves that nothing followed, as events; forgotten here."""
        left = [event for _, event in self._halves.values()]
        self._halves.clear()
        return left

    def _join(self, event: Any) -> None:
        kind = event.get("type") if isinstance(event, dict) else None
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
