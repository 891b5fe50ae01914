"""One choice of a streamed answer: its pieces to deltas, with the state that they need."""

from typing import Any

from greenroom.messages.completion import FinishReason
from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire
from greenroom.providers.openai_chat.reasoning import Details, reasoning_text
from greenroom.providers.openai_chat.think import ThinkSplitter
from greenroom.providers.openai_chat.tool_calls import ToolCalls
from greenroom.providers.openai_chat.writer import Writer

_REASONS: dict[str, FinishReason] = {
    "stop": "stop", "eos": "stop", "end_turn": "stop", "stop_sequence": "stop", "eos_token": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length", "max_output_tokens": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls",
    "content_filter": "content_filter", "safety": "content_filter", "sensitive": "content_filter",
    "refusal": "refusal", "error": "error", "abort": "error", "network_error": "error",
    "insufficient_system_resource": "error",
}  # fmt: skip

KNOWN_DELTA_KEYS = frozenset({
    "role", "content", "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning",
    "reasoning_details", "annotations",
    # padding and labels without content
    "obfuscation", "p", "token_id", "channel", "name", "padding",
})  # fmt: skip


class Choice:
    """One owner. `block` counts its stretches of one kind: merged deltas never cross one."""

    __slots__ = (
        "_details", "_echo", "_logprobs", "_think", "_tools", "_writer", "block", "finish", "index", "kind"
    )  # fmt: skip

    def __init__(self, writer: Writer, index: int, seed: str, think_tags: bool, echo: str) -> None:
        self._writer, self.index = writer, index
        self.kind = ""
        self.block = -1
        self.finish: str | None = None
        self._echo = echo
        self._think = ThinkSplitter() if think_tags else None
        self._tools = ToolCalls(writer, index, seed)
        self._details = Details()
        self._logprobs: list[Any] = []

    @property
    def is_plain(self) -> bool:
        """Pieces can be passed on as they come: nothing held back, no tags to look for."""
        running = self.kind in ("text", "reasoning")
        return running and self._think is None and not self._echo and not self._logprobs

    @property
    def has_content(self) -> bool:
        return self.kind != ""

    def take(self, delta: dict[str, Any], logprobs: Any) -> None:
        """Reasoning before text before tool calls, as they follow each other in an answer."""
        if isinstance(logprobs, dict) and any(logprobs.values()):
            self._logprobs.append(logprobs)
        self._reason(delta)
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                self.text(content)
        elif isinstance(content, list):
            self._items(content)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._enter("refusal")
            self._writer.refusal(self.index, refusal, self._beside())
        calls = delta.get("tool_calls")
        if isinstance(calls, list) and calls:
            self._enter("tool_call")
            for fragment in calls:
                if isinstance(fragment, dict):
                    self._tools.take(fragment)
        call = delta.get("function_call")
        if isinstance(call, dict):
            self._enter("tool_call")
            self._tools.take({"index": 0, "function": call})

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

    def end(self) -> None:
        """No more comes: what was held back goes out, and whole tool calls are completed."""
        if self._think is not None:
            self._write(*self._think.finish())
            self._think = None
        self._enter("")
        self._tools.finish()

    def reason(self) -> FinishReason:
        """In our word. A stop that asks for tools is `tool_calls`, whatever the server calls it."""
        if self.finish is None:
            return "unknown"
        reason = _REASONS.get(self.finish.lower(), "unknown")
        return "tool_calls" if reason == "stop" and self._tools.any else reason

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
            self._details.take(details)

    def _items(self, items: list[Any]) -> None:
        """Content as a list (Mistral): text, thinking, references."""
        for item in items:
            if isinstance(item, str):
                self._write("", item)
            elif isinstance(item, dict) and item.get("type") == "thinking":
                self._write(_joined(item.get("thinking")), "")
            elif isinstance(item, dict) and isinstance(item.get("text"), str):
                self._write("", item["text"])

    def _enter(self, kind: str) -> None:
        """Begins a block where the kind changes; a reasoning block ends with what must be sent back of it."""
        if kind == self.kind:
            return
        if self.kind == "reasoning" and (details := self._details.close()):
            self._writer.reasoning(self.index, self.block, "", freeze_wire({"reasoning_details": details}))
        if kind:
            self.kind, self.block = kind, self.block + 1

    def _beside(self) -> FrozenMap:
        """Logprobs of this delta and of the empty chunks before it."""
        if not self._logprobs:
            return EMPTY_MAP
        held, self._logprobs = self._logprobs, []
        if len(held) > 1 and all(isinstance(part, dict) for part in held):
            lists = [part["content"] for part in held if isinstance(part.get("content"), list)]
            held = [{**held[-1], "content": [token for tokens in lists for token in tokens]}]
        beside: FrozenMap = freeze_wire({"logprobs": held[-1]})
        return beside

    def _without_echo(self, piece: str) -> str:
        """The server repeats what was delivered before; from the first difference on it is new text."""
        known = self._echo[: len(piece)]
        if piece.startswith(known):
            self._echo = self._echo[len(known) :]
            return piece[len(known) :]
        self._echo = ""
        return piece


def _joined(parts: Any) -> str:
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, list):
        return ""
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))
