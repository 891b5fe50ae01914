"""The events of a streamed answer of Workers AI, read as chunks of the chat wire.

    {"response": "piece", "tool_calls": [fragments as in chat], "p": padding}
    {"response": "", "usage": {...}}
    [DONE]

No event says why the answer ended: `[DONE]` is the end. A piece that reads as a number or a truth value in JSON is
sent as one. Models that Cloudflare added later answer in the chat wire's own chunks, which are read as they are.
An answer that is not streamed stands in {"result": {...}, "success": true, "errors": []}.
Source: https://developers.cloudflare.com/workers-ai/ (text generation, function calling), and recordings.
"""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json
from typing_extensions import override

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.providers.cloudflare.padded import PaddedEnvelope
from greenroom.providers.openai_chat.chunks import Chunks
from greenroom.providers.wire.halves import JsonReader, pieces_of_calls, pieces_of_choices

_OWN = frozenset({"response", "tool_calls", "p", "usage", "reasoning", "reasoning_content"})
_PLAIN = frozenset({"response", "tool_calls", "p"})
_ARGUMENTS = ("tool_calls", 0, "function", "arguments")
_BESIDE = ("reasoning", "reasoning_content", "tool_calls")


class ResponseChunks(Chunks):
    """One owner. Reads events with `response`; everything around them as the chat wire's reader does."""

    __slots__ = ("_has_responded",)

    _new_envelope = PaddedEnvelope

    def __init__(self, *given: Any) -> None:
        """As Chunks."""
        super().__init__(*given)
        self._json = JsonReader(_pieces)
        self._has_responded = False

    @property
    @override
    def is_empty(self) -> bool:
        """Nothing came that could be an answer; an answer without a word is one."""
        return super().is_empty and not self._has_responded

    @override
    def _take_plain(self, chunk: dict[str, Any]) -> bool:
        text = chunk.get("response")
        if type(text) is not str or self._raw or not chunk.keys() <= _PLAIN or chunk.get("tool_calls"):
            return super()._take_plain(chunk)
        choice = self._choices.get(0)
        if choice is None or choice.kind != "text" or not choice.is_plain:
            return False
        if text:
            self._writer.text(0, choice.block, text)
        return True

    @override
    def take_chunk(self, chunk: dict[str, Any], event: str = "message") -> None:
        self._has_responded = self._has_responded or "response" in chunk
        super().take_chunk(_as_chunk(chunk), event)

    @override
    def take_whole(self, answer: dict[str, Any]) -> bool:
        result = answer.get("result", answer)
        if answer.get("success") is False or not isinstance(result, dict):
            return False
        if not any(name in result for name in ("response", "tool_calls", "choices")):
            return False
        self._has_responded = "response" in result
        return super().take_whole(_as_chunk(result))

    @override
    def answer(self) -> Answer:
        """Nobody says that tools are asked for: the calls do."""
        told = super().answer()
        choice = self._choices.get(0)
        if told.ends or self.failure is not None or choice is None or choice.kind != "tool_call":
            return told
        return told.model_copy(update={"ends": (ChoiceEnd(reason="tool_calls"),)})

    @override
    def _learn(self, data: bytes, chunk: dict[str, Any]) -> None:
        choice = self._choices.get(0)
        if choice is not None and chunk.keys() == {"tool_calls"}:
            write = choice.continues("tool_calls") if _is_arguments(chunk["tool_calls"]) else None
            if write:
                self._teach(data, chunk, _ARGUMENTS, choice, write)
            return
        if "response" not in chunk:
            super()._learn(data, chunk)
            return
        if choice is None or choice.kind != "text" or not choice.is_plain or not chunk.keys() <= _PLAIN:
            return
        if not chunk.get("tool_calls"):
            self._teach(data, chunk, ("response",), choice, self._writer.text)


def _is_arguments(calls: Any) -> bool:
    """One fragment that says nothing but more arguments of a call that has begun."""
    call = calls[0] if isinstance(calls, list) and len(calls) == 1 else None
    function = (
        call.get("function") if isinstance(call, dict) and call.keys() <= {"index", "function"} else None
    )
    return isinstance(function, dict) and function.keys() == {"arguments"}


def _as_chunk(given: dict[str, Any]) -> dict[str, Any]:
    """The same in the form of the chat wire; what is in it already, or tells an error, as it came."""
    if "choices" in given or not any(name in given for name in ("response", "tool_calls")):
        return given
    delta: dict[str, Any] = {"content": _text(given.get("response"))}
    delta.update({name: given[name] for name in _BESIDE if given.get(name)})
    beside = {name: value for name, value in given.items() if name not in _OWN}
    chunk = {**beside, "choices": [{"index": 0, "delta": delta}]}
    return chunk | {"usage": given["usage"]} if given.get("usage") else chunk


def _text(piece: Any) -> str:
    """A piece that is no string was one that reads as JSON: a number, a truth value, a whole object."""
    if piece is None or isinstance(piece, str):
        return piece or ""
    return to_json(piece, inf_nan_mode="constants").decode()


def _pieces(event: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Which text a string of the event is part of, and where it stands."""
    yield from pieces_of_choices(event)
    if isinstance(event, dict):
        if isinstance(event.get("response"), str):
            yield (0, "content"), event, "response"
        yield from pieces_of_calls(event.get("tool_calls"))
