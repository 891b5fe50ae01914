"""One output item of an answer, by its kind: what its events add, and what its whole form supplies."""

from collections import deque
from typing import Any

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire
from greenroom.messages.parts import ToolCallPart
from greenroom.providers.openai_responses.calls import Call, whole_of
from greenroom.providers.openai_responses.marks import CALL_ITEMS, HOSTED_CALLS, WIRE
from greenroom.providers.openai_responses.parts import Part, TextKind
from greenroom.providers.openai_responses.said import Said

_TEXTS: dict[str, tuple[TextKind, str]] = {
    "output_text": ("text", "text"),
    "text": ("text", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("reasoning", "text"),
    "summary_text": ("reasoning", "text"),
}
"""By type of a content part: what it is, and the field that holds its text."""
_PARTS_MAX = 4096


class Item:
    """One owner. `kind`: message, reasoning, or a call; anything else is a hosted tool's."""

    __slots__ = ("_marks", "_said", "call", "done", "has_begun_before", "id", "kind", "parts")

    def __init__(self, said: Said, item: dict[str, Any], before: ToolCallPart | None = None) -> None:
        """`before`: what an earlier attempt delivered of this call. Raises TooMuchError."""
        self._said = said
        said.allowance.spend(512)
        kind, given_id = item.get("type"), item.get("id")
        self.kind = kind if isinstance(kind, str) else ""
        self.id = given_id if isinstance(given_id, str) else ""
        self.parts: dict[tuple[str, Any], Part] = {}
        """By place (content or summary) and index."""
        self.call: Call | None = None
        self.done = False
        self.has_begun_before = False
        """Its beginning went to an earlier attempt: what it does not tell again was delivered then."""
        self._marks = EMPTY_MAP
        if self.kind in CALL_ITEMS and not _is_hosted(item):
            self.call = Call(said, self.kind != "function_call")
            if before is not None:
                self.call.seeded(before)
        self.note(item)

    @property
    def is_hosted(self) -> bool:
        """Only this wire understands it."""
        return self.call is None and self.kind not in ("message", "reasoning", "")

    @property
    def is_open(self) -> bool:
        """More pieces of it can come."""
        call = self.call
        runs = any(not part.done for part in self.parts.values()) if call is None else call.is_open
        return runs and not self.done

    def note(self, item: dict[str, Any]) -> None:
        """What `output_item.added` says beside the item's content."""
        if self.call is not None:
            self.call.note(item)
        if self.kind == "reasoning":
            self._marks = FrozenMap({"wire": WIRE, **({"id": self.id} if self.id else {})})
        elif isinstance(item.get("phase"), str):
            self._marks = freeze_wire({"wire": WIRE, "signature": item["phase"]})

    def part(self, kind: TextKind, place: str, index: Any) -> Part:
        """The running part at this place, begun where it is new. Raises TooMuchError."""
        index = index if type(index) is int else 0
        part = self.parts.get((place, index))
        if part is None or part.kind != kind:
            marks = self._marks
            if kind == "reasoning":
                marks = FrozenMap({**marks, "form": place})
            part = self.parts[place, index] = Part(self._said, kind, marks)
            if len(self.parts) > _PARTS_MAX:
                self._said.fail(f"an item has more than {_PARTS_MAX} parts")
        return part

    def close_part(self, place: str, index: Any, told: dict[str, Any], event: str) -> None:
        """A whole content part: verifies the running one, or is all that is said of it."""
        kind, field = _TEXTS.get(str(told.get("type")), ("text", ""))
        whole = told.get(field)
        index = index if type(index) is int else 0
        if not isinstance(whole, str):
            return
        known = self.parts.get((place, index)) or self._moved(kind, place, whole)
        if known or (whole and not self.has_begun_before):
            part = known if known is not None and known.kind == kind else self.part(kind, place, index)
            part.close(whole, event)
            self.annotate(part, told.get("annotations"))

    def _moved(self, kind: TextKind, place: str, whole: str) -> Part | None:
        """The newest part, where its deltas said this text at another index (vLLM counts on before it is done)."""
        (where, _), part = next(reversed(self.parts.items()), (("", None), None))
        is_same = part is not None and (where, part.kind) == (place, kind) and part.says(whole)
        return part if is_same else None

    def annotate(self, part: Part, annotations: Any) -> None:
        """Those of the whole part that no event told."""
        if isinstance(annotations, list) and len(annotations) > part.annotations:
            self._said.annotate(annotations[part.annotations :])
            part.annotations = len(annotations)

    def close(self, item: dict[str, Any], event: str) -> None:
        """The whole item. Raises TooMuchError."""
        if self.done:
            return
        self.done = True
        if isinstance(item.get("id"), str) and self.kind == "reasoning":
            self.id = item["id"]
            self.note(item)
        if self.call is not None:
            self._close_call(self.call, item)
        elif self.is_hosted:
            self._said.begin_part()
            self._said.writer.item(0, WIRE, freeze_wire(item))
        else:
            for place in ("summary", "content"):
                told = item.get(place)
                told = [{"type": "output_text", "text": told}] if isinstance(told, str) else told
                self._close_parts(place, told if isinstance(told, list) else [], event)
            self._encrypt(item)

    def _close_parts(self, place: str, told: list[Any], event: str) -> None:
        """Matched in their order: Bedrock's texts start at index 1, and stand at 0 in the whole item."""
        running: dict[str, deque[Any]] = {}
        spare = 0
        for (where, index), part in self.parts.items():
            if where == place:
                running.setdefault(part.kind, deque()).append(index)
                spare = max(spare, index + 1)
        for whole in told:
            if not isinstance(whole, dict) or self._said.failure is not None:
                continue
            known = running.get(_TEXTS.get(str(whole.get("type")), ("text", ""))[0])
            if known:
                self.close_part(place, known.popleft(), whole, event)
            else:
                self.close_part(place, spare, whole, event)
                spare += 1

    def _close_call(self, call: Call, item: dict[str, Any]) -> None:
        call.note(item)
        call.close(whole_of(item), final=True, cut=item.get("status") == "incomplete")

    def _encrypt(self, item: dict[str, Any]) -> None:
        """What must be sent back of a reasoning stands behind its text; alone where it has none."""
        encrypted = item.get("encrypted_content")
        if self.kind != "reasoning" or not isinstance(encrypted, str) or not encrypted:
            return
        running = [part for part in self.parts.values() if part.kind == "reasoning"]
        part = running[-1] if running else Part(self._said, "reasoning", self._marks)
        part.mark(freeze_wire({**self._marks, "encrypted": encrypted}))


def _is_hosted(item: dict[str, Any]) -> bool:
    ids = (item.get("call_id"), item.get("id"))
    return item.get("type") == "custom_tool_call" and any(
        isinstance(given, str) and given.startswith(HOSTED_CALLS) for given in ids
    )
