"""Reads the events of the older wire: `completion` (more text; the last with a stop reason), `ping`, `error`.

The stop reason is the end, nothing else is; what follows it is not read. The wire tells no usage.
"""

from collections.abc import Iterator
from typing import Any

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.completion import FinishReason
from greenroom.messages.contracts import Call, Decoder
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire
from greenroom.providers.sse import SseDecoder, SseEvent
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.envelope import Envelope
from greenroom.providers.wire.evidence import in_stream
from greenroom.providers.wire.halves import JsonReader
from greenroom.providers.wire.writer import Writer

_REASONS: dict[str, FinishReason] = {"stop_sequence": "stop", "max_tokens": "length", "end_turn": "stop"}
_KEYS = frozenset({"type", "id", "completion", "stop_reason", "model", "stop", "log_id"})
_KNOWN = frozenset({"completion", "ping", "error"})


def completion_decoder(call: Call) -> Decoder:
    """A fresh decoder of one attempt's answer."""
    writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
    reader = Completions(writer, call.options.raw_deltas)
    return WireDecoder(call, reader, writer, SseDecoder(call.options.max_event_bytes), allowance)


class Completions:
    """One owner. Implements Reader; keeps nothing of the text."""

    __slots__ = (
        "_envelope", "_facts", "_json", "_raw", "_writer", "failure", "has_begun", "model", "response_id",
        "stop_reason",
    )  # fmt: skip

    ends_in_order = False
    is_finished = False
    worked_at = 0
    is_paused = False

    def __init__(self, writer: Writer, raw: bool) -> None:
        self._writer, self._raw, self._json = writer, raw, JsonReader(_pieces)
        self._envelope = Envelope()
        self._facts: dict[str, Any] = {}
        self.failure: ErrorEvidence | None = None
        self.has_begun = False
        self.model: str | None = None
        self.response_id: str | None = None
        self.stop_reason: str | None = None

    @property
    def is_over(self) -> bool:
        return self.stop_reason is not None

    def take_lone(self, data: bytes) -> bool:
        piece = self._envelope.lone_piece(data)
        if piece is None or self.failure is not None:
            return False
        if piece:
            self._writer.text(0, 0, piece)
        return True

    def take(self, event: SseEvent) -> bool:
        """The hot path is a piece that the envelope knows."""
        envelope = self._envelope
        piece = envelope.piece(event.data) if event.event == envelope.event else None
        if piece is not None:
            if piece:
                self._writer.text(0, 0, piece)
            return True
        chunk = self._json.read(event.data)
        if type(chunk) is not dict:
            return False
        kind = chunk.get("type")
        name = kind if isinstance(kind, str) and kind in _KNOWN else event.event
        error = chunk.get("error")
        if name == "error" or (error and isinstance(error, (dict, str))):
            self.failure = in_stream(chunk)
        elif name == "completion" or (name == "message" and "completion" in chunk):
            before = self._writer.seq
            self._take(chunk)
            # Invariant: the envelope knows an event that said a piece and told nothing new beside it.
            if self._json.holds:
                envelope.forget()
            elif self._writer.seq == before + 1 and self._is_plain(chunk):
                envelope.learn(event.data, chunk, ("completion",), event.event)
        elif name != "ping" and self._raw:
            self._writer.raw(name, freeze_wire(chunk))
        return True

    def take_whole(self, answer: dict[str, Any]) -> bool:
        if not isinstance(answer.get("completion"), str):
            return False
        self._take(answer)
        return True

    def take_other(self, event: str, data: str) -> None:
        if self._raw and data.strip():
            self._writer.raw(event, freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:
        return event == "message" or event in _KNOWN

    def end(self) -> None:
        """No more comes: half a character that was held back goes out."""
        for _, half in self._json.left():
            self._writer.text(0, 0, half["completion"])

    def answer(self) -> Answer:
        raw = self.stop_reason
        ends = () if raw is None else (ChoiceEnd(reason=_REASONS.get(raw, "unknown"), raw=raw),)
        return Answer(
            response_id=self.response_id, model=self.model, ends=ends, metadata=freeze_wire(self._facts)
        )

    def _is_plain(self, chunk: dict[str, Any]) -> bool:
        """A piece of text and nothing beside it that an event like this one could tell."""
        lasts = self._envelope.is_eager and self.stop_reason is None
        return lasts and chunk.keys() <= _KEYS and not chunk.get("error")

    def _take(self, chunk: dict[str, Any]) -> None:
        self.has_begun = True
        text, reason = chunk.get("completion"), chunk.get("stop_reason")
        response_id, model = chunk.get("id") or chunk.get("log_id"), chunk.get("model")
        self.response_id = response_id if isinstance(response_id, str) else self.response_id
        self.model = model if isinstance(model, str) and model else self.model
        if isinstance(text, str) and text:
            self._writer.text(0, 0, text)
        if isinstance(reason, str) and reason:
            self.stop_reason = reason[:200]
            if isinstance(chunk.get("stop"), str):
                self._facts["stop_sequence"] = chunk["stop"][:1000]
        if self._raw and not chunk.keys() <= _KEYS:
            self._writer.raw("completion", freeze_wire(chunk))


def _pieces(event: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    if isinstance(event, dict) and isinstance(event.get("completion"), str):
        yield (0, "completion"), event, "completion"
