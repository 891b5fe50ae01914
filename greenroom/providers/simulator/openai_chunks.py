"""The server-sent events of a streamed answer in a dialect: one step an event, before any fault.

Stream: what comes before all else, a chunk with the role, one chunk a delta, one with the finish reason, the
usage where this dialect puts it, the end marker. The dialect says which of them there are, and their keys.
"""

from collections.abc import Iterator
from typing import Any

from greenroom.messages.value import thaw
from greenroom.providers.simulator.dialect import Dialect, filled
from greenroom.providers.simulator.openai_deltas import Piece, deltas_of
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens
from greenroom.providers.simulator.openai_whole import Stamp, facts_of, finish_reason, logprobs_of, so_far
from greenroom.providers.simulator.reply import Step
from greenroom.providers.simulator.script import Script

_PADDING = "k3Vq9ZtR1mXw7Lp"


def whole_stream(writer: "ChunkWriter", script: Script, dialect: Dialect) -> Iterator[Step]:
    """The events of this answer at their times. `writer`: one that has written nothing yet."""
    yield from (Step(data) for data in writer.opening())
    delay_s = script.first_delta_delay_s
    held: Piece | None = None
    for piece in deltas_of(script, dialect):
        if held is not None:
            yield from writer.steps(held, delay_s)
            delay_s = script.delta_interval_s
        if dialect.finish == "on_last":  # the last delta is the one that carries the finish reason
            held = piece
            continue
        yield from writer.steps(piece, delay_s)
        delay_s = script.delta_interval_s
    if held is not None:
        yield from writer.steps(held, delay_s, last=True)
    yield from (Step(data) for data in writer.ending(finished=held is not None))


def opening_steps(call: ChatCall, script: Script, dialect: Dialect) -> int:
    """How many events come before the first delta."""
    alone = script.send_role and (dialect.role == "alone" or _role_joins_nothing(script, dialect))
    first = dialect.before_first is not None
    return dialect.opening_comments + first + (call.choices if alone else 0)


class ChunkWriter:
    """Writes the events of one answer; what its chunks share is encoded once."""

    def __init__(self, call: ChatCall, script: Script, stamp: Stamp, dialect: Dialect) -> None:
        self._call, self._script, self._dialect = call, script, dialect
        self._facts = facts_of(call, script, stamp, dialect, "chat.completion.chunk")
        self._shared = filled(dialect.head, self._facts)
        self._end = b"\r\n\r\n" if dialect.crlf else b"\n\n"
        self._head = self._head_of(self._shared)
        choice_fields = json_bytes(thaw(dialect.choice_fields))[1:-1]
        self._choice_fields = b"," + choice_fields if choice_fields else b""
        shows_null = dialect.usage_null == "always" or (dialect.usage_null == "asked" and call.include_usage)
        self._usage_null = b',"usage":null' if shows_null else b""
        self._padded = dialect.padded or (script.obfuscation and call.include_obfuscation)
        self._wants_usage = script.usage != "absent"
        self._first = bool(dialect.first_fields)
        self._said = [""] * call.choices if dialect.message_beside_delta else []
        self._said_tokens = 0
        varies = self._padded or self._said or call.logprobs or "every" in dialect.usage
        self._plain = not varies
        self._beside = self._choice_fields + self._logprobs(None) + self._finish(False)
        self._tail = b"}]" + self._usage_null + b"}" + self._end

    def opening(self) -> Iterator[bytes]:
        """What comes before the first delta."""
        dialect, script = self._dialect, self._script
        for _ in range(dialect.opening_comments):
            yield b": " + (dialect.comment or "").encode() + self._end
        if dialect.before_first is not None:
            yield b"data: " + json_bytes(thaw(dialect.before_first)) + self._end
        if not script.send_role:
            return
        if dialect.role == "alone":
            role = thaw(dialect.role_delta)
            if role.get("content") == "" and script.tool_calls and not script.text:
                role["content"] = None
        elif _role_joins_nothing(script, dialect):
            role = {"role": "assistant"}
        else:
            return
        for index in range(self._call.choices):
            yield self.chunk(index, json_bytes(role))

    def steps(self, piece: Piece, delay_s: float, *, last: bool = False) -> Iterator[Step]:
        """This delta, of every choice. `last`: it carries the finish reason."""
        finish = last and self._script.send_finish
        if "every" in self._dialect.usage:
            self._said_tokens += count_tokens(piece.said) * self._call.choices
        for index in range(self._call.choices):
            yield Step(self.chunk(index, piece.delta, piece, finish=finish), delay_s, 1)
            delay_s = 0.0

    def ending(self, *, finished: bool) -> Iterator[bytes]:
        """What comes after the last delta. `finished`: the finish reason has been told."""
        events = [*self._finishes(finished), *self._usage_chunks()]
        if self._script.send_done and self._dialect.done:
            events.append(b"data: [DONE]" + self._end)
        if self._script.late_text:
            events.append(self.chunk(0, json_bytes({"content": self._script.late_text})))
        if events and not self._dialect.terminated:
            events[-1] = events[-1][: -len(self._end)]
        yield from events

    def _finishes(self, finished: bool) -> Iterator[bytes]:
        if not self._script.send_finish:
            return
        again = self._dialect.finish_twice and not (self._wants_usage and self._has_extra())
        for round_ in range(int(not finished) + again):
            for index in range(self._call.choices):
                delta = json_bytes(thaw(self._dialect.finish_delta))
                last = index == self._call.choices - 1
                yield self.chunk(index, delta, finish=True, closes=last and round_ == 0)

    def _usage_chunks(self) -> Iterator[bytes]:
        dialect = self._dialect
        if not self._wants_usage or not self._has_extra():
            return
        usage = b',"usage":' + json_bytes(filled(dialect.usage_object, self._facts))
        last = self._extra(dialect.last_fields)
        choice = b""
        if "extra_with_choice" in dialect.usage:
            told = self._finish(dialect.finish_twice and self._script.send_finish)
            delta = json_bytes(thaw(dialect.finish_delta))
            choice = b'{"index":0,"delta":%b%b%b}' % (delta, self._choice_fields, told)
        yield self._head + choice + b"]" + usage + last + self._padding(0) + b"}" + self._end

    def _has_extra(self) -> bool:
        places = self._dialect.usage
        asked = "extra_asked" in places and self._call.include_usage
        return asked or "extra" in places or "extra_with_choice" in places

    def chunk(
        self,
        index: int,
        delta: bytes,
        piece: Piece | None = None,
        *,
        finish: bool = False,
        closes: bool = False,
    ) -> bytes:
        """One chunk. `closes`: it is the last one with a choice."""
        if self._plain and not finish and not self._first:  # the hot path: all but the delta is ready
            return b'%b{"index":%d,"delta":%b%b%b' % (self._head, index, delta, self._beside, self._tail)
        beside = self._logprobs(piece) + self._finish(finish)
        if self._said:
            beside += self._message(index, piece)
        choice = b'{"index":%d,"delta":%b%b%b}]' % (index, delta, self._choice_fields, beside)
        extra = self._usage_beside(finish)
        if self._first:
            self._first = False
            extra = self._extra(self._dialect.first_fields) + extra
        if closes and not (self._wants_usage and self._has_extra()):
            extra += self._extra(self._dialect.last_fields)
        return self._head + choice + extra + self._padding(len(delta)) + b"}" + self._end

    def error_event(self, error: dict[str, Any], event: str) -> bytes:
        """An error inside the stream."""
        name = b"event: %b%b" % (event.encode(), self._end[: len(self._end) // 2]) if event else b""
        body = {**self._shared, **error} if self._dialect.stream_error_in_chunk else error
        return name + b"data: " + json_bytes(body) + self._end

    def text_event(self, text: str) -> bytes:
        """One more delta of text, of the first choice."""
        return self.chunk(0, json_bytes({"content": text}))

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing."""
        if kind == "comment":
            return b": " + (self._dialect.comment or "ping").encode() + self._end
        if kind == "blank":
            return self._end[: len(self._end) // 2]
        if kind == "empty_chunk":
            return self._head + b"]" + self._usage_null + b"}" + self._end
        if kind == "empty_delta":
            return self.chunk(0, json_bytes({**thaw(self._dialect.delta_fields), "content": ""}))
        progress = b'],"prompt_progress":{"total":4096,"cache":0,"processed":2048,"time_ms":1000}}'
        return self._head + b'{"index":0,"delta":{}%b}' % self._beside + progress + self._end

    def done(self) -> bytes:
        """The end marker."""
        return b"data: [DONE]" + self._end

    def _head_of(self, shared: dict[str, Any]) -> bytes:
        head = json_bytes(shared)[:-1]
        return b"data: " + head + (b"," if len(shared) else b"") + b'"choices":['

    def _finish(self, finish: bool) -> bytes:
        dialect = self._dialect
        if not finish:
            shown = dialect.finish_fields if dialect.finish_null else ()
            return b"".join(b',"%b":null' % field.encode() for field in shown)
        reason = json_bytes(finish_reason(self._script, dialect))
        return b"".join(b',"%b":%b' % (field.encode(), reason) for field in dialect.finish_fields)

    def _usage_beside(self, finish: bool) -> bytes:
        places = self._dialect.usage
        if not self._wants_usage:
            return self._usage_null
        if "every" in places:
            facts = self._facts if finish else so_far(self._facts, self._said_tokens)
            return b',"usage":' + json_bytes(filled(self._dialect.usage_object, facts))
        if not finish or not ("finish" in places or "x_groq" in places):
            return self._usage_null
        usage = json_bytes(filled(self._dialect.usage_object, self._facts))
        if "finish" in places:
            return b',"usage":' + usage
        ident = json_bytes(self._facts["id"])
        return self._usage_null + b',"x_groq":{"id":%b,"usage":%b}' % (ident, usage)

    def _logprobs(self, piece: Piece | None) -> bytes:
        if self._call.logprobs and piece is not None and piece.spoken:
            told: dict[str, Any] = {"content": None, "refusal": None}
            told[piece.spoken] = [logprobs_of(piece.said, self._call.top_logprobs)]
            return b',"logprobs":' + json_bytes(told)
        return b',"logprobs":null' if self._dialect.logprobs_null else b""

    def _message(self, index: int, piece: Piece | None) -> bytes:
        if piece is not None and piece.spoken == "content":
            self._said[index] += piece.said
        return b',"message":' + json_bytes({"role": "assistant", "content": self._said[index]})

    def _extra(self, template: Any) -> bytes:
        fields = json_bytes(filled(template, self._facts))[1:-1]
        return b"," + fields if fields else b""

    def _padding(self, size: int) -> bytes:
        if not self._padded:
            return b""
        return b',"%b":"%b"' % (self._dialect.padding_key.encode(), _PADDING[size % 16 :].encode())


def _role_joins_nothing(script: Script, dialect: Dialect) -> bool:
    """The role would stand in the first delta, but there is none."""
    return dialect.role == "joined" and next(deltas_of(script, dialect), None) is None
