"""Reads the events of one streamed message, and a message that came whole.

    message_start, (content_block_start, content_block_delta*, content_block_stop)*, message_delta+, message_stop

with `ping` anywhere. The end is `message_stop`, nothing else: no stop reason, no `[DONE]` and no end of the body
is one. A `type` in the JSON is believed before the event's name; some gateways send only one of the two.

Order. Blocks: see blocks.py. Content before `message_start` is taken. A second `message_start` replaces the
facts of the first as long as no block has begun; after that it is a failure: what came would be told twice.
A `message_stop` before anything else is a failure too. Of several stop reasons the newest holds; an answer
without any has no finish reason.
Source: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

import re
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.contracts import Call
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import freeze_wire
from greenroom.messages.usage import Usage, UsageSource
from greenroom.providers.anthropic.blocks import Blocks
from greenroom.providers.anthropic.usage import usage_of
from greenroom.providers.anthropic.words import CUT_SHORT, PAUSE, REASONS
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.counts import counts_given, replace_counts
from greenroom.providers.wire.evidence import in_stream, protocol
from greenroom.providers.wire.halves import JsonReader, pieces_of_a_block
from greenroom.providers.wire.writer import Writer

_DELTA_EVENT = "content_block_delta"
_KNOWN = frozenset({
    "message_start", "content_block_start", _DELTA_EVENT, "content_block_stop", "message_delta",
    "message_stop", "ping", "error",
})  # fmt: skip
_KEYS: dict[str, frozenset[str]] = {
    "message_start": frozenset({"type", "message"}),
    "content_block_start": frozenset({"type", "index", "content_block"}),
    _DELTA_EVENT: frozenset({"type", "index", "delta"}),
    "content_block_stop": frozenset({"type", "index"}),
    "message_delta": frozenset({"type", "delta", "usage", "context_management"}),
    "message_stop": frozenset({"type"}),
    "ping": frozenset({"type"}),
}
"""What is read of each event; one that says more is passed on as it came, on request."""
_FACTS = ("stop_sequence", "stop_details", "container", "context_management", "diagnostics")
"""A larger object is no count of tokens and is not taken."""
_HEAD = re.compile(
    rb'\{"type":\s?"content_block_delta",\s?"index":\s?(\d{1,9}),\s?"delta":\s?\{"type":\s?"'
    rb'(text_delta",\s?"text|thinking_delta",\s?"thinking|input_json_delta",\s?"partial_json)":\s?"'
)
_KINDS = {b"text_delta": "text", b"thinking_delta": "thinking", b"input_json_delta": "tool_use"}


class Events:
    """One owner. Implements Reader: writes deltas to the writer; `failure` is set by the first error."""

    __slots__ = (
        "_allowance", "_blocks", "_count", "_facts", "_framed_head", "_has_content", "_head", "_json",
        "_newest", "_number", "_raw", "_usage", "_usage_told", "_write", "_writer", "failure", "is_over",
        "model", "response_id", "stop_reason", "worked_at",
    )  # fmt: skip

    ends_in_order = False
    is_finished = False
    """Only `message_stop` says that an answer is whole."""

    def __init__(self, call: Call, writer: Writer, allowance: Allowance, before: tuple[int, int]) -> None:
        """`before`: parts and tool calls that were delivered before a pause."""
        self._writer, self._allowance, self._raw = writer, allowance, call.options.raw_deltas
        self._blocks = Blocks(writer, allowance, f"{call.stream_id}/{call.epoch}", before)
        self._json = JsonReader(pieces_of_a_block)
        self._head = self._framed_head = b""
        """What events of the running block begin with, up to their piece; empty where none runs."""
        self._number = 0
        self._write: Callable[[int, int, str], None] = writer.text
        """What takes the running block's pieces, with its number."""
        self._newest: Any = None
        self._usage: dict[str, Any] = {}
        self._usage_told = False
        self._count: Usage | None = None
        self._facts: dict[str, Any] = {}
        self.failure: ErrorEvidence | None = None
        self._has_content = False
        self.is_over = False
        self.model: str | None = None
        self.response_id: str | None = None
        self.stop_reason: str | None = None
        self.worked_at = 0

    @property
    def has_begun(self) -> bool:
        return self._has_content or self.response_id is not None or self.stop_reason is not None

    @property
    def is_paused(self) -> bool:
        return self.is_over and self.stop_reason == PAUSE

    def take_lone(self, data: bytes) -> bool:
        head = self._framed_head
        if not head or not data.startswith(head) or data[-2:] != b"\n\n":
            return False
        # A JSON string holds no line end: what is one here cannot hold another event.
        return self._take_piece(data[:-2], len(head) - 1)

    def take(self, event: SseEvent) -> bool:
        data, head = event.data, self._head
        if head and data.startswith(head) and self._take_piece(data, len(head) - 1):
            return True
        chunk = self._json.read(data)
        if type(chunk) is not dict:
            return False
        kind = chunk.get("type")
        if not isinstance(kind, str) or (kind not in _KNOWN and event.event in _KNOWN):
            kind = event.event
        self._take_event(kind, chunk, len(data))
        if kind == _DELTA_EVENT and self.failure is None and not self._json.holds:
            self._learn(event)
        elif kind != "ping":
            self._forget()
        return True

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """A message that was not streamed: as if each of its blocks had come in one event."""
        content = answer.get("content")
        if answer.get("type") == "error" or not isinstance(content, list):
            return False
        self._start_message(answer)
        for place, block in enumerate(content):
            if isinstance(block, dict):
                self._blocks.start(place, block, len(to_json(block)))
                self._blocks.stop(place)
        self._end_message({"delta": answer})
        self.is_over = True
        return True

    def take_other(self, event: str, data: str) -> None:
        if self._raw and data.strip():
            self._writer.raw(event, freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:
        return event == "message" or event in _KNOWN

    def end(self) -> None:
        self._last_halves()
        is_whole = self.is_over and self.failure is None
        self._blocks.end(is_whole, self.stop_reason in CUT_SHORT)
        if self._usage and not self._usage_told:
            self._usage_told = True
            self._writer.usage(self._counted())

    def answer(self) -> Answer:
        raw = self.stop_reason
        reason = REASONS.get(raw or "", "unknown")
        if reason == "stop" and self._blocks.any_calls:
            reason = "tool_calls"
        ends = () if raw is None else (ChoiceEnd(reason=reason, raw=raw),)
        cited = {"citations": self._blocks.citations} if self._blocks.citations else {}
        return Answer(
            response_id=self.response_id or None, model=self.model, ends=ends, usage=self._counted(),
            cursor=self._container() if self.is_paused else None,
            metadata=freeze_wire({**self._facts, **cited}),
        )  # fmt: skip

    def _take_event(self, kind: str, chunk: dict[str, Any], size: int) -> None:
        odd = kind in _KEYS and not chunk.keys() <= _KEYS[kind]
        match kind:
            case "content_block_delta":
                odd = self._take_delta(chunk, size) or odd
            case "content_block_start":
                block = chunk.get("content_block")
                if isinstance(block, dict):
                    self._has_content, self._newest = True, self._index(chunk)
                    self._last_halves(self._newest)
                    self._blocks.start(self._newest, block, size)
                    odd = odd or self._blocks.odd
            case "content_block_stop":
                self._last_halves(self._index(chunk))
                self._blocks.stop(self._index(chunk))
                if self._blocks.server_works:
                    self.worked_at = self._writer.seq
            case "message_start":
                self._begin(chunk)
            case "message_delta":
                self._end_message(chunk)
            case "message_stop":
                self._stop(chunk)
            case "ping":
                pass
            case _:
                odd = not self._take_error(kind, chunk)
        self.failure = self.failure or self._blocks.failure
        if odd and self._raw:
            self._writer.raw(kind, freeze_wire(chunk))

    def _last_halves(self, index: Any = None) -> None:
        """Of the block that is over now, or of all."""
        for place, half in self._json.left(index):
            self._blocks.last_half(place, half)

    def _take_delta(self, chunk: dict[str, Any], size: int) -> bool:
        """True: it was of a type that is not known."""
        delta = chunk.get("delta")
        if not isinstance(delta, dict):
            return True
        self._has_content = True
        self._blocks.delta(self._index(chunk), delta, size)
        return self._blocks.odd

    def _take_error(self, kind: str, chunk: dict[str, Any]) -> bool:
        """False: it tells no error."""
        error = chunk.get("error")
        if kind != "error" and not (error and isinstance(error, (dict, str))):
            return False
        self.failure = in_stream(chunk)
        return True

    def _begin(self, chunk: dict[str, Any]) -> None:
        message = chunk.get("message")
        if not isinstance(message, dict):
            return
        if self._has_content and self.response_id is not None:
            self.failure = protocol("a second message began inside the answer", str(message.get("id")))
            return
        self._start_message(message)

    def _start_message(self, message: dict[str, Any]) -> None:
        response_id, model = message.get("id"), message.get("model")
        self.response_id = response_id if isinstance(response_id, str) else self.response_id or ""
        self.model = model if isinstance(model, str) and model else self.model
        self._take_usage(message.get("usage"))

    def _end_message(self, chunk: dict[str, Any]) -> None:
        delta = chunk.get("delta")
        for place in (chunk, delta if isinstance(delta, dict) else {}):
            for name in _FACTS:
                if place.get(name) is not None:
                    self._facts[name] = place[name]
                    self._allowance.spend(len(to_json(place[name])))
            reason = place.get("stop_reason")
            if isinstance(reason, str) and reason:
                self.stop_reason, self._count = reason[:200], None
        self._take_usage(chunk.get("usage"))

    def _stop(self, chunk: dict[str, Any]) -> None:
        if not self.has_begun:
            self.failure = protocol("a message ended that never began", to_json(chunk).decode())
            return
        self.is_over = True

    def _take_usage(self, usage: Any) -> None:
        if counts := counts_given(usage):
            self._count = None
            replace_counts(self._usage, counts)

    def _counted(self) -> Usage:
        """The newest counts; partial where the end was not seen."""
        source: UsageSource = "partial" if self.failure or self.stop_reason is None else "provider"
        if self._count is None or self._count.source != source:
            self._count = usage_of(self._usage, source)
        return self._count

    def _container(self) -> str | None:
        container = self._facts.get("container")
        known = container.get("id") if isinstance(container, dict) else None
        return known if isinstance(known, str) else None

    def _index(self, chunk: dict[str, Any]) -> Any:
        """Which block is spoken of: the newest where the event does not say."""
        index = chunk.get("index")
        return index if type(index) is int else self._newest

    def _take_piece(self, data: bytes, start: int) -> bool:
        """Takes the piece of the running block that stands between the quote at `start` and the last one.

        What begins with that block's head, goes on as one JSON string and then only closes both objects can
        mean nothing else, so it is not parsed as a whole.
        """
        end = data.rfind(b'"') + 1
        tail = data[end:]
        if tail != b"}}" and tail.translate(None, b" ") != b"}}":
            return False
        try:
            piece = from_json(data[start:end])
        except ValueError:
            return False
        if piece:
            self._write(0, self._number, piece)
        return True

    def _learn(self, event: SseEvent) -> None:
        """Events that begin as this one need no parsing while its block is open."""
        found = _HEAD.match(event.data)
        kind = _KINDS[found[2].partition(b'"')[0]] if found else ""
        block = self._blocks.running(int(found[1]), kind) if found else None
        if found is None or block is None:
            self._forget()
            return
        self._head, self._number = found[0], block.number or 0
        self._write = self._blocks.writes(block)
        name = b"" if event.event == "message" else b"event: content_block_delta\n"
        self._framed_head = name + b"data: " + found[0]

    def _forget(self) -> None:
        self._head = self._framed_head = b""
