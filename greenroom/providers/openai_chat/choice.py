"""One choice of a streamed answer: its pieces to deltas, with the state that they need."""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from greenroom.messages.completion import FinishReason
from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire
from greenroom.providers.openai_chat.reasoning import NAMES, Details, joined, reasoning_text
from greenroom.providers.openai_chat.think import ThinkSplitter
from greenroom.providers.openai_chat.tool_calls import ToolCalls
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.writer import Writer

_REASONS: dict[str, FinishReason] = {
    "stop": "stop", "eos": "stop", "end_turn": "stop", "stop_sequence": "stop", "eos_token": "stop",
    "complete": "stop", "completed": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length", "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls",
    "tool_call": "tool_calls",
    "content_filter": "content_filter", "safety": "content_filter", "sensitive": "content_filter",
    "recitation": "content_filter", "prohibited_content": "content_filter",
    "refusal": "refusal", "error": "error", "abort": "error", "network_error": "error",
    "insufficient_system_resource": "error",
}  # fmt: skip

_ITEMS_OF_THOUGHT = ("thinking", "reasoning")
_OF_THOUGHT = frozenset({*NAMES, "reasoning_details"})
_BESIDE_TEXT = frozenset({"refusal", "tool_calls", "function_call"})


class Choice:
    """One owner. `block` counts its stretches of one kind: merged deltas never cross one."""

    __slots__ = (
        "_allowance", "_details", "_echo", "_held_bytes", "_logprobs", "_message", "_refused", "_seed", "_think",
        "_tools", "_writer", "block", "finish", "index", "kind",
    )  # fmt: skip

    def __init__(self, writer: Writer, index: int, seed: str, allowance: Allowance) -> None:
        self._writer, self.index, self._allowance = writer, index, allowance
        self.kind = ""
        self.block = -1
        self.finish: str | None = None
        self._echo = ""
        self._think: ThinkSplitter | None = None
        self._seed = seed
        # Most answers have none of these: each is made with its first piece.
        self._tools: ToolCalls | None = None
        self._details: Details | None = None
        self._logprobs: list[dict[str, Any]] | None = None
        self._held_bytes = 0
        self._message: str | None = None
        self._refused = False

    def begin(self, think_tags: bool, echo: str) -> "Choice":
        """Before anything comes: what its text may begin with that is no text of the answer."""
        self._think = ThinkSplitter() if think_tags else None
        self._echo = echo
        return self

    @property
    def is_plain(self) -> bool:
        """Pieces can be passed on as they come: nothing held back, no tags to look for."""
        running = self.kind in ("text", "reasoning")
        return running and self._think is None and not self._echo and not self._logprobs

    @property
    def has_content(self) -> bool:
        return self.kind != ""

    def continues(self, name: str) -> Callable[[int, int, str], None] | None:
        """What takes the next piece of this field of a delta, if a piece is all that it can be."""
        if name == "tool_calls":
            tools = self._tools if self.kind == "tool_call" and not self._logprobs else None
            return tools.more if tools is not None and tools.latest_runs else None
        if not self.is_plain:
            return None
        return self._writer.text if self.kind == "text" else self._writer.reasoning

    def take(self, delta: dict[str, Any], logprobs: Any = None) -> None:
        """Reasoning before text before tool calls, as they follow each other in an answer."""
        if isinstance(logprobs, dict) and any(logprobs.values()):
            self._logprobs = self._logprobs or []
            self._logprobs.append(logprobs)
            size = len(to_json(logprobs))
            self._held_bytes += size
            self._allowance.left -= size
        if not _OF_THOUGHT.isdisjoint(delta):
            self._reason(delta)
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                self.text(content)
        elif content:
            self._items(content if isinstance(content, list) else [content])
        if not _BESIDE_TEXT.isdisjoint(delta):
            self._take_beside(delta)

    def _take_beside(self, delta: dict[str, Any]) -> None:
        self._refuse(delta.get("refusal"))
        calls = delta.get("tool_calls")
        if calls:
            self._call(calls if isinstance(calls, list) else [calls])
        call = delta.get("function_call")
        if isinstance(call, dict) and (call.get("name") or call.get("arguments")):
            self._call([{"index": 0, "function": call}])

    def take_message(self, message: dict[str, Any], logprobs: Any) -> None:
        """A message in place of a delta: all of it, or what it adds to the message before it.

        After deltas it repeats what they told (Perplexity's chat.completion.done).
        """
        content = message.get("content")
        content = content if isinstance(content, str) else ""
        if not self.has_content:
            self._message = content
            self._allowance.left -= len(content)
            self.take(message, logprobs)
        elif self._message is not None:
            told, self._message = self._message, content
            self._allowance.left -= len(content) - len(told)
            if content := content.removeprefix(told):
                self.take({"content": content}, logprobs)

    def text(self, piece: str) -> None:
        """Text of the answer, less an echoed prefix and the reasoning in tags."""
        if self._echo:
            piece = self._without_echo(piece)
        if self._think is None:
            reasoning, text = "", piece
        else:
            reasoning, text = self._think.feed(piece)
            if self._think.is_over:
                self._think = None
        self._write(reasoning, text)

    def end(self, *, failed: bool = False) -> None:
        """No more comes: what was held back goes out, and whole tool calls are completed."""
        if self._think is not None:
            self._write(*self._think.finish())
            self._think = None
        if self._logprobs and self.has_content:
            self._enter("text")
            self._writer.text(self.index, self.block, "", self._beside())
        self._enter("")
        if self._tools is not None:
            self._tools.finish(cut=failed and self.finish is None, at_limit=self.reason() == "length")

    def reason(self) -> FinishReason:
        """In our word. A stop that asks for tools is `tool_calls`, and one behind a refusal `refusal`."""
        if self.finish is None:
            return "unknown"
        reason = _REASONS.get(self.finish.lower(), "unknown")
        if reason == "stop" and self._tools is not None:
            return "tool_calls"
        return "refusal" if reason == "stop" and self._refused else reason

    def _write(self, reasoning: str, text: str) -> None:
        if reasoning:
            self._enter("reasoning")
            self._writer.reasoning(self.index, self.block, reasoning, self._beside())
        if text:
            self._enter("text")
            self._writer.text(self.index, self.block, text, self._beside())

    def _reason(self, delta: dict[str, Any]) -> None:
        details = delta.get("reasoning_details")
        if text := reasoning_text(delta):
            self._write(text, "")
        if isinstance(details, list) and details:
            self._enter("reasoning")
            self._details = self._details or Details(self._allowance)
            self._details.take(details)

    def _items(self, items: list[Any]) -> None:
        """Content as a list: text, thinking and references (Mistral), reasoning and refusals elsewhere."""
        for item in items:
            kind = item.get("type") if isinstance(item, dict) else None
            if kind in _ITEMS_OF_THOUGHT:
                self._write(joined(item.get(kind) or item), "")
            elif kind == "refusal":
                self._refuse(item.get("refusal"))
            elif text := joined(item):
                self.text(text)

    def _refuse(self, refusal: Any) -> None:
        if isinstance(refusal, str) and refusal:
            self._refused = True
            self._enter("refusal")
            self._writer.refusal(self.index, refusal, self._beside())

    def _call(self, fragments: list[Any]) -> None:
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._enter("tool_call")
                if self._tools is None:
                    self._tools = ToolCalls(self._writer, self.index, self._seed, self._allowance)
                self._tools.take(fragment, self._beside())

    def _enter(self, kind: str) -> None:
        """Begins a block where the kind changes; a reasoning block ends with what must be sent back of it."""
        if kind == self.kind:
            return
        if self.kind == "reasoning" and self._details and (details := self._details.close()):
            self._writer.reasoning(self.index, self.block, "", freeze_wire({"reasoning_details": details}))
        if kind:
            self.kind, self.block = kind, self.block + 1

    def _beside(self) -> FrozenMap:
        """Logprobs of this delta and of the empty chunks before it."""
        if not self._logprobs:
            return EMPTY_MAP
        held, self._logprobs = self._logprobs, None
        self._allowance.left += self._held_bytes
        self._held_bytes = 0
        beside: FrozenMap = freeze_wire({"logprobs": _joined_logprobs(held)})
        return beside

    def _without_echo(self, piece: str) -> str:
        """The server repeats what was delivered before; from the first difference on it is new text."""
        known = self._echo[: len(piece)]
        if piece.startswith(known):
            self._echo = self._echo[len(known) :]
            return piece[len(known) :]
        self._echo = ""
        return piece


def _joined_logprobs(held: list[dict[str, Any]]) -> dict[str, Any]:
    """One after the other: the lists of each name (content, refusal; tokens in the older form) joined."""
    whole = {name: value for part in held for name, value in part.items() if value is not None}
    for name in whole:
        lists = [part[name] for part in held if isinstance(part.get(name), list)]
        if lists:
            whole[name] = [entry for entries in lists for entry in entries]
    return whole
