"""The events of one answer, in order: what each adds, what is known, and whether it failed.

    message-start      id
    content-start      index, delta.message.content {type: text | thinking, ...}
    content-delta      index, delta.message.content {text | thinking}, logprobs
    content-end
    tool-plan-delta    delta.message.tool_plan: what the model is about to do with its tools
    tool-call-start    index, delta.message.tool_calls {id, function {name, arguments}}
    tool-call-delta    index, delta.message.tool_calls {function {arguments}}
    tool-call-end
    citation-start     index, delta.message.citations {start, end, text, sources}
    citation-end
    message-end        delta {finish_reason, usage, error}: the end; `[DONE]` after it says nothing more

The `type` inside an event counts; its name repeats it. Source: https://docs.cohere.com/v2/docs/streaming.
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
from greenroom.providers.cohere.turns import TOOL_PLAN
from greenroom.providers.cohere.usage import usage_of
from greenroom.providers.openai_chat.tool_calls import ToolCalls
from greenroom.providers.sse import SseEvent
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.blocks import Blocks
from greenroom.providers.wire.counts import counts_given, replace_counts, whole_number
from greenroom.providers.wire.envelope import Envelope
from greenroom.providers.wire.evidence import in_stream, tells_error, too_much
from greenroom.providers.wire.halves import JsonReader, pieces_of_calls
from greenroom.providers.wire.writer import Writer

_REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_calls", "ERROR_TOXIC": "content_filter",
}  # fmt: skip
_FAILING = frozenset({"ERROR", "TIMEOUT"})
"""The generation broke off: what came is no answer."""
_SILENT = frozenset({"content-end", "tool-call-end", "citation-end"})
_TEXTS = ("text", "thinking")
_PATH = ("delta", "message", "content")
_CALL_PATH = ("delta", "message", "tool_calls", "function", "arguments")
_PLAN_MARK: FrozenMap = freeze_wire({TOOL_PLAN: True})


class Events:
    """One owner. Implements Reader; `failure` is set by the first error."""

    __slots__ = (
        "_allowance", "_begun", "_blocks", "_calls", "_count", "_envelope", "_facts", "_finish", "_json",
        "_over", "_raw", "_takers", "_to_call", "_usage", "_usage_told", "_write", "_writer", "failure",
        "response_id",
    )  # fmt: skip

    ends_in_order = False
    """An error comes in the event that ends the answer, or alone."""
    worked_at = 0
    is_paused = False
    """This wire asks for no continuation."""

    def __init__(self, call: Call, writer: Writer, allowance: Allowance) -> None:
        self._writer, self._allowance, self._raw = writer, allowance, call.options.raw_deltas
        self._blocks = Blocks(writer)
        self._calls = ToolCalls(writer, 0, f"{call.stream_id}/{call.epoch}", allowance)
        self._json, self._envelope = JsonReader(_pieces), Envelope()
        self._write: Callable[[int, int, str], None] = writer.text
        self._to_call = False
        """What the envelope knows are arguments."""
        self._usage: dict[str, Any] = {}
        self._count: Usage | None = None
        self._facts: dict[str, Any] = {}
        self._finish: str | None = None
        self._over = self._begun = self._usage_told = False
        self._takers: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
            "message-start": self._start,
            "content-start": self._content,
            "content-delta": self._content,
            "tool-plan-delta": self._plan,
            "tool-call-start": self._tool_call,
            "tool-call-delta": self._tool_call,
            "citation-start": self._citation,
            "message-end": self._end,
        }
        self.failure: ErrorEvidence | None = None
        self.response_id: str | None = None

    def take_lone(self, data: bytes) -> bool:
        """Reads all that a read brought, if it is one event that the envelope knows. False: it is not.

        Raises TooMuchError.
        """
        piece = self._envelope.lone_piece(data)
        if piece is None or self.failure is not None:
            return False
        if piece:
            self._write(0, self._blocks.number, piece)
        return True

    def take(self, event: SseEvent) -> bool:
        """Reads one event. False: it is no JSON object. The hot path is a piece that the envelope knows.

        Raises ValueError where it is no JSON, and TooMuchError.
        """
        data, envelope = event.data, self._envelope
        piece = envelope.piece(data) if event.event == envelope.event else None
        if piece is not None:
            if piece:
                self._write(0, self._blocks.number, piece)
            return True
        given = self._json.read(data)
        if type(given) is not dict:
            return False
        before, block = self._writer.seq, self._blocks.number
        self._take_event(given, event.event)
        # Invariant: an envelope that knows an event writes to the newest block, and nothing is held back.
        # One of arguments writes to the newest call: any event may begin another.
        if envelope.block != self._blocks.number or self._json.holds or self._to_call:
            envelope.forget()
        ran_on = block == self._blocks.number and self._writer.seq == before + 1 and not self._json.holds
        if ran_on and envelope.is_eager and given.keys() == {"type", "index", "delta"}:
            self._learn(event, given)
        return True

    def take_whole(self, answer: dict[str, Any]) -> bool:
        """Reads an answer that was not streamed. False: it is none of this wire."""
        message = answer.get("message")
        if not isinstance(message, dict) or "finish_reason" not in answer:
            return False
        self._start(answer, message)
        for place, part in enumerate(_dicts(message.get("content"))):
            self._say(part, place, EMPTY_MAP)
        self._plan(answer, message)
        for place, call in enumerate(_dicts(message.get("tool_calls"))):
            self._tool_call({"index": place}, {"tool_calls": call})
        for citation in _dicts(message.get("citations")):
            self._citation(answer, {"citations": citation})
        if isinstance(answer.get("logprobs"), list):
            self._facts["logprobs"] = answer["logprobs"]
        self._end({"delta": answer}, message)
        self._check_allowance()
        return True

    def take_other(self, event: str, data: str) -> None:
        """An event of a name that this wire does not know, which holds no JSON object."""
        if self._raw:
            self._writer.raw(event, freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:
        return event in self._takers or event in _SILENT or event in ("message", "error")

    def end(self) -> None:
        """No more comes: what was held back goes out, whole calls are completed, then the usage, once."""
        for _, half in self._json.left():
            for call in half.get("tool_calls", ()):
                self._calls.take(call)
            self._say(half, 0, EMPTY_MAP)
        self._calls.finish(cut=not self.is_over, at_limit=self._over and self._reason() == "length")
        if self._counted() != NO_USAGE and not self._usage_told:
            self._usage_told = True
            self._writer.usage(self._counted())

    @property
    def is_over(self) -> bool:
        """`message-end` was read, and it told no error."""
        return self._over and self.failure is None

    @property
    def is_finished(self) -> bool:
        return self.is_over

    @property
    def has_begun(self) -> bool:
        return self._begun

    def answer(self) -> Answer:
        ends = (ChoiceEnd(reason=self._reason(), raw=self._finish),) if self._over else ()
        return Answer(
            response_id=self.response_id, ends=ends, usage=self._counted(), metadata=freeze_wire(self._facts)
        )

    def _reason(self) -> FinishReason:
        if self._finish in _FAILING:
            return "error"
        reason = _REASONS.get(self._finish or "", "unknown")
        return "tool_calls" if reason == "stop" and self._calls.any else reason

    def _counted(self) -> Usage:
        if self._count is None:
            self._count = usage_of(self._usage, "provider" if self.is_over else "partial")
        return self._count

    def _take_event(self, given: dict[str, Any], name: str) -> None:
        told = given.get("type")
        kind = told if isinstance(told, str) else name
        delta = given.get("delta")
        message = delta.get("message") if isinstance(delta, dict) else None
        taker = self._takers.get(kind)
        if taker is not None:
            taker(given, message if isinstance(message, dict) else {})
        elif "error" in (kind, name) or (told is None and tells_error(given)):
            self.failure = in_stream(given)
        elif self._raw and kind not in _SILENT:
            self._writer.raw(kind, freeze_wire(given))
        self._check_allowance()

    def _check_allowance(self) -> None:
        if self.failure is None and self._allowance.is_spent:
            self.failure = too_much(self._allowance)

    def _start(self, given: dict[str, Any], _message: dict[str, Any]) -> None:
        self._begun = True
        if isinstance(given.get("id"), str):
            self.response_id = given["id"] or self.response_id

    def _content(self, given: dict[str, Any], message: dict[str, Any]) -> None:
        content, logprobs = message.get("content"), given.get("logprobs")
        part = whole_number(given.get("index")) or 0
        beside = freeze_wire({"logprobs": logprobs}) if isinstance(logprobs, dict) and logprobs else EMPTY_MAP
        for piece in _dicts(content):
            self._say(piece, part, beside)

    def _say(self, piece: dict[str, Any], part: int, beside: FrozenMap) -> None:
        self._begun = True
        thinking, text = piece.get("thinking"), piece.get("text")
        if isinstance(thinking, str) and thinking:
            self._blocks.reasoning(thinking, part, beside)
        if isinstance(text, str) and text:
            self._blocks.text(text, part, beside)
        if isinstance(piece.get("tool_plan"), str):
            self._plan({}, piece)

    def _plan(self, _given: dict[str, Any], message: dict[str, Any]) -> None:
        plan = message.get("tool_plan")
        if isinstance(plan, str) and plan:
            self._begun = True
            goes_on = self._blocks.kind == "tool_plan"
            self._blocks.enter("tool_plan")
            self._writer.reasoning(0, self._blocks.number, plan, EMPTY_MAP if goes_on else _PLAN_MARK)

    def _tool_call(self, given: dict[str, Any], message: dict[str, Any]) -> None:
        for call in _dicts(message.get("tool_calls")):
            self._begun = True
            self._blocks.enter("tool_call")
            self._calls.take({**call, "index": given.get("index")})

    def _citation(self, _given: dict[str, Any], message: dict[str, Any]) -> None:
        for citation in _dicts(message.get("citations")):
            self._allowance.spend(len(to_json(citation, inf_nan_mode="constants")) + 64)
            self._facts.setdefault("citations", []).append(citation)

    def _end(self, given: dict[str, Any], _message: dict[str, Any]) -> None:
        delta = given.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        reason = delta.get("finish_reason")
        self._over = self._begun = True
        self._finish = reason if isinstance(reason, str) and reason else None
        self._count = None
        replace_counts(self._usage, counts_given(delta.get("usage")))
        if self._finish in _FAILING or delta.get("error"):
            message = delta.get("error") or f"the provider ended the answer with {self._finish}"
            evidence = in_stream({"error": message})
            self.failure = evidence.model_copy(update={"code": evidence.code or self._finish})

    def _learn(self, event: SseEvent, given: dict[str, Any]) -> None:
        """Later events like this one need no parsing, if it held one piece of a running block or call alone."""
        message = given["delta"].get("message") if isinstance(given["delta"], dict) else None
        if not isinstance(message, dict) or len(message) != 1:
            return
        content, calls = message.get("content"), message.get("tool_calls")
        if given["type"] == "content-delta" and isinstance(content, dict) and len(content) == 1:
            name = next(iter(content))
            if name in _TEXTS and self._envelope.learn(event.data, given, (*_PATH, name), event.event):
                self._write = self._writer.reasoning if name == "thinking" else self._writer.text
                self._to_call, self._envelope.block = False, self._blocks.number
            return
        goes_on = given["type"] == "tool-call-delta" and _is_arguments(calls) and self._calls.latest_runs
        if goes_on and self._envelope.learn(event.data, given, _CALL_PATH, event.event):
            self._write, self._to_call = self._calls.more, True
            self._envelope.block = self._blocks.number


def _is_arguments(call: Any) -> bool:
    """A fragment that says nothing but more arguments."""
    function = call.get("function") if isinstance(call, dict) and len(call) == 1 else None
    return isinstance(function, dict) and function.keys() == {"arguments"}


def _dicts(given: Any) -> list[dict[str, Any]]:
    """The objects of a list, or the one that stands alone."""
    return [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, dict)]


def _pieces(given: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Which text a string of the event is part of, and where it stands."""
    delta = given.get("delta") if isinstance(given, dict) else None
    message = delta.get("message") if isinstance(delta, dict) else None
    if not isinstance(message, dict):
        return
    if isinstance(message.get("tool_plan"), str):
        yield (0, "tool_plan"), message, "tool_plan"
    fragments = [{**call, "index": given.get("index")} for call in _dicts(message.get("tool_calls"))]
    yield from pieces_of_calls(fragments)
    for content in _dicts(message.get("content")):
        for name in _TEXTS:
            if isinstance(content.get(name), str):
                yield (0, name), content, name
