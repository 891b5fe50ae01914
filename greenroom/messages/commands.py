"""What actors tell each other. Slots dataclasses: cheap to make, frozen, not validated (our own code speaks).
What every request or read makes is a tuple: it costs a third of that.

Control-lane messages say so; all other is mail. `epoch` fences: an older attempt's message is dropped.
`late_is_fine` marks what may reach nobody without loss: a dead letter of it is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from greenroom.messages.answer import NO_ANSWER, Answer
from greenroom.messages.breaker import Place
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.failures import ErrorClass, ErrorEvidence
from greenroom.messages.rate_limits import RateLimits
from greenroom.messages.signals import Ids
from greenroom.messages.usage import NO_USAGE, Usage

CancelledBy = Literal[
    "caller", "consumer_gone", "consumer_failed", "loop_closed", "detached_expired", "deadline", "shutdown",
    "replaced",
]  # fmt: skip
AttemptOutcome = Literal["completed", "paused", "failed", "cancelled"]
"""paused: the wire itself asks to be continued; no failure."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Control. End the request (to its scope) or the attempt (scope to stream). Idempotent."""

    late_is_fine: ClassVar[bool] = True

    by: CancelledBy = "caller"
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class ReaderGone:
    """To a scope, from a finaliser: a cursor was dropped. The last one's going cancels the request."""

    late_is_fine: ClassVar[bool] = True

    generation: int = 0
    """Of the cursor's channel: readers of a handle that was detached since count no more."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Control. The consumer took what filled the channel: read the socket again."""

    late_is_fine: ClassVar[bool] = True

    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it goes on the wire. Headers hold secrets, the body the prompt: never in a repr.

    `path` is shown: a codec puts no secret there.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class Open(NamedTuple):
    """To a connection actor: send this request on a socket of yours for `holder`, attempt `epoch`."""

    holder: Any
    """The stream's ref; the Wire's messages go there, and its death aborts the Wire."""
    stream_id: str
    epoch: int
    request: HttpRequest
    connect_timeout_s: float
    mark_sent: Callable[[], None]
    """Called before the first byte is written: from then on the provider may have seen the request."""
    ids: Ids | None = None
    """The answer carries them."""


@dataclass(frozen=True, slots=True)
class CancelOpen:
    """To a connection actor: the attempt no longer wants what it asked for, queued, connecting or open."""

    late_is_fine: ClassVar[bool] = True

    stream_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Opened:
    """From a connection actor: the request is being written; `wire` is yours on the dispatcher thread."""

    late_is_fine: ClassVar[bool] = True
    """Who is dead has its wire aborted by the Down."""

    epoch: int
    wire: Any
    reused: bool


@dataclass(frozen=True, slots=True)
class OpenFailed:
    """From a connection actor: no request was written."""

    late_is_fine: ClassVar[bool] = True

    epoch: int
    evidence: ErrorEvidence


@dataclass(frozen=True, slots=True)
class WireHead:
    """Status and headers of the answer; names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class WireEnd:
    """The exchange is over: clean, the body came to its declared end; else `evidence` says how it broke."""

    clean: bool
    evidence: ErrorEvidence | None = None


class WireRead(NamedTuple):
    """All that one socket read brought: head, body bytes, end, whichever came."""

    epoch: int
    received_s: float
    """The clock at the read; every stream clock is judged by it."""
    data: bytes = b""
    head: WireHead | None = None
    end: WireEnd | None = None

    def __repr__(self) -> str:
        """Without the data: it is somebody's completion."""
        what = f"{len(self.data)} bytes, head={self.head!r}, end={self.end!r}"
        return f"WireRead(epoch={self.epoch}, received_s={self.received_s}, {what})"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Gate to aggregator: these deltas were delivered; coalesced, in order."""

    deltas: tuple[Delta, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadOn:
    """To a stream, behind reads that piled up: its socket was paused, and is read again from here on."""

    late_is_fine: ClassVar[bool] = True

    epoch: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Scope to aggregator: no more comes; answer with Folded."""

    answer: Answer
    facts: Mapping[str, Any] = field(repr=False)
    """The fields of the Completion that the fold does not know."""
    deltas: tuple[Delta, ...] = field(default=(), repr=False)
    """Those accepted since the last Accepted."""


@dataclass(frozen=True, slots=True)
class Folded:
    """Aggregator to scope: the request's Completion, ready to close the channel with."""

    completion: "Completion[Any]" = field(repr=False)


class AttemptOver(NamedTuple):
    """Stream to scope, its last message: how the attempt ended, with all that it knows."""

    epoch: int
    outcome: AttemptOutcome
    answer: Answer = NO_ANSWER
    evidence: ErrorEvidence | None = None
    sent: bool = False
    opened_s: float | None = None
    first_content_s: float | None = None
    written_s: float | None = None
    """When the connection took the request, since its submission like the two above."""
    held_back: bool = False
    """The consumer has kept the socket unread for a while: how fast it came is no measure of the provider."""
    deltas: int = 0
    rate_limits: RateLimits | None = None
    """What the answer's headers told; errors tell them too."""
    key: int | None = None
    """Which of several API keys it was asked with."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Caller's thread to the requests supervisor, as admission mail: run this job's scope in this cell."""

    job: Any
    cell: Any


class RequestOver(NamedTuple):
    """Scope to the requests supervisor: the channel has its end."""

    stream_id: str
    outcome: Literal["completed", "failed", "cancelled"]
    attempts: int
    swapped: tuple[str, str, str] | None = None
    """Provider, model asked and model answered, where that was another one."""
    decided: tuple[str, ...] = ()
    """What was decided after its attempts."""


@dataclass(frozen=True, slots=True)
class StopAdmission:
    """To the requests supervisor: refuse what comes from now on."""


@dataclass(frozen=True, slots=True)
class CancelAll:
    """To the requests supervisor: cancel every live request."""

    by: CancelledBy = "shutdown"


@dataclass(frozen=True, slots=True)
class AwaitIdle:
    """Ask the requests supervisor: answers when no request is live."""


class Reserve(NamedTuple):
    """Attempt to the circuit breakers, asked in turn and not by mail: a lease keyed by (stream_id, epoch).

    Like its answers and Settle a tuple, as every attempt makes one: it costs a third of a frozen dataclass.
    """

    stream_id: str
    epoch: int
    place: Place


class Granted(NamedTuple):
    """The lease is held until it is settled, or abandoned when its scope has died."""

    probe: bool = False
    """The breaker waits for this attempt: its first content is to be told at once."""


class Refused(NamedTuple):
    """No lease, and why; the evidence's `retry_after_s` where waiting would help."""

    evidence: ErrorEvidence


class Settle(NamedTuple):
    """Scope to the circuit breakers after every attempt, whatever it had obtained. Idempotent."""

    stream_id: str
    epoch: int
    place: Place
    outcome: AttemptOutcome
    sent: bool
    usage: Usage = NO_USAGE
    error_class: ErrorClass | None = None
    """Of a failed attempt."""
    evidence: ErrorEvidence | None = None
    waited_s: float | None = None
    """How long the clock of ours was that ran out, where it was one of StreamingOptions."""
    ttft_s: float | None = None
    """From the request being written to the first content."""
    generation_s: float | None = None
    """From the first content to the end; None where none came, or where the consumer made us pause."""


@dataclass(frozen=True, slots=True)
class GetKey:
    """Ask the actor that runs a provider's api_key callable: the current key, a string, or NoKey."""


@dataclass(frozen=True, slots=True)
class NoKey:
    """The callable gave none. `why` holds nothing that it said, which may be the key."""

    why: str


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Ask the token counter: the number of tokens of each text, as this model counts."""

    texts: tuple[str, ...] = field(repr=False)
    model: str


@dataclass(frozen=True, slots=True)
class GetStatistics:
    """Ask any component: one frozen, typed snapshot."""
