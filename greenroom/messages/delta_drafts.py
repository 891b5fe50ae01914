"""The deltas of running text, and the usage of every answer, made at a fifth of what their dataclass's own
constructor costs.

A frozen dataclass sets each field through `object.__setattr__`. A draft is a class with the same slots that may
be written, so the interpreter stores into them directly; as its last act it becomes the frozen class, before
anybody else has seen it. Arguments are positional; as in the dataclass, nothing is checked here.

Invariants: a draft derives from its delta's own base and adds the same slots, or Python refuses the change of
class; both `__setattr__` and `__delattr__` are object's, or its stores are no faster than the frozen ones. What
they share is written out for each: a common initializer would be a further call for every delta.
"""

from collections.abc import Callable
from typing import Any, cast

from greenroom.messages.deltas import BaseDelta, ReasoningDelta, TextDelta, ToolCallDelta, UsageDelta, _Silent
from greenroom.messages.usage import Usage
from greenroom.messages.value import FrozenMap


class _TextDraft(BaseDelta):
    __slots__ = ("block", "text", "type")
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    def __init__(
        self: Any, ids: tuple[str, str], seq: int, index: int, received_at: float, metadata: FrozenMap,
        text: str, block: int,
    ) -> None:  # fmt: skip
        self.stream_id, self.request_id = ids
        self.seq = seq
        self.index = index
        self.received_at = received_at
        self.first_seq = None
        self.metadata = metadata
        self.text = text
        self.block = block
        self.type = "text"
        self.__class__ = TextDelta


class _ReasoningDraft(_Silent):
    __slots__ = ("block", "reasoning", "type")
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    def __init__(
        self: Any, ids: tuple[str, str], seq: int, index: int, received_at: float, metadata: FrozenMap,
        reasoning: str, block: int,
    ) -> None:  # fmt: skip
        self.stream_id, self.request_id = ids
        self.seq = seq
        self.index = index
        self.received_at = received_at
        self.first_seq = None
        self.metadata = metadata
        self.reasoning = reasoning
        self.block = block
        self.type = "reasoning"
        self.__class__ = ReasoningDelta


class _ToolCallDraft(_Silent):
    __slots__ = ("arguments", "call_id", "call_index", "type")
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    def __init__(
        self: Any, ids: tuple[str, str], seq: int, index: int, received_at: float, metadata: FrozenMap,
        call: tuple[int, str], arguments: str,
    ) -> None:  # fmt: skip
        self.stream_id, self.request_id = ids
        self.seq = seq
        self.index = index
        self.received_at = received_at
        self.first_seq = None
        self.metadata = metadata
        self.call_index, self.call_id = call
        self.arguments = arguments
        self.type = "tool_call_delta"
        self.__class__ = ToolCallDelta


class _UsageDraft(_Silent):
    __slots__ = ("type", "usage")
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    def __init__(
        self: Any, ids: tuple[str, str], seq: int, index: int, received_at: float, metadata: FrozenMap,
        usage: Usage,
    ) -> None:  # fmt: skip
        self.stream_id, self.request_id = ids
        self.seq = seq
        self.index = index
        self.received_at = received_at
        self.first_seq = None
        self.metadata = metadata
        self.usage = usage
        self.type = "usage"
        self.__class__ = UsageDelta


_Ids = tuple[str, str]
# Arguments: (stream_id, request_id), seq, index, received_at, metadata, then the delta's own.
text_delta = cast("Callable[[_Ids, int, int, float, FrozenMap, str, int], TextDelta]", _TextDraft)
"""..., text, block."""
reasoning_delta = cast(
    "Callable[[_Ids, int, int, float, FrozenMap, str, int], ReasoningDelta]", _ReasoningDraft
)
"""..., reasoning, block."""
tool_call_delta = cast(
    "Callable[[_Ids, int, int, float, FrozenMap, tuple[int, str], str], ToolCallDelta]", _ToolCallDraft
)
"""..., (call_index, call_id), arguments."""
usage_delta = cast("Callable[[_Ids, int, int, float, FrozenMap, Usage], UsageDelta]", _UsageDraft)
"""..., usage."""
