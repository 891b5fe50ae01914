"""One interaction: its bytes to deltas and one end, which is interaction.completed; `[DONE]` adds nothing."""

from typing_extensions import override

from greenroom.messages.contracts import Call, Decoded
from greenroom.messages.retry_state import RetryState
from greenroom.providers.gemini_interactions.events import Events
from greenroom.providers.sse import SseDecoder
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.writer import Writer


class InteractionDecoder(WireDecoder):
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = ("_events",)

    def __init__(self, call: Call, resume: RetryState | None = None) -> None:
        writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
        self._events = Events(call, writer, allowance, resume)
        super().__init__(call, self._events, writer, SseDecoder(call.options.max_event_bytes), allowance)

    @override
    def _read(self, data: bytes) -> Decoded:
        self._events.has_worked = False
        decoded = super()._read(data)
        decoded.progress = self._events.has_worked and not decoded.deltas
        return decoded
