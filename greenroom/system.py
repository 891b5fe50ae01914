"""`ActorSystem`: the one place that wires the rooms together, and all that a service holds.

Thread-safe: every method may be called from any thread, and requests may be sent from many at once.
"""

import asyncio
import functools
import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pykka

from greenroom.actors.blocking import Standing, TokenCounter
from greenroom.actors.breaker_desk import BreakerDesk
from greenroom.actors.channel import Channel
from greenroom.actors.circuit_breaker import CircuitBreaker
from greenroom.actors.clock import SystemClock
from greenroom.actors.courier import send_courier
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errand import run_there
from greenroom.actors.errors import ActorDead
from greenroom.actors.future import Future, refuse_to_block
from greenroom.actors.handle import Stream, completion_future
from greenroom.actors.job import Job
from greenroom.actors.model_cache import CacheRules
from greenroom.actors.model_catalog import ModelCatalog
from greenroom.actors.model_place import ModelLookUp
from greenroom.actors.told import Told
from greenroom.actors.wakes import WakeHubs
from greenroom.endpoints import Endpoint, build_endpoints
from greenroom.messages.argument_types import check_part, check_seq, check_type
from greenroom.messages.commands import StartRequest
from greenroom.messages.completion import Completion
from greenroom.messages.config import SystemConfig
from greenroom.messages.failures import (
    ErrorEvidence,
    InvalidInput,
    StartedBeforeFork,
    SystemDown,
    SystemStopped,
)
from greenroom.messages.options import with_reset
from greenroom.messages.request import ChatRequest
from greenroom.messages.seconds import seconds
from greenroom.messages.stored import StoredStream, StreamFacts
from greenroom.observed import Observed
from greenroom.providers.capabilities import capabilities_of
from greenroom.providers.pricing import price_book
from greenroom.providers.tokens import count_tokens
from greenroom.routing import Router, new_id, resolve
from greenroom.supervision.absences import Absences
from greenroom.supervision.model_check import list_failure
from greenroom.supervision.remains import Remains
from greenroom.supervision.requests import LiveRequests, closing, judged, requests_child
from greenroom.supervision.root import ROOT_OPTIONS, Root, tree
from greenroom.supervision.spec import ChildSpec
from greenroom.supervision.stores.recovering import Recovering
from greenroom.supervision.stores.resuming import Prospect, request_of
from greenroom.supervision.stores.states import RetryStates
from greenroom.supervision.telemetry import StructlogSink

if TYPE_CHECKING:
    from greenroom.messages.contracts import Clock, EventSink, PriceBook

# Silent by default: without a handler of the host's, logging would print our warnings on stderr.
logging.getLogger("greenroom").addHandler(logging.NullHandler())


class ActorSystem(Observed, Recovering):
    """Streams completions through supervised actors. Made by `start`; ended by `stop` or `with`.

    Handles and pending futures hold it. Dropped without an end, it ends itself with a ResourceWarning.
    """

    def __init__(
        self,
        config: SystemConfig,
        *,
        clock: "Clock | None" = None,
        events: "EventSink | None" = None,
        prices: "PriceBook | None" = None,
    ) -> None:
        self.config = config
        self._sink = events or StructlogSink()
        self._clock = clock or SystemClock()
        self._dispatcher = Dispatcher(
            "greenroom", self._clock, self._sink, slow_handler_s=config.slow_handler_s
        )
        self._hubs = WakeHubs(self._dispatcher)
        self._cost_usd = price_book(config.prices, prices).cost_usd
        self._live = LiveRequests()
        self._stopping = threading.Lock()
        self._started = self._stopped = False
        """No further request is taken."""
        self._ended = False
        """All of `stop` is done."""
        self._lock = threading.Lock()
        self._counter: Standing | None = None
        self._requests_cell = self._dispatcher.new_cell("/requests", "requests", config.max_streams)
        self._catalog_cell = self._dispatcher.new_cell("/services/models", "model_catalog")
        self._breakers = BreakerDesk(self._dispatcher, config)
        self._remains = Remains(self._dispatcher, self._live, self._clock, self._sink)
        self._absences = Absences(self._live.absent, self._clock, self._dispatcher.events, "/requests")
        try:
            self._states = RetryStates(config.retry_store, self._dispatcher, self._clock)
            self._remains.closers.append(self._states.close)
            self._endpoints = build_endpoints(config, self._dispatcher, self._clock)
            look_up = functools.partial(ModelLookUp, self._catalog_cell.ref)
            self._router = Router(config, self._endpoints, look_up)
        except BaseException:
            self._remains.end()
            raise

    @classmethod
    def start(
        cls,
        config: SystemConfig | None = None,
        *,
        clock: "Clock | None" = None,
        events: "EventSink | None" = None,
        prices: "PriceBook | None" = None,
    ) -> Self:
        """A running system. `config` None reads the environment and greenroom.toml (see `greenroom.config`).

        `prices` is asked for costs before the configured ones are, on the dispatcher thread: it must not block.

        Raises ConfigError or InvalidInput for configuration that cannot work; opens no connection.
        """
        if config is None:
            from greenroom.config import load_config

            config = load_config()
        check_type(config, SystemConfig, "config", "SystemConfig(providers={...})")
        check_part(clock, "clock", "Clock", ("now_s", "wall_s"))
        check_part(events, "events", "EventSink", ("wants", "emit"))
        check_part(prices, "prices", "PriceBook", ("cost_usd",))
        system = cls(config, clock=clock, events=events, prices=prices)
        system._run()
        return system

    def _run(self) -> None:
        rules = CacheRules(self.config.model_list_ttl_s, self.config.model_lists_max)
        catalog = ChildSpec("models", ModelCatalog, (rules, list_failure), cell=self._catalog_cell)
        ledger, endpoints = self._states.ledger, [each.child for each in self._endpoints.values()]
        requests = requests_child(self._live, self.config.max_streams, self._requests_cell, ledger)
        table, cell = self._breakers.table, self._breakers.cell
        breakers = ChildSpec("breakers", CircuitBreaker, (table,), cell=cell)
        children = tree([self._states.child, catalog, breakers], endpoints, requests)
        self._remains.closers += [endpoint.close for endpoint in self._endpoints.values()]
        self._dispatcher.on_death(self._remains.dispatcher_died)
        self._dispatcher.start()
        self._started = True
        self._dispatcher.plant(Root, children, ROOT_OPTIONS, path="/")
        if self.config.retry_store.at_start == "resume":
            try:
                self._resume_all()
            except BaseException:
                self.stop(drain_s=0.0)
                raise

    # ---- requests

    def stream(self, request: ChatRequest) -> Stream[Any]:
        """Sends the request and returns its handle at once; nothing here waits for the network.

        Raises InvalidInput where the request cannot be sent as it is, SystemStopped after `stop`, SystemDown
        where the dispatcher died or this process is a fork's child. A request that is not admitted ends as
        failed (AdmissionRefused) on the handle.
        """
        return self._handle(*self._submit(request))

    def _prospect(self, stored: StoredStream) -> Prospect:
        try:
            self._router.way(request_of(stored), earlier=True)
            endpoint, model = resolve("/".join(stored.place), self.config, self._endpoints)
        except InvalidInput as error:
            return Prospect(str(error))
        return Prospect(None, capabilities_of(endpoint.target(model)))

    def _handle(self, channel: Channel, job: Job, scope: Any) -> Stream[Any]:
        ids, target = (job.stream_id, job.request_id), (job.target.provider, job.target.model)
        # Holds the system: as long as somebody may read, it is in use.
        parting = functools.partial(self._detach, job, scope)
        return Stream(ids, target, channel, scope, self._dispatcher, self._hubs, parting)

    def ask(self, request: ChatRequest) -> "Future[Completion[Any]]":
        """A future of the Completion: `get(timeout=...)`, `await` or callbacks. Raises as `stream` does.

        Nobody sees it grow, so where its stream is cut it may start again (`on_cut="reset"`), unless options say
        `on_cut` or allow no second request.
        """
        channel, job, _ = self._submit(request, whole=True)
        return completion_future(channel, self._dispatcher, job.request_id, self)

    def tell(self, request: ChatRequest, *, reply_to: pykka.ActorRef[Any]) -> Told:
        """Sends the request; its deltas go to the service's own actor, as `DeltaBatch` messages.

        Each batch is an ask: the next one is sent when the handler has returned, and until then deltas wait as
        they do for any reader. The last batch, and no other, has the `completion`. What becomes of the stream
        when the actor raises, dies or does not answer: see greenroom/actors/courier.py.
        Raises as `stream` does; InvalidInput where `reply_to` is no actor's ref, pykka.ActorDeadError where it
        is dead.
        """
        given: object = reply_to
        if not isinstance(given, pykka.ActorRef):
            text = "must be an actor's ref (what MyActor.start() returns, or self.actor_ref in an actor)"
            raise InvalidInput.at("reply_to", text, given)
        if not reply_to.is_alive():
            raise ActorDead(f"reply_to is the ref of an actor that has ended: {reply_to}")
        _, job, scope = self._submit(request)
        send_courier(self._dispatcher, job, scope, reply_to)
        return Told(job.stream_id, job.request_id, job.target.provider, job.target.model, scope)

    def attach(self, stream_id: str, *, after_seq: int | None = None) -> Stream[Any]:
        """Another handle of a stream that was detached, in this process, within its `detach_grace_s`.

        It goes on where the former handle's readers stopped; with `after_seq`, behind that delta, so that what
        had been taken before is repeated, up to `max_replay_bytes` (0 repeats from the first). A stream that
        ended meanwhile gives the rest, and its end. Any thread; waits for the dispatcher thread for a moment.
        Raises UnknownStream, StreamInUse (not detached), ReplayRefused (it says from where it can be repeated)
        and InvalidInput; the stream is then as it was. SystemStopped and SystemDown as `stream` does.
        """
        self._check_open()
        check_type(stream_id, str, "stream_id", "system.attach(stream.stream_id)")
        check_seq(after_seq)

        def work() -> tuple[Channel, Job, Any]:
            live = self._live.get(stream_id)
            job, scope, channel = self._absences.attach(stream_id, after_seq, live)
            return channel, job, scope

        return self._handle(*run_there(self._dispatcher, work))

    def _detach(self, job: Job, scope: Any, channel: Channel) -> None:
        def work() -> None:
            absence = self._absences.detach(job, scope, channel)
            if absence is not None:
                self._requests_cell.ref.tell(absence.begins)

        try:
            run_there(self._dispatcher, work)
        except StartedBeforeFork:
            raise
        except SystemDown:
            # Every stream has its end, and nobody will attach: there is nothing to keep.
            return

    def _submit(self, request: ChatRequest, *, whole: bool = False) -> tuple[Channel, Job, Any]:
        self._check_open()
        check_type(request, ChatRequest, "request", 'ChatRequest(messages="...")')
        job = self._job(request)
        if whole:
            job.options = with_reset(job.options)
        return self._send(job)

    def _send(self, job: Job) -> tuple[Channel, Job, Any]:
        cell = self._dispatcher.new_cell(f"/requests/{job.stream_id}", "request_scope")
        self._live.submit(job)
        if not self._requests_cell.ref.admit(StartRequest(job, cell), ids=job.ids):
            self._live.submitted.pop(job.stream_id, None)
            cell.close()
            text = f"{self.config.max_streams} requests wait for admission already (max_streams)"
            evidence = ErrorEvidence(kind="refusal", code="admission", message=text)
            job.channel.close(closing(job, judged(job, evidence), self._clock.now_s()))
        elif not self._dispatcher.is_running:
            # It died between the check and the mail: its last words did not know of this job.
            self._remains.dispatcher_died(SystemDown("the dispatcher is not running"))
        return job.channel, job, cell.ref

    def _job(self, request: ChatRequest, earlier: StreamFacts | None = None) -> Job:
        way = self._router.way(request, earlier=earlier is not None)
        options, plan = way.options, way.plan
        counter = self._token_counter() if options.aggregation == "tiktoken" else None
        durability = self._states.durability(options)
        stream_id = earlier.stream_id if earlier else new_id("s")
        return Job(
            stream_id=stream_id, request_id=request.request_id or new_id("r"), request=request,
            options=options, channel=Channel(options), hop=way.hops[0 if plan is None else plan.first()],
            started_s=self._clock.now_s(), started_at=self._clock.wall_s(), plan=plan, hops=way.hops,
            token_counter=counter, capabilities=capabilities_of, breakers=self._breakers.table,
            cost_usd=self._cost_usd, durability=durability,
            parked=self._states.parked(stream_id, durability),
        )  # fmt: skip

    def _token_counter(self) -> "pykka.ActorRef[Any]":
        """The actor that counts with tiktoken, started when the first request wants it."""
        with self._lock:
            self._check_open()
            if self._counter is None:
                start = functools.partial(TokenCounter.start, count_tokens)
                self._counter = Standing(start, self._dispatcher.report, "/services", "token_counter")
                self._remains.closers.append(self._counter.close)
            return self._counter.ref()

    # ---- the end

    def stop(self, drain_s: float | None = None) -> None:
        """No further requests; live streams have `drain_s` (the config's) to end, then are cancelled.

        Returns when sockets, actors and threads are gone and the event sink is flushed. Idempotent; in a
        fork's child, which has none of these, it does nothing. Raises WouldDeadlock on a dispatcher thread,
        and InvalidInput where `drain_s` is no number; then nothing was stopped. Interrupted while it drains
        (Ctrl-C), it ends what is live at once.
        """
        refuse_to_block("stop()", "call it from another thread")
        drain_s = seconds("drain_s", self.config.drain_s if drain_s is None else drain_s)
        if isinstance(self._dispatcher.down, StartedBeforeFork):
            return
        with self._stopping:
            if self._ended:
                return
            with self._lock:
                self._stopped = True
            try:
                if self._dispatcher.is_running:
                    self._remains.drain(self._requests_cell.ref, drain_s)
            finally:
                self._end()

    def _end(self) -> None:
        self._remains.end()
        self._ended = True

    def __del__(self) -> None:
        if getattr(self, "_started", False) and self._dispatcher.is_running:
            self._dispatcher.from_finalizer(self._remains, self._requests_cell.ref)

    def _check_open(self) -> None:
        self._dispatcher.refuse_after_fork()
        if not self._started:
            raise SystemDown("this ActorSystem was not started; ActorSystem.start(config) makes one that is")
        if self._stopped:
            raise SystemStopped("this ActorSystem was stopped; ActorSystem.start(config) makes a new one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop(drain_s=None if kind is None else 0.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.stop, None if kind is None else 0.0)

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else "running"
        return f"<ActorSystem {state}: {', '.join(self._endpoints) or 'no providers'}>"


__all__ = ["ActorSystem", "Endpoint"]
