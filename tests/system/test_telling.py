"""`system.tell`: deltas to the service's own actor, over real sockets."""

import copy
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from greenroom import (
    ActorSystem,
    ChatRequest,
    DeltaBatch,
    InvalidInput,
    SlowConsumer,
    StreamCancelled,
    StreamingOptions,
    StreamSystemDown,
)
from greenroom.actors.dispatcher import Dispatcher
from greenroom.providers.simulator import Script, Simulator, Stall

from batch_taker import Taker, ThreadTaker, text_of
from tests_system import LIMIT_S, wait_until

WORDS = "one two three four five"


@pytest.fixture
def taker() -> Any:
    made = ThreadTaker.start()
    yield made
    made.stop(timeout=LIMIT_S)


def inside(ref: Any) -> ThreadTaker:
    actor: ThreadTaker = ref._actor_weakref()
    return actor


def test_the_batches_are_the_answer_and_the_last_has_the_completion(system: ActorSystem, taker: Any) -> None:
    told = system.tell(ChatRequest(messages="Count", request_id="mine"), reply_to=taker)
    batches = inside(taker).wait_for_last()

    assert text_of(batches) == WORDS
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    completion = batches[-1].completion
    assert completion is not None
    assert (completion.outcome, completion.text, completion.stream_id) == ("completed", WORDS, told.stream_id)
    assert {batch.request_id for batch in batches} == {told.request_id} == {"mine"}
    told.cancel()
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(told)


def test_many_streams_to_one_actor_each_once_and_in_order(
    system: ActorSystem, simulator: Simulator, taker: Any
) -> None:
    simulator.set_default(Script(text=WORDS * 20, chunk_size=3))
    told = [system.tell(ChatRequest(messages="Count"), reply_to=taker) for _ in range(40)]
    actor = inside(taker)
    wait_until(lambda: sum(batch.is_last for batch in list(actor.batches)) == 40)
    for receipt in told:
        mine = [batch for batch in actor.batches if batch.stream_id == receipt.stream_id]
        assert text_of(mine) == WORDS * 20
        assert [batch.number for batch in mine] == list(range(1, len(mine) + 1))


def test_cancelling_closes_the_socket_and_tells_the_end(
    system: ActorSystem, simulator: Simulator, taker: Any
) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2)))
    told = system.tell(ChatRequest(messages="Count"), reply_to=taker)
    inside(taker).wait_for(1)
    told.cancel()
    last = inside(taker).wait_for_last()[-1]
    assert isinstance(last.error, StreamCancelled)
    simulator.wait_for(
        lambda s: s.requests and s.requests[0].ended == "client_disconnected", timeout_s=LIMIT_S
    )


def test_an_actor_that_stops_ends_the_spending(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2)))
    ref = ThreadTaker.start()
    system.tell(ChatRequest(messages="Count"), reply_to=ref)
    inside(ref).wait_for(1)
    ref.stop()
    simulator.wait_for(
        lambda s: s.requests and s.requests[0].ended == "client_disconnected", timeout_s=LIMIT_S
    )


def test_an_actor_that_hangs_is_a_slow_consumer(
    start: Callable[..., ActorSystem], simulator: Simulator
) -> None:
    simulator.enqueue(Script(text="word " * 40_000))
    go = threading.Event()
    ref = ThreadTaker.start(lambda *_: go.wait(LIMIT_S))
    system = start(simulator.base_url, StreamingOptions(max_buffer_bytes=4096, max_pause_s=0.2))
    system.tell(ChatRequest(messages="Count"), reply_to=ref)
    simulator.wait_for(
        lambda s: s.requests and s.requests[0].ended == "client_disconnected", timeout_s=LIMIT_S
    )
    go.set()
    batches = inside(ref).wait_for_last()
    error = batches[-1].error
    assert isinstance(error, SlowConsumer)
    assert error.partial is not None
    assert text_of(batches) == error.partial.text
    ref.stop(timeout=LIMIT_S)


def test_the_end_is_told_also_where_the_system_stops(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=WORDS, stall=Stall(after_deltas=2)))
    go = threading.Event()
    ref = ThreadTaker.start(lambda *_: go.wait(LIMIT_S))
    system.tell(ChatRequest(messages="Count"), reply_to=ref)
    inside(ref).wait_for(1)
    system.stop(drain_s=0)
    go.set()
    batches = inside(ref).wait_for_last()
    assert isinstance(batches[-1].error, StreamCancelled)
    assert WORDS.startswith(text_of(batches))
    ref.stop(timeout=LIMIT_S)


def test_the_end_is_told_where_the_system_ends_before_anything_has_begun(
    system: ActorSystem, simulator: Simulator, taker: Any
) -> None:
    """Its dispatcher hangs in some handler, and does not come to it."""
    held, go = threading.Event(), threading.Event()
    system._dispatcher.call(lambda: (held.set(), go.wait(LIMIT_S)))
    assert held.wait(LIMIT_S)
    told = system.tell(ChatRequest(messages="Count"), reply_to=taker)
    assert not system._dispatcher.stop(timeout_s=0.01)
    go.set()
    (last,) = inside(taker).wait_for_last()
    assert (last.stream_id, last.number, last.deltas) == (told.stream_id, 1, ())
    assert isinstance(last.error, StreamSystemDown)
    assert simulator.requests == ()


@pytest.mark.parametrize("given", [None, "me", 5, ThreadTaker, object()])
def test_what_is_no_actor_is_refused_by_name(system: ActorSystem, simulator: Simulator, given: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^reply_to.*must be an actor's ref"):
        system.tell(ChatRequest(messages="x"), reply_to=given)
    assert simulator.requests == ()


def test_a_proxy_is_no_ref_and_a_dead_actor_is_refused_at_the_call(
    system: ActorSystem, simulator: Simulator, taker: Any
) -> None:
    with pytest.raises(InvalidInput, match="ActorProxy"):
        system.tell(ChatRequest(messages="x"), reply_to=taker.proxy())
    taker.stop()
    with pytest.raises(pykka.ActorDeadError, match="reply_to"):
        system.tell(ChatRequest(messages="x"), reply_to=taker)
    assert simulator.requests == ()


def test_an_actor_of_the_services_own_dispatcher(system: ActorSystem) -> None:
    """A greenroom actor on another loop: no thread waits on either side."""
    other = Dispatcher("service")
    other.start()
    try:
        ref = other.spawn(Taker, path="/taker", at_once=True)
        system.tell(ChatRequest(messages="Count"), reply_to=ref)
        other.wait_idle()
        actor: Any = ref.find_actor()
        wait_until(lambda: any(batch.is_last for batch in list(actor.batches)))
        batches: list[DeltaBatch] = actor.batches
        assert text_of(batches) == WORDS
    finally:
        other.stop()
