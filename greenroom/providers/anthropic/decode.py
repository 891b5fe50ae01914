"""One message's bytes to deltas and one end."""

from greenroom.messages.contracts import Call
from greenroom.messages.parts import ToolCallPart
from greenroom.messages.retry_state import RetryState
from greenroom.providers.anthropic.events import Events
from greenroom.providers.sse import SseDecoder
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.writer import Writer


def message_decoder(call: Call, resume: RetryState | None = None) -> WireDecoder:
    """A fresh decoder of one attempt's answer. After a pause its numbers go on from what was delivered."""
    before = (0, 0)
    if resume is not None and resume.mode == "pause":
        parts = resume.delivered_parts
        before = len(parts), sum(isinstance(part, ToolCallPart) for part in parts)
    writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
    events = Events(call, writer, allowance, before)
    return WireDecoder(call, events, writer, SseDecoder(call.options.max_event_bytes), allowance)
