"""Ollama's side of the simulator: `/api/chat` and `/api/generate`, streamed as lines of JSON, and whole.

Refusals have no place on this wire and are left out; so are tool calls in what `/api/generate` answers.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic_core import from_json

from greenroom.messages.value import FrozenMap
from greenroom.providers.ollama.simulated_call import read_call
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.faults import Place, before_place
from greenroom.providers.simulator.openai_chat import faulty
from greenroom.providers.simulator.openai_errors import Refused, json_bytes, json_reply, scripted_reply
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.openai_whole import Stamp, facts_of, logprobs_of
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.reply import HttpRequest, Reply, Step
from greenroom.providers.simulator.script import Script, ScriptToolCall
from greenroom.providers.simulator.wires import Desk, Served, bearer, only_post

DIALECT = Dialect(
    name="ollama-native",
    error_body=FrozenMap({"error": "$message"}),
    stream_error=FrozenMap({"error": "$message"}),
    rate_limit_headers=FrozenMap(),
)
"""How this server words errors; the rest of a dialect is the chat wire's."""
_NDJSON = "application/x-ndjson"
_SECOND_NS = 1_000_000_000
_USUAL_ERROR = "an error was encountered while running the model: unexpected EOF"


class OllamaWire:
    """Implements SimulatedWire."""

    kind = "ollama"
    operation: Literal["chat", "generate"] = "chat"

    def takes(self, request: HttpRequest) -> bool:
        return request.path == f"/api/{self.operation}"

    def key(self, request: HttpRequest) -> str | None:
        return bearer(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        body, call = read_call(request.body, self.operation)
        served.body = body
        script, number = desk.choose(served, call)
        return reply_of(call, script, Stamp(str(number), desk.created_s), self.operation)

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:  # noqa: ARG002  (its own)
        return json_reply(refused.status, {"error": refused.error["message"]})


class OllamaGenerateWire(OllamaWire):
    """The older operation of the same server."""

    kind = "ollama-generate"
    operation = "generate"


def reply_of(call: ChatCall, script: Script, stamp: Stamp, operation: Literal["chat", "generate"]) -> Reply:
    """The answer to this call as the script wants it, faults included."""
    writer = LineWriter(call, script, stamp, operation)
    whole = Place(0, False, writer.whole, lambda _kind: b"\n")
    if script.answer is not None:
        return faulty(scripted_reply(script.answer, DIALECT, stamp.created_s), script, DIALECT, whole)
    if not call.stream or script.ignore_stream:
        if script.stream_error is not None:
            failed = json_reply(500, writer.error())
            return faulty(failed, script, DIALECT, whole)
        body = writer.whole(joined(script.text))
        told = (("content-type", "application/json; charset=utf-8"),)
        return faulty(Reply(200, told, (Step(body),), length=len(body)), script, DIALECT, whole)
    steps = Reply(200, (("content-type", _NDJSON),), writer.steps())
    return faulty(steps, script, DIALECT, Place(0, True, writer.text_line, writer.ping))


class LineWriter:
    """Writes the lines of one answer."""

    def __init__(
        self, call: ChatCall, script: Script, stamp: Stamp, operation: Literal["chat", "generate"]
    ) -> None:
        self._call, self._script, self._is_chat = call, script, operation == "chat"
        left_out: dict[str, Any] = {"refusal": ""} if self._is_chat else {"refusal": "", "tool_calls": ()}
        self._script = script.replace(**left_out)
        self._facts = facts_of(call, self._script, stamp, DIALECT, "chat")
        self._created_at = datetime.fromtimestamp(stamp.created_s, UTC).isoformat().replace("+00:00", "Z")

    def steps(self) -> Iterator[Step]:
        """The lines at their times, up to the script's error where it has one."""
        fault = self._script.stream_error
        if fault is None:
            yield from self._said()
            return
        yield from before_place(self._said(), 0, fault.after_deltas)
        yield Step(json_bytes(self.error()) + b"\n")
        if fault.send_done:
            yield Step(self._last())

    def whole(self, text: str) -> bytes:
        """The JSON of an answer that is not streamed."""
        script = self._script
        message: dict[str, Any] = {"content": text}
        if script.reasoning:
            message["thinking"] = joined(script.reasoning)
        if script.tool_calls:
            message["tool_calls"] = [_call(place, call) for place, call in enumerate(script.tool_calls)]
        beside: dict[str, Any] = self._end() if script.send_done else {"done": False}
        if self._call.logprobs:
            pieces = pieces_of(text, script.chunk_size)
            beside["logprobs"] = [logprobs_of(piece, self._call.top_logprobs) for piece in pieces]
        return json_bytes({**self._line(message), **beside})

    def error(self) -> dict[str, Any]:
        """The JSON of the script's error."""
        fault = self._script.stream_error
        told = dict(fault.error) if fault is not None and fault.error is not None else {}
        return {**told, "error": told.get("message", _USUAL_ERROR)}

    def text_line(self, text: str) -> bytes:
        """One more piece of text."""
        return self._written({"content": text})

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing: a blank line, or a line without a piece."""
        return b"\n" if kind in ("comment", "blank") else self._written({"content": ""})

    def _said(self) -> Iterator[Step]:
        script = self._script
        delay_s = script.first_delta_delay_s
        for message in self._messages():
            yield Step(self._written(message), delay_s, 1)
            delay_s = script.delta_interval_s
        if script.send_done:
            yield Step(self._last())
        if script.late_text:
            yield Step(self.text_line(script.late_text))

    def _messages(self) -> Iterator[dict[str, Any]]:
        script = self._script
        for piece in pieces_of(script.reasoning, script.chunk_size):
            yield {"content": "", "thinking": piece}
        for piece in pieces_of(script.text, script.chunk_size):
            yield {"content": piece}
        for place, call in enumerate(script.tool_calls):
            yield {"content": "", "tool_calls": [_call(place, call)]}

    def _line(self, message: dict[str, Any]) -> dict[str, Any]:
        head = {"model": self._facts["model"], "created_at": self._created_at}
        if not self._is_chat:
            content = message.pop("content")
            return {**head, "response": content, **message}
        role = {"role": "assistant"} if self._script.send_role else {}
        return {**head, "message": {**role, **message}}

    def _written(self, message: dict[str, Any]) -> bytes:
        beside: dict[str, Any] = {"done": False}
        if self._call.logprobs and message["content"]:
            beside["logprobs"] = [logprobs_of(message["content"], self._call.top_logprobs)]
        return json_bytes({**self._line(message), **beside}) + b"\n"

    def _last(self) -> bytes:
        return json_bytes({**self._line({"content": ""}), **self._end()}) + b"\n"

    def _end(self) -> dict[str, Any]:
        """Ollama says `stop` after tool calls too."""
        script, facts = self._script, self._facts
        reason = {"done_reason": script.finish_reason or "stop"} if script.send_finish else {}
        told: dict[str, Any] = {
            "done": True,
            **reason,
            "total_duration": _SECOND_NS,
            "load_duration": 1_000_000,
        }
        if script.usage != "absent":
            told |= {"prompt_eval_count": facts["prompt"], "prompt_eval_duration": _SECOND_NS // 10}
            told |= {"eval_count": facts["completion"], "eval_duration": _SECOND_NS // 2}
        return told


def _call(place: int, call: ScriptToolCall) -> dict[str, Any]:
    """Arguments are an object; what is none goes out as the text that it is."""
    arguments: Any = call.arguments_text
    with suppress(ValueError):
        arguments = from_json(arguments)
    function = {"index": place, "name": call.name, "arguments": arguments}
    return {"function": function} if call.id is None else {"id": call.id, "function": function}
