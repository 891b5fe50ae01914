"""One answer's bytes to deltas and one end: what is the same on every wire.

A wire gives a Reader of its events; the decoder owns the framing, the kind of body, the bounds and the end. What
is said here holds for all: nothing that is fed raises; after an answer or a failure nothing more is said; a
failure carries status, request id and no key; an error beside the end of an answer waits for the usage behind it.
"""

from typing import Any, Protocol

from pydantic_core import from_json

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Decoded
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.response_headers import lower, provider_request_id
from greenroom.providers.sse import SseError, SseEvent
from greenroom.providers.wire.allowance import Allowance, TooMuchError
from greenroom.providers.wire.body import TAG_BYTES, Body, Framing
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

BROKEN = ErrorEvidence(kind="transport", message="the connection broke before the answer ended", phase="body")
_SLACK_BYTES = 64 * 1024
"""What an answer may need beside its output, so that a small max_output_bytes means the output."""


def allowance_of(call: Call) -> Allowance:
    """How much this attempt's decoder may keep until the end."""
    return Allowance(call.options.max_output_bytes + _SLACK_BYTES)


class Reader(Protocol):
    """What a wire makes of its events. One owner; writes deltas to the decoder's Writer."""

    failure: ErrorEvidence | None
    """Set by the first error that an event told."""
    ends_in_order: bool
    """The failure came where the server goes on to its usage and its end: the next event is read first."""

    worked_at: int
    """The number of the next delta when an event last showed the model at work without content (hidden reasoning,
    hosted tools). 0: none did since the decoder, which sets it back, last looked."""

    @property
    def is_over(self) -> bool:
        """The wire's own end was read: the answer is whole."""

    @property
    def is_finished(self) -> bool:
        """All that was asked for was read; only usage and the end can follow, and the body may just stop."""

    @property
    def has_begun(self) -> bool:
        """Something of an answer came: what ends here ended early, it is no other server."""

    @property
    def is_paused(self) -> bool:
        """With `is_over`: the wire asks to be called again with what it sent."""

    def take_lone(self, data: bytes) -> bool:
        """Reads all that a read brought, if it is one event that a short cut knows. False: it is not.

        Raises TooMuchError.
        """

    def take(self, event: SseEvent) -> bool:
        """Reads one event. False: it holds no JSON object. Raises ValueError where it is no JSON, TooMuchError."""

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """Reads an answer that was not streamed. False: it is none of this wire."""

    def take_other(self, event: str, data: str) -> None:
        """An event without JSON whose name this wire does not know."""

    def knows(self, event: str) -> bool:
        """Events of this name must hold a JSON object."""

    def end(self) -> None:
        """No more comes: what was held back is written, the newest usage last."""

    def answer(self) -> Answer:
        """The facts known now."""


class WireDecoder:
    """Implements Decoder for a wire whose events are JSON objects. See the module."""

    __slots__ = (
        "_allowance", "_body", "_framing", "_headers", "_key", "_limit", "_over", "_reader", "_status", "_writer",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        reader: Reader,
        writer: Writer,
        framing: Framing,
        allowance: Allowance,
        whole_starts: bytes = b"{[<",
    ) -> None:
        """`reader` writes to `writer`. `whole_starts`: see Body."""
        self._reader, self._writer, self._framing, self._allowance = reader, writer, framing, allowance
        self._limit = call.options.max_event_bytes
        self._body = Body(self._limit, whole_starts)
        self._status = 200
        self._headers: dict[str, str] = {}
        self._over = False
        self._key = call.api_key or ""

    def head(self, head: WireHead) -> None:
        self._status, self._headers = head.status, lower(head.headers)
        if not 200 <= head.status < 300:
            self._body.mode = "error"

    def feed(self, data: bytes, seq: int, received_at: float) -> Decoded:
        if self._over:
            return Decoded()
        self._writer.begin(seq, received_at)
        try:
            # What is no longer than an event may be needs no other look at its length.
            if self._framing.at_rest and len(data) <= self._limit and self._reader.take_lone(data):
                return Decoded(self._writer.deltas)
        except TooMuchError:
            return self._failed(too_much(self._allowance))
        body = self._body
        if body.mode != "events" and not (data := body.collect(data)):
            if body.is_whole_error:
                return self._http_failure(received_at)
            return self._too_large() if body.is_too_large else Decoded()
        return self._read(data)

    def finish(self, clean: bool, seq: int, received_at: float) -> Decoded:
        if self._over:
            return Decoded()
        self._writer.begin(seq, received_at)
        body = self._body
        if body.mode == "error":
            return self._http_failure(received_at)
        if body.mode == "events":
            for event in self._framing.finish(clean):
                if end := self._take(event):
                    return end
            return self._end_of_events(clean)
        return self._whole(bytes(body.held), clean)

    def answer_so_far(self) -> Answer:
        return self._reader.answer()

    def _read(self, data: bytes) -> Decoded:
        try:
            events = self._framing.feed(data)
        except SseError as error:
            for event in error.events:
                if end := self._take(event):
                    return end
            return self._failed(error.evidence)
        for event in events:
            if end := self._take(event):
                return end
        reader = self._reader
        decoded = Decoded(deltas=self._writer.deltas, finished=reader.is_finished)
        if reader.worked_at:
            # Content behind it tells more: then the model is not silent.
            decoded.progress, reader.worked_at = reader.worked_at == self._writer.seq, 0
        return decoded

    def _take(self, event: SseEvent) -> Decoded | None:
        """Not None: the stream is over with this event."""
        reader = self._reader
        pending = reader.failure
        try:
            understood = reader.take(event)
        except TooMuchError:
            return self._failed(too_much(self._allowance))
        except ValueError as error:
            return self._failed(pending) if pending else self._no_json(event, error)
        if pending is not None:
            return self._failed(pending)
        if not understood:
            return self._no_json(event, ValueError("it holds no object"))
        if reader.failure is not None:
            return None if reader.ends_in_order else self._failed(reader.failure)
        return self._completed() if reader.is_over else None

    def _no_json(self, event: SseEvent, error: ValueError) -> Decoded | None:
        text = event.text.strip()
        if event.event == "error":
            return self._failed(in_stream(text))
        if not text or text == "[DONE]" or not self._reader.knows(event.event):
            self._reader.take_other(event.event, event.text)
            return None
        return self._failed(protocol(f"an event of the stream is no JSON object: {error}", text))

    def _http_failure(self, received_at: float) -> Decoded:
        told = bytes(self._body.held)
        return self._failed(http_evidence(self._status, self._headers, told, received_at))

    def _end_of_events(self, clean: bool) -> Decoded:
        reader = self._reader
        if reader.failure is not None:
            return self._failed(reader.failure)
        if clean and reader.is_finished:
            return self._completed()
        return self._failed((self._stray_error() or self._cut_short()) if clean else BROKEN)

    def _stray_error(self) -> ErrorEvidence | None:
        """An error's JSON in no event: so a server ends that has stopped to stream (Google, some gateways)."""
        told = _json_or_none(self._framing.stray)
        return in_stream(told) if isinstance(told, (dict, list)) and tells_error(told) else None

    def _cut_short(self) -> ErrorEvidence:
        stray = self._framing.stray
        if self._reader.has_begun:
            return protocol("the stream ended before the answer did", stray.decode("utf-8", "replace"))
        return wrong_body(self._headers, stray, self._status)

    def _too_large(self) -> Decoded:
        message = f"the answer's body is larger than max_event_bytes ({self._limit} bytes)"
        return self._failed(
            ErrorEvidence(kind="bound", clock="max_event_bytes", message=message, phase="body")
        )

    def _whole(self, body: bytes, clean: bool) -> Decoded:
        """A body that is no event stream: a JSON answer, a JSON error, or something else altogether."""
        if not clean:
            return self._failed(BROKEN)
        try:
            answer = from_json(body.strip(TAG_BYTES))
        except ValueError:
            first = _json_or_none(body.strip(TAG_BYTES).partition(b"\n")[0])
            if isinstance(first, dict) and tells_error(first):
                return self._failed(in_stream(first))
            return self._failed(wrong_body(self._headers, body, self._status))
        try:
            taken = isinstance(answer, dict) and self._reader.take_whole(answer)
        except TooMuchError:
            return self._failed(too_much(self._allowance))
        if self._reader.failure is not None:
            return self._failed(self._reader.failure)
        if not taken:
            other = wrong_body(self._headers, body, self._status)
            return self._failed(in_stream(answer) if tells_error(answer) else other)
        if not (self._reader.is_over or self._reader.is_finished):
            return self._failed(protocol("the answer is not whole", body.decode("utf-8", "replace")))
        return self._completed()

    def _completed(self) -> Decoded:
        self._over = True
        self._reader.end()
        reader = self._reader
        return Decoded(deltas=self._writer.deltas, answer=reader.answer(), paused=reader.is_paused)

    def _failed(self, evidence: ErrorEvidence) -> Decoded:
        self._over = True
        evidence = self._reader.failure = self._reader.failure or evidence
        self._reader.end()
        told: dict[str, Any] = {}
        if evidence.status is None and evidence.kind != "in_stream":
            told["status"] = self._status
        if evidence.provider_request_id is None:
            told["provider_request_id"] = provider_request_id(self._headers)
        evidence = without_secret(evidence.model_copy(update=told), self._key)
        return Decoded(deltas=self._writer.deltas, failure=evidence)


def _json_or_none(value: bytes) -> Any:
    try:
        return from_json(value)
    except ValueError:
        return None
