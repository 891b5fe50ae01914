"""The output of one answer: its items by place, and which of their events does what."""

from collections import deque
from typing import Any

from greenroom.providers.openai_responses.calls import Call
from greenroom.providers.openai_responses.earlier import Earlier
from greenroom.providers.openai_responses.items import Item
from greenroom.providers.openai_responses.parts import Part, TextKind
from greenroom.providers.openai_responses.said import Said

_TEXTS: dict[str, tuple[str, TextKind, str, str]] = {
    "response.output_text": ("message", "text", "content", "text"),
    "response.refusal": ("message", "refusal", "content", "refusal"),
    "response.reasoning_text": ("reasoning", "reasoning", "content", "text"),
    "response.reasoning_summary_text": ("reasoning", "reasoning", "summary", "text"),
    # older names
    "response.reasoning": ("reasoning", "reasoning", "content", "text"),
    "response.reasoning_summary": ("reasoning", "reasoning", "summary", "text"),
}
"""By event without its last word: kind of item and text, its place, and the field of the `.done` event."""
_CALLS = {
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
}
_PARTS = {
    "response.content_part": ("content", "content_index"),
    "response.reasoning_part": ("content", "content_index"),
    "response.reasoning_summary_part": ("summary", "summary_index"),
}
_HOSTED = (
    "response.web_search_call", "response.file_search_call", "response.code_interpreter_call",
    "response.image_generation_call", "response.mcp_", "response.shell_call", "response.local_shell_call",
    "response.computer_call", "response.apply_patch_call", "response.tool_search",
)  # fmt: skip
"""Beginnings of the names of events that report a hosted tool at work; its item comes whole."""


class Output:
    """One owner. `take` is total: what an event lacks is guessed from the newest item, or passed over."""

    __slots__ = ("_by_id", "_by_index", "_earlier", "_items", "_said", "worked")

    def __init__(self, said: Said, earlier: Earlier | None) -> None:
        self._said, self._earlier = said, earlier
        self._items: list[Item] = []
        self._by_index: dict[int, Item] = {}
        self._by_id: dict[str, Item] = {}
        self.worked = False
        """A hosted tool, or hidden reasoning, showed a sign of life."""

    @property
    def any(self) -> bool:
        return bool(self._items)

    @property
    def has_calls(self) -> bool:
        return self._said.calls > 0

    def take(self, kind: str, told: dict[str, Any]) -> bool:
        """Reads one event of the output. False: it is none that this wire knows. Raises TooMuchError."""
        name, _, last = kind.rpartition(".")
        if name == "response.output_item":
            self._take_item(last, told)
        elif name in _TEXTS:
            self._take_text(name, last, told)
        elif name in _CALLS:
            self._take_call(name, last, told)
        elif name in _PARTS:
            self._take_part(name, last, told)
        elif name == "response.output_text.annotation":
            self._take_annotation(told)
        elif kind.startswith(_HOSTED):
            self.worked = True
        else:
            return kind == "keepalive"
        return True

    def close(self, output: list[Any], finished: bool) -> None:
        """The answer's whole output: supplies what no event told. `finished`: calls still open are whole.

        Items are matched by their order within a kind: some servers change ids and places (Copilot).
        """
        known: dict[str, deque[Item]] = {}
        for item in self._items:
            known.setdefault(item.kind, deque()).append(item)
        for told in output:
            if isinstance(told, dict) and isinstance(told.get("type"), str):
                same = known.get(told["type"])
                if same:
                    same.popleft().close(told, "the last event")
                elif self._earlier is None:
                    self._begin(told, {}).close(told, "the last event")
        for item in self._items:
            if finished and item.call is not None:
                item.call.close(None, final=True)

    def closes_a_gap(self, kind: str, told: dict[str, Any]) -> bool:
        """Nothing can have been lost before this event but what it tells whole itself, or the last event does."""
        if kind.endswith(".delta"):
            return False
        given = told.get("item")
        place = {**told, "item_id": given.get("id")} if isinstance(given, dict) else told
        closed = self._known(place) if kind.endswith(".done") else None
        return all(item is closed or not item.is_open for item in self._items)

    def running(self, kind: str, told: dict[str, Any]) -> Part | Call | None:
        """What takes further pieces like this event's, and nothing beside them."""
        name = kind.removesuffix(".delta")
        item = self._known(told)
        if item is None:
            return None
        if name in _CALLS:
            call = item.call
            return call if call is not None and call.started and not call.completed else None
        if name not in _TEXTS or name == "response.refusal":
            return None
        _, text, place, _ = _TEXTS[name]
        index = told.get(f"{place}_index")
        part = item.parts.get((place, index if type(index) is int else 0))
        return part if part is not None and part.kind == text and not part.done else None

    def _take_item(self, last: str, told: dict[str, Any]) -> None:
        given = told.get("item")
        if not isinstance(given, dict):
            return
        item = self._known({**told, "item_id": given.get("id")})
        if item is not None and (
            item.kind != given.get("type") or (last == "added" and _is_other(item, given))
        ):
            item = None
        if item is None:
            item = self._begin(given, told, has_begun=last == "done")
        self.worked = self.worked or item.is_hosted or item.kind == "reasoning"
        if last == "done":
            item.close(given, "response.output_item.done")

    def _take_text(self, name: str, last: str, told: dict[str, Any]) -> None:
        kind, text, place, field = _TEXTS[name]
        index, piece = told.get(f"{place}_index"), told.get("delta")
        if last == "delta" and isinstance(piece, str):
            item = self._item(kind, told)
            self._part(item, text, place, index).take(piece, told.get("logprobs"))
        elif last == "done" and isinstance(told.get(field), str):
            item = self._item(kind, told)
            whole = {"type": "summary_text" if kind == "reasoning" else _TYPES[text], field: told[field]}
            item.close_part(place, index, whole, f"{name}.done")

    def _take_call(self, name: str, last: str, told: dict[str, Any]) -> None:
        kind, field = _CALLS[name]
        item = self._item(kind, told)
        if item.call is None:
            self.worked = True
        elif last == "delta" and isinstance(told.get("delta"), str):
            item.call.take(told["delta"])
        elif last == "done":
            item.call.note({name: told.get(name) for name in ("item_id", "name", "call_id")})
            item.call.close(told.get(field), final=False)

    def _take_part(self, name: str, last: str, told: dict[str, Any]) -> None:
        place, index = _PARTS[name]
        part = told.get("part")
        if last == "done" and isinstance(part, dict):
            is_thought = place == "summary" or part.get("type") == "reasoning_text"
            item = self._item("reasoning" if is_thought else "message", told)
            item.close_part(place, told.get(index), part, f"{name}.done")

    def _take_annotation(self, told: dict[str, Any]) -> None:
        annotation = told.get("annotation")
        if isinstance(annotation, dict):
            item = self._item("message", told)
            part = self._part(item, "text", "content", told.get("content_index"))
            self._said.annotate([annotation])
            part.annotations += 1

    def _part(self, item: Item, text: TextKind, place: str, index: Any) -> Part:
        key = (place, index if type(index) is int else 0)
        if key not in item.parts and item.has_begun_before and self._earlier is not None:
            part = self._earlier.open_text(text)
            if part is not None:
                item.parts[key] = part
        return item.part(text, place, index)

    def _item(self, kind: str, told: dict[str, Any]) -> Item:
        """The item that the event speaks of, begun where nothing announced it."""
        item = self._known(told)
        if item is None or item.kind not in (kind, ""):
            item = self._begin({"type": kind, "id": told.get("item_id")}, told, has_begun=True)
        return item

    def _known(self, told: dict[str, Any]) -> Item | None:
        """By id, else by place; an event that names neither speaks of the newest."""
        item_id, index = told.get("item_id"), told.get("output_index")
        by_id = self._by_id.get(item_id) if isinstance(item_id, str) else None
        if by_id is not None:
            return by_id
        if type(index) is int:
            return self._by_index.get(index)
        return self._items[-1] if self._items and not isinstance(item_id, str) else None

    def _begin(self, given: dict[str, Any], told: dict[str, Any], has_begun: bool = False) -> Item:
        """`has_begun`: this is not how an item begins; its beginning went to an earlier attempt, if one was."""
        earlier = self._earlier if has_begun else None
        before = None if earlier is None else earlier.call(given)
        item = Item(self._said, given, before)
        item.has_begun_before = earlier is not None
        self._items.append(item)
        if type(index := told.get("output_index")) is int:
            self._by_index[index] = item
        if item.id:
            self._by_id[item.id] = item
        return item


def _is_other(item: Item, given: dict[str, Any]) -> bool:
    """A new item in the place of an old one, as of servers that give every item the same place."""
    return item.done or bool(item.id and given.get("id") and item.id != given["id"])


_TYPES = {"text": "output_text", "refusal": "refusal"}
