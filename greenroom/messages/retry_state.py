"""What is known of a request between its attempts: enough to go on, nothing that is secret."""

from typing import Literal, NamedTuple

from greenroom.messages.failures import ErrorClass, Failure
from greenroom.messages.parts import Part
from greenroom.messages.request import ChatRequest
from greenroom.messages.usage import NO_USAGE, Usage
from greenroom.messages.value import Input, Value

ResumeMode = Literal["fresh", "pause", "server_cursor", "prefix", "instruction", "block", "reset"]
"""pause: the wire asked to be called again with what it had sent (Anthropic's pause_turn)."""
GOES_ON: frozenset[ResumeMode] = frozenset({"pause", "server_cursor", "prefix", "instruction"})
"""Modes that a codec has its own words for; block and reset are plain requests."""
NO_PREFIX = "no_prefix"
"""`no_prefix:MODEL` among a target's adjustments: its server refused to go on from a prefix."""
OpenBlock = Literal["none", "text", "reasoning", "tool_call", "json", "other"]
"""What of the answer had begun and not ended. json: a text of which half is worth nothing. other: a refusal, or
a whole item of the wire's own as the last thing."""
Decision = Literal[
    "completed", "retry", "adjust", "continue", "resume", "fall_back", "reset", "give_up", "cancelled"
]


class Capabilities(Input):
    """What (provider, wire, model) can do when a stream was cut."""

    server_cursor: bool = False
    prefix_continuation: bool = False
    """It truly goes on from a given beginning of the answer."""
    prefix_echo: bool = False
    """The server sends the prefix again; it is removed."""
    prefix_trims: bool = False
    """White space at the prefix's end is refused: it is cut off, and taken off what the server then says."""
    prefix_after_reasoning: bool = False
    """Also where the model reasoned before the text: else the server takes the text for more reasoning."""
    instruction_continuation: bool = True
    """It can be asked in words to go on."""


class Checkpoint(NamedTuple):
    """The newest accepted state of a request, swapped whole with each accepted batch."""

    epoch: int = 0
    seq: int = 0
    """Last delta that the channel accepted."""
    delivered_bytes: int = 0
    committed_epoch: int = 0
    """The attempt that delivered content last; 0 before the first."""
    sent_epoch: int = 0
    """The newest attempt whose request may have reached the provider."""
    response_id: str | None = None
    cursor: str | None = None


class AttemptRecord(Value):
    """One attempt: what it asked, how it ended, and what was decided after it."""

    epoch: int
    provider: str
    model: str
    mode: ResumeMode = "fresh"
    started_s: float
    """Seconds from the request's submission."""
    duration_s: float
    sent: bool
    """False: the provider never saw it."""
    deltas: int = 0
    usage: Usage = NO_USAGE
    cost_usd: float | None = None
    """Of this usage; None where nothing was counted, or the price is not known."""
    error_class: ErrorClass | None = None
    message: str | None = None
    status: int | None = None
    key: int | None = None
    """Which of several API keys it was asked with, from 1."""
    decision: Decision
    waited_s: float = 0.0
    """The wait that was decided after it."""
    reason: str = ""
    """Why that was decided, in words; "" where the outcome says it all."""


class RetryState(Value):
    """A view over journal and checkpoint, made when an attempt is decided on or a state is stored."""

    stream_id: str
    request_id: str
    request: ChatRequest
    epoch: int
    mode: ResumeMode = "fresh"
    """How the attempt that this state is given to goes on."""
    attempts: tuple[AttemptRecord, ...] = ()
    provider: str
    model_asked: str
    model_answered: str | None = None
    delivered_seq: int = 0
    delivered_text: str = ""
    delivered_parts: tuple[Part, ...] = ()
    """Of the first choice, in order: the assistant's turn so far."""
    open_block: OpenBlock = "none"
    response_id: str | None = None
    cursor: str | None = None
    deadline_left_s: float
    spent: Usage = NO_USAGE
    """Of the attempts whose text stands in `delivered_text`; where one did not tell, by its characters."""
    last_failure: Failure | None = None
    updated_at: float
    """Seconds since 1970 UTC."""
