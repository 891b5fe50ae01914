"""The chunks of a streamed completion: the text stands in the choice itself, the rest is as in chat.

    {"id", "object": "text_completion", "created", "model", "usage", "choices": [{"index", "text",
        "finish_reason", "logprobs": {"tokens", "token_logprobs", "top_logprobs", "text_offset"}}]}

Servers that answer here in the form of chat (Mistral's fill-in-the-middle), or in both forms at once
(Together), are understood as well.
Source: https://platform.openai.com/docs/api-reference/completions/object.
"""

from typing import Any

from typing_extensions import override

from greenroom.messages.deltas import RawDelta
from greenroom.messages.frozen import freeze_wire
from greenroom.providers.openai_chat.chunks import Chunks

_PIECE = ("choices", 0, "text")
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")
"""Beside the text where a server parses the reasoning out of it (OpenRouter)."""
_KNOWN = frozenset({"text", "index", "finish_reason", "logprobs", "delta", "message", *_REASONING})
_PLAIN = frozenset({
    "text", "index", "finish_reason", "logprobs",
    "native_finish_reason", "stop_reason", "matched_stop", "token_ids",
})  # fmt: skip
"""A choice with these keys alone, of which only the text says something, is one piece of text."""


class TextChunks(Chunks):
    """One owner. Reads choices with `text`; everything around them as the chat wire's reader does."""

    __slots__ = ()

    @override
    def _take_plain(self, chunk: dict[str, Any]) -> bool:
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or self._raw:
            return False
        first = choices[0]
        if chunk.get("usage") or "error" in chunk or type(first) is not dict or not first.keys() <= _PLAIN:
            return False
        text, index = first.get("text"), first.get("index")
        if type(text) is not str or type(index) is not int or first.get("finish_reason"):
            return False
        choice = self._choices.get(index)
        if choice is None or first.get("logprobs") or choice.kind != "text" or not choice.is_plain:
            return False
        if text:
            self._writer.text(index, choice.block, text)
        return True

    @override
    def take_chunk(self, chunk: dict[str, Any], event: str = "message") -> None:
        writer = self._writer
        before = writer.seq
        super().take_chunk(chunk, event)
        told = writer.seq > before and type(writer.deltas[-1]) is RawDelta
        if self._raw and not told and _has_more(chunk):
            writer.raw(event, freeze_wire(chunk))

    @override
    def _learn(self, data: bytes, chunk: dict[str, Any]) -> None:
        choices = chunk.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            return
        first = choices[0]
        if not first.get("text") or first.get("finish_reason") or not first.keys() <= _PLAIN:
            return
        if any(chunk.get(name) for name in ("usage", "x_groq", "error")) or first.get("logprobs"):
            return
        choice = self._choices[self._writer.deltas[-1].index]
        if choice.kind == "text" and choice.is_plain:
            self._teach(data, chunk, _PIECE, choice, self._writer.text)

    @override
    def _take_choice(self, given: dict[str, Any]) -> bool:
        text, logprobs = given.get("text"), given.get("logprobs")
        if not isinstance(text, str) or (not text and isinstance(given.get("delta"), dict)):
            return super()._take_choice(given)
        delta: dict[str, Any] = {"content": text}
        delta.update({name: given[name] for name in _REASONING if given.get(name)})
        finishes = super()._take_choice({**given, "delta": delta, "logprobs": logprobs if text else None})
        if not text and isinstance(logprobs, dict) and any(logprobs.values()):
            # A token without text of its own: a part of a character, the end of the text.
            self._say_logprobs(given.get("index"), logprobs)
        return finishes

    def _say_logprobs(self, index: Any, logprobs: dict[str, Any]) -> None:
        choice = self._choices.get(index if type(index) is int and index in self._choices else 0)
        if choice is not None:
            beside = freeze_wire({"logprobs": logprobs})
            self._writer.text(choice.index, max(choice.block, 0), "", beside)


def _has_more(chunk: dict[str, Any]) -> bool:
    """A choice says something under a name that is not read (vLLM's stop_reason, Azure's filter results)."""
    choices = chunk.get("choices")
    given = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    return any(value is not None for choice in given for name, value in choice.items() if name not in _KNOWN)
