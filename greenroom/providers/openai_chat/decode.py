"""One chat answer: its bytes to deltas and one end, an answer or the evidence of a failure.

What the body is shows in its status and first bytes, never in the content type alone:

    status not 2xx            an error; the body is collected, cut at 64 KiB     -> kind http
    first byte { or [         a whole JSON answer, or an error sent as 200      -> one sequence of deltas
    first byte <              HTML                                              -> kind protocol
    else                      an event stream

An event stream ends well with `[DONE]`, or with a finish reason and a body that ended cleanly. `[DONE]` is
no end after an error, nor where nothing came, nor without a finish reason on servers that always give one.
A failure is told at once, but for an error beside a finish reason: such a server goes on to its usage
(OpenRouter), so the next event or the end of the body is read first.
"""

from typing import Any

from pydantic_core import from_json
from typing_extensions import override

from greenroom.messages.contracts import Call, Decoded
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat.chunks import Chunks
from greenroom.providers.profile import Profile
from greenroom.providers.sse import SseDecoder, SseEvent
from greenroom.providers.wire.allowance import TooMuchError
from greenroom.providers.wire.decoder import BROKEN, WireDecoder, allowance_of
from greenroom.providers.wire.evidence import in_stream, protocol, too_much, wrong_body
from greenroom.providers.wire.writer import Writer


class ChatDecoder(WireDecoder):
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = ("_chunks", "_done")

    def __init__(
        self,
        call: Call,
        profile: Profile,
        resume: RetryState | None = None,
        chunks: type[Chunks] = Chunks,
        choices_asked: int = 1,
    ) -> None:
        """`chunks` reads the chunks: wires that differ in these alone share the rest.

        Without `[DONE]` an answer is whole once `choices_asked` choices have their finish reason.
        """
        writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
        echoes = resume is not None and resume.mode != "instruction" and profile.prefix_echo
        echo = resume.delivered_text if resume is not None and echoes else ""
        self._chunks = chunks(call, writer, profile, allowance, echo, choices_asked)
        self._done = False
        framing = SseDecoder(call.options.max_event_bytes, error_field=True)
        super().__init__(call, self._chunks, writer, framing, allowance)

    @override
    def _take(self, event: SseEvent) -> Decoded | None:
        """Not None: the stream is over with this event."""
        chunks = self._chunks
        if pending := chunks.failure:
            chunks.take_usage(event)
            return self._failed(pending)
        if event.data == b"[DONE]":
            self._done = True
            return self._end_of_events(clean=True)
        try:
            understood = chunks.take(event)
        except TooMuchError:
            return self._failed(too_much(self._allowance))
        except ValueError as error:
            return self._no_json(event, error)
        if not understood:
            return self._odd(event)
        failure = chunks.failure
        return None if failure is None or chunks.ends_in_order else self._failed(failure)

    def _odd(self, event: SseEvent) -> Decoded | None:
        """JSON that is no object: an error in words or in a list, or nothing that this wire knows."""
        chunks, name = self._chunks, event.event
        chunk = chunks.odd
        if name == "error" or (isinstance(chunk, list) and chunk and isinstance(chunk[0], dict)):
            return self._failed(in_stream(chunk))
        if chunk in (None, "") or not chunks.knows(name):
            self._chunks.take_other(name, event.text)
            return None
        return self._failed(protocol("an event of the stream is no JSON object", event.text))

    @override
    def _no_json(self, event: SseEvent, error: ValueError) -> Decoded | None:
        text = event.text.strip()
        if text == "[DONE]":
            self._done = True
            return self._end_of_events(clean=True)
        if event.event == "error":
            return self._failed(in_stream(text))
        if not text or not self._chunks.knows(event.event):
            self._chunks.take_other(event.event, event.text)
            return None
        lines = [line for line in event.data.split(b"\n") if line.strip()]
        if len(lines) > 1 and all(_is_event(line) for line in lines):
            return self._lines(event, lines)
        return self._failed(protocol(f"an event of the stream is no JSON: {error}", text))

    def _lines(self, event: SseEvent, lines: list[bytes]) -> Decoded | None:
        """Several events in one, of a server that sends no blank lines: the framing took them for one."""
        for line in lines:
            if end := self._take(event._replace(data=line)):
                return end
        return None

    @override
    def _end_of_events(self, clean: bool) -> Decoded:
        chunks, profile = self._chunks, self._chunks.profile
        if chunks.failure is not None:
            return self._failed(chunks.failure)
        if self._done and not chunks.is_empty and not (profile.always_finishes and chunks.is_open):
            chunks.is_over = True
            return self._completed()
        if clean and chunks.is_finished:
            return self._completed()
        if not clean:
            return self._failed(BROKEN)
        return self._failed((None if self._done else self._stray_error()) or self._cut_short())

    @override
    def _cut_short(self) -> ErrorEvidence:
        # Not after [DONE]: the framing is ahead of us then, how far depends on the cut.
        stray = b"" if self._done else self._framing.stray
        if self._chunks.has_begun or self._done:
            missing = "" if self._chunks.is_open else f" of {self._chunks.missing} more choices"
            text = f"the stream ended without a finish reason{missing}"
            return protocol(text, stray.decode("utf-8", "replace"))
        return wrong_body(self._headers, stray, self._status)


def _is_event(line: bytes) -> bool:
    """A JSON object, or the end marker."""
    return line.strip() == b"[DONE]" or isinstance(_json_or_text(line), dict)


def _json_or_text(value: bytes) -> Any:
    try:
        return from_json(value)
    except ValueError:
        return value.decode("utf-8", "replace").strip()
