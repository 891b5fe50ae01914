"""The events of one answer, in order: what each adds, what is known, and whether it failed."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic_core import to_json

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.contracts import Call as Attempt
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage
from greenroom.providers.openai_chat.usage import usage_of
from greenroom.providers.openai_responses.calls import Call
from greenroom.providers.openai_responses.earlier import Earlier
from greenroom.providers.openai_responses.ending import ENDS, RUNNING, end_of, failure_of, status_of
from greenroom.providers.openai_responses.numbering import Numbering
from greenroom.providers.openai_responses.output import Output
from greenroom.providers.openai_responses.parts import HELD_MAX, Part
from greenroom.providers.openai_responses.reading import EventReader
from greenroom.providers.openai_responses.said import Said
from greenroom.providers.openai_responses.shortcut import Forms, ShortCut
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.allowance import Allowance, TooMuchError
from greenroom.providers.wire.counts import counts_given
from greenroom.providers.wire.evidence import in_stream, protocol
from greenroom.providers.wire.writer import Writer

_FACTS = ("service_tier", "incomplete_details", "citations", "system_fingerprint")
_OPENING = ("response.created", "response.queued", "response.in_progress")


class Events:
    """One owner. Implements wire.decoder.Reader; see there."""

    __slots__ = (
        "_ends", "_json", "_numbers", "_output", "_raw", "_running", "_said", "_say", "_short", "_usage",
        "_usage_told", "_writer", "ends_in_order", "failure", "is_over", "model", "response_id", "worked_at",
    )  # fmt: skip

    is_paused = False
    """This wire asks for no continuation."""
    is_finished = False
    """Nothing but its last event says that an answer is whole."""

    def __init__(
        self, call: Attempt, writer: Writer, allowance: Allowance, resume: RetryState | None = None
    ) -> None:
        """`resume`: the stream goes on behind this cursor, and repeats nothing of its beginning."""
        self._writer, self._raw = writer, call.options.raw_deltas
        self._said = Said(writer, allowance, f"{call.stream_id}/{call.epoch}")
        self._output = Output(self._said, None if resume is None else Earlier(self._said, resume))
        self._numbers = Numbering(None if resume is None else number_of(resume.cursor))
        self._json, self._short = EventReader(), ShortCut()
        self._running: Part | Call | None = None
        """What the pieces that the short cut knows belong to."""
        self._say: Callable[[int, int, str], None] = writer.text
        self._usage: dict[str, Any] = {}
        self._usage_told = False
        self._ends: tuple[ChoiceEnd, ...] = ()
        self.failure: ErrorEvidence | None = None
        self.ends_in_order = False
        """An `error` event came: the server goes on to `response.failed`, which has the usage."""
        self.is_over = False
        self.worked_at = 0
        self.model = None if resume is None else resume.model_answered
        self.response_id = None if resume is None else resume.response_id

    def take_lone(self, data: bytes) -> bool:
        forms = self._short.framed
        return forms is not None and self._take_piece(data, forms)

    def take(self, event: SseEvent) -> bool:
        forms = self._short.bare
        if forms is not None and self._take_piece(event.data, forms):
            return True
        told = self._json.read(event.data)
        if type(told) is not dict:
            return False
        kind = told.get("type")
        kind = kind if isinstance(kind, str) else event.event
        if self.failure is not None:
            self._take_last(kind, told)
            return True
        before = self._writer.seq
        self._take(kind, told)
        learns = before > 1 and self._writer.seq == before + 1 and told.get("type") == kind
        if (
            learns
            and kind.endswith(".delta")
            and self._short.is_eager
            and not self._json.holds
            and not told.get("logprobs")
        ):
            self._learn(event, kind, told)
        return True

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """A response object. One that is still made in the background is no answer yet."""
        if not isinstance(answer.get("output"), list) and answer.get("object") != "response":
            return False
        self._note(answer)
        status = status_of(answer)
        if status in RUNNING:
            self._said.fail(f"the response is still {status}: it is made in the background, and not streamed")
            self.failure = self._said.failure
        else:
            self._end(answer, status or "completed")
        return True

    def take_other(self, event: str, data: str) -> None:
        if self._raw and data.strip() != "[DONE]":
            self._writer.raw(event, freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:
        return event in ("message", "error") or event.startswith("response.")

    @property
    def has_begun(self) -> bool:
        return bool(self.response_id) or self._output.any

    def end(self) -> None:
        with suppress(TooMuchError):  # what ended over its bound has no room for them either
            for half in self._json.left():
                self._output.take(half["type"], half)
        if self._usage and not self._usage_told:
            self._usage_told = True
            self._writer.usage(self._counted())

    def answer(self) -> Answer:
        last = self._numbers.last
        return Answer(
            response_id=self.response_id,
            model=self.model,
            ends=self._ends,
            usage=self._counted(),
            cursor=None if last is None else str(last),
            metadata=freeze_wire(self._said.facts),
        )

    def place(self) -> tuple[str | None, str | None]:
        """Of `answer`, the id and the cursor alone."""
        last = self._numbers.last
        return self.response_id, None if last is None else str(last)

    def _counted(self) -> Usage:
        whole = self.is_over and self.failure is None
        return usage_of(self._usage, "provider" if whole else "partial")

    def _take_piece(self, data: bytes, forms: Forms) -> bool:
        """The hot path. False: the number is not the next one, or it is no piece that the short cut knows.

        Raises TooMuchError.
        """
        short, numbers, running = self._short, self._numbers, self._running
        if short.is_numbered:
            last = numbers.last
            if last is None or not numbers.is_sure or (piece := short.piece(data, forms, last + 1)) is None:
                return False
            numbers.last = last + 1
        else:
            if (piece := short.piece(data, forms)) is None:
                return False
            numbers.take(None)
        if not piece:
            return True
        if isinstance(running, Part):
            held = running.held
            held.append(piece)
            if len(held) >= HELD_MAX:
                running.sum()
            self._say(0, running.block, piece)
        elif running is not None:
            running.more(piece)
        return True

    def _take(self, kind: str, told: dict[str, Any]) -> None:
        fate = self._numbers.take(told.get("sequence_number"), kind in _OPENING)
        if fate == "old":
            return
        if fate == "lost" and not self._passes_over(kind, told):
            self.failure = protocol(
                f"sequence_number {told['sequence_number']} does not follow {self._numbers.last}: "
                "events were lost or came out of order"
            )
            return
        response = told.get("response")
        response = response if isinstance(response, dict) else {}
        if response or kind in ENDS:
            self._note(response)
        if not kind.endswith(".delta"):
            # Invariant: what the short cut knows is a part that is not done.
            self._short.forget()
        if kind in ENDS:
            if isinstance(told.get("timings"), dict):
                self._said.facts["timings"] = told["timings"]
            self._end(response, status_of(response, kind))
        elif kind == "error":
            self.failure = _error(told)
            self.ends_in_order = True
        elif not response and not self._output.take(kind, told):
            if told.get("error") and not kind.startswith("response."):
                self.failure = in_stream(told)
            elif self._raw:
                self._writer.raw(kind, freeze_wire(told))
        if self._output.worked:
            self.worked_at, self._output.worked = self._writer.seq, False
        self.failure = self.failure or self._said.failure

    def _passes_over(self, kind: str, told: dict[str, Any]) -> bool:
        """What may be lost before this event is told whole: by it, or in the output of the last event."""
        number, response = told["sequence_number"], told.get("response")
        if not self._numbers.may_skip_to(number):
            return False
        ends = kind in ENDS and isinstance(response, dict) and bool(response.get("output"))
        if not (ends or (kind not in ENDS and self._output.closes_a_gap(kind, told))):
            return False
        self._numbers.skip_to(number)
        return True

    def _take_last(self, kind: str, told: dict[str, Any]) -> None:
        """What follows an error: its usage and status, and nothing more of an answer."""
        response = told.get("response")
        if kind in ENDS and isinstance(response, dict):
            self._note(response)
            self._ends = (end_of(response, status_of(response, kind), False, False),)

    def _note(self, response: dict[str, Any]) -> None:
        given_id, model = response.get("id"), response.get("model")
        if isinstance(given_id, str) and given_id:
            self.response_id = given_id
        if isinstance(model, str) and model:
            self.model = model
        for name in _FACTS:
            if response.get(name):
                self._said.allowance.left -= len(to_json(response[name]))
                self._said.facts[name] = response[name]
        self._usage = counts_given(response.get("usage")) or self._usage

    def _end(self, response: dict[str, Any], status: str) -> None:
        """The last event: what no event before it said, and how the answer ended."""
        output = response.get("output")
        whole = status not in ("failed", "cancelled")
        if whole and self._numbers.gaps and not output:
            self._said.fail(
                "events were lost: sequence_number has a gap, and no event told all of the output"
            )
        if whole:
            self._output.close(output if isinstance(output, list) else [], finished=status != "incomplete")
        self._ends = (end_of(response, status, self._output.has_calls, self._said.refused),)
        self.failure = self.failure or self._said.failure or failure_of(response, status)
        self.is_over = self.failure is None

    def _learn(self, event: SseEvent, kind: str, told: dict[str, Any]) -> None:
        """Later events like this one need no parsing, if it was one more piece of a running part."""
        running = self._output.running(kind, told)
        if running is None or not self._short.learn(event.event, event.data, told):
            return
        self._running = running
        if isinstance(running, Part):
            self._say = self._writer.text if running.kind == "text" else self._writer.reasoning


def number_of(cursor: str | None) -> int | None:
    """The sequence number that a cursor holds."""
    return int(cursor) if cursor is not None and cursor.isascii() and cursor.isdigit() else None


def _error(told: dict[str, Any]) -> ErrorEvidence:
    beside = ("type", "sequence_number")
    return in_stream(told if told.get("error") else {k: v for k, v in told.items() if k not in beside})
