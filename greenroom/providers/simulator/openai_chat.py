"""OpenAI Chat Completions: a call and a script in, the steps of the answer out. No I/O, no clock.

Stream: a chunk with the role, one chunk a delta, one with the finish reason, where it was asked for one with
`choices: []` and the usage, then `[DONE]`. Keys stand in the order in which api.openai.com sends them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from greenroom.messages.value import FrozenMap, thaw
from greenroom.providers.simulator.faults import before_place, struck
from greenroom.providers.simulator.openai_deltas import call_id, deltas_of
from greenroom.providers.simulator.openai_errors import json_bytes, json_reply, usual_error, whole_reply
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens
from greenroom.providers.simulator.pieces import joined
from greenroom.providers.simulator.reply import Ending, Reply, Step
from greenroom.providers.simulator.script import HttpAnswer, Script, ScriptUsage, StreamError

DONE = b"data: [DONE]\n\n"
_SSE = "text/event-stream; charset=utf-8"
_FINGERPRINT = "fp_simulator"
_PADDING = "k3Vq9ZtR1mXw7Lp"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes one answer differ from the next of the same script. `created_s`: seconds since 1970."""

    response_id: str
    created_s: int


def chat_reply(call: ChatCall, script: Script, stamp: Stamp) -> Reply:
    """The answer to this call as the script wants it, faults included."""
    if script.answer is not None:
        reply = _http_answer(script.answer)
    elif call.stream and not script.ignore_stream:
        headers = (("content-type", _SSE), ("cache-control", "no-cache"))
        reply = Reply(200, headers, stream_steps(call, script, stamp))
    else:
        reply = json_reply(200, completion(call, script, stamp))
    return _faulty(reply, script, _opening(call, script) if reply.length is None else 0)


def stream_steps(call: ChatCall, script: Script, stamp: Stamp) -> Iterator[Step]:
    """The server-sent events of a streamed answer, before a cut or stall."""
    steps = _whole_stream(call, script, stamp)
    if script.stream_error is None:
        return steps
    return _with_error(steps, script.stream_error, _opening(call, script))


def completion(call: ChatCall, script: Script, stamp: Stamp) -> dict[str, Any]:
    """The JSON of an answer that is not streamed; the script's stream error stands in its place."""
    if script.stream_error is not None:
        return {"error": _error_of(script.stream_error)}
    choices = [_whole_choice(index, script) for index in range(call.choices)]
    usage = usage_of(call, script)
    head = {**_head(call, script, stamp, "chat.completion"), "choices": choices}
    return head if usage is None else {**head, "usage": usage}


def usage_of(call: ChatCall, script: Script) -> dict[str, Any] | None:
    """The usage object of an answer; None where the script has none."""
    if script.usage == "absent":
        return None
    usage = script.usage if isinstance(script.usage, ScriptUsage) else _counted(call, script)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _whole_stream(call: ChatCall, script: Script, stamp: Stamp) -> Iterator[Step]:
    writer = _ChunkWriter(call, script, stamp)
    if script.send_role:
        content = None if script.tool_calls and not script.text else ""
        role = json_bytes({"role": "assistant", "content": content, "refusal": None})
        for index in range(call.choices):
            yield Step(writer.chunk(index, role))
    delay_s = script.first_delta_delay_s
    for delta in deltas_of(script):
        for index in range(call.choices):
            yield Step(writer.chunk(index, delta), delay_s, 1)
            delay_s = 0.0
        delay_s = script.delta_interval_s
    if script.send_finish:
        for index in range(call.choices):
            yield Step(writer.chunk(index, b"{}", json_bytes(_finish_reason(script))))
    if call.include_usage and (usage := usage_of(call, script)) is not None:
        yield Step(writer.usage_chunk(usage))
    if script.send_done:
        yield Step(DONE)


class _ChunkWriter:
    """Writes the chunks of one answer; what they share is encoded once."""

    def __init__(self, call: ChatCall, script: Script, stamp: Stamp) -> None:
        head = json_bytes(_head(call, script, stamp, "chat.completion.chunk"))
        self._head = b"data: " + head[:-1] + b',"choices":['
        self._usage = b',"usage":null' if call.include_usage else b""
        self._padded = script.obfuscation and call.include_obfuscation

    def chunk(self, index: int, delta: bytes, finish_reason: bytes = b"null") -> bytes:
        choice = b'{"index":%d,"delta":%b,"logprobs":null,"finish_reason":%b}]' % (
            index,
            delta,
            finish_reason,
        )
        return self._head + choice + self._usage + self._padding(len(delta)) + b"}\n\n"

    def usage_chunk(self, usage: dict[str, Any]) -> bytes:
        return self._head + b'],"usage":' + json_bytes(usage) + self._padding(0) + b"}\n\n"

    def _padding(self, size: int) -> bytes:
        return b',"obfuscation":"%b"' % _PADDING[size % 16 :].encode() if self._padded else b""


def _head(call: ChatCall, script: Script, stamp: Stamp, kind: str) -> dict[str, Any]:
    return {
        "id": script.response_id or stamp.response_id,
        "object": kind,
        "created": stamp.created_s,
        "model": script.model or call.model,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }


def _opening(call: ChatCall, script: Script) -> int:
    return call.choices if script.send_role else 0


def _finish_reason(script: Script) -> str:
    return script.finish_reason or ("tool_calls" if script.tool_calls else "stop")


def _whole_choice(index: int, script: Script) -> dict[str, Any]:
    content = None if not script.text and (script.tool_calls or script.refusal) else joined(script.text)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content,
        "refusal": joined(script.refusal) or None,
    }
    if script.reasoning:
        message[script.reasoning_field] = joined(script.reasoning)
    if script.tool_calls:
        message["tool_calls"] = [
            {
                "id": call_id(i, c),
                "type": "function",
                "function": {"name": c.name, "arguments": c.arguments_text},
            }
            for i, c in enumerate(script.tool_calls)
        ]
    finish = _finish_reason(script) if script.send_finish else None
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def _counted(call: ChatCall, script: Script) -> ScriptUsage:
    reasoning = count_tokens(joined(script.reasoning))
    said = count_tokens(joined(script.text)) + count_tokens(joined(script.refusal))
    said += sum(count_tokens(c.name) + count_tokens(c.arguments_text) for c in script.tool_calls)
    completion_tokens = (reasoning + said) * call.choices
    return ScriptUsage(
        prompt_tokens=call.prompt_tokens,
        completion_tokens=completion_tokens,
        reasoning_tokens=reasoning * call.choices,
    )


def _with_error(steps: Iterator[Step], fault: StreamError, opening: int) -> Iterator[Step]:
    yield from before_place(steps, opening, fault.after_deltas)
    event = b"event: %b\n" % fault.event.encode() if fault.event else b""
    yield Step(event + b"data: " + json_bytes({"error": _error_of(fault)}) + b"\n\n")
    if fault.send_done:
        yield Step(DONE)


def _error_of(fault: StreamError) -> dict[str, Any]:
    error: dict[str, Any] = thaw(fault.error) if fault.error is not None else usual_error(500)
    return error


def _http_answer(answer: HttpAnswer) -> Reply:
    body = answer.body
    if body is None:
        body = FrozenMap({"error": usual_error(answer.status)} if answer.status >= 400 else {})
    if isinstance(body, FrozenMap):
        return json_reply(answer.status, thaw(body), headers=answer.headers)
    kind = "text/html" if body.lstrip().startswith("<") else "text/plain"
    return whole_reply(answer.status, body.encode(), f"{kind}; charset=utf-8", headers=answer.headers)


def _faulty(reply: Reply, script: Script, opening: int) -> Reply:
    given = {name.lower() for name in script.headers}
    kept = tuple((name, value) for name, value in reply.headers if name.lower() not in given)
    cut = script.cut
    shortened = cut is not None and cut.how == "end"
    return replace(
        reply,
        length=None if shortened else reply.length,
        headers=(*kept, *script.headers.items()),
        steps=struck(reply.steps, script, opening, streamed=reply.length is None),
        delay_s=script.headers_delay_s,
        close=reply.close or script.close_connection,
        instead=Ending(cut.how) if cut is not None and cut.before_answer else None,
    )
