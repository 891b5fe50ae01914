"""The chunks of one streamed answer, in order: what each adds, what is known, and whether it failed."""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.contracts import Call
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import Usage, UsageSource
from greenroom.providers.openai_chat.choice import Choice
from greenroom.providers.openai_chat.errors import error_in_chunk, error_of_finish
from greenroom.providers.openai_chat.known import has_more
from greenroom.providers.openai_chat.usage import usage_of, usages_in
from greenroom.providers.profile import Profile
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.counts import counts_given, replace_counts, whole_number
from greenroom.providers.wire.envelope import Envelope, Path
from greenroom.providers.wire.evidence import protocol, too_much
from greenroom.providers.wire.halves import JsonReader
from greenroom.providers.wire.writer import Writer

_FACTS = frozenset(
    {"system_fingerprint", "service_tier", "provider", "timings", "citations", "search_results"}
)
_PIECES = ("content", "reasoning_content", "reasoning")
"""Fields of a delta that can hold the one piece of a running text."""
_PLAIN = frozenset({
    "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "obfuscation",
})  # fmt: skip
_PLAIN_CHOICE = frozenset({"index", "delta", "finish_reason", "logprobs"})
"""A chunk of these keys alone may be read without ceremony."""
_NO_FINISH = frozenset({"", "null", "none"})
"""How servers write in words that there is no finish reason yet."""
_MAX_CHOICES = 128
_Write = Callable[[int, int, str], None]
"""Takes a piece: the choice's index, the block's, the text."""


class Chunks:
    """One owner. `take` writes a chunk's deltas to the writer; `failure` is set by the first error."""

    __slots__ = (
        "_allowance", "_asked", "_choices", "_count", "_echo", "_envelope", "_facts", "_json", "_raw",
        "_running", "_seed", "_usage", "_usage_told", "_write", "_writer", "ends_in_order", "failure",
        "has_finish", "is_over", "model", "odd", "profile", "response_id",
    )  # fmt: skip

    worked_at = 0
    is_paused = False
    """This wire asks for no continuation."""
    _new_envelope = Envelope

    def __init__(
        self, call: Call, writer: Writer, profile: Profile, allowance: Allowance, echo: str, asked: int
    ) -> None:
        """`echo`: what the text may begin with that is no part of the answer. `asked`: so many choices."""
        self._writer, self.profile, self._allowance, self._echo = writer, profile, allowance, echo
        self._seed, self._raw = f"{call.stream_id}/{call.epoch}", call.options.raw_deltas
        self._asked = asked
        self._choices: dict[int, Choice] = {}
        self._json = JsonReader()
        self._envelope: Envelope | None = None
        """Made with the first lesson: short answers need none."""
        self._running = Choice(writer, 0, self._seed, allowance)
        """The choice that the envelope's pieces belong to; before any came, the one that will be first."""
        self._write: _Write
        """Takes the envelope's pieces."""
        self._usage: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._usage_told = False
        self._count: Usage | None = None
        self.failure: ErrorEvidence | None = None
        self.ends_in_order = False
        """The failure came beside a finish reason: the server goes on to its usage and its end."""
        self.has_finish = False
        """A choice has its finish reason."""
        self.is_over = False
        """The answer came whole, or its end marker was read."""
        self.odd: Any = None
        """The JSON value that `take` last refused."""
        self.model: str | None = None
        self.response_id: str | None = None

    def take_lone(self, data: bytes) -> bool:
        """Reads all that a read brought, if it is one framed event that the envelope knows. False: it is not."""
        envelope = self._envelope
        if envelope is None or self.failure is not None or (piece := envelope.lone_piece(data)) is None:
            return False
        if piece:
            self._write(self._running.index, self._running.block, piece)
        return True

    def take(self, event: SseEvent) -> bool:
        """Reads one event. False: it is no JSON object. The hot path is a piece that the envelope knows.

        Raises ValueError where it is no JSON, and TooMuch.
        """
        data, envelope = event.data, self._envelope
        piece = envelope.piece(data) if envelope is not None and event.event == "message" else None
        if piece is not None:
            if piece:
                self._write(self._running.index, self._running.block, piece)
            return True
        chunk = self._json.read(data)
        if type(chunk) is not dict:
            self.odd = chunk
            return False
        before = self._writer.seq
        if not (before > 1 and event.event == "message" and self._take_plain(chunk)):
            self.take_chunk(chunk, event.event)
        # Invariant: an envelope that knows a chunk writes to a block that is still open and plain.
        if envelope is not None:
            running = self._running
            if running.block != envelope.block or not running.is_plain or self._json.holds:
                envelope.forget()
        # Not from an answer's first delta: a lesson costs as much as several parsed chunks.
        eager = envelope is None or envelope.is_eager
        if before > 1 and eager and self._writer.seq == before + 1 and not self._json.holds:
            self._learn(data, chunk)
        return True

    def take_usage(self, event: SseEvent) -> None:
        """Reads of one event nothing but its usage: what an error that ended the answer was charged for."""
        try:
            chunk = self._json.read(event.data)
        except ValueError:
            return
        if type(chunk) is dict:
            self._take_usage(chunk)

    def _take_plain(self, chunk: dict[str, Any]) -> bool:
        """One piece of text in a running block and nothing beside it, read without ceremony."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or not chunk.keys() <= _PLAIN:
            return False
        first = choices[0]
        if type(first) is not dict or not first.keys() <= _PLAIN_CHOICE:
            return False
        if chunk.get("usage") or chunk.get("model") != self.model or self._raw:
            return False
        if first.get("finish_reason") or first.get("logprobs"):
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
        if not _FACTS.isdisjoint(chunk):
            self._facts.update({name: chunk[name] for name in _FACTS if chunk.get(name)})
        choices = chunk.get("choices")
        # Nothing but what a chunk must have: no error, and no usage in an odd place, can stand in it.
        plain = event == "message" and chunk.keys() <= _PLAIN and _are_plain(choices)
        if not plain:
            self._take_usage(chunk)
        elif chunk.get("usage"):
            self._renew_counts(counts_given(chunk["usage"]))
        finishes = False
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and self._take_choice(choice):
                finishes = self.has_finish = True
        if self.failure is None and (finishes or not plain):
            error = None if plain else error_in_chunk(chunk, event)
            self.failure = error or (self._failing_finish() if finishes else None)
            self.ends_in_order = self.failure is not None and _is_finished(choices)
        if self.failure is None and self._allowance.is_spent:
            self.failure = too_much(self._allowance)
        if self._raw and (event != "message" or has_more(chunk)):
            self._writer.raw(event, freeze_wire(chunk))

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """Reads an answer that was not streamed. False: it is no chat answer."""
        if not isinstance(answer.get("choices"), list):
            return False
        self.take_chunk(answer)
        if self.failure is None and self.is_empty:
            self.failure = protocol("the answer has no choices", to_json(answer).decode()[:4096])
        self.is_over = True
        return True

    def knows(self, event: str) -> bool:
        """Events of this name must hold JSON."""
        return event in ("message", "error")

    def take_other(self, event: str, data: str) -> None:
        """An event of a name that this wire does not know, which holds no JSON object."""
        if self._raw:
            self._writer.raw(event, freeze_wire({"data": data}))

    def end(self) -> None:
        """No more comes: what was held back goes out, then the newest usage, once."""
        for index, half in self._json.left():
            if index in self._choices:
                self._choices[index].take(half)
        for choice in self._choices.values():
            choice.end(failed=self.failure is not None)
        if self._usage and not self._usage_told:
            self._usage_told = True
            self._writer.usage(self._counted())

    @property
    def is_empty(self) -> bool:
        """Nothing came that could be an answer."""
        return not any(choice.has_content or choice.finish is not None for choice in self._choices.values())

    @property
    def missing(self) -> int:
        """Choices that were asked for, and of which nothing came."""
        return self._asked - len(self._choices)

    @property
    def is_finished(self) -> bool:
        """Every choice that was asked for has its finish reason."""
        return self.has_finish and not self.is_empty and not self.is_open and self.missing <= 0

    @property
    def has_begun(self) -> bool:
        """Something of an answer came."""
        return not self.is_empty or bool(self.response_id)

    @property
    def is_open(self) -> bool:
        """A choice has no finish reason yet, or none has begun."""
        return not self._choices or any(choice.finish is None for choice in self._choices.values())

    def answer(self) -> Answer:
        ends = [
            ChoiceEnd(index=index, reason=choice.reason(), raw=choice.finish)
            for index, choice in sorted(self._choices.items())
            if choice.finish is not None
        ]
        return Answer(
            response_id=self.response_id,
            model=self.model,
            ends=tuple(ends),
            usage=self._counted(),
            metadata=freeze_wire(self._facts),
        )

    def _counted(self) -> Usage:
        """The newest counts; made once, as the last delta and the answer both tell them."""
        is_whole = self.failure is None and (self.is_over or not self.is_open)
        source: UsageSource = "provider" if is_whole else "partial"
        if self._count is None or self._count.source != source:
            self._count = usage_of(self._usage, source, self.profile.excludes_reasoning)
        return self._count

    def _learn(self, data: bytes, chunk: dict[str, Any]) -> None:
        """Later events like this one need no parsing, if it held one piece of a running block alone."""
        choices = chunk.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            return
        first = choices[0]
        delta, logprobs = first.get("delta"), first.get("logprobs")
        if not isinstance(delta, dict) or first.get("finish_reason") or _is_said(logprobs):
            return
        if any(chunk.get(name) for name in ("usage", "x_groq", "error")) or first.get("usage"):
            return
        choice = self._choices.get(self._writer.deltas[-1].index)
        said = [name for name, value in delta.items() if value and name != "role"]
        path = _path_of_piece(said[0], delta) if len(said) == 1 else None
        write = choice.continues(said[0]) if choice and path else None
        if choice and path and write:
            self._teach(data, chunk, path, choice, write)

    def _teach(self, data: bytes, chunk: dict[str, Any], path: Path, choice: Choice, write: _Write) -> None:
        """The pieces of later events like this one go to `write`, if the envelope can tell them."""
        envelope = self._envelope = self._envelope or self._new_envelope()
        if envelope.learn(data, chunk, path):
            self._running, self._write, envelope.block = choice, write, choice.block

    def _failing_finish(self) -> ErrorEvidence | None:
        failing = self.profile.failing_finishes
        for choice in self._choices.values():
            if choice.finish is not None and choice.finish.lower() in failing:
                return error_of_finish(choice.finish)
        return None

    def _take_usage(self, chunk: dict[str, Any]) -> None:
        for usage in usages_in(chunk):
            self._renew_counts(usage)

    def _renew_counts(self, usage: dict[str, Any]) -> None:
        self._count = None
        replace_counts(self._usage, usage)

    def _take_choice(self, given: dict[str, Any]) -> bool:
        """True: it brought a finish reason."""
        choice = self._choice(given.get("index"))
        if choice is None:
            return False
        delta, message = given.get("delta"), given.get("message")
        if isinstance(delta, dict):
            if delta or given.get("logprobs"):
                choice.take(delta, given.get("logprobs"))
                self._annotate(delta)
        elif isinstance(message, dict):
            choice.take_message(message, given.get("logprobs"))
            self._annotate(message)
        elif isinstance(given.get("text"), str):
            choice.take({"content": given["text"]}, given.get("logprobs"))
        finish = given.get("finish_reason")
        if not isinstance(finish, str) or finish.lower() in _NO_FINISH:
            return False
        choice.finish = finish
        return True

    def _choice(self, given: Any) -> Choice | None:
        """The choice of this index, 0 where there is none. None after a failure: an index out of all range."""
        index = 0 if given is None else whole_number(given)
        if index is None or index >= _MAX_CHOICES:
            self.failure = self.failure or protocol(f"a choice has index {str(given)[:100]}")
            return None
        choice = self._choices.get(index)
        if choice is None:
            is_first = index == 0 and not self._choices
            choice = self._running if is_first else Choice(self._writer, index, self._seed, self._allowance)
            self._choices[index] = choice.begin(self.profile.think_tags, self._echo if index == 0 else "")
        return choice

    def _annotate(self, delta: dict[str, Any]) -> None:
        annotations = delta.get("annotations")
        if isinstance(annotations, list) and annotations:
            self._allowance.left -= len(to_json(annotations))
            self._facts.setdefault("annotations", []).extend(annotations)


def _path_of_piece(name: str, delta: dict[str, Any]) -> Path | None:
    """Where the one piece stands if the delta says nothing else."""
    if name in _PIECES:
        return ("choices", 0, "delta", name)
    calls = delta[name] if name == "tool_calls" else None
    if not isinstance(calls, list) or len(calls) != 1 or not isinstance(calls[0], dict):
        return None
    function = calls[0].get("function")
    if not isinstance(function, dict) or function.get("name") or not function.get("arguments"):
        return None
    return ("choices", 0, "delta", "tool_calls", 0, "function", "arguments")


def _are_plain(choices: Any) -> bool:
    if type(choices) is not list:
        return False
    for choice in choices:
        if type(choice) is not dict or not choice.keys() <= _PLAIN_CHOICE:
            return False
        delta = choice.get("delta")
        if type(delta) is not dict or "usage" in delta:
            return False
    return True


def _is_finished(choices: Any) -> bool:
    return isinstance(choices, list) and any(
        isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str) for choice in choices
    )


def _is_said(logprobs: Any) -> bool:
    return isinstance(logprobs, dict) and any(logprobs.values())
