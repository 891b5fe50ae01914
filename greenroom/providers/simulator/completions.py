"""The older completions endpoint: a prompt in, text out, streamed or whole. Scripts say the same in it.

Reasoning, refusals and tool calls have no place on this wire and are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from greenroom.messages.value import FrozenMap, thaw
from greenroom.providers.simulator.dialect import Dialect, filled
from greenroom.providers.simulator.faults import Place
from greenroom.providers.simulator.openai_chat import WHOLE, faulty, streamed, with_error
from greenroom.providers.simulator.openai_chunks import ChunkWriter
from greenroom.providers.simulator.openai_errors import (
    Refused,
    json_bytes,
    json_reply,
    scripted_reply,
    stream_error,
)
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens
from greenroom.providers.simulator.openai_whole import Stamp, facts_of, finish_reason
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.reply import Reply, Step
from greenroom.providers.simulator.script import Script


@dataclass(frozen=True, slots=True)
class CompletionCall:
    """What a request asks for. `prompts`: one answer each, `chat.choices` in all."""

    chat: ChatCall
    prompts: tuple[str, ...]
    echo: bool = False
    logprobs: bool = False

    def prompt_of(self, index: int) -> str:
        """The prompt that this choice answers."""
        return self.prompts[index * len(self.prompts) // self.chat.choices]


def read_completion_call(body: FrozenMap) -> CompletionCall:
    """The call that a body makes. Raises Refused."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(400, "you must provide a model parameter")
    prompts = _prompts(body.get("prompt"))
    options = body.get("stream_options")
    options = options if isinstance(options, FrozenMap) else FrozenMap()
    count, max_tokens = body.get("n"), body.get("max_tokens")
    if count is not None and (type(count) is not int or not 1 <= count <= 128):
        raise Refused(400, f"Invalid 'n': {thaw(count)!r}. Expected an integer from 1 to 128.", param="n")
    chat = ChatCall(
        model=model,
        prompt=prompts[-1],
        prompt_tokens=sum(count_tokens(prompt) for prompt in prompts),
        stream=body.get("stream") is True,
        include_usage=options.get("include_usage") is True,
        choices=(count or 1) * len(prompts),
        max_tokens=max_tokens if type(max_tokens) is int and max_tokens > 0 else None,
    )
    wants_logprobs = type(body.get("logprobs")) is int
    return CompletionCall(chat, prompts, body.get("echo") is True, wants_logprobs)


def completion_reply(call: CompletionCall, script: Script, stamp: Stamp, dialect: Dialect) -> Reply:
    """The answer to this call as the script wants it, faults included."""
    said = script.replace(reasoning="", refusal="", tool_calls=())
    writer = TextWriter(call, said, stamp, dialect)
    if script.answer is not None:
        reply = scripted_reply(script.answer, dialect, stamp.created_s)
    elif call.chat.stream and not script.ignore_stream:
        steps = writer.steps()
        if script.stream_error is not None:
            steps = with_error(steps, script.stream_error, 0, writer.chat, dialect)
        reply = streamed(steps)
    else:
        reply = json_reply(200, writer.whole())
    place = WHOLE if reply.length is not None else Place(0, True, writer.text_event, writer.ping)
    return faulty(reply, script, dialect, place)


def _prompts(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    if isinstance(given, tuple) and given and all(isinstance(prompt, str) for prompt in given):
        return given
    wanted = "a string or an array of strings (this server knows no tokens)"
    raise Refused(400, f"Invalid type for 'prompt': expected {wanted}.", param="prompt", code="invalid_type")


class TextWriter:
    """Writes one answer in the older form."""

    def __init__(self, call: CompletionCall, script: Script, stamp: Stamp, dialect: Dialect) -> None:
        self._call, self._script, self._dialect = call, script, dialect
        self._facts = facts_of(call.chat, script, stamp, dialect, "text_completion")
        self._head = filled(dialect.head, self._facts)
        self.chat = ChunkWriter(call.chat, script, stamp, dialect)
        """For what both wires have in common: errors, comments, the end marker."""
        self._end = b"\r\n\r\n" if dialect.crlf else b"\n\n"

    def steps(self) -> Iterator[Step]:
        """The events at their times."""
        script, choices = self._script, range(self._call.chat.choices)
        delay_s = script.first_delta_delay_s
        if self._call.echo:
            for index in choices:
                yield Step(self._event([self._choice(index, self._call.prompt_of(index))]), delay_s, 1)
                delay_s = 0.0
        for piece in pieces_of(script.text, script.chunk_size):
            for index in choices:
                yield Step(self._event([self._choice(index, piece)]), delay_s, 1)
                delay_s = 0.0
            delay_s = script.delta_interval_s
        yield from (Step(data) for data in self._ending())

    def _ending(self) -> Iterator[bytes]:
        usage = None if self._script.usage == "absent" else filled(self._dialect.usage_object, self._facts)
        asked = self._call.chat.include_usage or "extra_asked" not in self._dialect.usage
        if self._script.send_finish:
            for index in range(self._call.chat.choices):
                yield self._event([self._choice(index, "", finish_reason(self._script, self._dialect))])
        if usage is not None and asked:
            yield self._event([], usage)
        if self._script.send_done and self._dialect.done:
            yield self.chat.done()
        if self._script.late_text:
            yield self.text_event(self._script.late_text)

    def whole(self) -> dict[str, Any]:
        """The JSON of an answer that is not streamed."""
        if self._script.stream_error is not None:
            return stream_error(self._script.stream_error.error, self._dialect)
        finish = finish_reason(self._script, self._dialect) if self._script.send_finish else None
        text = joined(self._script.text)
        choices = []
        for index in range(self._call.chat.choices):
            echoed = self._call.prompt_of(index) if self._call.echo else ""
            choices.append(self._choice(index, echoed + text, finish))
        answer = {**self._head, "choices": choices}
        if self._script.usage != "absent":
            answer["usage"] = filled(self._dialect.usage_object, self._facts)
        return answer

    def text_event(self, text: str) -> bytes:
        """One more piece of text."""
        return self._event([self._choice(0, text)])

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing."""
        if kind in ("comment", "blank"):
            return self.chat.ping(kind)
        return self._event([] if kind == "empty_chunk" else [self._choice(0, "")])

    def _event(self, choices: list[dict[str, Any]], usage: Any = None) -> bytes:
        chunk = {**self._head, "choices": choices, **({} if usage is None else {"usage": usage})}
        return b"data: " + json_bytes(chunk) + self._end

    def _choice(self, index: int, text: str, finish: str | None = None) -> dict[str, Any]:
        logprobs = None
        if self._call.logprobs and text:
            tokens = list(pieces_of(text, self._script.chunk_size))
            values = [-round(len(token) / 100, 4) for token in tokens]
            offsets = [0, *accumulate(len(token) for token in tokens)][:-1]
            logprobs = {
                "tokens": tokens,
                "token_logprobs": values,
                "top_logprobs": [{token: value} for token, value in zip(tokens, values, strict=True)],
                "text_offset": offsets,
            }
        return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}
