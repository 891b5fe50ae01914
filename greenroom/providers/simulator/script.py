"""What a simulated provider answers: one frozen `Script` an answer, and the faults that may strike it.

A script says what is said, never how a wire writes it: the same script can be played on any wire.
"Delta" means one piece of text, reasoning, refusal or tool-call arguments. An answer that is not streamed
has no deltas; a cut or stall "after deltas" strikes such an answer before its body.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Input, thaw

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = {"connection", "content-length", "keep-alive", "transfer-encoding"}
_DAY_S = 86_400.0


def _checked_headers(headers: FrozenMap) -> FrozenMap:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(
                f"header {name!r} cannot be set: not a header name, or the server's own to write"
            )
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"header {name!r} must be a string without line breaks")
    return headers


Headers = Given[Mapping[str, str], Annotated[FrozenMap, AfterValidator(_checked_headers)]]
Seconds = Annotated[float, Field(ge=0, le=_DAY_S)]
Count = Annotated[int, Field(ge=0)]
Pieces = str | tuple[str, ...]
"""A string, which is split by `chunk_size`, or the exact pieces."""


class ScriptToolCall(Input):
    """One tool call. `arguments`: a string or mapping is split by `chunk_size`; a list is sent as it is."""

    name: str
    arguments: Given[str | Sequence[str] | Mapping[str, Any], str | tuple[str, ...] | FrozenMap] = held("{}")
    id: str | None = None
    """None: `call_sim_0`, `call_sim_1`, ..."""

    @property
    def arguments_text(self) -> str:
        """The whole of the arguments, as one string."""
        if isinstance(self.arguments, FrozenMap):
            return json.dumps(thaw(self.arguments), ensure_ascii=False)
        return self.arguments if isinstance(self.arguments, str) else "".join(self.arguments)


class ScriptUsage(Input):
    """Token counts as the provider would bill them. `completion_tokens` includes `reasoning_tokens`."""

    prompt_tokens: Count
    completion_tokens: Count
    cached_tokens: Count = 0
    reasoning_tokens: Count = 0


class HttpAnswer(Input):
    """A whole HTTP answer in place of a completion: an error, an HTML page, JSON that nobody expected."""

    status: int = Field(default=200, ge=200, le=599)
    headers: Headers = held(EMPTY_MAP)
    body: Given[str | Mapping[str, Any] | None, str | FrozenMap | None] = held(None)
    """Text or HTML as it stands, an object as JSON. None: the wire's own error body for this status."""

    @model_validator(mode="after")
    def _may_have_a_body(self) -> Self:
        if self.status in {204, 205, 304}:
            raise ValueError(f"status {self.status} has no body; this server does not send it")
        return self


class StreamError(Input):
    """An error event inside the stream, after which nothing more of the answer comes."""

    after_deltas: Count = 0
    error: Given[Mapping[str, Any] | None, FrozenMap | None] = held(None)
    """What stands under `error`. None: the wire's own server error."""
    event: str | None = Field(default=None, pattern=r"^[^\r\n]*$")
    """Name for an `event:` line (Groq, LM Studio send `error`). None: no such line, as OpenAI."""
    send_done: bool = False
    """True: the end marker follows all the same, as vLLM and SGLang do."""


class Cut(Input):
    """The connection ends too early. Exactly one of the three places is given."""

    after_deltas: Count | None = None
    after_bytes: Count | None = None
    """Bytes of the body; the HTTP framing is not counted."""
    before_answer: bool = False
    """Not one byte of an answer: the connection ends where the status line should come."""
    how: Literal["fin", "reset", "end"] = "fin"
    """`fin`: closed inside the body. `reset`: RST. `end`: HTTP ends well, only the answer is not whole."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = (self.after_deltas is not None) + (self.after_bytes is not None) + self.before_answer
        if places != 1:
            raise ValueError("give exactly one of after_deltas, after_bytes, before_answer")
        if self.before_answer and self.how == "end":
            raise ValueError("how='end' needs an answer; with before_answer use 'fin' or 'reset'")
        return self


class Stall(Input):
    """Silence on an open connection."""

    after_deltas: Count = 0
    for_s: Seconds | None = None
    """None: for ever, until the client leaves or the simulator stops."""


class Script(Input):
    """One answer. `Script(text="Hello")` is enough; every other field has the value of a healthy provider."""

    text: Given[str | Sequence[str], Pieces] = held("")
    reasoning: Given[str | Sequence[str], Pieces] = held("")
    refusal: Given[str | Sequence[str], Pieces] = held("")
    tool_calls: Given[Sequence[ScriptToolCall | Mapping[str, Any]], tuple[ScriptToolCall, ...]] = held(())
    interleave_tool_calls: bool = False
    """True: fragments of parallel calls take turns. False: one call after the other."""
    finish_reason: str | None = None
    """None: `tool_calls` where there are some, else `stop`."""
    usage: ScriptUsage | Literal["counted", "absent"] = "counted"
    """`counted`: one token a word or mark; deterministic, not any real tokeniser."""
    model: str | None = None
    """The model that answers. None: the one that was asked for."""
    response_id: str | None = None
    """None: a new one for each request."""

    chunk_size: int | None = Field(default=None, ge=1)
    """Characters a delta. None: a word a delta."""
    headers_delay_s: Seconds = 0.0
    """Silence before the status line."""
    first_delta_delay_s: Seconds = 0.0
    """Silence between the opening of the stream and its first delta."""
    delta_interval_s: Seconds = 0.0
    """From delta to delta. 0: as fast as the socket takes them."""

    headers: Headers = held(EMPTY_MAP)
    """Further headers of the answer: rate-limit headers, a request id."""
    close_connection: bool = False
    """True: `Connection: close` after this answer."""
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """DeepSeek, vLLM, llama.cpp and xAI say the first; Groq, OpenRouter and Ollama the second."""
    obfuscation: bool = False
    """True: padding strings in every chunk, as OpenAI sends by default."""

    answer: HttpAnswer | None = None
    """Sent instead of all that stands above."""
    ignore_stream: bool = False
    """True: a request with stream=true is answered with one JSON body."""
    send_role: bool = True
    send_finish: bool = True
    send_done: bool = True
    stream_error: StreamError | None = None
    cut: Cut | None = None
    stall: Stall | None = None

    @classmethod
    def failing(cls, status: int, message: str | None = None, **fields: Any) -> Self:
        """A script that answers with this HTTP error. `fields`: type, code, param; headers; retry_after_s.

        `Script.failing(429, retry_after_s=2)`. Without a message the body is the wire's usual one.
        Raises InvalidInput.
        """
        headers = dict(fields.pop("headers", {}))
        if (retry_after_s := fields.pop("retry_after_s", None)) is not None:
            headers["retry-after"] = str(retry_after_s)
        error = {"message": message or f"simulated error {status}", "type": "simulated_error", "param": None}
        body = {"error": {**error, "code": None, **fields}} if message is not None or fields else None
        return cls(answer=HttpAnswer(status=status, headers=headers, body=body))
