"""One Gemini answer: its bytes to deltas and one end.

A stream is server-sent events, or a JSON array where the server was not asked for `alt=sse` or does not know it:
the body's first byte tells. It ends well where the body ends cleanly after every candidate that was asked for has
its finish reason. `{` begins an answer that is not streamed, or an error.
"""

from greenroom.messages.contracts import Call
from greenroom.messages.retry_state import RetryState
from greenroom.providers.gemini.chunks import Chunks
from greenroom.providers.json_array import EventsOrArray
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.writer import Writer


class GeminiDecoder(WireDecoder):
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = ()

    def __init__(self, call: Call, asked: int = 1, resume: RetryState | None = None) -> None:
        """`asked`: so many candidates."""
        writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
        delivered = resume.delivered_parts if resume is not None and resume.mode == "pause" else ()
        chunks = Chunks(call, writer, allowance, asked, delivered)
        framing = EventsOrArray(call.options.max_event_bytes)
        super().__init__(call, chunks, writer, framing, allowance, whole_starts=b"{<")
