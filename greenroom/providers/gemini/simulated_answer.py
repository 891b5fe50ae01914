"""One answer in Google's form: events or an array where it is streamed, an object where it is not.

Thoughts come first, then text, then function calls, each whole; the counts grow with every chunk. Where the
script thinks, the first function call carries a thoughtSignature, else an empty text behind the answer does, as
with Gemini 3. A call has an id where the script gives one. A refusal without text is a blocked prompt.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from greenroom.providers.gemini.simulated_errors import error_of
from greenroom.providers.simulator.faults import before_place
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens
from greenroom.providers.simulator.openai_whole import Stamp
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.reply import Step
from greenroom.providers.simulator.script import Script, ScriptToolCall, ScriptUsage
from greenroom.providers.simulator.script_faults import StreamError

_WORDS = {
    "stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY",
}  # fmt: skip


class AnswerWriter:
    """Writes one answer."""

    def __init__(self, call: ChatCall, script: Script, stamp: Stamp, *, in_events: bool) -> None:
        self._call, self._script, self._in_events = call, script, in_events
        self._end = {
            "modelVersion": script.model or call.model,
            "responseId": script.response_id or stamp.response_id,
        }
        self._usage = _usage(call, script)
        self._said = 0
        self._is_first = True

    def whole(self) -> dict[str, Any]:
        """The JSON of an answer that is not streamed; the script's stream error stands in its place."""
        if self._script.stream_error is not None:
            return _stream_error(self._script.stream_error)
        if self._is_blocked:
            return self._blocked()
        self._said = self._usage.completion_tokens
        parts = [*_whole_parts(self._script), *self._last_parts()]
        candidates = [self._candidate(index, parts, self._finish) for index in range(self._call.choices)]
        return self._chunk(candidates)

    def steps(self) -> Iterator[Step]:
        """The chunks at their times."""
        fault = self._script.stream_error
        if fault is None:
            yield from self._answer()
        else:
            yield from before_place(self._answer(), 0, fault.after_deltas)
            yield Step(self._framed(_stream_error(fault)))
        if not self._in_events:
            yield Step(b"[]\n" if self._is_first else b"\n]\n")

    def text_event(self, text: str) -> bytes:
        """One more chunk with this text."""
        return self._framed(self._chunk([self._candidate(0, [{"text": text}])]))

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing."""
        if not self._in_events or kind == "blank":
            return b"\n"
        if kind == "comment":
            return b": ping\r\n\r\n"
        chunk = {} if kind == "empty_chunk" else self._chunk([self._candidate(0, [{"text": ""}])])
        return self._framed(chunk)

    def _answer(self) -> Iterator[Step]:
        script, delay_s = self._script, self._script.first_delta_delay_s
        if self._is_blocked:
            yield Step(self._framed(self._blocked()), delay_s)
            return
        for part, said in _parts(script):
            self._said += count_tokens(said)
            for index in range(self._call.choices):
                yield Step(self._framed(self._chunk([self._candidate(index, [part])])), delay_s, 1)
                delay_s = 0.0
            delay_s = script.delta_interval_s
        self._said = self._usage.completion_tokens
        last = self._last_parts()
        if last or self._finish is not None:
            for index in range(self._call.choices):
                yield Step(self._framed(self._chunk([self._candidate(index, last, self._finish)])))
        if script.late_text:
            yield Step(self.text_event(script.late_text))

    def _framed(self, value: Any) -> bytes:
        body = json_bytes(value)
        if self._in_events:
            return b"data: " + body + b"\r\n\r\n"
        before, self._is_first = b"[" if self._is_first else b",\r\n", False
        return before + body

    @property
    def _finish(self) -> str | None:
        given = self._script.finish_reason or "STOP"
        return _WORDS.get(given, given) if self._script.send_finish else None

    @property
    def _is_blocked(self) -> bool:
        return bool(self._script.refusal) and not self._script.text

    def _blocked(self) -> dict[str, Any]:
        feedback = {"blockReason": "SAFETY", "blockReasonMessage": joined(self._script.refusal)}
        return {"promptFeedback": feedback, **self._counts(), **self._end}

    def _last_parts(self) -> list[dict[str, Any]]:
        thinks = bool(self._script.reasoning) and not self._script.tool_calls
        return [{"text": "", "thoughtSignature": _signature(self._script)}] if thinks else []

    def _candidate(
        self, index: int, parts: list[dict[str, Any]], finish: str | None = None
    ) -> dict[str, Any]:
        content: dict[str, Any] = {"parts": parts} if parts else {}
        if self._script.send_role:
            content["role"] = "model"
        told = {} if finish is None else {"finishReason": finish}
        return {"content": content, **told, "index": index}

    def _chunk(self, candidates: list[dict[str, Any]]) -> dict[str, Any]:
        return {"candidates": candidates, **self._counts(), **self._end}

    def _counts(self) -> dict[str, Any]:
        """As they stand now; Google leaves out what is 0."""
        if self._script.usage == "absent":
            return {}
        usage = self._usage
        said = min(self._said * self._call.choices, usage.completion_tokens)
        thoughts = min(usage.reasoning_tokens, said)
        counts = {
            "promptTokenCount": usage.prompt_tokens,
            "candidatesTokenCount": said - thoughts,
            "totalTokenCount": usage.prompt_tokens + said,
            "cachedContentTokenCount": usage.cached_tokens,
            "thoughtsTokenCount": thoughts,
        }
        told = {name: count for name, count in counts.items() if count or name == "totalTokenCount"}
        return {"usageMetadata": told}


def _parts(script: Script) -> Iterator[tuple[dict[str, Any], str]]:
    """Each part that is a delta, and what it says."""
    for piece in pieces_of(script.reasoning, script.chunk_size):
        yield {"text": piece, "thought": True}, piece
    for piece in pieces_of(script.text, script.chunk_size):
        yield {"text": piece}, piece
    for number, call in enumerate(script.tool_calls):
        yield _call(call, script, number), f"{call.name} {call.arguments_text}"


def _whole_parts(script: Script) -> Iterator[dict[str, Any]]:
    if script.reasoning:
        yield {"text": joined(script.reasoning), "thought": True}
    if script.text:
        yield {"text": joined(script.text)}
    for number, call in enumerate(script.tool_calls):
        yield _call(call, script, number)


def _call(call: ScriptToolCall, script: Script, number: int) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": call.name, "args": arguments_object(call)}}
    if call.id is not None:
        part["functionCall"]["id"] = call.id
    if script.reasoning and number == 0:
        part["thoughtSignature"] = _signature(script)
    return part


def arguments_object(call: ScriptToolCall) -> Any:
    """An object: this wire knows no arguments that are cut. Other text stands under `text`."""
    try:
        value = json.loads(call.arguments_text or "{}")
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"text": call.arguments_text}


def _signature(script: Script) -> str:
    """The same for the same thoughts."""
    return b64encode(b"signed:" + joined(script.reasoning).encode()[:24]).decode()


def _stream_error(fault: StreamError) -> dict[str, Any]:
    return error_of(500, fault.error)


def _usage(call: ChatCall, script: Script) -> ScriptUsage:
    if isinstance(script.usage, ScriptUsage):
        return script.usage
    thoughts = count_tokens(joined(script.reasoning)) * call.choices
    said = sum(count_tokens(said) for _, said in _parts(script)) * call.choices
    return ScriptUsage(prompt_tokens=call.prompt_tokens, completion_tokens=said, reasoning_tokens=thoughts)
