"""A scripted message, streamed as the real API streams it, or whole. One step an event, before any fault.

message_start, then for each block content_block_start (behind the first one a ping), its deltas and
content_block_stop; message_delta with the stop reason and cumulative usage; message_stop.
"""

import json
from collections.abc import Iterator
from typing import Any

from greenroom.providers.anthropic.simulated_blocks import blocks_of
from greenroom.providers.anthropic.simulated_errors import stream_error
from greenroom.providers.anthropic.simulated_request import MessageCall
from greenroom.providers.simulator.faults import SILENT_BYTES, before_place
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.openai_request import count_tokens
from greenroom.providers.simulator.pieces import joined
from greenroom.providers.simulator.reply import Step
from greenroom.providers.simulator.script import Script, ScriptUsage

_WORDS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
"""A script's chat words as this wire's own."""


class MessageWriter:
    """Writes one answer. `number`: the call's; a response id and ids of hosted calls are made of it."""

    def __init__(self, call: MessageCall, script: Script, number: int) -> None:
        self._call, self._script = call, script
        self._blocks = blocks_of(call, script, number)
        self._id = script.response_id or f"msg_sim_{number}"
        self._model = script.model or call.chat.model

    @property
    def opening(self) -> int:
        """How many events come before the first delta: message_start, and a block's start with the ping."""
        return 3 if self._blocks else 2

    def steps(self) -> Iterator[Step]:
        """The events at their times, the script's error among them."""
        fault = self._script.stream_error
        if fault is None:
            yield from self._events()
            return
        yield from before_place(self._events(), self.opening, fault.after_deltas)
        name = "error" if fault.event is None else fault.event
        data = b"data: " + json_bytes(stream_error(fault.error)) + b"\n\n"
        yield Step((f"event: {name}\n".encode() if name else b"") + data)
        if fault.send_done:
            yield Step(event("message_stop"))

    def whole(self) -> dict[str, Any]:
        """The message that is not streamed; the script's error in its place."""
        if self._script.stream_error is not None:
            return stream_error(self._script.stream_error.error)
        content = [_with_input(block.whole) for block in self._blocks]
        return {**self._message(), "content": content, **self._stop(), **self._usage(final=True)}

    def text_event(self, text: str) -> bytes:
        """One more piece of text."""
        return self._delta(self._text_index, {"type": "text_delta", "text": text})

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing."""
        if kind in SILENT_BYTES:
            return SILENT_BYTES[kind]
        return self.text_event("") if kind == "empty_delta" else event("ping")

    def _events(self) -> Iterator[Step]:
        script = self._script
        yield Step(event("message_start", message={**self._message(), **self._usage(final=False)}))
        if not self._blocks:
            yield Step(event("ping"))
        delay_s = script.first_delta_delay_s
        for index, block in enumerate(self._blocks):
            yield Step(event("content_block_start", index=index, content_block=block.start))
            if index == 0:
                yield Step(event("ping"))
            for delta, counts in block.deltas:
                yield Step(self._delta(index, delta), delay_s if counts else 0.0, int(counts))
                delay_s = script.delta_interval_s if counts else delay_s
            yield Step(event("content_block_stop", index=index))
        yield Step(event("message_delta", delta=self._stop(), **self._usage(final=True)))
        if script.send_done:
            yield Step(event("message_stop"))
        if script.late_text:
            yield Step(self.text_event(script.late_text))

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return event("content_block_delta", index=index, delta=delta)

    @property
    def _text_index(self) -> int:
        return next((n for n, block in enumerate(self._blocks) if block.start.get("type") == "text"), 0)

    def _message(self) -> dict[str, Any]:
        return {
            "id": self._id, "type": "message", "role": "assistant", "model": self._model, "content": [],
            "stop_reason": None, "stop_sequence": None,
        }  # fmt: skip

    def _stop(self) -> dict[str, Any]:
        script = self._script
        usual = "tool_use" if script.tool_calls else "refusal" if script.refusal else "end_turn"
        reason = _WORDS.get(script.finish_reason or "", script.finish_reason) or usual
        stop: dict[str, Any] = {"stop_reason": reason if script.send_finish else None, "stop_sequence": None}
        if reason == "stop_sequence":
            stop["stop_sequence"] = self._call.stop_sequence
        if reason == "refusal":
            explanation = joined(script.refusal) or None
            stop["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
        return stop

    def _usage(self, *, final: bool) -> dict[str, Any]:
        """As a field, or none where the script wants none. `input_tokens` leaves out what was cached."""
        script = self._script
        if script.usage == "absent":
            return {}
        used = script.usage if isinstance(script.usage, ScriptUsage) else self._counted()
        usage: dict[str, Any] = {
            "input_tokens": max(0, used.prompt_tokens - used.cached_tokens),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": min(used.cached_tokens, used.prompt_tokens),
            "output_tokens": used.completion_tokens if final else min(1, used.completion_tokens),
        }
        if final and used.reasoning_tokens:
            usage["output_tokens_details"] = {"thinking_tokens": used.reasoning_tokens}
        return {"usage": usage}

    def _counted(self) -> ScriptUsage:
        thought = said = 0
        for block in self._blocks:
            thought += count_tokens(str(block.whole.get("thinking", "")))
            said += count_tokens(str(block.whole.get("text", "")))
        said += sum(count_tokens(c.name) + count_tokens(c.arguments_text) for c in self._script.tool_calls)
        return ScriptUsage(
            prompt_tokens=self._call.chat.prompt_tokens, completion_tokens=thought + said,
            reasoning_tokens=thought,
        )  # fmt: skip


def event(name: str, **fields: Any) -> bytes:
    """One server-sent event of this type."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), json_bytes({"type": name, **fields}))


def _with_input(block: dict[str, Any]) -> dict[str, Any]:
    """A call's input is an object in a message that comes whole; {} where the script's is none."""
    given = block.get("input")
    if not isinstance(given, str):
        return block
    try:
        value = json.loads(given)
    except ValueError:
        value = {}
    return {**block, "input": value if isinstance(value, dict) else {}}
