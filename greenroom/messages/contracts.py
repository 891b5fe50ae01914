"""The Protocols through which the rooms meet. Types only: whoever implements one imports it from here.

providers and actors never import each other; system.py hands one side's objects to the other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from greenroom.messages.answer import Answer
from greenroom.messages.breaker import Place
from greenroom.messages.commands import HttpRequest, WireHead, WireRead
from greenroom.messages.deltas import Delta
from greenroom.messages.events import Event
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.models import ListedModels
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, RetryState
from greenroom.messages.stored import Change, StoredStream, StoreSize, Unreadable
from greenroom.messages.usage import Usage


@runtime_checkable
class Clock(Protocol):
    """Time as the library sees it. Injected everywhere; nothing else reads a clock."""

    def now_s(self) -> float:
        """Monotonic seconds; only differences mean anything."""

    def wall_s(self) -> float:
        """Seconds since 1970-01-01 UTC, for what people read."""


@runtime_checkable
class EventSink(Protocol):
    """Where actors and providers tell the world what happened. Any thread; never blocks, never raises."""

    def wants(self, name: str) -> bool:
        """False where an event of this name would be thrown away: then it need not be built."""

    def emit(self, event: Event) -> None:
        """Hand the event over; delivery to slow outputs is the sink's business."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an attempt goes: a configured provider and the model's name as that provider knows it."""

    provider: str
    kind: str
    model: str
    profile: str | None = None
    base_url: str = ""
    local: bool = False
    """The server may have to load the model first."""
    own_model_names: bool = False
    """The names of its models are its user's own (deployments), and say nothing of which model answers."""
    adjustments: frozenset[str] = frozenset()
    """Facts learnt of this server (`no_stream_options`)."""

    @property
    def place(self) -> Place:
        """For limits and breakers."""
        return Place(self.provider, self.base_url, self.model)


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt's request with all that its encoding and decoding need. Shares nothing with another's."""

    stream_id: str
    request_id: str
    epoch: int
    request: ChatRequest = field(repr=False)
    target: Target
    options: StreamingOptions
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(slots=True)
class Decoded:
    """What some bytes meant. At most one of `answer` and `failure`, and nothing after it."""

    deltas: list[Delta] = field(default_factory=list)
    progress: bool = False
    """The model is at work without content (hidden reasoning, hosted tools): it was so behind all `deltas`."""
    finished: bool = False
    """All of the answer that was asked for has been read, but for the wire's own end: only usage and that end
    can follow. If nothing does, `finish(clean=True)` is called soon."""
    answer: Answer | None = None
    """The wire's own end was read: the answer is whole."""
    paused: bool = False
    """With `answer`: the wire asks to be called again with what it sent (Anthropic's pause_turn)."""
    failure: ErrorEvidence | None = None


class Decoder(Protocol):
    """One answer's bytes to deltas. No I/O, no clock; one owner; bounded by options.max_event_bytes."""

    def head(self, head: WireHead) -> None:
        """Take the status and headers. Called once, before any data."""

    def feed(self, data: bytes, seq: int, received_at: float) -> Decoded:
        """Take body bytes, cut anywhere. Deltas are numbered from `seq` on without a gap."""

    def finish(self, clean: bool, seq: int, received_at: float) -> Decoded:
        """The body ended, cleanly or not. Returns an answer or a failure if none was returned before."""

    def answer_so_far(self) -> Answer:
        """The facts known now, for a stream that is cut."""


class Codec(Protocol):
    """One wire family. Stateless; thread-safe.

    Two more methods are looked for, and may be missing. `capabilities(target) -> Capabilities`: what its servers
    can do for a cut stream; without it they get plain requests only. `cancel(call, response_id) -> HttpRequest`:
    what stops an answer that the server keeps; needed where `capabilities` tells of a server cursor. There a
    decoder's `place() -> (response_id, cursor)` tells cheaply what `answer_so_far` has of these: it is asked for
    with every batch.
    """

    kind: str

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        """Raises InvalidInput where this wire cannot take the request. Caller's thread; nothing sent."""

    def encode(self, call: Call, resume: RetryState | None = None) -> HttpRequest:
        """The HTTP request of one attempt. `path` is absolute on the target's host."""

    def start(self, call: Call, resume: RetryState | None = None) -> Decoder:
        """A fresh decoder for one attempt's answer, seeded from the retry state where it resumes."""


class Wire(Protocol):
    """One exchange on one socket. Dispatcher thread only. Its reads are told to the holder as WireRead."""

    def pause(self) -> None:
        """Stop reading the socket: TCP's window closes and the provider slows down. Idempotent."""

    def resume(self) -> None:
        """Read again. Idempotent."""

    def abort(self) -> None:
        """Close the socket now; nothing more is told. Idempotent."""


class Link(Protocol):
    """One connection that may serve several exchanges, one after the other. Dispatcher thread only."""

    reusable: bool
    """False once closed, told to close, or broken."""
    exchanges: int
    """How many were served to their end."""
    idle_limit_s: float | None
    """The server closes the idle link after this long; None where it did not say."""
    on_close: Callable[[], None] | None
    """Called once when the socket is gone, for whatever reason; `reusable` is false by then."""

    def exchange(
        self,
        request: HttpRequest,
        epoch: int,
        deliver: Callable[[WireRead], None],
        free: Callable[[], None],
    ) -> Wire:
        """Write the request. Every read goes to `deliver`; `free` is called once, when all is over."""

    def close(self) -> None:
        """Close the socket. Idempotent."""


class Transport(Protocol):
    """How an endpoint is reached. Made once an endpoint; runs on the dispatcher's loop."""

    async def connect(self, timeout_s: float) -> Link:
        """A fresh connection. Raises TransportError within the time."""

    def close(self) -> None:
        """Frees what links share. What is asked later makes it anew."""


class Ear(Protocol):
    """Who listens to one exchange of a BlockingLine. Called in the line's thread."""

    def may_read(self) -> None:
        """Returns when the socket may be read: at once, or when a pause is over. Raises NobodyListens."""

    def tell(self, read: WireRead, keep: bool = False, keep_alive_hint_s: float | None = None) -> None:
        """Hand a read over; waits until the one before it was taken, so one is on its way at most.

        `keep` counts with the end: the line can serve another exchange. Raises NobodyListens.
        """


class NobodyListens(Exception):  # noqa: N818
    """The exchange was given up: its line has nothing more to do."""


class BlockingLine(Protocol):
    """One connection that is read by blocking calls, in a thread of its own; `actors` gives it the thread.

    `check`, `dial_timed_out`, `lost`, `idle_fd`, `idle_news` and `interrupt` block never and may be called from
    any thread; the others only from the line's own, one at a time.
    """

    def check(self, request: HttpRequest) -> None:
        """Raises ValueError where this cannot be one HTTP request."""

    def dial(self, timeout_s: float) -> None:
        """The connection stands, or is ready to be made by the first exchange. Raises TransportError."""

    def exchange(self, request: HttpRequest, epoch: int, reused: bool, ear: Ear) -> None:
        """Send the request and tell the answer up to its end. Raises NobodyListens, and nothing else."""

    def interrupt(self) -> None:
        """What blocks the line's thread now returns at once, or within its read clock. Nothing is told."""

    def close(self) -> None:
        """Nothing is open any more."""

    def dial_timed_out(self, timeout_s: float) -> "TransportError":
        """Says what was under way."""

    def lost(self, epoch: int, reused: bool, body_bytes: int | None, *, by_us: bool) -> WireRead:
        """The end of an exchange whose connection is gone, after so many body bytes; None before any answer."""

    def idle_fd(self) -> int | None:
        """The resting connection's descriptor, to be watched; None where it is not ours to watch."""

    def idle_news(self) -> bool | None:
        """The resting descriptor is readable. True: it cannot be used again. False: that was nothing. None: the
        server speaks before it was asked, which the first exchange will tell.
        """


class TransportError(Exception):
    """A connection that could not be made; `evidence` says why, for the classifier."""

    def __init__(self, evidence: ErrorEvidence) -> None:
        super().__init__(evidence)
        self.evidence = evidence


class CapabilityLookup(Protocol):
    def __call__(self, target: Target) -> Capabilities:
        """What this target can do for a cut stream. Pure."""


class PriceBook(Protocol):
    def cost_usd(self, provider: str, model: str, usage: Usage) -> float | None:
        """The price of this usage, or None where it is not known. Pure."""


class TokenCounter(Protocol):
    def __call__(self, text: str, model: str) -> int:
        """Tokens of the text. May block: never called on a dispatcher thread."""


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """Whom to ask for the list of models, and as whom."""

    target: Target
    """`model` is empty."""
    clock: Clock
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The configured ones: they replace those of the same name."""
    timeout_s: float = 20.0
    """For all of it, however many pages there are."""
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    abandoned: Callable[[Callable[[], object]], None] | None = field(default=None, repr=False)
    """Takes what ends the fetch at once: it is called, in any thread, when nobody wants the list any more."""


class ModelListError(Exception):
    """The list could not be had; `evidence` says why, for the classifier. Holds no secret."""

    def __init__(self, evidence: ErrorEvidence) -> None:
        super().__init__(evidence)
        self.evidence = evidence


class ModelSource(Protocol):
    """How one dialect of servers lists its models. Stateless; thread-safe."""

    def models(self, query: ModelQuery) -> ListedModels:
        """The provider's models, asked over the network. Blocking; once, without retries or redirects.

        Raises ModelListError.
        """


class RetryStore(Protocol):
    """Where retry states outlive their streams. One owner, one call at a time; every call may block.

    A call that cannot be done raises RetryStoreError, and nothing has changed.
    """

    kind: str
    """memory or sqlite."""

    def apply(self, changes: Sequence[Change], *, durable: bool = False) -> tuple[str, ...]:
        """All of them stand, in this order, or none. The ids of those that were let go for the bounds by it.

        `durable`: where it outlives the process, it outlives the machine's power too.
        """

    def load(self, stream_id: str) -> StoredStream | Unreadable | None:
        """All of it, or None."""

    def states(self) -> Iterator[StoredStream | Unreadable]:
        """Those that do not run, oldest change first."""

    def expire(self, at: float) -> int:
        """Those that do not run and whose time was over at `at` (seconds since 1970) are gone: how many."""

    def size(self) -> StoreSize:
        """What it holds of those that do not run."""

    def close(self) -> None:
        """Nothing more will be asked; what was applied stays where it outlives the process. Idempotent."""
