"""The chunks of one streamed answer, in order: what each adds, what is known, and whether it failed."""

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import UsageSource
from greenroom.providers.openai_chat.choice import KNOWN_DELTA_KEYS, Choice
from greenroom.providers.openai_chat.envelope import PIECES, Envelope
from greenroom.providers.openai_chat.errors import error_in_chunk, error_of_finish
from greenroom.providers.openai_chat.usage import usage_of
from greenroom.providers.openai_chat.writer import Writer
from greenroom.providers.profile import Profile
from greenroom.providers.sse import SseEvent

_FACTS = ("system_fingerprint", "service_tier", "provider", "timings", "citations", "search_results")
_KNOWN_KEYS = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "error", "x_groq", "obfuscation", *_FACTS}
)
_MAX_CHOICES = 128


class Chunks:
    """One owner. `take` writes a chunk's deltas to the writer; `failure` is set by the first error."""

    __slots__ = (
        "_choices", "_echo", "_envelope", "_facts", "_raw", "_running", "_seed", "_usage", "_usage_told",
        "_write", "_writer", "failure", "model", "profile", "response_id",
    )  # fmt: skip

    def __init__(self, writer: Writer, profile: Profile, seed: str, echo: str, raw: bool) -> None:
        self._writer, self.profile, self._seed, self._echo, self._raw = writer, profile, seed, echo, raw
        self._choices: dict[int, Choice] = {}
        self._envelope = Envelope()
        self._running = Choice(writer, 0, seed, False, "")
        """The choice that the envelope's pieces belong to."""
        self._write: Callable[[int, int, str], None] = writer.text
        self._usage: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._usage_told = False
        self.failure: ErrorEvidence | None = None
        self.model: str | None = None
        self.response_id: str | None = None

    def take(self, event: SseEvent) -> bool:
        """Reads one event. False: it is no JSON object. The hot path is a piece that the envelope knows."""
        data, envelope = event.data, self._envelope
        piece = envelope.piece(data) if event.event == "message" else None
        if piece is not None:
            if piece:
                self._write(self._running.index, self._running.block, piece)
            return True
        chunk = from_json(data)
        if type(chunk) is not dict:
            return False
        before = self._writer.seq
        if not (event.event == "message" and self._take_plain(chunk)):
            self.take_chunk(chunk, event.event)
        # Invariant: an envelope that knows a chunk writes to a block that is still open and plain.
        if self._running.block != envelope.block or not self._running.is_plain:
            envelope.forget()
        if envelope.is_eager and self._writer.seq == before + 1:
            self._learn(data, chunk)
        return True

    def _take_plain(self, chunk: dict[str, Any]) -> bool:
        """One piece of text in a running block and nothing beside it, read without ceremony."""
        choices = chunk.get("choices")
        if (
            type(choices) is not list
            or len(choices) != 1
            or chunk.get("usage")
            or "error" in chunk
            or self._raw
        ):
            return False
        first = choices[0]
        if type(first) is not dict or first.get("finish_reason") or first.get("logprobs"):
            return False
        delta, index = first.get("delta"), first.get("index")
        if type(delta) is not dict or len(delta) != 1 or type(index) is not int:
            return False
        text, choice = delta.get("content"), self._choices.get(index)
        if choice is None or type(text) is not str or choice.kind != "text" or not choice.is_plain:
            return False
        if text:
            self._writer.text(index, choice.block, text)
        return True

    def take_chunk(self, chunk: dict[str, Any], event: str = "message") -> None:
        if not self.response_id and isinstance(chunk.get("id"), str):
            self.response_id = chunk["id"] or None
        if isinstance(chunk.get("model"), str):
            self.model = chunk["model"] or self.model
        for name in _FACTS:
            if chunk.get(name):
                self._facts[name] = chunk[name]
        self._take_usage(chunk)
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._take_choice(choice)
        if self.failure is None:
            self.failure = error_in_chunk(chunk, event) or self._failing_finish()
        if self._raw and (event != "message" or _has_more(chunk)):
            self._writer.raw(event, freeze_wire(chunk))

    def end(self) -> None:
        """No more comes: what was held back goes out, then the newest usage, once."""
        for choice in self._choices.values():
            choice.end()
        if self._usage and not self._usage_told:
            self._usage_told = True
            whole: UsageSource = "partial" if self.failure or self.is_open else "provider"
            self._writer.usage(usage_of(self._usage, whole, self.profile.excludes_reasoning))

    @property
    def is_empty(self) -> bool:
        """Nothing came that could be an answer."""
        return not any(choice.has_content or choice.finish is not None for choice in self._choices.values())

    @property
    def is_open(self) -> bool:
        """A choice has no finish reason yet, or none has begun."""
        return not self._choices or any(choice.finish is None for choice in self._choices.values())

    def answer(self) -> Answer:
        ends = [
            ChoiceEnd(index=choice.index, reason=choice.reason(), raw=choice.finish)
            for choice in sorted(self._choices.values(), key=lambda choice: choice.index)
            if choice.finish is not None
        ]
        source: UsageSource = "partial" if self.failure or self.is_open else "provider"
        return Answer(
            response_id=self.response_id,
            model=self.model,
            ends=tuple(ends),
            usage=usage_of(self._usage, source, self.profile.excludes_reasoning),
            metadata=freeze_wire(self._facts),
        )

    def _learn(self, data: bytes, chunk: dict[str, Any]) -> None:
        """Later events like this one need no parsing, if it held one piece of a running block alone."""
        choices = chunk.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            return
        delta, logprobs = choices[0].get("delta"), choices[0].get("logprobs")
        if not isinstance(delta, dict) or choices[0].get("finish_reason") or _is_said(logprobs):
            return
        if any(chunk.get(name) for name in ("usage", "x_groq", "error")):
            return
        choice = self._choices[self._writer.deltas[-1].index]
        said = [name for name, value in delta.items() if value and name != "role"]
        if not choice.is_plain or len(said) != 1 or said[0] not in PIECES:
            return
        if self._envelope.learn(data, chunk, said[0]):
            self._running, self._envelope.block = choice, choice.block
            self._write = self._writer.text if choice.kind == "text" else self._writer.reasoning

    def _failing_finish(self) -> ErrorEvidence | None:
        failing = self.profile.failing_finishes
        finishes = [choice.finish for choice in self._choices.values() if choice.finish in failing]
        return error_of_finish(finishes[0]) if finishes and finishes[0] else None

    def _take_usage(self, chunk: dict[str, Any]) -> None:
        """The newest count of each name that is not null; chunks repeat it, none adds to it."""
        groq = chunk.get("x_groq")
        for place in (groq if isinstance(groq, dict) else {}, chunk):
            usage = place.get("usage")
            if isinstance(usage, dict):
                self._usage.update({name: value for name, value in usage.items() if value is not None})

    def _take_choice(self, given: dict[str, Any]) -> None:
        index = given.get("index")
        index = index if type(index) is int and 0 <= index < _MAX_CHOICES else 0
        choice = self._choices.get(index)
        delta = given.get("delta")
        if not isinstance(delta, dict):
            # A whole message in place of a delta, unless the deltas have told it already.
            delta = given.get("message") if choice is None or not choice.has_content else None
        if choice is None:
            tags, echo = self.profile.think_tags, self._echo if index == 0 else ""
            choice = self._choices[index] = Choice(self._writer, index, self._seed, tags, echo)
        if isinstance(delta, dict):
            choice.take(delta, given.get("logprobs"))
            if isinstance(delta.get("annotations"), list) and delta["annotations"]:
                self._facts.setdefault("annotations", []).extend(delta["annotations"])
        finish = given.get("finish_reason")
        if isinstance(finish, str) and finish:
            choice.finish = finish


def _is_said(logprobs: Any) -> bool:
    return isinstance(logprobs, dict) and any(logprobs.values())


def _has_more(chunk: dict[str, Any]) -> bool:
    if not chunk.keys() <= _KNOWN_KEYS:
        return True
    choices = chunk.get("choices")
    deltas = [c.get("delta") for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []
    return any(isinstance(delta, dict) and not delta.keys() <= KNOWN_DELTA_KEYS for delta in deltas)
