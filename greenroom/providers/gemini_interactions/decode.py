"""One interaction: its bytes to deltas and one end, which is interaction.completed; `[DONE]` adds nothing."""

from greenroom.messages.contracts import Call
from greenroom.messages.retry_state import RetryState
from greenroom.providers.gemini_interactions.events import Events
from greenroom.providers.sse import SseDecoder
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.writer import Writer


class InteractionDecoder(WireDecoder):
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = ("place",)

    def __init__(self, call: Call, resume: RetryState | None = None) -> None:
        writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
        events = Events(call, writer, allowance, resume)
        self.place = events.place
        super().__init__(call, events, writer, SseDecoder(call.options.max_event_bytes), allowance)
