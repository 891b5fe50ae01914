"""Makes the deltas of one answer: numbers them without a gap and stamps them with what they share."""

from typing import Any

from greenroom.messages.delta_drafts import reasoning_delta, text_delta, tool_call_delta, usage_delta
from greenroom.messages.deltas import (
    Delta,
    ProviderItem,
    RawDelta,
    RefusalDelta,
    ToolCallCompleted,
    ToolCallStarted,
)
from greenroom.messages.frozen import EMPTY_MAP, FrozenMap
from greenroom.messages.usage import Usage


class Writer:
    """One owner. `begin` opens the batch of one read; `deltas` is that batch."""

    __slots__ = ("_ids", "_received_at", "deltas", "seq")

    def __init__(self, stream_id: str, request_id: str) -> None:
        self._ids = (stream_id, request_id)
        self._received_at = 0.0
        self.seq = 1
        """Number of the next delta."""
        self.deltas: list[Delta] = []

    def begin(self, seq: int, received_at: float) -> None:
        self.seq, self._received_at, self.deltas = seq, received_at, []

    def text(self, index: int, block: int, text: str, metadata: FrozenMap = EMPTY_MAP) -> None:
        seq = self.seq
        self.deltas.append(text_delta(self._ids, seq, index, self._received_at, metadata, text, block))
        self.seq = seq + 1

    def reasoning(self, index: int, block: int, reasoning: str, metadata: FrozenMap = EMPTY_MAP) -> None:
        seq = self.seq
        self.deltas.append(
            reasoning_delta(self._ids, seq, index, self._received_at, metadata, reasoning, block)
        )
        self.seq = seq + 1

    def refusal(self, index: int, refusal: str, metadata: FrozenMap = EMPTY_MAP) -> None:
        self.deltas.append(RefusalDelta(**self._shared(index), refusal=refusal, metadata=metadata))

    def call_started(
        self, index: int, call_index: int, call_id: str, name: str, metadata: FrozenMap = EMPTY_MAP
    ) -> None:
        told: dict[str, Any] = {"call_index": call_index, "call_id": call_id, "name": name}
        self.deltas.append(ToolCallStarted(**self._shared(index), **told, metadata=metadata))

    def call_arguments(
        self, index: int, call_index: int, call_id: str, arguments: str, metadata: FrozenMap = EMPTY_MAP
    ) -> None:
        seq, call = self.seq, (call_index, call_id)
        self.deltas.append(
            tool_call_delta(self._ids, seq, index, self._received_at, metadata, call, arguments)
        )
        self.seq = seq + 1

    def call_completed(
        self, index: int, call: tuple[int, str, str], arguments: str, metadata: FrozenMap = EMPTY_MAP
    ) -> None:
        """`call`: its index, id and name."""
        told: dict[str, Any] = {"call_index": call[0], "call_id": call[1], "name": call[2]}
        self.deltas.append(
            ToolCallCompleted(**self._shared(index), **told, arguments=arguments, metadata=metadata)
        )

    def item(self, index: int, wire: str, item: FrozenMap) -> None:
        """A whole item that only its own wire understands."""
        self.deltas.append(ProviderItem(**self._shared(index), wire=wire, item=item))

    def usage(self, usage: Usage) -> None:
        seq = self.seq
        self.deltas.append(usage_delta(self._ids, seq, 0, self._received_at, EMPTY_MAP, usage))
        self.seq = seq + 1

    def raw(self, event: str, data: FrozenMap) -> None:
        self.deltas.append(RawDelta(**self._shared(0), event=event, data=data))

    def _shared(self, index: int) -> dict[str, Any]:
        shared = {
            "seq": self.seq, "stream_id": self._ids[0], "request_id": self._ids[1], "index": index,
            "received_at": self._received_at,
        }  # fmt: skip
        self.seq += 1
        return shared
