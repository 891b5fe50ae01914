"""What an earlier attempt delivered, for a stream that goes on behind its cursor: it has no beginning of its own.

The parts that were open then are found again: a text by being the last one, a call by its ids.
"""

from typing import Any

from greenroom.messages.parts import Part as MessagePart
from greenroom.messages.parts import ReasoningPart, RefusalPart, TextPart, ToolCallPart
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_responses.parts import Part, TextKind
from greenroom.providers.openai_responses.said import Said


class Earlier:
    """One owner: the reader of the events. Without a retry state there is nothing earlier."""

    __slots__ = ("_open", "_parts", "_said")

    def __init__(self, said: Said, resume: RetryState | None) -> None:
        self._said = said
        self._parts: tuple[MessagePart, ...] = () if resume is None else resume.delivered_parts
        self._open = self._parts[-1] if self._parts else None
        said.begun = len(self._parts)
        calls = [part.index for part in self._parts if isinstance(part, ToolCallPart)]
        said.calls = max(calls, default=-1) + 1
        said.refused = any(isinstance(part, RefusalPart) for part in self._parts)

    def open_text(self, kind: TextKind) -> Part | None:
        """The text that the first piece of this kind goes on with, once."""
        part, block = self._open, len(self._parts) - 1
        known: tuple[type, str] | None = None
        if kind == "text" and isinstance(part, TextPart):
            known = (TextPart, part.text)
        elif kind == "refusal" and isinstance(part, RefusalPart):
            known = (RefusalPart, part.refusal)
        elif kind == "reasoning" and isinstance(part, ReasoningPart):
            known = (ReasoningPart, part.text)
        self._open = None
        return None if known is None else Part(self._said, kind, block=block).seeded(known[1])

    def call(self, told: dict[str, Any]) -> ToolCallPart | None:
        """The call that this item, or this event of one, speaks of: by its ids, else the last one cut off."""
        calls = [part for part in self._parts if isinstance(part, ToolCallPart)]
        item_id, call_id = told.get("item_id") or told.get("id"), told.get("call_id")
        for part in calls:
            if (call_id and part.id == call_id) or (item_id and part.metadata.get("item_id") == item_id):
                return part
        unfinished = [part for part in calls if not part.complete]
        return unfinished[-1] if unfinished and not call_id else None
