"""Cohere's side of the simulator: `/v2/chat` streamed and whole. Refusals have no place here and are left out."""

from collections.abc import Iterator
from typing import Any

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.faults import SILENT_BYTES, Place, before_place
from greenroom.providers.simulator.openai_chat import faulty, streamed
from greenroom.providers.simulator.openai_errors import Refused, json_bytes, json_reply, scripted_reply
from greenroom.providers.simulator.openai_request import ChatCall, read_chat_call, read_json
from greenroom.providers.simulator.openai_whole import Stamp, facts_of
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.reply import HttpRequest, Reply, Step
from greenroom.providers.simulator.script import Script, ScriptToolCall
from greenroom.providers.simulator.script_faults import StreamError
from greenroom.providers.simulator.wires import Desk, Served, bearer, only_post

DIALECT = Dialect(
    name="cohere",
    error_body=FrozenMap({"message": "$message"}),
    stream_error=FrozenMap({"message": "$message"}),
    tool_id="call_sim_{n}",
    rate_limit_headers=FrozenMap(),
)
"""How this server words errors and names calls; the rest of a dialect is the chat wire's."""
_WORDS = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR_TOXIC",
}
"""A script's chat words as this wire's own."""
_USUAL_ERROR = "internal server error"
_DONE = b"data: [DONE]\n\n"


class CohereWire:
    """Implements SimulatedWire."""

    kind = "cohere-chat"

    def takes(self, request: HttpRequest) -> bool:
        return request.path == "/v2/chat"

    def key(self, request: HttpRequest) -> str | None:
        return bearer(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        served.body = read_json(request.body)
        call = read_chat_call(served.body)
        script, number = desk.choose(served, call)
        return reply_of(call, script, Stamp(f"sim-{number}", desk.created_s))

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:  # noqa: ARG002  (its own)
        return json_reply(refused.status, {"message": refused.error["message"]})


def reply_of(call: ChatCall, script: Script, stamp: Stamp) -> Reply:
    """The answer to this call as the script wants it, faults included."""
    writer = EventWriter(call, script, stamp)
    whole = Place(0, False, lambda text: json_bytes(writer.whole(text)), lambda _kind: b"\n")
    if script.answer is not None:
        return faulty(scripted_reply(script.answer, DIALECT, stamp.created_s), script, DIALECT, whole)
    if not call.stream or script.ignore_stream:
        if script.stream_error is not None:
            failed = json_reply(500, {"message": _message_of(script.stream_error)})
            return faulty(failed, script, DIALECT, whole)
        return faulty(json_reply(200, writer.whole(joined(script.text))), script, DIALECT, whole)
    place = Place(writer.opening, True, writer.text_event, writer.ping)
    return faulty(streamed(writer.steps()), script, DIALECT, place)


class EventWriter:
    """Writes the events of one answer."""

    def __init__(self, call: ChatCall, script: Script, stamp: Stamp) -> None:
        self._call, self._script = call, script.replace(refusal="")
        self._facts = facts_of(call, self._script, stamp, DIALECT, "chat")
        self.opening = script.send_role + bool(script.reasoning or script.text)
        """Events before the first delta."""

    def steps(self) -> Iterator[Step]:
        """The events at their times, up to the script's error where it has one."""
        fault = self._script.stream_error
        if fault is None:
            yield from self._said()
            return
        yield from before_place(self._said(), self.opening, fault.after_deltas)
        yield Step(_error_event(fault))
        if fault.send_done:
            yield Step(_DONE)

    def whole(self, text: str) -> dict[str, Any]:
        """The JSON of an answer that is not streamed."""
        script, content = self._script, list[dict[str, Any]]()
        if script.reasoning:
            content.append({"type": "thinking", "thinking": joined(script.reasoning)})
        if text:
            content.append({"type": "text", "text": text})
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if script.tool_calls:
            calls = enumerate(script.tool_calls)
            message["tool_calls"] = [_call(place, call, call.arguments_text) for place, call in calls]
        return {"id": self._facts["id"], "message": message, **self._end()}

    def text_event(self, text: str) -> bytes:
        """One more piece of text."""
        return _event("content-delta", 0, {"content": {"text": text}})

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing."""
        return SILENT_BYTES.get(kind) or self.text_event("")

    def _said(self) -> Iterator[Step]:
        script = self._script
        if script.send_role:
            message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
            start = {"id": self._facts["id"], "type": "message-start", "delta": {"message": message}}
            yield Step(b"event: message-start\ndata: " + json_bytes(start) + b"\n\n")
        delay_s = script.first_delta_delay_s
        for event, is_delta in self._content():
            yield Step(event, delay_s if is_delta else 0.0, int(is_delta))
            delay_s = script.delta_interval_s if is_delta else delay_s
        if script.send_finish:
            end = {"type": "message-end", "delta": self._end()}
            yield Step(b"event: message-end\ndata: " + json_bytes(end) + b"\n\n")
        if script.send_done:
            yield Step(_DONE)
        if script.late_text:
            yield Step(self.text_event(script.late_text))

    def _content(self) -> Iterator[tuple[bytes, bool]]:
        """The events between the first and the last: each with whether it is a delta."""
        script, size = self._script, self._script.chunk_size
        blocks = [("thinking", script.reasoning), ("text", script.text)]
        for index, (name, text) in enumerate((name, text) for name, text in blocks if text):
            yield _event("content-start", index, {"content": {"type": name, name: ""}}), False
            for piece in pieces_of(text, size):
                yield _event("content-delta", index, {"content": {name: piece}}), True
            yield _event("content-end", index), False
        for index, call in enumerate(script.tool_calls):
            yield _event("tool-call-start", index, {"tool_calls": _call(index, call, "")}), True
            given = call.arguments if isinstance(call.arguments, tuple) else call.arguments_text
            for piece in pieces_of(given, size):
                fragment = {"tool_calls": {"function": {"arguments": piece}}}
                yield _event("tool-call-delta", index, fragment), True
            yield _event("tool-call-end", index), False

    def _end(self) -> dict[str, Any]:
        script, facts = self._script, self._facts
        usual = "TOOL_CALL" if script.tool_calls else "COMPLETE"
        reason = _WORDS.get(script.finish_reason or "", script.finish_reason) or usual
        if script.usage == "absent":
            return {"finish_reason": reason}
        tokens = {"input_tokens": facts["prompt"], "output_tokens": facts["completion"]}
        usage: dict[str, Any] = {"billed_units": dict(tokens), "tokens": tokens}
        if facts["reasoning"]:
            tokens["reasoning_tokens"] = facts["reasoning"]
        usage["cached_tokens"] = facts["cached"]
        return {"finish_reason": reason, "usage": usage}


def _event(kind: str, index: int, message: dict[str, Any] | None = None) -> bytes:
    told: dict[str, Any] = {"type": kind, "index": index}
    if message is not None:
        told["delta"] = {"message": message}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json_bytes(told))


def _call(place: int, call: ScriptToolCall, arguments: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id or DIALECT.tool_id.format(n=place), "type": "function", "function": function}


def _error_event(fault: StreamError) -> bytes:
    """The event that ends an answer badly; an event of the script's own name where it has one."""
    if fault.event is not None:
        name = b"event: %b\n" % fault.event.encode() if fault.event else b""
        return name + b"data: " + json_bytes({"message": _message_of(fault)}) + b"\n\n"
    end = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": _message_of(fault)}}
    return b"event: message-end\ndata: " + json_bytes(end) + b"\n\n"


def _message_of(fault: StreamError) -> str:
    told = None if fault.error is None else fault.error.get("message")
    return str(told or _USUAL_ERROR)
