"""One message's bytes to deltas and one end."""

from greenroom.messages.contracts import Call
from greenroom.messages.parts import TextPart, ToolCallPart
from greenroom.messages.retry_state import RetryState
from greenroom.providers.anthropic.events import Events
from greenroom.providers.sse import SseDecoder
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.writer import Writer


def message_decoder(call: Call, resume: RetryState | None = None) -> WireDecoder:
    """A fresh decoder of one attempt's answer. Its numbers go on from what was delivered before it."""
    writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
    events = Events(call, writer, allowance, _delivered(resume))
    return WireDecoder(call, events, writer, SseDecoder(call.options.max_event_bytes), allowance)


def _delivered(resume: RetryState | None) -> tuple[int, int]:
    """Parts and calls that stand before this answer. After a cut its text goes on in the last text's part."""
    if resume is None or resume.mode not in ("pause", "prefix", "instruction"):
        return 0, 0
    parts = resume.delivered_parts
    goes_on = resume.mode != "pause" and bool(parts) and isinstance(parts[-1], TextPart)
    return len(parts) - goes_on, sum(isinstance(part, ToolCallPart) for part in parts)
