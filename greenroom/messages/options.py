"""StreamingOptions: how one stream behaves. One definition of each field; every layer reads this object.

Defaults that are not plain taste: `connect_timeout_s` covers DNS, TCP and TLS on a bad mobile link;
`first_content_timeout_s` is longer than any prompt processing that providers document; a local server that
loads a model first gets `local_first_content_timeout_s`; `deadline_s` is the longest that OpenAI's and
Anthropic's own SDKs wait for one request (600 s).
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from greenroom.messages.invalid import InvalidInput
from greenroom.messages.value import Input

Aggregation = Literal["provider", "tiktoken", "characters"]
Durability = Literal["memory", "interval", "before_deliver"]


class StreamingOptions(Input):
    """All times are seconds, all sizes bytes. Frozen; `replace()` gives a changed copy."""

    # clocks of one attempt
    connect_timeout_s: float = Field(default=10.0, gt=0)
    """DNS, TCP, TLS and proxy until the request can be written."""
    first_content_timeout_s: float = Field(default=120.0, gt=0)
    """From the request written to the first content; comments, pings and empty deltas do not count."""
    local_first_content_timeout_s: float = Field(default=300.0, gt=0)
    """The same for servers that may load a model first (profiles marked local)."""
    content_gap_timeout_s: float = Field(default=60.0, gt=0)
    """Between content and content. Stands still while the consumer makes us pause."""
    max_silent_s: float = Field(default=600.0, gt=0)
    """Replaces the two above where the wire shows progress without content (hidden reasoning, tools)."""
    # clocks of the whole request
    deadline_s: float = Field(default=600.0, gt=0)
    """Over all attempts and waits. Past it the stream ends as failed, class timeout."""
    max_pause_s: float = Field(default=60.0, gt=0)
    """How long a consumer may leave a full buffer unread before the stream ends with SlowConsumer."""

    # again: how often, and after what
    max_reconnect_attempts: int = Field(default=3, ge=0, le=100)
    """Requests after the first one, of every kind: again, going on, from the start. 0: the request is written
    once and never again, not even where a kept-alive connection turns out to be closed (`keep_alive_s=0` avoids
    those)."""
    retry_on_connection_error: bool = True
    """False: a broken or refused connection ends the stream at once, a kept-alive one too."""
    backoff_initial_s: float = Field(default=0.5, ge=0)
    """The delay before the second attempt."""
    backoff_max_s: float = Field(default=30.0, ge=0)
    """No delay of ours is longer; a provider's Retry-After may be."""
    backoff_factor: float = Field(default=2.0, ge=1)
    """Each delay is this many times the one before."""
    backoff_jitter: float = Field(default=0.25, ge=0, le=1)
    """Share of the delay that is random: 0.25 gives 75 to 100 % of it."""

    # recovery after content was delivered
    on_cut: Literal["fail", "reset"] = "fail"
    """reset: start the whole turn again behind a visible StreamReset, where nothing better applies."""
    server_resume: bool = False
    """Ask the provider to keep the answer so that a cut stream goes on exactly (retention, slower start)."""
    continue_prefix: bool = True
    """Let servers that truly continue go on from the delivered text, behind a StreamSeam."""
    continue_instruction: bool = False
    """Ask the model in words to go on, with overlap removed, behind a StreamSeam."""
    redo_open_block: bool = False
    """A tool call, JSON value or reasoning that was cut is taken back by a StreamSeam and asked for again; what
    was whole before it stays."""
    replay_unsafe: bool = False
    """Also send a request again that may have acted already: stateful ids, tools that the provider runs."""
    state_ttl_s: float = Field(default=900.0, gt=0)
    """How long a retry state is kept after its last change. Never ends a live stream."""
    durability: Durability | None = None
    """Retry states: in memory only, written to the store's file now and then, or before a delta is delivered. The
    latter two need `SystemConfig.retry_store` to be a file. None: `interval` where it is one, else `memory`."""
    detach_grace_s: float = Field(default=60.0, ge=0)
    """How long a detached stream lives on without a consumer, and how long one that ended can be attached."""

    # back-pressure and bounds
    high_watermark_items: int = Field(default=64, ge=1)
    """From here on adjacent text deltas of one block are merged without loss."""
    max_buffer_bytes: int = Field(default=256 * 1024, ge=1024)
    """Unread text at which the socket is no longer read."""
    max_output_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """Bound of one answer; past it the stream fails with class output_limit."""
    max_event_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """Bound of one event of the wire."""
    max_replay_bytes: int = Field(default=1024 * 1024, ge=0)
    """What a detached stream gathers (at least max_buffer_bytes) before its socket is paused, and how much of
    what was taken `attach(after_seq=...)` repeats."""

    # content
    json_mode: bool = False
    """Ask for one JSON object, and end as failed (protocol) if the answer is not one."""
    raw_deltas: bool = False
    """Deliver unknown and provider-specific events as RawDelta."""
    aggregation: Aggregation = "provider"
    """Who counts tokens where the provider does not: nobody, tiktoken, or characters divided by four."""
    on_unsupported: Literal["refuse", "drop"] = "refuse"
    """A parameter that the wire cannot take: an error before sending, or left out, with one warning on the
    logger `greenroom.providers` for each field and server."""
    validate_model: bool = False
    """Look the model up in the provider's catalogue before sending."""

    # telemetry
    progress_interval_s: float = Field(default=1.0, gt=0)
    """At most one stream.progress event in this time."""
    batch_interval_s: float = Field(default=0.0, ge=0, le=1)
    """Hold deltas this long to hand them over together; 0 hands over what each read brought."""
    log_content: bool = False
    """Prompts and completions may stand in the log. Off unless you ask."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.backoff_initial_s > self.backoff_max_s:
            raise InvalidInput.at(
                "backoff_initial_s",
                f"must be at most backoff_max_s ({self.backoff_max_s})",
                self.backoff_initial_s,
            )
        if self.max_reconnect_attempts == 0 and (rung := self._rung_asked_for()):
            raise InvalidInput.at(
                rung, "needs a second request, which max_reconnect_attempts=0 forbids", getattr(self, rung)
            )
        if self.max_event_bytes > self.max_output_bytes:
            raise InvalidInput.at(
                "max_event_bytes",
                f"must be at most max_output_bytes ({self.max_output_bytes})",
                self.max_event_bytes,
            )
        return self

    def _rung_asked_for(self) -> str | None:
        """The first recovery that was asked for beyond what is on by itself."""
        asked = ("server_resume", "continue_instruction", "redo_open_block", "replay_unsafe")
        if self.on_cut != "fail":
            return "on_cut"
        return next((name for name in asked if getattr(self, name)), None)


def with_reset(options: StreamingOptions) -> StreamingOptions:
    """These, and a cut stream may start again; as they are where they say `on_cut` or allow no second request."""
    if "on_cut" in options.model_fields_set or options.max_reconnect_attempts == 0:
        return options
    return options.model_copy(update={"on_cut": "reset"})


# model_construct: no validator is built at import; tests/messages/test_options.py checks every preset
DEFAULT = StreamingOptions.model_construct()
HIGH_THROUGHPUT = StreamingOptions.model_construct(
    batch_interval_s=0.05, high_watermark_items=512, max_buffer_bytes=1024 * 1024, progress_interval_s=5.0
)
LOW_LATENCY = StreamingOptions.model_construct(
    connect_timeout_s=3.0, first_content_timeout_s=20.0, content_gap_timeout_s=15.0, backoff_initial_s=0.1,
    backoff_max_s=2.0, deadline_s=120.0,
)  # fmt: skip
JSON_MODE = StreamingOptions.model_construct(json_mode=True)
DEBUG = StreamingOptions.model_construct(raw_deltas=True, log_content=True, progress_interval_s=0.25)
