"""One chat answer: its bytes to deltas and one end, an answer or the evidence of a failure.

What the body is shows in its status and first bytes, never in the content type alone:

    status not 2xx            an error; the body is collected, cut at 64 KiB     -> kind http
    first byte { or [         a whole JSON answer, or an error sent as 200      -> one sequence of deltas
    first byte <              HTML                                              -> kind protocol
    else                      an event stream

An event stream ends well with `[DONE]`, or with a finish reason and a body that ended cleanly. `[DONE]` is
no end after an error, nor where nothing came, nor without a finish reason on servers that always give one.
"""

import json
from typing import Any, Literal

from pydantic_core import from_json, to_json

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Decoded
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire, thaw
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat.chunks import Chunks
from greenroom.providers.openai_chat.errors import (
    http_evidence,
    in_stream,
    protocol,
    tells_error,
    without_secret,
    wrong_body,
)
from greenroom.providers.openai_chat.writer import Writer
from greenroom.providers.profile import Profile
from greenroom.providers.response_headers import lower, provider_request_id
from greenroom.providers.sse import SseDecoder, SseError, SseEvent

_ERROR_BODY_BYTES = 64 * 1024
_TAG_BYTES = b" \t\r\n\xef\xbb\xbf"
"""May stand before the first byte that tells what the body is: white space, a byte order mark."""

_BROKEN = ErrorEvidence(
    kind="transport", message="the connection broke before the answer ended", phase="body"
)


class ChatDecoder:
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = (
        "_body", "_chunks", "_done", "_headers", "_key", "_limit", "_mode", "_over", "_sse", "_status",
        "_writer",
    )  # fmt: skip

    def __init__(self, call: Call, profile: Profile, resume: RetryState | None = None) -> None:
        self._writer = Writer(call.stream_id, call.request_id)
        echo = resume.delivered_text if resume is not None and profile.prefix_echo else ""
        seed = f"{call.stream_id}/{call.epoch}"
        self._chunks = Chunks(self._writer, profile, seed, echo, call.options.raw_deltas)
        self._limit = call.options.max_event_bytes
        self._sse = SseDecoder(self._limit)
        self._mode: Literal["unknown", "events", "body", "error"] = "unknown"
        self._status, self._headers = 200, dict[str, str]()
        self._body = bytearray()
        self._done = self._over = False
        self._key = call.api_key or ""

    def head(self, head: WireHead) -> None:
        self._status, self._headers = head.status, lower(head.headers)
        if not 200 <= head.status < 300:
            self._mode = "error"

    def feed(self, data: bytes, seq: int, received_at: float) -> Decoded:
        if self._over:
            return Decoded()
        self._writer.begin(seq, received_at)
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
        return Decoded(deltas=self._writer.deltas)

    def _take(self, event: SseEvent) -> Decoded | None:
        """Not None: the stream is over with this event."""
        try:
            understood = self._chunks.take(event)
        except ValueError:
            return self._no_json(event)
        if not understood:
            return self._odd(from_json(event.data), event)
        return None if self._chunks.failure is None else self._failed(self._chunks.failure)

    def _odd(self, chunk: Any, event: SseEvent) -> Decoded:
        """JSON that is no object: an error in words or in a list, or nothing that this wire knows."""
        if event.event == "error" or (isinstance(chunk, list) and chunk and isinstance(chunk[0], dict)):
            return self._failed(in_stream(chunk))
        return self._failed(protocol("an event of the stream is no JSON object", event.text))

    def _no_json(self, event: SseEvent) -> Decoded | None:
        text = event.text.strip()
        if text == "[DONE]":
            self._done = True
            return self._end_of_events(clean=True)
        if not text:
            return None
        if event.event == "error":
            return self._failed(in_stream(text))
        try:
            # Invalid UTF-8 and halves of surrogate pairs become U+FFFD, as the standard of SSE has it.
            mended = to_json(thaw(freeze_wire(json.loads(text))))
        except (ValueError, RecursionError) as error:
            return self._failed(protocol(f"an event of the stream is no JSON: {error}", text))
        return self._take(event._replace(data=mended))

    def _end_of_events(self, clean: bool) -> Decoded:
        chunks, profile = self._chunks, self._chunks.profile
        if self._done and not chunks.is_empty and not (profile.always_finishes and chunks.is_open):
            return self._completed()
        if clean and not chunks.is_empty and not chunks.is_open:
            return self._completed()
        if not clean:
            return self._failed(_BROKEN)
        return self._failed(self._cut_short())

    def _cut_short(self) -> ErrorEvidence:
        stray = self._sse.stray
        name, _, value = stray.partition(b":")
        if name == b"error":
            # GPUStack sends its errors in a field of that name.
            return in_stream(_json_or_text(value))
        if not self._chunks.is_empty or self._chunks.response_id or self._done:
            return protocol("the stream ended without a finish reason", stray.decode("utf-8", "replace"))
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
        return self._failed(ErrorEvidence(kind="bound", message=message, phase="body"))

    def _whole(self, body: bytes, clean: bool) -> Decoded:
        """A body that is no event stream: a JSON answer, a JSON error, or something else altogether."""
        if not clean:
            return self._failed(_BROKEN)
        try:
            answer = from_json(body.strip(_TAG_BYTES))
        except ValueError:
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
        self._chunks.failure = self._chunks.failure or evidence
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


def _json_or_text(value: bytes) -> Any:
    try:
        return from_json(value)
    except ValueError:
        return value.decode("utf-8", "replace").strip()
