"""A system that somebody lets go without stop(): it says so, and leaves nothing."""

import gc
import threading
import time
import warnings
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamCancelled, SystemConfig
from greenroom.providers.simulator import Script, Simulator, Stall

from batch_taker import ThreadTaker
from tests_system import LIMIT_S

WORDS = "one two three"


def started(simulator: Simulator) -> ActorSystem:
    sim = ProviderConfig(base_url=simulator.base_url)
    return ActorSystem.start(SystemConfig(default_model="sim/m", providers={"sim": sim}))


def warned(during: Any, within_s: float = LIMIT_S) -> list[str]:
    """The ResourceWarnings of `during()` and of what follows until its threads are gone, as they must be."""
    before = set(threading.enumerate())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        during()
        gc.collect()
        end = time.monotonic() + within_s
        while (set(threading.enumerate()) - before or not caught) and time.monotonic() < end:
            time.sleep(0.01)
        assert not set(threading.enumerate()) - before
        return [str(each.message) for each in caught if each.category is ResourceWarning]


def test_a_dropped_system_says_so_and_ends_its_threads(simulator: Simulator) -> None:
    def drop() -> None:
        system = started(simulator)
        system.stream(ChatRequest(messages="x")).result(timeout=LIMIT_S)

    (said,) = warned(drop)
    assert said.startswith("an ActorSystem was dropped without stop(): 0 open streams")


def test_what_was_told_of_a_dropped_system_ends(simulator: Simulator) -> None:
    simulator.set_default(Script(text=WORDS, stall=Stall(after_deltas=1)))
    taker = ThreadTaker.start()
    actor: Any = taker._actor_weakref()

    def drop() -> None:
        system = started(simulator)
        system.tell(ChatRequest(messages="x"), reply_to=taker)
        actor.wait_for(1)

    (said,) = warned(drop)
    assert "1 open streams were cancelled" in said
    assert isinstance(actor.wait_for_last()[-1].error, StreamCancelled)
    taker.stop(timeout=LIMIT_S)


def test_handles_cursors_and_futures_hold_the_system(simulator: Simulator) -> None:
    simulator.set_default(Script(text=WORDS, first_delta_delay_s=0.1))

    def work() -> None:
        cursor = iter(started(simulator).stream(ChatRequest(messages="x")))
        gc.collect()
        assert "".join(delta.text for delta in cursor) == WORDS
        del cursor
        future = started(simulator).ask(ChatRequest(messages="x"))
        gc.collect()
        assert future.get(timeout=LIMIT_S).text == WORDS

    assert len(warned(work)) == 2


@pytest.mark.parametrize("way", ["with", "stop"])
def test_a_system_that_was_ended_says_nothing(simulator: Simulator, way: str) -> None:
    def use() -> None:
        if way == "with":
            with started(simulator) as system:
                system.stream(ChatRequest(messages="x")).result(timeout=LIMIT_S)
        else:
            started(simulator).stop()

    assert warned(use, within_s=0.3) == []
