"""The request path without a socket: a rig that drives real actors against `fake_provider`."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from greenroom.actors.api_keys import ApiKeys
from greenroom.actors.channel import Channel
from greenroom.actors.clock import ManualClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handle import Stream
from greenroom.actors.ids import with_ids
from greenroom.actors.job import Hop, Job
from greenroom.actors.wakes import WakeHubs
from greenroom.messages.commands import StartRequest
from greenroom.messages.completion import Completion
from greenroom.messages.config import ProviderConfig
from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorEvidence, StreamError
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.signals import Ids
from greenroom.supervision.requests import LiveRequests, requests_child
from greenroom.supervision.root import ROOT_OPTIONS, Root, connection, tree
from greenroom.supervision.spec import ChildSpec
from greenroom.supervision.stores.ledger import Ledger

from crashing import throw
from fake_provider import FakeTransport, FakeWire, LineCodec

WAIT_S = 5.0
PATIENT = StreamingOptions(
    backoff_initial_s=1.0, backoff_jitter=0.0, connect_timeout_s=10.0, deadline_s=600.0
)


class EventLog:
    """An EventSink that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def wants(self, name: str) -> bool:
        return True

    def emit(self, event: Any) -> None:
        self.events.append(event)

    def names(self, family: str = "stream.") -> list[str]:
        return [event.name for event in list(self.events) if event.name.startswith(family)]

    def of(self, name: str) -> list[Any]:
        return [event for event in list(self.events) if event.name == name]


class CountedChannel(Channel):
    """Counts its ends."""

    __slots__ = ("ends",)

    def __init__(self, options: StreamingOptions) -> None:
        super().__init__(options)
        self.ends: list[Completion[Any]] = []

    def close(self, completion: Completion[Any]) -> bool:
        closed = super().close(completion)
        if closed:
            self.ends.append(completion)
        return closed


@dataclass
class Started:
    """One request, as the test sees it."""

    stream: Stream[Any]
    job: Job
    channel: CountedChannel
    cell: Any


RESIDENTS = ["/", "/endpoints", "/endpoints/fake", "/requests", "/services"]


@dataclass
class Rig:
    """Root, requests supervisor and one endpoint on a real dispatcher with a manual clock."""

    max_streams: int = 100
    max_connections: int = 10
    pool_timeout_s: float = 30.0
    keep_alive_s: float = 20.0
    clock: ManualClock = field(default_factory=lambda: ManualClock(now_s=1000.0))
    log: EventLog = field(default_factory=EventLog)
    codec: LineCodec = field(default_factory=LineCodec)
    hubs: WakeHubs = field(default_factory=WakeHubs)
    live: LiveRequests = field(default_factory=LiveRequests)
    started: list[Started] = field(default_factory=list)
    adjusted: list[str] = field(default_factory=list)
    keys: ApiKeys = field(default_factory=ApiKeys)
    ledger: Ledger = field(default_factory=lambda: Ledger(is_file=False))

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher("rig", self.clock, self.log, slow_handler_s=30.0)
        self.transport = FakeTransport(self)
        self.requests = self.dispatcher.new_cell("/requests", "requests", self.max_streams)
        self.endpoint = self.dispatcher.new_cell("/endpoints/fake", "connection")
        config = ProviderConfig(
            max_connections=self.max_connections, pool_timeout_s=self.pool_timeout_s,
            keep_alive_s=self.keep_alive_s,
        )  # fmt: skip
        services = self.services()
        requests = requests_child(self.live, self.max_streams, self.requests, self.ledger)
        self.children = tree(services, [connection("fake", config, self.transport, self.endpoint)], requests)
        self.dispatcher.on_death(self._died)

    def services(self) -> list[ChildSpec]:
        """What else the system brings."""
        return []

    def _died(self, error: BaseException) -> None:
        evidence = ErrorEvidence(kind="crash", code="system_down", message=str(error))
        self.live.fail_all(evidence, self.clock.now_s())

    def start(self) -> "Rig":
        self.dispatcher.start()
        self.root = self.dispatcher.plant(Root, self.children, ROOT_OPTIONS)
        self.settle()
        return self

    # ---- requests

    def begin(self, options: StreamingOptions = PATIENT, **changes: Any) -> Started:
        """A request is submitted, as the system does it; returns before it is admitted."""
        number = len(self.started) + 1
        channel = CountedChannel(options)
        target = Target("fake", "lines", "m", local=changes.pop("local", False))
        hop = Hop(
            request=ChatRequest(model="fake/m", messages="hi"),
            options=options,
            target=target,
            codec=self.codec,
            connection=self.endpoint.ref,
            api_keys=changes.pop("api_keys", self.keys),
            headers=(),
            adjust=self.adjusted.append,
        )
        job = Job(
            stream_id=f"s{number}",
            request_id=f"r{number}",
            request=hop.request,
            options=options,
            channel=channel,
            hop=hop,
            started_s=self.clock.now_s(),
            started_at=self.clock.wall_s(),
            durability=changes.pop("durability", "memory"),
            parked=changes.pop("parked", None),
        )
        cell = self.dispatcher.new_cell(f"/requests/s{number}", "request_scope")
        ids, names = (job.stream_id, job.request_id), ("fake", "m")
        started = Started(
            Stream(ids, names, channel, cell.ref, self.dispatcher, self.hubs), job, channel, cell
        )
        self.started.append(started)
        before: Callable[[Started], None] | None = changes.pop("before", None)
        if before is not None:
            before(started)
        assert not changes
        self.live.submit(job)
        with with_ids(Ids(job.request_id, job.stream_id)):
            assert self.requests.ref.admit(StartRequest(job, cell))
        return started

    def open(self, options: StreamingOptions = PATIENT, **changes: Any) -> tuple[Started, FakeWire]:
        """A request with its wire, the head not yet sent."""
        count = len(self.transport.wires)
        started = self.begin(options, **changes)
        self.settle()
        assert len(self.transport.wires) == count + 1
        return started, self.transport.wires[-1]

    @property
    def wire(self) -> FakeWire:
        """The newest exchange."""
        return self.transport.wires[-1]

    def settle(self) -> None:
        self.dispatcher.wait_idle(WAIT_S)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    def actor(self, path: str) -> Any:
        """The living actor at that path."""
        cells = [cell for cell in list(self.dispatcher._cells) if cell.path == path]
        assert len(cells) == 1, f"{path}: {self.dispatcher.live_paths()}"
        life = cells[0].life
        assert life is not None
        return life.actor

    def crash_into_wait(self, path: str) -> None:
        """The actor crashes until its supervisor makes it wait."""
        while path in self.dispatcher.live_paths():
            self.crash(path)

    def crash(self, path: str) -> None:
        """The actor at that path dies of a Boom."""
        self.dispatcher.call(throw, self.actor(path)._life.cell)
        self.settle()

    # ---- the end

    def check_nothing_left(self) -> None:
        """Each channel has had its one end, and only the permanent actors live."""
        self.settle()
        for started in self.started:
            assert len(started.channel.ends) == 1, started.stream
        assert sorted(self.dispatcher.live_paths()) == RESIDENTS
        assert self.live.jobs == {}
        assert not self.transport.links or not self.busy_links()
        assert self.dispatcher.statistics().tasks == 0

    def busy_links(self) -> dict[Any, Any]:
        busy: dict[Any, Any] = dict(self.endpoint.state.pool.busy)
        return busy

    def wait_for_death(self) -> None:
        thread = self.dispatcher._thread
        assert thread is not None
        thread.join(WAIT_S)
        assert not thread.is_alive()

    def stop(self) -> None:
        assert self.dispatcher.stop()


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A rig that runs; at the end nothing may be left in it."""
    rig = Rig().start()
    yield rig
    rig.check_nothing_left()
    rig.stop()


def error_of(started: Started) -> StreamError:
    """What the request that has failed by now raises."""
    with pytest.raises(StreamError) as caught:
        started.stream.result(timeout=0)
    return caught.value


def in_thread(work: Callable[[], Any]) -> "Outcome":
    """`work` runs in a thread of its own."""
    return Outcome(work)


class Outcome:
    """Of a thread: `get` waits for it, with a limit, and returns or raises what it did."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._value: Any = None
        self._error: BaseException | None = None

        def run() -> None:
            try:
                self._value = work()
            except BaseException as error:
                self._error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def get(self) -> Any:
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive(), "the thread did not end"
        if self._error is not None:
            raise self._error
        return self._value
