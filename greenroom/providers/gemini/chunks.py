"""The chunks of one Gemini answer, in order: what each adds, what is known, and whether it failed.

    {"candidates": [{"content": {"parts": [...], "role": "model"}, "finishReason", "index", ...}],
     "promptFeedback": {...}, "usageMetadata": {...}, "modelVersion", "responseId"}

Source: https://ai.google.dev/api/generate-content#generatecontentresponse.
"""

from collections.abc import Iterator
from typing import Any

from greenroom.messages.answer import Answer
from greenroom.messages.contracts import Call
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.parts import Part
from greenroom.messages.usage import Usage, UsageSource
from greenroom.providers.gemini.candidate import Candidate
from greenroom.providers.gemini.reasons import blocked, failure_of
from greenroom.providers.gemini.template import Template
from greenroom.providers.gemini.usage import usage_of
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.counts import SMALL_BYTES, is_small, replace_counts, whole_number
from greenroom.providers.wire.evidence import in_stream, protocol, too_much
from greenroom.providers.wire.halves import JsonReader
from greenroom.providers.wire.writer import Writer

_KNOWN = frozenset({
    "candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId", "createTime", "modelStatus",
})  # fmt: skip
_PLAIN = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "createTime"})
_PLAIN_CANDIDATE = frozenset({"content", "index"})
"""A chunk of these keys alone may be read without ceremony."""
"""A larger object is no count of tokens and is not taken: what is kept of it stays small."""
_CANDIDATES_MAX = 128


class Chunks:
    """One owner. Implements Reader: writes each chunk's deltas; `failure` is set by the first error."""

    __slots__ = (
        "_allowance", "_asked", "_candidates", "_delivered", "_facts", "_json", "_model", "_raw", "_response_id",
        "_running", "_seed", "_template", "_usage", "_usage_told", "_writer", "failure",
    )  # fmt: skip

    ends_in_order = False
    """Nothing comes after an error on this wire."""
    is_over = False
    """There is no end marker: the body ends."""

    def __init__(
        self,
        call: Call,
        writer: Writer,
        allowance: Allowance,
        asked: int = 1,
        delivered: tuple[Part, ...] = (),
    ) -> None:
        """`asked`: so many candidates. `delivered`: what an attempt that the server paused had said."""
        self._writer, self._allowance, self._asked, self._delivered = writer, allowance, asked, delivered
        self._seed, self._raw = f"{call.stream_id}/{call.epoch}", call.options.raw_deltas
        self._candidates: dict[int, Candidate] = {}
        self._json = JsonReader(_pieces)
        self._template = Template()
        self._running = 0
        """The candidate that the template's pieces belong to."""
        self._usage: dict[str, Any] = {}
        self._usage_told = False
        self._facts: dict[str, Any] = {}
        self._model: str | None = None
        self._response_id: str | None = None
        self.failure: ErrorEvidence | None = None

    @property
    def has_begun(self) -> bool:
        """A candidate or an id came."""
        return bool(self._candidates or self._response_id)

    @property
    def is_finished(self) -> bool:
        """Every candidate that was asked for has its finish reason."""
        finished = sum(candidate.finish is not None for candidate in self._candidates.values())
        return 0 < finished == len(self._candidates) >= self._asked

    worked_at = 0
    """This wire shows no work without content."""

    @property
    def is_paused(self) -> bool:
        """The server stopped at a limit of its own and gave a token for the rest."""
        first = self._candidates.get(0)
        return first is not None and first.token is not None and len(self._candidates) == 1

    def take_lone(self, data: bytes) -> bool:
        """Reads all that a read brought, if it is one framed event that the template knows. False: it is not."""
        piece = self._template.lone_piece(data)
        if piece is None or self.failure is not None:
            return False
        if piece:
            self._writer.text(self._running, self._template.block, piece)
        return True

    def take(self, event: SseEvent) -> bool:
        """Reads one chunk. False: it holds no JSON object. Raises ValueError where it is no JSON."""
        data, template = event.data, self._template
        piece = template.piece(data) if event.event == "message" else None
        if piece is not None:
            if piece:
                self._writer.text(self._running, template.block, piece)
            return True
        chunk = self._json.read(data)
        if type(chunk) is not dict:
            return False
        self._settle()
        if self._take_plain(chunk, len(data)) and not self._json.holds:
            template.learn(data, chunk, self._candidates[self._running].block)
        else:
            # Invariant: a template that knows a chunk writes to a text that still goes on.
            template.forget()
            self.take_chunk(chunk, event.event, len(data))
        return True

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """Reads an answer that was not streamed. False: it is none of this wire."""
        if "candidates" not in answer and "promptFeedback" not in answer:
            return False
        self.take_chunk(answer)
        return True

    def take_other(self, event: str, data: str) -> None:
        """An event without JSON whose name this wire does not know."""
        if self._raw:
            self._writer.raw(event, freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:
        """Events of this name must hold a JSON object."""
        return event in ("message", "error")

    def end(self) -> None:
        """No more comes: what was held back goes out, then the newest usage, once."""
        for index, half in self._json.left():
            if index in self._candidates:
                self._candidates[index].last_half(is_thought="thought" in half)
        for candidate in self._candidates.values():
            candidate.end()
        usage = self._counted()
        if usage.source != "none" and not self._usage_told:
            self._usage_told = True
            self._writer.usage(usage)

    def answer(self) -> Answer:
        """The facts known now."""
        known = sorted(self._candidates.values(), key=lambda candidate: candidate.index)
        facts = dict(self._facts)
        for candidate in known:
            if candidate.index == 0:
                facts.update(candidate.facts)
            elif candidate.facts:
                facts.setdefault("candidates", {})[str(candidate.index)] = candidate.facts
        first = self._candidates.get(0)
        return Answer(
            response_id=self._response_id,
            model=self._model,
            ends=tuple(candidate.told_end() for candidate in known if candidate.finish is not None),
            usage=self._counted(),
            cursor=first.token if first is not None and self.is_paused else None,
            metadata=freeze_wire(facts),
        )

    def take_chunk(self, chunk: dict[str, Any], event: str = "message", size: int = SMALL_BYTES + 1) -> None:
        """Any chunk. `size`: the bytes that it came in."""
        self._know(chunk)
        self._take_usage(chunk.get("usageMetadata"), size)
        candidates = chunk.get("candidates")
        for given in candidates if isinstance(candidates, list) else ():
            if isinstance(given, dict) and self.failure is None:
                self._take_candidate(given)
        if self.failure is None and (event == "error" or chunk.get("error")):
            self.failure = in_stream(chunk)
        if self.failure is None:
            self.failure = blocked(chunk.get("promptFeedback"))
        if self.failure is None and self._allowance.is_spent:
            self.failure = too_much(self._allowance)
        if self._raw and (event != "message" or not chunk.keys() <= _KNOWN):
            self._writer.raw(event, freeze_wire(chunk))

    def _take_plain(self, chunk: dict[str, Any], size: int) -> bool:
        """One piece of text or thought in a running block and nothing beside it but counts."""
        candidates = chunk.get("candidates")
        if type(candidates) is not list or len(candidates) != 1 or not chunk.keys() <= _PLAIN:
            return False
        first = candidates[0]
        if type(first) is not dict or not first.keys() <= _PLAIN_CANDIDATE:
            return False
        content, index = first.get("content"), first.get("index", 0)
        parts = content.get("parts") if type(content) is dict else None
        candidate = self._candidates.get(index) if type(index) is int else None
        if type(parts) is not list or len(parts) != 1 or candidate is None:
            return False
        part = parts[0]
        if type(part) is not dict or len(part) != 1 or candidate.kind != "text":
            return False
        text, usage = part.get("text"), chunk.get("usageMetadata")
        if type(text) is not str or chunk.get("modelVersion") != self._model or size > SMALL_BYTES:
            return False
        self._take_usage(usage, size)
        if index != self._running:
            self._template.forget()
            self._running = index
        if text:
            self._writer.text(index, candidate.block, text)
        return True

    def _settle(self) -> None:
        """The counts that the template kept are known from here on."""
        usage = self._template.usage()
        if usage is not None:
            self._take_usage(usage, 0)

    def _know(self, chunk: dict[str, Any]) -> None:
        model, response_id = chunk.get("modelVersion"), chunk.get("responseId")
        if isinstance(model, str) and model:
            self._model = model
        if isinstance(response_id, str) and response_id:
            self._response_id = self._response_id or response_id
        for name in ("promptFeedback", "modelStatus"):
            if chunk.get(name) and is_small(chunk[name]):
                self._facts[name] = chunk[name]

    def _take_usage(self, usage: Any, size: int) -> None:
        """Counts with a total are all that there are, as what is 0 is left out; others add to those known."""
        if type(usage) is not dict or (size > SMALL_BYTES and not is_small(usage)):
            return
        if "totalTokenCount" in usage:
            self._usage = usage
        else:
            replace_counts(self._usage, usage)

    def _take_candidate(self, given: dict[str, Any]) -> None:
        index = 0 if given.get("index") is None else whole_number(given["index"])
        if index is None or index >= _CANDIDATES_MAX:
            self.failure = protocol(f"a candidate has index {str(given['index'])[:100]}")
            return
        candidate = self._candidates.get(index)
        if candidate is None:
            delivered = self._delivered if index == 0 else ()
            candidate = Candidate(self._writer, index, self._seed, self._allowance, delivered)
            self._candidates[index] = candidate
        candidate.take(given)
        if candidate.finish is not None:
            self.failure = failure_of(candidate.finish, given.get("finishMessage"))

    def _counted(self) -> Usage:
        self._settle()
        source: UsageSource = "provider" if self.is_finished and self.failure is None else "partial"
        return usage_of(self._usage, source)


def _pieces(chunk: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Which text a string of the chunk is part of, and where it stands."""
    candidates = chunk.get("candidates") if isinstance(chunk, dict) else None
    for given in candidates if isinstance(candidates, list) else ():
        content = given.get("content") if isinstance(given, dict) else None
        parts = content.get("parts") if isinstance(content, dict) else None
        index = given.get("index") if isinstance(given, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                name = "thought" if part.get("thought") is True else "text"
                yield (index if type(index) is int else 0, name), part, "text"
