"""One answer of Ollama: its bytes to deltas and one end.

Lines of JSON while it streams, one object where it does not; both begin with `{`, and both are read as lines. A
body that is one value over several lines, as proxies write it, is understood where no stream was asked for.
"""

from typing_extensions import override

from greenroom.messages.contracts import Call, Decoded
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.ndjson import NdjsonDecoder
from greenroom.providers.ollama.lines import Lines
from greenroom.providers.profile import Profile
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.evidence import protocol, wrong_body
from greenroom.providers.wire.writer import Writer


class OllamaDecoder(WireDecoder):
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = ("_lines",)

    def __init__(self, call: Call, profile: Profile, kind: str) -> None:
        writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
        self._lines = Lines(call, writer, profile, allowance, kind)
        framing = NdjsonDecoder(call.options.max_event_bytes)
        whole_starts = b"[<" if call.request.stream else b"{[<"
        super().__init__(call, self._lines, writer, framing, allowance, whole_starts)

    @override
    def _whole(self, body: bytes, clean: bool) -> Decoded:
        """What streams unasked is no single value: its lines are read one by one."""
        first, more, _ = body.strip().partition(b"\n")
        if not more or first[-2:].rstrip()[-1:] != b"}":
            return super()._whole(body, clean)
        self._body.mode = "events"
        read = self._read(body)
        if read.answer is not None or read.failure is not None:
            return read
        for event in self._framing.finish(clean):
            if end := self._take(event):
                return end
        return self._end_of_events(clean)

    @override
    def _no_json(self, event: SseEvent, error: ValueError) -> Decoded | None:
        """Before anything of an answer came it is rather another server that speaks."""
        if self._lines.has_begun or not event.text.strip() or event.text.strip() == "[DONE]":
            return super()._no_json(event, error)
        return self._failed(wrong_body(self._headers, event.data, self._status))

    @override
    def _cut_short(self) -> ErrorEvidence:
        lines, stray = self._lines, self._framing.stray
        if lines.has_begun:
            text = "the stream ended without a line that says done"
            return protocol(text, stray.decode("utf-8", "replace"))
        return wrong_body(self._headers, lines.odd or stray, self._status)
