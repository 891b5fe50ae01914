"""Makes the deltas of one answer: numbers them without a gap and stamps them with what they share."""

from typing import Any

from greenroom.messages.deltas import (
    Delta,
    RawDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
    ToolCallStarted,
    UsageDelta,
)
from greenroom.messages.frozen import EMPTY_MAP, FrozenMap
from greenroom.messages.usage import Usage


class Writer:
    """One owner. `begin` opens the batch of one read; `deltas` is that batch."""

    __slots__ = ("_received_at", "_request_id", "_stream_id", "deltas", "seq")

    def __init__(self, stream_id: str, request_id: str) -> None:
        self._stream_id, self._request_id = stream_id, request_id
        self._received_at = 0.0
        self.seq = 1
        """Number of the next delta."""
        self.deltas: list[Delta] = []

    def begin(self, seq: int, received_at: float) -> None:
        self.seq, self._received_at, self.deltas = seq, received_at, []

    def text(self, index: int, block: int, text: str, metadata: FrozenMap = EMPTY_MAP) -> None:
        # The hot path: written out, because a dict of shared arguments would cost as much again.
        self.deltas.append(
            TextDelta(
                seq=self.seq, stream_id=self._stream_id, request_id=self._request_id, index=index,
                received_at=self._received_at, metadata=metadata, text=text, block=block,
            )
        )  # fmt: skip
        self.seq += 1

    def reasoning(self, index: int, block: int, reasoning: str, metadata: FrozenMap = EMPTY_MAP) -> None:
        self.deltas.append(
            ReasoningDelta(**self._shared(index), reasoning=reasoning, block=block, metadata=metadata)
        )

    def refusal(self, index: int, refusal: str, metadata: FrozenMap = EMPTY_MAP) -> None:
        self.deltas.append(RefusalDelta(**self._shared(index), refusal=refusal, metadata=metadata))

    def call_started(self, index: int, call_index: int, call_id: str, name: str) -> None:
        self.deltas.append(
            ToolCallStarted(**self._shared(index), call_index=call_index, call_id=call_id, name=name)
        )

    def call_arguments(self, index: int, call_index: int, call_id: str, arguments: str) -> None:
        self.deltas.append(
            ToolCallDelta(**self._shared(index), call_index=call_index, call_id=call_id, arguments=arguments)
        )

    def call_completed(self, index: int, call_index: int, call_id: str, name: str, arguments: str) -> None:
        shared = self._shared(index)
        self.deltas.append(
            ToolCallCompleted(
                **shared, call_index=call_index, call_id=call_id, name=name, arguments=arguments
            )
        )

    def usage(self, usage: Usage) -> None:
        self.deltas.append(UsageDelta(**self._shared(0), usage=usage))

    def raw(self, event: str, data: FrozenMap) -> None:
        self.deltas.append(RawDelta(**self._shared(0), event=event, data=data))

    def _shared(self, index: int) -> dict[str, Any]:
        shared = {
            "seq": self.seq, "stream_id": self._stream_id, "request_id": self._request_id, "index": index,
            "received_at": self._received_at,
        }  # fmt: skip
        self.seq += 1
        return shared
