"""Every actor of a running system is crashed or killed, before content and behind it: each ends in its place.

`saved`: the consumer sees the whole text. `ended`: the stream ends typed, with what was delivered; `cut`: so, and
for the loss of its connection. Behind each the system goes on, as new. Without the root, or with requests that
cannot be kept, the system is down, and every handle has its end.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, StreamingOptions, SystemConfig
from greenroom.actors.testkit import Recorder
from greenroom.messages.failures import SystemDown
from greenroom.providers.simulator import Script, Simulator, Stall
from greenroom.supervision.root import INTENSITY

from crashing import throw
from tests_system import LIMIT_S

TEXT = " ".join(f"word{number}" for number in range(30))
SLOW = Script(text=TEXT, first_delta_delay_s=0.12, stall=Stall(after_deltas=8, for_s=0.15))
FAST = StreamingOptions(backoff_initial_s=0.01, backoff_max_s=0.05)


class Ground:
    """A system, the simulator that it talks to, and what it told."""

    def __init__(self, simulator: Simulator, **provider: Any) -> None:
        self.simulator, self.events = simulator, Recorder()
        sim = ProviderConfig(base_url=simulator.base_url, **provider)
        config = SystemConfig(default_model="sim/m", providers={"sim": sim}, options=FAST, drain_s=0)
        self.system = ActorSystem.start(config, events=self.events)

    def cell(self, kind: str, path: str = "") -> Any:
        """Of the actor of that kind, when it is there."""
        cells = self.system._dispatcher._cells
        return wait_for(
            lambda: next(
                (c for c in list(cells) if c.kind == kind and c.path.endswith(path) and c.life), None
            )
        )

    def hit(self, how: str, kind: str, path: str = "") -> None:
        cell = self.cell(kind, path)
        number = cell.incarnation
        if how == "kill":
            cell.kill()
        else:
            self.system._dispatcher.call(throw, cell)
        wait_for(lambda: cell.incarnation != number or cell.life is None)

    def goes_on(self) -> None:
        """As new: the next request completes, and each actor that is to be there is."""
        self.simulator.set_default(Script(text=TEXT))
        assert self.system.stream(ChatRequest(messages="again")).result(timeout=LIMIT_S).text == TEXT
        services = [f"/services/{name}" for name in ("breakers", "models", "store")]
        at_rest = ["/", "/endpoints", "/endpoints/sim", "/requests", "/services", *services]
        wait_for(lambda: sorted(self.system._dispatcher.live_paths()) == at_rest)
        (endpoint,) = self.system.statistics().endpoints
        assert (endpoint.busy, endpoint.waiting, endpoint.connecting) == (0, 0, 0)
        assert self.system.statistics().requests.live == 0


def wait_for(look: Callable[[], Any]) -> Any:
    until_s = time.monotonic() + LIMIT_S
    while not (found := look()):
        assert time.monotonic() < until_s, "it did not come"
        time.sleep(0.002)
    return found


def result_of(stream: Any) -> tuple[str, Any]:
    """The text and the failure that the stream ended with."""
    try:
        return stream.result(timeout=LIMIT_S).text, None
    except StreamError as error:
        return (error.partial.text if error.partial else ""), error


@pytest.fixture
def slow() -> Iterator[Simulator]:
    with Simulator(SLOW) as running:
        yield running


@pytest.fixture
def ground(slow: Simulator) -> Iterator[Ground]:
    made = Ground(slow)
    yield made
    made.system.stop(drain_s=0)


HITS = {
    # kind, end of the path: what becomes of a stream when that is hit before content, and behind it
    ("stream", ""): ("saved", "ended"),
    ("request_scope", ""): ("ended", "ended"),
    ("requests", "/requests"): ("ended", "ended"),
    ("connection", "/sim"): ("saved", "saved"),
    ("model_catalog", "/models"): ("saved", "saved"),
    ("circuit_breaker", "/breakers"): ("saved", "saved"),
    ("state_keeper", "/store"): ("saved", "saved"),
    ("supervisor", "/services"): ("saved", "saved"),
    ("supervisor", "/endpoints"): ("saved", "cut"),
    ("aggregator", ""): ("", "saved"),
}
CASES = [
    (*hit, moment) for hit, stated in HITS.items() for moment in ("opening", "before", "behind")
    if stated[moment == "behind"]
]  # fmt: skip


@pytest.mark.parametrize("how", ["crash", "kill"])
@pytest.mark.parametrize(("kind", "path", "moment"), CASES)
def test_it_ends_in_the_stated_place(
    ground: Ground, kind: str, path: str, moment: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = HITS[kind, path][moment == "behind"]
    monkeypatch.setattr("greenroom.actors.journal.COMPACT_EVERY", 4)
    stream = ground.system.stream(ChatRequest(messages="go"))
    if moment == "opening":
        # Its socket is being opened, or its request written.
        ground.cell("stream")
    elif moment == "before":
        wait_for(lambda: ground.events.named("stream.opened"))
    else:
        cursor = iter(stream)
        assert TEXT.startswith(next(cursor).text)
    ground.hit(how, kind, path)
    text, error = result_of(stream)
    if stated == "saved":
        assert (text, error) == (TEXT, None)
    else:
        assert error is not None
        assert error.error_class == {"ended": "bug", "cut": "transient"}[stated]
        assert TEXT.startswith(text)
        assert bool(text) == (moment == "behind")
    ground.goes_on()


@pytest.mark.parametrize("how", ["crash", "kill"])
def test_with_the_root_the_system_falls_and_every_handle_has_its_end(ground: Ground, how: str) -> None:
    streams = [ground.system.stream(ChatRequest(messages="go")) for _ in range(5)]
    next(iter(streams[0]))
    ground.hit(how, "root")
    _fallen(ground, streams)


def test_with_requests_that_cannot_be_kept_the_system_falls(ground: Ground) -> None:
    streams = []
    for _ in range(INTENSITY + 1):
        streams.append(ground.system.stream(ChatRequest(messages="go")))
        wait_for(lambda: ground.system._live.jobs)
        ground.hit("crash", "requests")
    _fallen(ground, streams)
    assert len(ground.events.named("supervisor.intensity_exceeded")) == 1


def _fallen(ground: Ground, streams: list[Any]) -> None:
    for stream in streams:
        text, error = result_of(stream)
        assert error is not None
        assert error.error_class in ("bug", "shutdown")
        assert TEXT.startswith(text)
    wait_for(lambda: not ground.system._dispatcher.is_running)
    with pytest.raises(SystemDown):
        ground.system.stream(ChatRequest(messages="too late"))


def test_a_storm_in_a_branch_costs_no_stream(ground: Ground) -> None:
    for _ in range(INTENSITY + 2):
        ground.hit("crash", "model_catalog")
        if not ground.system._catalog_cell.is_alive():
            break
    stream = ground.system.stream(ChatRequest(messages="go"))
    assert stream.result(timeout=LIMIT_S).text == TEXT


# -- actors with a thread of their own, which no supervisor has


@pytest.mark.parametrize("how", ["stop", "stop_all"])
def test_a_key_asker_that_died_is_started_again_by_who_wants_a_key(slow: Simulator, how: str) -> None:
    ground = Ground(slow, api_key=lambda: "k")
    try:
        ground.goes_on()
        asker = ground.system._endpoints["sim"].api_keys.asker
        assert asker is not None
        _end(asker, how)
        ground.goes_on()
        ground.goes_on()
        told = [
            event for event in ground.events.named("supervisor.child_restarted") if event.child == "api_key"
        ]
        assert [(event.actor, event.incarnation) for event in told] == [("/endpoints/sim", 2)]
    finally:
        ground.system.stop(drain_s=0)


def test_who_waits_for_a_key_when_its_asker_is_stopped_is_saved(slow: Simulator) -> None:
    may, called = threading.Event(), threading.Event()

    def key() -> str:
        called.set()
        may.wait(LIMIT_S)
        return "k"

    ground = Ground(slow, api_key=key)
    try:
        streams = [ground.system.stream(ChatRequest(messages="go"))]
        called.wait(LIMIT_S)
        asker = ground.system._endpoints["sim"].api_keys.asker
        assert asker is not None
        asker.stop(block=False)
        streams += [ground.system.stream(ChatRequest(messages="go")) for _ in range(3)]
        wait_for(lambda: asker.actor_inbox.qsize() == 4)
        may.set()
        assert [result_of(stream) for stream in streams] == [(TEXT, None)] * 4
        ground.goes_on()
    finally:
        may.set()
        ground.system.stop(drain_s=0)


@pytest.mark.parametrize("how", ["stop", "stop_all", "exit"])
def test_a_token_counter_that_died_is_started_again_by_the_next_request(
    ground: Ground, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying: list[BaseException] = []

    def count(text: str, model: str) -> int:
        if dying:
            raise dying.pop()
        return 7

    monkeypatch.setattr("greenroom.system.count_tokens", count)
    ground.simulator.set_default(Script(text=TEXT, usage="absent"))
    request = ChatRequest(messages="go", options=FAST.replace(aggregation="tiktoken"))

    def counted() -> Any:
        return ground.system.stream(request).result(timeout=LIMIT_S).usage.output_tokens

    assert counted() == 7
    counter = ground.system._counter
    assert counter is not None
    if how == "exit":
        # Pykka would end every actor of the process for it.
        dying.append(SystemExit())
        assert counted() != 7
        assert counter.ref().is_alive()
    else:
        _end(counter.ref(), how)
    assert counted() == 7
    assert len(ground.events.named("supervisor.child_restarted")) == (how != "exit")
    ground.goes_on()


def test_connections_with_threads_that_a_host_stops_cost_typed_ends_at_most(slow: Simulator) -> None:
    ground = Ground(slow, transport="requests")
    try:
        stream = ground.system.stream(ChatRequest(messages="go"))
        next(iter(stream))
        pykka.ActorRegistry.stop_all(block=False)
        text, error = result_of(stream)
        assert text == TEXT if error is None else TEXT.startswith(text)
        ground.goes_on()
    finally:
        ground.system.stop(drain_s=0)


def _end(ref: Any, how: str) -> None:
    if how == "stop":
        ref.stop(timeout=LIMIT_S)
    else:
        pykka.ActorRegistry.stop_all(timeout=LIMIT_S)
    assert not ref.is_alive()
