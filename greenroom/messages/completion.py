"""The whole answer, folded from the deltas that were delivered."""

from typing import Any, Generic, Literal

from pydantic import Field
from typing_extensions import TypeVar

from greenroom.messages.failures import Failure
from greenroom.messages.parts import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from greenroom.messages.rate_limits import RateLimits
from greenroom.messages.request import Message
from greenroom.messages.retry_state import AttemptRecord
from greenroom.messages.usage import NO_USAGE, Usage
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Value

T = TypeVar("T", default=Any)

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "error", "unknown"]
"""One set for every wire; the provider's own word stands beside it."""
Outcome = Literal["completed", "failed", "cancelled"]


class Timings(Value):
    """Seconds from the request's submission; None where it never came to that."""

    started_at: float = 0.0
    """Seconds since 1970 UTC."""
    opened_s: float | None = None
    """Response head of the attempt that delivered first."""
    ttft_s: float | None = None
    """Time to first token: first content delta."""
    duration_s: float = 0.0


class Choice(Value):
    """One of the n answers."""

    index: int = 0
    parts: tuple[Part, ...] = ()
    """In the order in which they appeared; what a later turn sends back."""
    finish_reason: FinishReason | None = None
    """None where the stream ended before the provider gave one."""
    finish_reason_raw: str | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def reasoning(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    @property
    def refusal(self) -> str:
        return "".join(part.refusal for part in self.parts if isinstance(part, RefusalPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))

    @property
    def message(self) -> Message:
        """The assistant turn that goes into the next request's messages."""
        return Message(role="assistant", content=self.parts)


class Completion(Value, Generic[T]):
    """What one request came to. Of a failed or cancelled stream it is what was delivered until then."""

    outcome: Outcome
    choices: tuple[Choice, ...] = Field(default=(Choice.model_construct(),), min_length=1)
    parsed: T | None = None
    """The answer as the asked type, where one was asked for."""
    usage: Usage = NO_USAGE
    """Of all attempts together; `attempts` has them apart."""
    cost_usd: float | None = None
    """Of all attempts together, by the configured prices. None where one of them has no known price."""
    route: str | None = None
    """The route that was asked for; None: a model was."""
    provider: str
    """The one that answered, or was asked last."""
    model: str | None = None
    """The model that answered, as the provider names it."""
    model_asked: str
    model_matches: bool | None = None
    """Whether `model` is another name of the model that was asked for. None: the provider named none, or the
    name asked says nothing of the model (an Azure deployment, a router's `auto`)."""
    response_id: str | None = None
    request_id: str
    stream_id: str
    failure: Failure | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    timings: Timings = Timings.model_construct()
    last_seq: int = 0
    """Sequence number of the last delta that is part of it."""
    metadata: FrozenMap = EMPTY_MAP
    """What the provider said of the whole answer (system_fingerprint, service_tier, timings)."""
    rate_limits: RateLimits | None = None
    """The provider's limits, as the last attempt that was told any was told them."""

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text

    @property
    def reasoning(self) -> str:
        return self.choices[0].reasoning

    @property
    def refusal(self) -> str:
        return self.choices[0].refusal

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        return self.choices[0].tool_calls

    @property
    def finish_reason(self) -> FinishReason | None:
        return self.choices[0].finish_reason

    @property
    def finish_reason_raw(self) -> str | None:
        return self.choices[0].finish_reason_raw

    @property
    def message(self) -> Message:
        return self.choices[0].message
