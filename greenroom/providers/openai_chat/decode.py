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

from typing import Any, Literal

from pydantic_core import from_json

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Decoded
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat.chunks import Chunks
from greenroom.providers.profile import Profile
from greenroom.providers.response_headers import lower, provider_request_id
from greenroom.providers.sse import SseDecoder, SseError, SseEvent
from greenroom.providers.wire.allowance import Allowance, TooMuchError
from greenroom.providers.wire.evidence import (
    http_evidence,
    in_stream,
    protocol,
    tells_error,
    too_much,
    without_secret,
    wrong_body,
)
from greenroom.providers.wire.writer import Writer

_ERROR_BODY_BYTES = 64 * 1024
_SLACK_BYTES = 64 * 1024
"""What an answer may need beside its output, so that a small max_output_bytes means the output."""
_KNOWN_EVENTS = ("message", "error")
_TAG_BYTES = b" \t\r\n\xef\xbb\xbf"
"""May stand before the first byte that tells what the body is: white space, a byte order mark."""

_BROKEN = ErrorEvidence(
    kind="transport", message="the connection broke before the answer ended", phase="body"
)


class ChatDecoder:
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = (
        "_allowance", "_body", "_choices_asked", "_chunks", "_done", "_headers", "_key", "_limit", "_mode",
        "_over", "_sse", "_status", "_writer",
    )  # fmt: skip

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
        self._writer = Writer(call.stream_id, call.request_id)
        echo = resume.delivered_text if resume is not None and profile.prefix_echo else ""
        seed = f"{call.stream_id}/{call.epoch}"
        self._allowance = Allowance(call.options.max_output_bytes + _SLACK_BYTES)
        raw = call.options.raw_deltas
        self._chunks = chunks(self._writer, profile, seed, echo, raw, self._allowance)
        self._limit = call.options.max_event_bytes
        self._sse = SseDecoder(self._limit, error_field=True)
        self._mode: Literal["unknown", "events", "body", "error"] = "unknown"
        self._status, self._headers = 200, dict[str, str]()
        self._body = bytearray()
        self._done = self._over = False
        self._key = call.api_key or ""
        self._choices_asked = choices_asked

    def head(self, head: WireHead) -> None:
        self._status, self._headers = head.status, lower(head.headers)
        if not 200 <= head.status < 300:
            self._mode = "error"

    def feed(self, data: bytes, seq: int, received_at: float) -> Decoded:
        if self._over:
            return Decoded()
        self._writer.begin(seq, received_at)
        if self._sse.at_rest and self._chunks.take_lone(data):
            return Decoded(self._writer.deltas)
        if self._mode != "events" and not (data := self._collect(data)):
            too_large = self._mode != "error" and len(self._body) > self._limit
            return self._too_large() if too_large else Decoded()
        return self._read(data)

    def finish(self, clean: bool, seq: int, received_at: float) -> Decoded:
        if self._over:
            return Decoded()
        self._writer.begin(seq, received_at)
        if self._mode == "error":
            return self._failed(http_evidence(self._status, self._headers, bytes(self._body), received_at))
        if self._mode == "events":
            for event in self._sse.finish(clean):
                if end := self._take(event):
                    return end
            return self._end_of_events(clean)
        return self._whole(bytes(self._body), clean)

    def answer_so_far(self) -> Answer:
        return self._chunks.answer()

    def _read(self, data: bytes) -> Decoded:
        try:
            events = self._sse.feed(data)
        except SseError as error:
            for event in error.events:
                if end := self._take(event):
                    return end
            return self._failed(error.evidence)
        for event in events:
            # Not inlined into _take: [DONE] and failures are rare, and their check is one call less.
            if end := self._take(event):
                return end
        if self._chunks.has_finish:
            return Decoded(deltas=self._writer.deltas, finished=self._all_finished)
        return Decoded(deltas=self._writer.deltas)

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
        chunk, name = self._chunks.odd, event.event
        if name == "error" or (isinstance(chunk, list) and chunk and isinstance(chunk[0], dict)):
            return self._failed(in_stream(chunk))
        if chunk in (None, "") or name not in _KNOWN_EVENTS:
            self._chunks.take_other(name, event.text)
            return None
        return self._failed(protocol("an event of the stream is no JSON object", event.text))

    def _no_json(self, event: SseEvent, error: ValueError) -> Decoded | None:
        text = event.text.strip()
        if text == "[DONE]":
            self._done = True
            return self._end_of_events(clean=True)
        if event.event == "error":
            return self._failed(in_stream(text))
        if not text or event.event not in _KNOWN_EVENTS:
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

    def _end_of_events(self, clean: bool) -> Decoded:
        chunks, profile = self._chunks, self._chunks.profile
        if chunks.failure is not None:
            return self._failed(chunks.failure)
        if self._done and not chunks.is_empty and not (profile.always_finishes and chunks.is_open):
            return self._completed()
        if clean and self._all_finished:
            return self._completed()
        if not clean:
            return self._failed(_BROKEN)
        return self._failed(self._cut_short())

    @property
    def _all_finished(self) -> bool:
        """Every choice that was asked for has its finish reason."""
        chunks = self._chunks
        return not chunks.is_empty and not chunks.is_open and chunks.begun >= self._choices_asked

    def _cut_short(self) -> ErrorEvidence:
        # Not after [DONE]: the framing is ahead of us then, how far depends on the cut.
        stray = b"" if self._done else self._sse.stray
        if not self._chunks.is_empty or self._chunks.response_id or self._done:
            begun = self._chunks.begun
            missing = "" if self._chunks.is_open else f" of {self._choices_asked - begun} more choices"
            text = f"the stream ended without a finish reason{missing}"
            return protocol(text, stray.decode("utf-8", "replace"))
        return wrong_body(self._headers, stray, self._status)

    def _collect(self, data: bytes) -> bytes:
        """Keeps the bytes until they show what they are; returns them, never empty, for an event stream."""
        if self._mode == "error":
            self._body += data[: max(0, _ERROR_BODY_BYTES - len(self._body))]
            return b""
        self._body += data
        if self._mode == "unknown":
            start = data.lstrip(_TAG_BYTES)[:1]
            if not start:
                return b""
            if start not in b"{[<":
                self._mode = "events"
                data, self._body = bytes(self._body), bytearray()
                return data
            self._mode = "body"
        return b""

    def _too_large(self) -> Decoded:
        message = f"the answer's body is larger than max_event_bytes ({self._limit} bytes)"
        return self._failed(
            ErrorEvidence(kind="bound", clock="max_event_bytes", message=message, phase="body")
        )

    def _whole(self, body: bytes, clean: bool) -> Decoded:
        """A body that is no event stream: a JSON answer, a JSON error, or something else altogether."""
        if not clean:
            return self._failed(_BROKEN)
        try:
            answer = from_json(body.strip(_TAG_BYTES))
        except ValueError:
            first = _json_or_text(body.strip(_TAG_BYTES).partition(b"\n")[0])
            if isinstance(first, dict) and tells_error(first):
                return self._failed(in_stream(first))
            return self._failed(wrong_body(self._headers, body, self._status))
        if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list):
            other = wrong_body(self._headers, body, self._status)
            return self._failed(in_stream(answer) if tells_error(answer) else other)
        self._chunks.take_chunk(answer)
        if self._chunks.failure is not None:
            return self._failed(self._chunks.failure)
        if self._chunks.is_empty:
            return self._failed(protocol("the answer has no choices", body.decode("utf-8", "replace")))
        return self._completed()

    def _completed(self) -> Decoded:
        self._over = True
        self._chunks.end()
        return Decoded(deltas=self._writer.deltas, answer=self._chunks.answer())

    def _failed(self, evidence: ErrorEvidence) -> Decoded:
        self._over = True
        evidence = self._chunks.failure = self._chunks.failure or evidence
        self._chunks.end()
        told: dict[str, Any] = {}
        if evidence.status is None and evidence.kind != "in_stream":
            told["status"] = self._status
        if evidence.provider_request_id is None:
            told["provider_request_id"] = provider_request_id(self._headers)
        evidence = evidence.model_copy(update=told)
        if len(self._key) >= 8:
            evidence = without_secret(evidence, self._key)
        return Decoded(deltas=self._writer.deltas, failure=evidence)


def _is_event(line: bytes) -> bool:
    """A JSON object, or the end marker."""
    return line.strip() == b"[DONE]" or isinstance(_json_or_text(line), dict)


def _json_or_text(value: bytes) -> Any:
    try:
        return from_json(value)
    except ValueError:
        return value.decode("utf-8", "replace").strip()
