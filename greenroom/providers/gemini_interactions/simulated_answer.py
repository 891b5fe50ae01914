"""One interaction in Google's form: named events, or the whole object.

A thought, the text, then each function call is a step of its own. An interaction that is kept numbers its events
(`event_id`). A refusal has no place on this wire and is left out.
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from greenroom.messages.value import thaw
from greenroom.providers.gemini.simulated_answer import arguments_object
from greenroom.providers.simulator.faults import before_place
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens
from greenroom.providers.simulator.openai_whole import Stamp
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.reply import Step
from greenroom.providers.simulator.script import Script, ScriptToolCall, ScriptUsage
from greenroom.providers.simulator.script_faults import StreamError

OPENING = 2
"""Events before the first step."""
_STATUSES = {"stop": "completed", "length": "incomplete", "tool_calls": "requires_action"}


class EventWriter:
    """Writes one interaction once."""

    def __init__(self, call: ChatCall, script: Script, stamp: Stamp, *, with_ids: bool) -> None:
        self.call, self._script, self._stamp, self._with_ids = call, script, stamp, with_ids
        self.interaction_id = script.response_id or stamp.response_id
        self._number = 0

    def again(self) -> "EventWriter":
        """One that has written nothing yet, and makes no error."""
        script = self._script.replace(stream_error=None, send_finish=True, late_text="")
        return EventWriter(self.call, script, self._stamp, with_ids=self._with_ids)

    def mark_of(self, event_id: str) -> bytes:
        """The bytes that the event of this id, and no other, holds."""
        return b'"event_id":%b' % json_bytes(event_id)

    def steps(self) -> Iterator[Step]:
        """The events at their times."""
        fault = self._script.stream_error
        if fault is None:
            yield from self._answer()
            return
        yield from before_place(self._answer(), OPENING, fault.after_deltas)
        yield Step(self._event("error", {"error": _error("internal", fault)}))

    def whole(self) -> dict[str, Any]:
        """The JSON of an interaction that is not streamed; the script's stream error stands in its place."""
        fault = self._script.stream_error
        if fault is not None:
            return {"error": _error(500, fault)}
        steps = [*_thought(self._script), *_output(self._script), *_calls(self._script)]
        return {**self._interaction(self._status), "steps": steps, **self._usage()}

    def text_event(self, text: str) -> bytes:
        """One more piece of text."""
        return self._delta(0, {"text": text, "type": "text"})

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing. No event of the answer: it has no id of its own to go on from."""
        if kind in ("comment", "blank"):
            return b": keepalive\n\n" if kind == "comment" else b"\n"
        if kind == "empty_delta":
            empty = {"index": 0, "delta": {"text": "", "type": "text"}}
            return self._event("step.delta", empty, numbered=False)
        return self._event("interaction.status_update", self._in_progress(), numbered=False)

    def _answer(self) -> Iterator[Step]:
        script = self._script
        yield Step(self._event("interaction.created", {"interaction": self._interaction("in_progress")}))
        yield Step(self._status_update())
        delay_s = script.first_delta_delay_s
        for index, (start, deltas) in enumerate(self._steps()):
            yield Step(self._event("step.start", {"index": index, "step": start}))
            for delta in deltas:
                said = int(delta["type"] != "thought_signature")
                yield Step(self._delta(index, delta), delay_s, said)
                delay_s = script.delta_interval_s
            yield Step(self._event("step.stop", {"index": index}))
        if script.send_finish:
            ended = {**self._interaction(self._status), **self._usage()}
            yield Step(self._event("interaction.completed", {"interaction": ended}))
        if script.send_done:
            yield Step(b"event: done\ndata: [DONE]\n\n")
        if script.late_text:
            yield Step(self.text_event(script.late_text))

    def _steps(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Each step's beginning and its deltas."""
        script = self._script
        if script.reasoning:
            pieces = pieces_of(script.reasoning, script.chunk_size)
            summaries = [
                {"content": {"text": piece, "type": "text"}, "type": "thought_summary"} for piece in pieces
            ]
            yield (
                {"type": "thought"},
                [*summaries, {"signature": _signature(script), "type": "thought_signature"}],
            )
        if script.text:
            pieces = pieces_of(script.text, script.chunk_size)
            yield {"type": "model_output"}, [{"text": piece, "type": "text"} for piece in pieces]
        for number, call in enumerate(script.tool_calls):
            exact = call.arguments if isinstance(call.arguments, tuple) else call.arguments_text
            pieces = pieces_of(exact, script.chunk_size)
            deltas = [{"arguments": piece, "type": "arguments_delta"} for piece in pieces]
            yield {"type": "function_call", "id": _call_id(call, number), "name": call.name}, deltas

    def _event(self, kind: str, fields: dict[str, Any], *, numbered: bool = True) -> bytes:
        self._number += numbered
        known = {"event_id": f"e{self._number}"} if self._with_ids and numbered else {}
        body = json_bytes({**fields, "event_type": kind, **known})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), body)

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self._event("step.delta", {"index": index, "delta": delta})

    def _status_update(self) -> bytes:
        return self._event("interaction.status_update", self._in_progress())

    def _in_progress(self) -> dict[str, Any]:
        return {"interaction_id": self.interaction_id, "status": "in_progress"}

    def _interaction(self, status: str) -> dict[str, Any]:
        model = self._script.model or self.call.model
        return {"id": self.interaction_id, "status": status, "object": "interaction", "model": model}

    @property
    def _status(self) -> str:
        given = self._script.finish_reason or ("tool_calls" if self._script.tool_calls else "stop")
        return _STATUSES.get(given, given)

    def _usage(self) -> dict[str, Any]:
        if self._script.usage == "absent":
            return {}
        usage = self._counted()
        told = {
            "total_input_tokens": usage.prompt_tokens,
            "total_cached_tokens": usage.cached_tokens,
            "total_output_tokens": usage.completion_tokens - usage.reasoning_tokens,
            "total_thought_tokens": usage.reasoning_tokens,
            "total_tool_use_tokens": 0,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        }
        return {"usage": told}

    def _counted(self) -> ScriptUsage:
        script = self._script
        if isinstance(script.usage, ScriptUsage):
            return script.usage
        thoughts = count_tokens(joined(script.reasoning))
        said = thoughts + count_tokens(joined(script.text))
        said += sum(count_tokens(call.name) + count_tokens(call.arguments_text) for call in script.tool_calls)
        counts = {"prompt_tokens": self.call.prompt_tokens, "completion_tokens": said}
        return ScriptUsage(**counts, reasoning_tokens=thoughts)


def _error(code: Any, fault: StreamError) -> dict[str, Any]:
    return {"code": code, "message": "An internal error has occurred.", **thaw(fault.error or {})}


def _thought(script: Script) -> Iterator[dict[str, Any]]:
    if script.reasoning:
        summary = [{"type": "text", "text": joined(script.reasoning)}]
        yield {"type": "thought", "summary": summary, "signature": _signature(script)}


def _output(script: Script) -> Iterator[dict[str, Any]]:
    if script.text:
        yield {"type": "model_output", "content": [{"type": "text", "text": joined(script.text)}]}


def _calls(script: Script) -> Iterator[dict[str, Any]]:
    for number, call in enumerate(script.tool_calls):
        told = {"type": "function_call", "id": _call_id(call, number), "name": call.name}
        yield {**told, "arguments": arguments_object(call)}


def _call_id(call: ScriptToolCall, number: int) -> str:
    return call.id if call.id is not None else f"callsim{number}"


def _signature(script: Script) -> str:
    """The same for the same thoughts."""
    return b64encode(b"signed:" + joined(script.reasoning).encode()[:24]).decode()
