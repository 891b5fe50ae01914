"""`system.census()` and the runtime's statistics, of a running system."""

import pytest

from greenroom import ActorSystem, ChatRequest, InvalidInput, SystemStopped
from greenroom.providers.simulator import Script, Simulator

SERVICES = ["/services/store", "/services/models", "/services/breakers"]
RESIDENTS = ["/", "/services", *SERVICES, "/endpoints", "/endpoints/sim", "/requests"]


def test_shows_the_tree_with_a_live_stream_in_it(system: ActorSystem, simulator: Simulator) -> None:
    simulator.enqueue(Script(text=["a"] * 20, delta_interval_s=0.05))
    stream = system.stream(ChatRequest(messages="hi"))
    assert next(iter(stream)).text == "a"
    census = system.census()
    scope = f"/requests/{stream.stream_id}"
    paths = [actor.path for actor in census.actors]
    assert paths[: len(RESIDENTS)] == RESIDENTS
    assert paths[len(RESIDENTS) :] == [scope, f"{scope}/stream-1"]
    requests = census.find("/requests")
    assert requests is not None
    assert requests.children == 1
    assert requests.restart == "permanent"
    lone = census.find(scope)
    assert lone is not None
    assert not lone.supervised, (
        "what becomes of a request is decided by the one decision, not by a child spec"
    )
    assert f"    {stream.stream_id}  request_scope  running" in census.tree()
    stream.cancel()


def test_refuses_what_makes_no_sense_and_after_the_end(system: ActorSystem) -> None:
    with pytest.raises(InvalidInput, match="max_actors"):
        system.census(max_actors=0)
    with pytest.raises(InvalidInput, match="timeout_s"):
        system.census(timeout_s=float("nan"))
    system.stop()
    with pytest.raises(SystemStopped):
        system.census()


def test_the_runtime_is_counted(system: ActorSystem) -> None:
    system.ask(ChatRequest(messages="hi")).get(timeout=20)
    runtime = system.statistics().runtime
    assert runtime.actors >= len(RESIDENTS)
    assert runtime.zombies_total == runtime.refused_total == 0
    assert sum(runtime.dead_letters.values()) == runtime.dead_letters_total
