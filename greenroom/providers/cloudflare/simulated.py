"""Workers AI's side of the simulator: `.../ai/run/{model}` streamed and whole.

Reasoning stands between <think> tags in the text, as the models there write it; refusals are left out.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from pydantic_core import from_json

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.dialect import PLAIN_USAGE, Dialect, filled
from greenroom.providers.simulator.faults import SILENT_BYTES, Place, before_place
from greenroom.providers.simulator.openai_chat import faulty, streamed
from greenroom.providers.simulator.openai_errors import Refused, json_bytes, json_reply, scripted_reply
from greenroom.providers.simulator.openai_request import ChatCall, read_chat_call, read_json
from greenroom.providers.simulator.openai_whole import Stamp, facts_of
from greenroom.providers.simulator.pieces import pieces_of
from greenroom.providers.simulator.reply import HttpRequest, Reply, Step
from greenroom.providers.simulator.script import Script, ScriptToolCall
from greenroom.providers.simulator.wires import Desk, Served, bearer, only_post

_ERROR = FrozenMap({"result": None, "success": False, "errors": ({"message": "$message", "code": "$code"},),
                    "messages": ()})  # fmt: skip
DIALECT = Dialect(
    name="cloudflare", error_body=_ERROR, stream_error=_ERROR, tool_id="chatcmpl-tool-{n:032x}",
    rate_limit_headers=FrozenMap(),
)  # fmt: skip
"""How this server words errors and names calls; the rest of a dialect is the chat wire's."""
_PLACE = "/ai/run/"
_PADDING = "abdefghijklmnoprstuvxyz1234567890"
_USUAL_ERROR = "AiError: AiError: Internal server error"
_DONE = b"data: [DONE]\n\n"


class CloudflareWire:
    """Implements SimulatedWire."""

    kind = "cloudflare-ai"

    def takes(self, request: HttpRequest) -> bool:
        return _PLACE in request.path

    def key(self, request: HttpRequest) -> str | None:
        return bearer(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        body = read_json(request.body)
        served.body = body
        model = unquote(request.path.partition(_PLACE)[2])
        prompt = body.get("prompt")
        turns = ({"role": "user", "content": prompt},) if isinstance(prompt, str) else body.get("messages")
        call = read_chat_call(FrozenMap({**body, "model": model, "messages": turns}))
        script, number = desk.choose(served, call)
        return reply_of(call, script, Stamp(str(number), desk.created_s))

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:  # noqa: ARG002  (its own)
        return json_reply(refused.status, _failure(refused.error["message"], refused.status))


def reply_of(call: ChatCall, script: Script, stamp: Stamp) -> Reply:
    """The answer to this call as the script wants it, faults included."""
    writer = ResponseWriter(call, script, stamp)
    whole = Place(0, False, lambda text: json_bytes(writer.whole(text)), lambda _kind: b"\n")
    if script.answer is not None:
        return faulty(scripted_reply(script.answer, DIALECT, stamp.created_s), script, DIALECT, whole)
    if not call.stream or script.ignore_stream:
        told = writer.error() if script.stream_error is not None else writer.whole(writer.text)
        return faulty(json_reply(200, told), script, DIALECT, whole)
    return faulty(streamed(writer.steps()), script, DIALECT, Place(0, True, writer.text_event, writer.ping))


class ResponseWriter:
    """Writes the events of one answer."""

    def __init__(self, call: ChatCall, script: Script, stamp: Stamp) -> None:
        self._script = script.replace(refusal="")
        self._facts = facts_of(call, self._script, stamp, DIALECT, "chat")
        self._sent = 0

    @property
    def text(self) -> str:
        """All of the answer's text, its reasoning in tags before it."""
        return "".join(self._pieces())

    def steps(self) -> Iterator[Step]:
        """The events at their times, up to the script's error where it has one."""
        fault = self._script.stream_error
        if fault is None:
            yield from self._said()
            return
        yield from before_place(self._said(), 0, fault.after_deltas)
        yield Step(_data(self.error()))
        if fault.send_done:
            yield Step(_DONE)

    def whole(self, text: str) -> dict[str, Any]:
        """The JSON of an answer that is not streamed."""
        result: dict[str, Any] = {"response": text or None if self._script.tool_calls else text}
        if self._script.tool_calls:
            result["tool_calls"] = [_whole_call(call) for call in self._script.tool_calls]
        if self._script.usage != "absent":
            result["usage"] = filled(PLAIN_USAGE, self._facts)
        return {"result": result, "success": True, "errors": [], "messages": []}

    def error(self) -> dict[str, Any]:
        """The JSON of the script's error."""
        fault = self._script.stream_error
        told = dict(fault.error) if fault is not None and fault.error is not None else {}
        return _failure(told.get("message") or _USUAL_ERROR, told.get("code") or 3043)

    def text_event(self, text: str) -> bytes:
        """One more piece of text."""
        self._sent += 1
        return _data({"response": text, "tool_calls": [], "p": _PADDING[: self._sent * 7 % len(_PADDING)]})

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing."""
        return SILENT_BYTES.get(kind) or _data({"response": "", "tool_calls": []})

    def _said(self) -> Iterator[Step]:
        script = self._script
        delay_s = script.first_delta_delay_s
        for event in (*map(self.text_event, self._pieces()), *self._calls()):
            yield Step(event, delay_s, 1)
            delay_s = script.delta_interval_s
        if script.usage != "absent":
            yield Step(_data({"response": "", "usage": filled(PLAIN_USAGE, self._facts)}))
        if script.send_done:
            yield Step(_DONE)
        if script.late_text:
            yield Step(self.text_event(script.late_text))

    def _pieces(self) -> Iterator[str]:
        script, size = self._script, self._script.chunk_size
        if script.reasoning:
            yield from ("<think>", *pieces_of(script.reasoning, size), "</think>")
        yield from pieces_of(script.text, size)

    def _calls(self) -> Iterator[bytes]:
        for index, call in enumerate(self._script.tool_calls):
            ident = call.id or DIALECT.tool_id.format(n=index)
            head = {"id": ident, "type": "function", "index": index, "function": {"name": call.name}}
            yield _data({"tool_calls": [head]})
            given = call.arguments if isinstance(call.arguments, tuple) else call.arguments_text
            for piece in pieces_of(given, self._script.chunk_size):
                yield _data({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})


def _data(value: Any) -> bytes:
    return b"data: " + json_bytes(value) + b"\n\n"


def _whole_call(call: ScriptToolCall) -> dict[str, Any]:
    arguments: Any = call.arguments_text
    with suppress(ValueError):
        arguments = from_json(arguments)
    return {"name": call.name, "arguments": arguments}


def _failure(message: Any, code: Any) -> dict[str, Any]:
    return {"result": None, "success": False, "errors": [{"message": message, "code": code}], "messages": []}
