"""What a simulated provider answers: one frozen `Script` an answer, and the faults that may strike it.

A script says what is said; its dialect says how a server writes it. "Delta" means one piece of text,
reasoning, refusal or tool-call arguments. An answer that is not streamed has no deltas; a cut or stall "after
deltas" strikes such an answer before its body.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Input, thaw
from greenroom.providers.simulator.dialect import Dialect, ReasoningForm
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.script_faults import (
    USUAL_FORM,
    Cut,
    Drip,
    Flood,
    Garbage,
    HttpAnswer,
    HttpForm,
    RateLimit,
    RetryAfter,
    Stall,
    StreamError,
)
from greenroom.providers.simulator.script_fields import Count, Headers, Pieces, Seconds, Texts


class ScriptToolCall(Input):
    """One tool call. `arguments`: a string or mapping is split by `chunk_size`; a list is sent as it is."""

    name: str
    arguments: Given[str | Sequence[str] | Mapping[str, Any], str | tuple[str, ...] | FrozenMap] = held("{}")
    id: str | None = None
    """None: one in the form of the dialect's server."""

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


class Script(Input):
    """One answer. `Script(text="Hello")` is enough; every other field has the value of a healthy provider."""

    text: Given[str | Sequence[str], Pieces] = held("")
    reasoning: Given[str | Sequence[str], Pieces] = held("")
    refusal: Given[str | Sequence[str], Pieces] = held("")
    tool_calls: Given[Sequence[ScriptToolCall | Mapping[str, Any]], tuple[ScriptToolCall, ...]] = held(())
    items: Given[Sequence[Mapping[str, Any]], tuple[FrozenMap, ...]] = held(())
    """Items that only their own wire has (hosted tools, redacted thinking), as it writes them whole; they come
    first. Wires without such items, as OpenAI's chat, leave them out."""
    interleave_tool_calls: bool = False
    """True: fragments of parallel calls take turns. False: one call after the other."""
    finish_reason: str | None = None
    """None: the dialect's word for tool calls where there are some, else `stop`."""
    usage: ScriptUsage | Literal["counted", "absent"] = "counted"
    """`counted`: one token a word or mark; deterministic, not any real tokeniser."""
    model: str | None = None
    """The model that answers. None: the one that was asked for."""
    response_id: str | None = None
    """None: a new one for each request."""

    variants: Given[Sequence[str | Sequence[str]], Texts] = held(())
    """Texts of the second and later answers to the same request, in turn; after the last one `text` again."""
    vary_seed: int | None = None
    """From the second answer to the same request on, some words differ, drawn from this seed."""
    prefix: Literal["continue", "anew", "refuse"] | None = None
    """What becomes of a last assistant turn: the answer goes on from it, or knows nothing of it, or 400 as a model
    answers that takes none. None: as the dialect does."""

    dialect: str | Dialect | None = None
    """How the server writes: a name such as `mistral` or `vllm`, or a Dialect. None: the simulator's own."""
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
    rate_limit: RateLimit | None = None
    """Rate-limit headers under the dialect's names."""
    close_connection: bool = False
    """True: `Connection: close` after this answer."""
    reasoning_field: ReasoningForm | None = None
    """None: as the dialect does. DeepSeek, llama.cpp and xAI say `reasoning_content`; Groq, OpenRouter and
    Ollama `reasoning`."""
    obfuscation: bool = False
    """True: padding strings in every chunk, as OpenAI sends by default."""

    answer: HttpAnswer | None = None
    """Sent instead of all that stands above."""
    ignore_stream: bool = False
    """True: a request with stream=true is answered with one JSON body."""
    send_role: bool = True
    send_finish: bool = True
    send_done: bool = True
    late_text: str = ""
    """Text of one more delta that comes after the end marker."""
    stream_error: StreamError | None = None
    cut: Cut | None = None
    stall: Stall | None = None
    garbage: Garbage | None = None
    drip: Drip | None = None
    flood: Flood | None = None
    http: HttpForm = USUAL_FORM

    @field_validator("dialect")
    @classmethod
    def _known(cls, given: str | Dialect | None) -> str | Dialect | None:
        dialect_of(given)
        return given

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.flood is not None and self.http.framing == "length":
            raise ValueError(
                "a flood is made as it goes out, so http.framing='length' cannot announce its size"
            )
        if self.flood is not None and self.flood.kind in ("gzip", "deflate") and self.http.encoding:
            raise ValueError("the flood compresses the body itself; leave http.encoding out")
        return self

    @classmethod
    def failing(cls, status: int, message: str | None = None, **fields: Any) -> Self:
        """A script that answers with this HTTP error. `fields`: type, code, param; headers; retry_after_s;
        retry_after_form (see RetryAfter).

        `Script.failing(429, retry_after_s=2)`. Without a message the body is the dialect's usual one.
        Raises InvalidInput.
        """
        headers = dict(fields.pop("headers", {}))
        told: dict[str, Any] = {}
        retry_after_s, form = fields.pop("retry_after_s", None), fields.pop("retry_after_form", None)
        if retry_after_s is not None and form is not None:
            told["retry_after"] = RetryAfter(seconds=retry_after_s, form=form)
        elif retry_after_s is not None:
            headers["retry-after"] = str(retry_after_s)
        if message is not None or fields:
            usual = {"message": message or f"simulated error {status}", "type": "simulated_error"}
            told["error"] = {**usual, **fields}
        return cls(answer=HttpAnswer(status=status, headers=headers, **told))


__all__ = ["Cut", "HttpAnswer", "Script", "ScriptToolCall", "ScriptUsage", "Stall", "StreamError"]
