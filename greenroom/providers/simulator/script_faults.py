"""The faults that may strike a scripted answer: what a user writes, checked when it is written."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Input
from greenroom.providers.simulator.script_fields import Count, Headers, Seconds

_MIB = 1024 * 1024


class RetryAfter(Input):
    """How long a client is told to wait, in one of the forms that servers use."""

    seconds: Seconds
    form: Literal["seconds", "date", "ms", "azure_ms", "both", "litellm"] = "seconds"
    """`retry-after` in seconds, or as an HTTP date; `retry-after-ms`; `x-ms-retry-after-ms`; the first and the
    third together; `llm_provider-retry-after`, as a gateway renames it."""


class HttpAnswer(Input):
    """A whole HTTP answer in place of a completion: an error, an HTML page, JSON that nobody expected."""

    status: int = Field(default=200, ge=200, le=599)
    headers: Headers = held(EMPTY_MAP)
    body: Given[str | Mapping[str, Any] | None, str | FrozenMap | None] = held(None)
    """Text or HTML as it stands, an object as JSON. None: the dialect's own error body for this status."""
    error: Given[Mapping[str, Any] | None, FrozenMap | None] = held(None)
    """message, type, param, code, written as the dialect writes errors; further keys stand beside them."""
    retry_after: RetryAfter | None = None

    @model_validator(mode="after")
    def _may_have_a_body(self) -> Self:
        if self.status in {204, 205, 304}:
            raise ValueError(f"status {self.status} has no body; this server does not send it")
        if self.body is not None and self.error is not None:
            raise ValueError("give body, or error, not both")
        return self


class StreamError(Input):
    """An error event inside the stream, after which nothing more of the answer comes."""

    after_deltas: Count = 0
    error: Given[Mapping[str, Any] | None, FrozenMap | None] = held(None)
    """What stands under `error`. None: the dialect's own server error."""
    event: str | None = Field(default=None, pattern=r"^[^\r\n]*$")
    """Name for an `event:` line (Groq, LM Studio send `error`). "": no such line. None: as the dialect does."""
    send_done: bool | None = None
    """True: the end marker follows all the same. None: as the dialect does (vLLM and SGLang send it)."""


class Cut(Input):
    """The connection ends too early. Exactly one of the four places is given."""

    after_deltas: Count | None = None
    after_bytes: Count | None = None
    """Bytes of the body; the HTTP framing is not counted."""
    after_head_bytes: Count | None = None
    """Bytes of the status line and headers."""
    before_answer: bool = False
    """Not one byte of an answer: the connection ends where the status line should come."""
    inside: Literal["event", "character", "framing"] | None = None
    """With after_deltas: not between two events but in the middle of the next event; of its first character of
    several bytes in UTF-8; of the size that HTTP's chunked framing announces."""
    how: Literal["fin", "reset", "end", "half_close", "crash_server"] = "fin"
    """`fin`: closed inside the body. `reset`: RST. `end`: HTTP ends well, only the answer is not whole.
    `half_close`: FIN, but the socket stays open until the client closes it. `crash_server`: RST on every
    connection, and the port is closed."""
    down_s: Seconds | None = None
    """How long a crashed server stays away. None: until `simulator.restart()`."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = (self.after_deltas, self.after_bytes, self.after_head_bytes)
        if sum(place is not None for place in given) + self.before_answer != 1:
            raise ValueError("give exactly one of after_deltas, after_bytes, after_head_bytes, before_answer")
        in_body = self.after_deltas is not None or self.after_bytes is not None
        if self.how == "end" and not in_body:
            raise ValueError("how='end' needs an answer; give after_deltas or after_bytes")
        if self.inside is not None and self.after_deltas is None:
            raise ValueError(f"inside={self.inside!r} needs after_deltas")
        if self.down_s is not None and self.how != "crash_server":
            raise ValueError(f"down_s needs how='crash_server', not {self.how!r}")
        if self.inside == "framing" and self.how == "end":
            raise ValueError("inside='framing' breaks HTTP, so it cannot end well; use 'fin' or 'reset'")
        return self


class Stall(Input):
    """Silence on an open connection, or nothing but signs of life."""

    after_deltas: Count = 0
    for_s: Seconds | None = None
    """None: for ever, until the client leaves or the simulator stops."""
    ping: Literal["comment", "empty_delta", "empty_chunk", "progress", "blank"] | None = None
    """What goes out meanwhile: the dialect's comment; a chunk whose delta is empty; one without choices; one
    that reports progress of the prompt (llama.cpp); white space. An answer that is not streamed gets white
    space. None: nothing."""
    ping_every_s: float = Field(default=1.0, ge=0.001, le=3600)

    @property
    def pings(self) -> int | None:
        """How many go out; None: no end of them."""
        return None if self.for_s is None else int(self.for_s / self.ping_every_s)


class Garbage(Input):
    """Bytes that do not belong there."""

    place: Literal["head", "framing", "stream", "json", "character"]
    """In place of the status line; of a chunk's size in HTTP's framing; an event that is no JSON; an event whose
    JSON breaks off; bytes that are no UTF-8 inside an event's text."""
    after_deltas: Count = 0
    data: str | None = None
    """What is sent there, where one wants it exactly."""


class Drip(Input):
    """So many bytes at a time. `head`: the status line and headers, too."""

    size_bytes: int = Field(default=1, ge=1)
    every_s: float = Field(default=0.01, gt=0, le=3600)
    head: bool = False


class Flood(Input):
    """Far more than any client should take; made as it goes out, so nothing of it is kept here.

    `event`: one event of `size` bytes. `stream`: events without end (`size` 0) or of `size` bytes in all.
    `deep_json`: an event nested `size` deep. `header`: one header of `size` bytes. `headers`: `size` headers.
    `line`: `size` bytes without a line break. `gzip`, `deflate`: a body that grows to `size` bytes.
    """

    kind: Literal["event", "stream", "deep_json", "header", "headers", "line", "gzip", "deflate"]
    size: int = Field(default=50 * _MIB, ge=0)
    after_deltas: Count = 0
    """In a stream; headers and compressed bodies begin at once."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.size == 0 and self.kind != "stream":
            raise ValueError(f"size 0 is only for kind 'stream' (without end), not for {self.kind!r}")
        return self


class HttpForm(Input):
    """How HTTP carries the answer."""

    framing: Literal["chunked", "length", "close"] | None = None
    """Chunks; a content-length; nothing, so that the body ends with the connection. None: as it fits."""
    length_off_by: int = 0
    """The content-length that is announced is wrong by so much."""
    interim: tuple[int, ...] = ()
    """Statuses of interim answers (100, 102, 103) that come before the real one."""
    trailers: Headers = held(EMPTY_MAP)
    """Headers after a chunked body."""
    encoding: Literal["gzip", "deflate", "raw_deflate"] | None = None
    """The body is compressed, each event flushed. `raw_deflate`: as `deflate`, without its wrapper."""
    http_1_0: bool = False
    """The status line says HTTP/1.0."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wrong = [status for status in self.interim if not 100 <= status <= 199 or status == 101]
        if wrong:
            raise ValueError(f"interim: {wrong[0]} is no interim status; 100 to 199 without 101")
        if self.length_off_by and self.framing != "length":
            raise ValueError("length_off_by needs framing='length'")
        if self.trailers and self.framing not in (None, "chunked"):
            raise ValueError(f"trailers need framing='chunked', not {self.framing!r}")
        return self


USUAL_FORM = HttpForm()


class Outage(Input):
    """The whole server is away for a time, once the answers to `after_requests` requests have ended.

    `crash`: RST on every connection and the port closed. `close`, `reset`: connections are taken and closed at
    once. `backlog`: nobody takes them, and the queue is full, so that connecting hangs.
    """

    after_requests: int = Field(ge=1)
    for_s: Seconds | None = None
    """None: until `simulator.restart()`."""
    how: Literal["crash", "close", "reset", "backlog"] = "crash"


class RateLimit(Input):
    """What an answer tells of its rate limits, under the header names of the dialect."""

    limit_requests: Count | None = None
    remaining_requests: Count | None = None
    reset_requests: Seconds | None = None
    limit_tokens: Count | None = None
    remaining_tokens: Count | None = None
    reset_tokens: Seconds | None = None


def go_duration(seconds: float) -> str:
    """As Go prints it: `6m0s`, `1.5s`, `12ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000, 3):g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if hours or minutes else ""
    return re.sub(r"\.0+s$", "s", f"{text}{round(rest, 6):g}s")
