"""The events of one interaction, in order.

    interaction.created, interaction.status_update, step.start, step.delta, step.stop, interaction.completed, error

and their older names (interaction.start, content.start, content.delta, content.stop, interaction.complete). Each
may have an `event_id`: the newest is the cursor from which a cut stream is resumed.
Source: https://ai.google.dev/gemini-api/docs/interactions, https://ai.google.dev/api/interactions-api.
"""

from collections.abc import Callable, Iterator
from typing import Any

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.completion import FinishReason
from greenroom.messages.contracts import Call
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage
from greenroom.providers.gemini_interactions.steps import Steps
from greenroom.providers.gemini_interactions.usage import usage_of
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.counts import counts_given, is_small, replace_counts, whole_number
from greenroom.providers.wire.envelope import Envelope
from greenroom.providers.wire.evidence import in_stream, protocol, too_much
from greenroom.providers.wire.halves import JsonReader
from greenroom.providers.wire.writer import Writer

_BEGINS = frozenset({"interaction.created", "interaction.start"})
_ENDS = frozenset({"interaction.completed", "interaction.complete"})
_STARTS = frozenset({"step.start", "content.start"})
_DELTAS = frozenset({"step.delta", "content.delta"})
_STOPS = frozenset({"step.stop", "content.stop"})
_KNOWN = _BEGINS | _ENDS | _STARTS | _DELTAS | _STOPS | {"interaction.status_update", "error"}
_PLAIN = frozenset({"event_type", "index", "delta"})
_PIECES = {"text": "text", "arguments_delta": "arguments"}
"""By the type of a delta: the one string of it that its events differ in."""
_INDEX_MAX = 10**6

_FINISHES: dict[str, FinishReason] = {
    "completed": "stop", "requires_action": "tool_calls", "incomplete": "length", "budget_exceeded": "length",
    "requires_continuation": "length",
}  # fmt: skip
_FAILING = frozenset({"failed", "cancelled"})


class Events:
    """One owner. Implements Reader."""

    __slots__ = (
        "_allowance", "_behind", "_cursor", "_envelope", "_facts", "_json", "_model", "_raw",
        "_response_id", "_status", "_steps", "_token", "_usage", "_usage_told", "_write", "_writer",
        "failure", "is_over", "worked_at",
    )  # fmt: skip

    ends_in_order = False
    """Nothing comes after an error on this wire."""
    is_finished = False
    """Only the event that completes it ends an interaction."""

    def __init__(
        self, call: Call, writer: Writer, allowance: Allowance, resume: RetryState | None = None
    ) -> None:
        """`resume`: of an attempt that this one goes on with, on the server or after its pause."""
        goes_on = resume is not None and resume.mode in ("server_cursor", "pause")
        self._writer, self._allowance, self._raw = writer, allowance, call.options.raw_deltas
        delivered = resume.delivered_parts if resume is not None and goes_on else ()
        self._steps = Steps(writer, f"{call.stream_id}/{call.epoch}", allowance, delivered)
        self._cursor: str | None = None
        self._response_id: str | None = None
        if resume is not None and resume.mode == "server_cursor":
            self._cursor, self._response_id = resume.cursor, resume.response_id
        self._behind = self._cursor
        """A resumed stream begins behind this event."""
        self._json = JsonReader(_pieces)
        self._envelope = Envelope()
        self._write: Callable[[int, int, str], None] = writer.text
        """What takes the pieces that the envelope knows."""
        self._usage: dict[str, Any] = {}
        self._usage_told = False
        self._facts: dict[str, Any] = {}
        self._model: str | None = None
        self._status: str | None = None
        self._token: str | None = None
        self.failure: ErrorEvidence | None = None
        self.is_over = False
        self.worked_at = 0
        """An event came that shows work without content."""

    @property
    def has_begun(self) -> bool:
        """An interaction was named, or said something."""
        return self._response_id is not None or self._steps.any_said

    @property
    def is_paused(self) -> bool:
        """The server stopped at a limit of its own and gave a token for the rest."""
        return self._status == "requires_continuation" and self._token is not None

    def take_lone(self, data: bytes) -> bool:
        """Reads all that a read brought, if it is one framed event that the envelope knows. False: it is not."""
        piece = self._envelope.lone_piece(data)
        if piece is None or self.failure is not None:
            return False
        if piece:
            self._write(0, self._envelope.block, piece)
        return True

    def take(self, event: SseEvent) -> bool:
        """Reads one event. False: it holds no JSON object. Raises ValueError where it is no JSON, TooMuchError."""
        envelope = self._envelope
        piece = envelope.piece(event.data) if event.event == envelope.event else None
        if piece is not None:
            if piece:
                self._write(0, envelope.block, piece)
            return True
        given = self._json.read(event.data)
        if type(given) is not dict:
            return False
        envelope.forget()
        before = self._writer.seq
        ran_on = self._take(event, given) and self._writer.seq == before + 1 and not self._json.holds
        if ran_on and envelope.is_eager:
            self._learn(event, given)
        return True

    def _take(self, event: SseEvent, given: dict[str, Any]) -> bool:
        """True: it was a delta."""
        told = given.get("event_type")
        kind = told if isinstance(told, str) else event.event
        if self._is_repeated(given.get("event_id") or event.id):
            return False
        if kind in _DELTAS:
            self._step(kind, given)
        else:
            self._lifecycle(kind, given)
        if self.failure is None and self._allowance.is_spent:
            self.failure = too_much(self._allowance)
        if self._raw and kind not in _KNOWN:
            self._writer.raw(kind, freeze_wire(given))
        return kind in _DELTAS and self.failure is None

    def _learn(self, event: SseEvent, given: dict[str, Any]) -> None:
        """Later events like this one need no parsing, if it held one piece of text or arguments and no cursor."""
        delta, index = given.get("delta"), given.get("index")
        if type(delta) is not dict or not given.keys() <= _PLAIN or type(index) is not int:
            return
        kind = delta.get("type")
        name = _PIECES.get(kind) if isinstance(kind, str) else None
        if name is None or delta.keys() != {"type", name} or not delta[name]:
            return
        write = self._writer.text if kind == "text" else self._steps.continues(index)
        if write is not None and self._envelope.learn(event.data, given, ("delta", name), event.event):
            self._write, self._envelope.block = write, index

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """Reads an interaction that was not streamed. False: it is none."""
        if not isinstance(answer.get("status"), str) or "error" in answer:
            return False
        steps = answer.get("steps", answer.get("outputs"))
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(step, dict):
                self._steps.start(index, step)
                self._steps.stop(index)
        self._interaction(answer)
        self._ended()
        if self.failure is None and self._allowance.is_spent:
            self.failure = too_much(self._allowance)
        return True

    def take_other(self, event: str, data: str) -> None:
        """An event without JSON whose name this wire does not know; `done` among them."""
        if self._raw and data.strip() != "[DONE]":
            self._writer.raw(event, freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:
        """Events of this name must hold a JSON object."""
        return event in _KNOWN or event == "message"

    def end(self) -> None:
        """No more comes: what was held back goes out, then the newest usage, once."""
        self._last_halves()
        usage = self._counted()
        if usage.source != "none" and not self._usage_told:
            self._usage_told = True
            self._writer.usage(usage)

    def place(self) -> tuple[str | None, str | None]:
        """Of `answer`, the id and the cursor alone."""
        return self._response_id, self._token if self.is_paused else self._cursor

    def answer(self) -> Answer:
        """The facts known now. The cursor is the newest event's, of a pause the token that asks for the rest."""
        facts = dict(self._facts)
        if self._steps.annotations:
            facts["annotations"] = self._steps.annotations
        ended = self.is_over and self._status is not None
        return Answer(
            response_id=self._response_id,
            model=self._model,
            ends=(ChoiceEnd(reason=self._reason(), raw=self._status),) if ended else (),
            usage=self._counted(),
            cursor=self._token if self.is_paused else self._cursor,
            metadata=freeze_wire(facts),
        )

    def _is_repeated(self, event_id: Any) -> bool:
        """The event that a resumed stream was to begin behind, sent once more."""
        if not isinstance(event_id, str) or not event_id:
            return False
        if event_id == self._behind:
            return True
        self._cursor = event_id
        return False

    def _step(self, kind: str, given: dict[str, Any]) -> None:
        index = whole_number(given.get("index", 0))
        if index is None or index > _INDEX_MAX:
            self.failure = protocol(f"a step has index {str(given.get('index'))[:100]}")
            return
        inner = given.get("delta" if kind in _DELTAS else kind.partition(".")[0])
        inner = inner if isinstance(inner, dict) else {}
        if kind in _DELTAS:
            self._steps.delta(index, inner)
            return
        self._last_halves(index)
        if kind in _STARTS:
            self._steps.start(index, inner)
        else:
            self._steps.stop(index)
            self._take_usage(given.get("usage"))

    def _last_halves(self, index: int | None = None) -> None:
        """Of the step that is over now, or of all."""
        for place, half in self._json.left(index):
            for kind, piece in half.items():
                self._steps.last_half(place, kind, piece)

    def _lifecycle(self, kind: str, given: dict[str, Any]) -> None:
        self.worked_at = self._writer.seq
        if kind == "error" or given.get("error"):
            self.failure = self.failure or in_stream(given)
        elif kind in _STARTS or kind in _STOPS:
            self._step(kind, given)
        elif kind in _BEGINS or kind in _ENDS:
            inner = given.get("interaction")
            self._interaction(inner if isinstance(inner, dict) else {})
            if kind in _ENDS:
                self._ended()
        elif kind == "interaction.status_update":
            self._interaction({**given, "id": given.get("interaction_id")})
            if self._status in _FAILING:
                self._ended()

    def _interaction(self, given: dict[str, Any]) -> None:
        identity, model, status = (
            given.get("id"),
            given.get("model") or given.get("agent"),
            given.get("status"),
        )
        if isinstance(identity, str) and identity:
            self._response_id = identity
        if isinstance(model, str) and model:
            self._model = model
        if isinstance(status, str):
            self._status = status
        token = given.get("continuation_token")
        if isinstance(token, str) and token:
            self._token = token
        for name in ("service_tier", "created", "errors", "environment_id"):
            if given.get(name) and is_small(given[name]):
                self._facts[name] = given[name]
        self._take_usage(given.get("usage"))

    def _ended(self) -> None:
        self._status = self._status or "completed"
        self._last_halves()
        self._steps.finish(at_limit=self._reason() == "length")
        if self._status in _FAILING:
            self.failure = self.failure or self._failed()
        self.is_over = True

    def _failed(self) -> ErrorEvidence:
        errors = self._facts.get("errors")
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        message = first.get("message") or f"the interaction ended as {self._status}"
        return in_stream({"message": message, "code": first.get("code") or self._status})

    def _reason(self) -> FinishReason:
        reason = _FINISHES.get(self._status or "", "error" if self._status in _FAILING else "unknown")
        return "tool_calls" if reason == "stop" and self._steps.any_call else reason

    def _take_usage(self, usage: Any) -> None:
        replace_counts(self._usage, counts_given(usage))

    def _counted(self) -> Usage:
        return usage_of(self._usage, "provider" if self.is_over and self.failure is None else "partial")


def _pieces(event: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Which text a string of the event is part of, and where it stands."""
    delta = event.get("delta") if isinstance(event, dict) else None
    if not isinstance(delta, dict):
        return
    place, content = event.get("index"), delta.get("content")
    index = place if type(place) is int else 0
    if delta.get("type", "text") == "text" and isinstance(delta.get("text"), str):
        yield (index, "text"), delta, "text"
    if isinstance(delta.get("arguments"), str):
        yield (index, "arguments_delta"), delta, "arguments"
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        yield (index, "thought_summary"), content, "text"
