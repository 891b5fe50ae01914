"""The lines of one answer, in order: what each adds, what is known, and whether it failed.

    {"model", "created_at", "message": {"role", "content", "thinking", "tool_calls", "images"}, "done": false,
     "logprobs": [...]}
    {"model", "created_at", "message": {...}, "done": true, "done_reason", "total_duration", ..., "eval_count"}

`/api/generate` has `response`, `thinking` and `context` at the top in place of `message`. A line with `error` is a
failure; the line with `done: true` is the end, and the only one.
Source: https://docs.ollama.com/api (chat, generate, streaming, errors).
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import to_json

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.completion import FinishReason
from greenroom.messages.contracts import Call
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire
from greenroom.messages.usage import NO_USAGE, Usage
from greenroom.providers.ollama.calls import WholeCalls
from greenroom.providers.ollama.running import RunningLine
from greenroom.providers.ollama.usage import TIMES, counts_in, usage_of
from greenroom.providers.openai_chat.think import ThinkSplitter
from greenroom.providers.profile import Profile
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.blocks import Blocks
from greenroom.providers.wire.evidence import in_stream, too_much
from greenroom.providers.wire.halves import JsonReader
from greenroom.providers.wire.writer import Writer

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}
"""`load` and `unload` answer a request without messages: nothing was generated, and no reason of ours says so."""
_LINE = frozenset({
    "model", "created_at", "message", "done", "done_reason", "error", "logprobs", "response", "thinking",
    "tool_calls", "images", "image", "context", "remote_model", "remote_host",
    "prompt_eval_count", "eval_count", *TIMES,
})  # fmt: skip
_MESSAGE = frozenset({"role", "content", "thinking", "tool_calls", "images", "tool_name"})
_PLAIN = frozenset({"model", "created_at", "message", "done", "response", "thinking"})
_PLAIN_MESSAGE = frozenset({"role", "content", "thinking"})
_FACTS = ("created_at", "remote_model", "remote_host")
_CONTEXT_MAX = 32_768
"""Tokens of `/api/generate`'s `context` that are kept; a longer one is left out."""
_ODD_BYTES = 4096


class Lines:
    """One owner. Implements Reader; `failure` is set by the first error."""

    __slots__ = (
        "_allowance", "_blocks", "_calls", "_count", "_done", "_facts", "_finish", "_form", "_held", "_json",
        "_limit", "_raw", "_running", "_think", "_usage", "_usage_told", "_wire", "_write", "_writer", "failure",
        "model", "odd",
    )  # fmt: skip

    ends_in_order = False
    """Nothing follows an error."""
    worked_at = 0
    is_paused = False
    """This wire asks for no continuation."""

    def __init__(self, call: Call, writer: Writer, profile: Profile, allowance: Allowance, kind: str) -> None:
        self._writer, self._allowance, self._wire = writer, allowance, kind
        self._form = "message" if kind == "ollama" else None
        self._raw, self._limit = call.options.raw_deltas, call.options.max_event_bytes
        self._blocks = Blocks(writer)
        self._calls = WholeCalls(writer, f"{call.stream_id}/{call.epoch}", allowance)
        self._think = ThinkSplitter() if profile.think_tags else None
        self._json = JsonReader(_pieces)
        self._running = RunningLine()
        self._write: Callable[[int, int, str], None] = writer.text
        self._held: list[Any] = []
        self._usage: dict[str, Any] = {}
        self._count: Usage | None = None
        self._usage_told = self._done = False
        self._finish: str | None = None
        self._facts: dict[str, Any] = {}
        self.failure: ErrorEvidence | None = None
        self.model: str | None = None
        self.odd = b""
        """The newest line that says nothing of an answer."""

    def take_lone(self, data: bytes) -> bool:
        """Reads all that a read brought, if it is one line that the short cut knows. False: it is not."""
        # Nothing that the short cut takes holds a line end, so no other line is inside.
        if data[-1:] != b"\n" or len(data) - 1 > self._limit:
            return False
        piece = self._running.piece(data[:-1])
        if piece is None or self.failure is not None:
            return False
        if piece:
            self._write(0, self._running.block, piece)
        return True

    def take(self, event: SseEvent) -> bool:
        """Reads one line. False: it is no JSON object. The hot path is a piece that the short cut knows.

        Raises ValueError where it is no JSON, and TooMuchError.
        """
        data, running = event.data, self._running
        piece = running.piece(data)
        if piece is not None:
            if piece:
                self._write(0, running.block, piece)
            return True
        line = self._json.read(data)
        if type(line) is not dict:
            return False
        before = self._writer.seq
        if not self._take_line(line):
            self.odd = data[:_ODD_BYTES]
        # Invariant: a line that the short cut knows goes to a block that is still open, with nothing held back.
        is_plain = self._think is None and not self._held and not self._json.holds
        if running.block != self._blocks.number or not is_plain:
            running.forget()
        if is_plain and 1 < before == self._writer.seq - 1 and running.is_eager:
            self._learn(data, line)
        return True

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """Reads an answer that was not streamed. False: it is none of this wire."""
        if not any(name in answer for name in ("message", "response", "done")):
            return False
        self._take_line(answer)
        return True

    def take_other(self, event: str, data: str) -> None:
        """A line that says nothing, as `[DONE]` of some gateways."""
        if self._raw:
            self._writer.raw(event, freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:  # noqa: ARG002  (the protocol's)
        """Every line must hold a JSON object."""
        return True

    def end(self) -> None:
        """No more comes: what was held back goes out, then the usage, once."""
        for _, half in self._json.left():
            self._say(half)
        if self._think is not None:
            self._write_split(*self._think.finish())
            self._think = None
        if self._held and self._blocks.kind:
            self._blocks.text("", metadata=self._beside())
        if self._counted() != NO_USAGE and not self._usage_told:
            self._usage_told = True
            self._writer.usage(self._counted())

    @property
    def is_over(self) -> bool:
        """The line with `done: true` was read."""
        return self._done and self.failure is None

    @property
    def is_finished(self) -> bool:
        return self.is_over

    @property
    def has_begun(self) -> bool:
        """Something of an answer came."""
        return bool(self._blocks.kind) or self._done or self.model is not None

    def answer(self) -> Answer:
        ends = (ChoiceEnd(reason=self._reason(), raw=self._finish),) if self._done else ()
        return Answer(model=self.model, ends=ends, usage=self._counted(), metadata=freeze_wire(self._facts))

    def _reason(self) -> FinishReason:
        """A stop after tool calls asks for their results, whatever the server calls it."""
        reason = _REASONS.get((self._finish or "").lower(), "unknown")
        asks = self._calls.count and (reason == "stop" or self._finish is None)
        return "tool_calls" if asks else reason

    def _counted(self) -> Usage:
        if self._count is None:
            self._count = usage_of(self._usage, "provider" if self.is_over else "partial")
        return self._count

    def _take_line(self, line: dict[str, Any]) -> bool:
        """False: it says nothing of an answer."""
        if line.get("error"):
            self._take_counts(line)
            self.failure = in_stream(line)
            return True
        if isinstance(line.get("model"), str):
            self.model = line["model"] or self.model
        for name in _FACTS:
            if isinstance(line.get(name), str) and line[name]:
                self._facts.setdefault(name, line[name])
        message = line if self._form is None else line.get(self._form)
        message = message if isinstance(message, dict) else {}
        self._take_logprobs(line.get("logprobs"))
        self._take_message(message)
        if line.get("done") is True:
            self._done = True
            reason = line.get("done_reason")
            self._finish = reason if isinstance(reason, str) and reason else None
            self._take_counts(line)
            self._take_context(line.get("context"))
        if self._allowance.is_spent:
            self.failure = too_much(self._allowance)
        if self._raw and not (line.keys() <= _LINE and (message is line or message.keys() <= _MESSAGE)):
            self._writer.raw("message", freeze_wire(line))
        return bool(message) or "done" in line

    def _take_message(self, message: dict[str, Any]) -> None:
        """Reasoning before text before tool calls, as they follow each other in an answer."""
        self._say(message)
        calls = message.get("tool_calls")
        for given in calls if isinstance(calls, list) else ():
            if isinstance(given, dict):
                self._blocks.enter("tool_call")
                self._calls.take(given)
        images = message.get("images") or message.get("image")
        for image in images if isinstance(images, list) else [images]:
            if isinstance(image, str) and image:
                self._allowance.spend(len(image))
                self._blocks.enter("image", self._writer.seq)
                self._writer.item(0, self._wire, freeze_wire({"images": [image]}))

    def _say(self, message: dict[str, Any]) -> None:
        thinking = message.get("thinking")
        text = message.get("content") or message.get("response")
        if isinstance(thinking, str) and thinking:
            self._write_split(thinking, "")
        if not isinstance(text, str) or not text:
            return
        if self._think is None:
            self._write_split("", text)
            return
        self._write_split(*self._think.feed(text))
        if self._think.is_over:
            self._think = None

    def _write_split(self, reasoning: str, text: str) -> None:
        if reasoning:
            self._blocks.reasoning(reasoning, metadata=self._beside())
        if text:
            self._blocks.text(text, metadata=self._beside())

    def _take_logprobs(self, given: Any) -> None:
        if isinstance(given, list) and given:
            self._allowance.spend(len(to_json(given, inf_nan_mode="constants")))
            self._held += given

    def _beside(self) -> FrozenMap:
        """Logprobs of this piece and of the lines without one before it."""
        if not self._held:
            return EMPTY_MAP
        held, self._held = self._held, []
        self._allowance.left += len(to_json(held, inf_nan_mode="constants"))
        beside: FrozenMap = freeze_wire({"logprobs": {"content": held}})
        return beside

    def _take_counts(self, line: dict[str, Any]) -> None:
        self._count = None
        self._usage |= counts_in(line)
        self._facts |= {name: self._usage[name] for name in TIMES if name in self._usage}

    def _take_context(self, context: Any) -> None:
        """Numbers that a later `/api/generate` may be given, to go on with this conversation."""
        is_short = isinstance(context, list) and 0 < len(context) <= _CONTEXT_MAX
        if is_short and all(type(number) is int for number in context):
            self._facts["context"] = context

    def _learn(self, data: bytes, line: dict[str, Any]) -> None:
        """Later lines like this one need no parsing, if it held one piece of a running block alone."""
        if not line.keys() <= _PLAIN or line.get("done") is not False or line.get("model") != self.model:
            return
        message = line if self._form is None else line.get(self._form)
        if not isinstance(message, dict) or not (message is line or message.keys() <= _PLAIN_MESSAGE):
            return
        names = ("content", "thinking") if self._form else ("response", "thinking")
        said = [name for name in names if message.get(name)]
        if len(said) == 1 and self._running.learn(data, line, said[0], self._form):
            is_thought = said[0] == "thinking"
            self._write = self._writer.reasoning if is_thought else self._writer.text
            self._running.block = self._blocks.number


def _pieces(line: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Which text a string of the line is part of, and where it stands."""
    message = line.get("message") if isinstance(line, dict) else None
    for holder in (line, message):
        for name in ("content", "thinking", "response"):
            if isinstance(holder, dict) and isinstance(holder.get(name), str):
                yield (0, name), holder, name
