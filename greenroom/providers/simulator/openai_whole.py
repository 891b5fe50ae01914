"""The JSON of an answer that is not streamed, its usage, and what both kinds of answers share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from greenroom.messages.value import thaw
from greenroom.providers.simulator.dialect import Dialect, filled
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.openai_deltas import call_id, reasoning_form
from greenroom.providers.simulator.openai_errors import stream_error
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.script import Script, ScriptUsage


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes one answer differ from the next of the same script. `created_s`: seconds since 1970."""

    response_id: str
    created_s: int


def completion(call: ChatCall, script: Script, stamp: Stamp, dialect: Dialect = OPENAI) -> dict[str, Any]:
    """The JSON of an answer that is not streamed; the script's stream error stands in its place."""
    if script.stream_error is not None:
        return stream_error(script.stream_error.error, dialect)
    facts = facts_of(call, script, stamp, dialect, "chat.completion")
    choices = [_whole_choice(index, call, script, dialect) for index in range(call.choices)]
    whole: dict[str, Any] = {**filled(dialect.head, facts), "choices": choices}
    if script.usage != "absent":
        whole["usage"] = filled(dialect.usage_object, facts)
    return {**whole, **filled(dialect.last_fields, facts)}


def facts_of(call: ChatCall, script: Script, stamp: Stamp, dialect: Dialect, kind: str) -> dict[str, Any]:
    """What the templates of this answer may name."""
    usage = _usage(call, script)
    return {
        "id": script.response_id or stamp.response_id,
        "object": kind,
        "created": stamp.created_s,
        "model": script.model or call.model,
        "finish": finish_reason(script, dialect),
        "prompt": usage.prompt_tokens,
        "completion": usage.completion_tokens,
        "total": usage.prompt_tokens + usage.completion_tokens,
        "cached": usage.cached_tokens,
        "uncached": max(0, usage.prompt_tokens - usage.cached_tokens),
        "reasoning": usage.reasoning_tokens,
        "answer": max(0, usage.completion_tokens - usage.reasoning_tokens),
    }


def so_far(facts: Mapping[str, Any], said_tokens: int) -> dict[str, Any]:
    """The facts as they stand after this many tokens of the answer."""
    completion_tokens = min(said_tokens, facts["completion"])
    reasoning = min(facts["reasoning"], completion_tokens)
    return {
        **facts,
        "completion": completion_tokens,
        "total": facts["prompt"] + completion_tokens,
        "reasoning": reasoning,
        "answer": completion_tokens - reasoning,
    }


def finish_reason(script: Script, dialect: Dialect) -> str:
    """In the server's word."""
    return script.finish_reason or (dialect.tool_finish if script.tool_calls else "stop")


def logprobs_of(piece: str, top: int) -> dict[str, Any]:
    """One token a piece, as likely as its length makes it; made up, and the same every time."""
    token = {"token": piece, "logprob": -round(len(piece) / 100, 4), "bytes": list(piece.encode())}
    others = [{**token, "token": f"{piece}{n}" if n else piece} for n in range(top)]
    return {**token, "top_logprobs": others}


def _usage(call: ChatCall, script: Script) -> ScriptUsage:
    if isinstance(script.usage, ScriptUsage):
        return script.usage
    reasoning = count_tokens(joined(script.reasoning))
    said = count_tokens(joined(script.text)) + count_tokens(joined(script.refusal))
    said += sum(count_tokens(c.name) + count_tokens(c.arguments_text) for c in script.tool_calls)
    return ScriptUsage(
        prompt_tokens=call.prompt_tokens,
        completion_tokens=(reasoning + said) * call.choices,
        reasoning_tokens=reasoning * call.choices,
    )


def _whole_choice(index: int, call: ChatCall, script: Script, dialect: Dialect) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "index": index,
        **thaw(dialect.choice_fields),
        "message": message_of(script, dialect),
    }
    logprobs = None
    if call.logprobs:
        logprobs = {
            part: [logprobs_of(p, call.top_logprobs) for p in pieces_of(text, script.chunk_size)] or None
            for part, text in (("content", script.text), ("refusal", script.refusal))
        }
    if logprobs is not None or dialect.logprobs_null:
        choice["logprobs"] = logprobs
    finish = finish_reason(script, dialect) if script.send_finish else None
    return {**choice, **dict.fromkeys(dialect.finish_fields, finish)}


def message_of(script: Script, dialect: Dialect) -> dict[str, Any]:
    """The whole message."""
    silent = not script.text and bool(script.tool_calls or script.refusal)
    message: dict[str, Any] = {"role": "assistant", "content": None if silent else joined(script.text)}
    if script.refusal or "refusal" in dialect.role_delta:
        message["refusal"] = joined(script.refusal) or None
    if script.reasoning:
        message.update(_reasoned(script, dialect, message["content"] or ""))
    if script.tool_calls:
        message["tool_calls"] = [
            {
                "id": call_id(i, c, dialect),
                "type": "function",
                "function": {"name": c.name, "arguments": c.arguments_text},
            }
            for i, c in enumerate(script.tool_calls)
        ]
    return message


def _reasoned(script: Script, dialect: Dialect, text: str) -> dict[str, Any]:
    reasoning, form = joined(script.reasoning), reasoning_form(script, dialect)
    if form == "think":
        return {"content": f"<think>{reasoning}</think>{text}"}
    if form == "thinking_list":
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": reasoning}]}
        return {"content": [thinking, {"type": "text", "text": text}]}
    if form == "reasoning_details":
        detail = {"type": "reasoning.text", "text": reasoning, "format": "unknown", "index": 0}
        return {"reasoning": reasoning, "reasoning_details": [detail]}
    fields = ("reasoning_content", "reasoning") if form == "both" else (form,)
    return dict.fromkeys(fields, reasoning)
