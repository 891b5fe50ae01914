"""Faults from a seed: the same again, told in the records, and each of them possible."""

import http.client
from collections import Counter
from typing import Any

import pytest
from simulator_client import ask, chat

from greenroom.messages.invalid import InvalidInput
from greenroom.providers.simulator import Chaos, Script, Simulator, SimulatorRules
from greenroom.providers.simulator.chaos import FAULTS, faults_of

SAID = Script(text="one two three four")


def drawn(chaos: Chaos, count: int) -> list[tuple[Script, str | None]]:
    return [chaos.strike(SAID, ordinal) for ordinal in range(1, count + 1)]


def test_a_seed_strikes_the_same_requests_in_the_same_way() -> None:
    assert drawn(Chaos(seed=7), 200) == drawn(Chaos(seed=7), 200)
    assert drawn(Chaos(seed=7), 200) != drawn(Chaos(seed=8), 200)


def test_what_strikes_a_request_depends_on_its_number_alone() -> None:
    chaos = Chaos(seed=3, rate=0.5)
    assert chaos.strike(SAID, 40) == drawn(chaos, 50)[39]


def test_the_rate_is_the_share_that_is_struck() -> None:
    struck = sum(what is not None for _, what in drawn(Chaos(seed=1, rate=0.3), 2000))
    assert 500 < struck < 700
    assert not any(what for _, what in drawn(Chaos(seed=1, rate=0), 50))
    assert all(what for _, what in drawn(Chaos(seed=1, rate=1), 50))


def test_every_fault_is_drawn_and_says_what_it_does() -> None:
    seen = Counter()
    for script, what in drawn(Chaos(seed=1, rate=1, faults=FAULTS), 2000):
        assert what is not None
        seen[what.split()[0]] += 1
        assert faults_of(script)
        assert script.text == SAID.text
    assert seen.keys() == set(FAULTS)


def test_faults_of_ones_own() -> None:
    chaos = Chaos(seed=1, rate=1, faults=({"stall": {"for_s": 2}},))
    script, what = chaos.strike(SAID, 1)
    assert script.stall is not None
    assert (script.stall.for_s, what) == (2, 'own {"stall": {"for_s": 2}}')


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"faults": ("earthquake",)}, "unknown fault 'earthquake'; known: rate_limit"),
        ({"faults": ()}, "give at least one"),
        ({"faults": ({"stal": {}},)}, "did you mean 'stall'"),
        ({"rate": 2}, "rate"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_chaos_that_cannot_be(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Chaos(**{"seed": 1, **fields})
    assert said in str(caught.value)


def outcome(simulator: Simulator) -> tuple[int, bool]:
    try:
        answer = ask(simulator, chat())
    except (OSError, http.client.HTTPException):
        return 0, True
    return answer.status, answer.broken is not None


def run(chaos: Chaos, requests: int = 40) -> list[tuple[str | None, str | None]]:
    with Simulator(SAID, chaos=chaos) as simulator:
        for _ in range(requests):
            outcome(simulator)
        simulator.wait_until_idle()
        assert simulator.statistics().chaos == sum(r.chaos is not None for r in simulator.requests)
        assert simulator.statistics().server_error == 0
        return [(record.chaos, record.ended) for record in simulator.requests]


def test_a_run_can_be_repeated_and_its_records_tell_the_faults() -> None:
    chaos = Chaos(seed=11, rate=0.6, hold_s=0.01)
    first = run(chaos)
    assert first == run(chaos)
    assert [what for what, _ in first] == [what for _, what in drawn(chaos, 40)]
    assert all(ended == "completed" for what, ended in first if what is None)


def test_a_record_holds_the_script_that_was_struck() -> None:
    with Simulator(SimulatorRules(chaos={"seed": 5, "rate": 1, "faults": ["server_error"]})) as simulator:
        status = ask(simulator, chat()).status
        (record,) = simulator.requests
        assert record.script is not None
        assert record.faults == (f'answer {{"status":{status}}}',)
        simulator.enqueue(record.script)
        assert record.chaos == f'server_error {{"answer": {{"status": {status}}}}}'
