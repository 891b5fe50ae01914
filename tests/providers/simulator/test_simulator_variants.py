"""A model that is asked the same thing again says something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator_client import ask, chat

from greenroom.messages.invalid import InvalidInput
from greenroom.providers.simulator import ModelRule, Script, Simulator, SimulatorRules
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.pieces import joined
from greenroom.providers.simulator.variants import REMEMBERED_MAX, Generations, generation

from script_law import pieces


def said(simulator: Simulator, prompt: str = "Hi", **fields: object) -> str:
    return ask(simulator, chat(prompt, **fields)).text


def test_variants_are_said_in_turn_to_the_same_request(simulator: Simulator) -> None:
    simulator.set_default(Script(text="one", variants=("two", ["thr", "ee"])))
    assert [said(simulator) for _ in range(4)] == ["one", "two", "three", "one"]
    assert said(simulator, "another prompt") == "one"
    assert said(simulator, model="another") == "one"
    simulator.wait_for_requests(6)
    texts = [joined(record.script.text) for record in simulator.requests if record.script]
    assert texts == ["one", "two", "three", "one", "one", "one"]


def test_a_rule_for_a_model_may_have_them() -> None:
    rule = ModelRule(model="m*", script=Script(text="one", variants=("two",)))
    with Simulator(SimulatorRules(by_model=(rule,), default=Script(text="other"))) as simulator:
        assert [said(simulator), said(simulator), said(simulator, model="x")] == ["one", "two", "other"]


def test_a_seed_varies_the_words_and_does_it_again_in_another_run() -> None:
    script = Script(text="The sky is blue and the sea is deep", vary_seed=7)
    runs = []
    for _ in range(2):
        with Simulator(script) as simulator:
            runs.append([said(simulator) for _ in range(3)])
    assert runs[0] == runs[1]
    first, second, third = runs[0]
    assert first == script.text
    assert len({first, second, third}) == 3
    assert len(second.split()) == len(first.split())


@given(pieces(), st.integers(0, 99), st.integers(2, 5))
def test_a_later_generation_of_a_text_is_never_the_first_one(text: object, seed: int, count: int) -> None:
    script = Script(text=text, vary_seed=seed)
    assert generation(script, 1).text == script.text
    assert joined(generation(script, count).text) != joined(script.text) or not joined(script.text)


def test_what_is_counted_is_bounded() -> None:
    generations, script = Generations(), Script(text="one", variants=("two",))
    for number in range(REMEMBERED_MAX + 1):
        generations.next_of(script, ChatCall("m", f"{number}", 1))
    assert generations.next_of(script, ChatCall("m", "1", 1)).text == "two"
    assert generations.next_of(script, ChatCall("m", "0", 1)).text == "one"


def test_variants_are_checked_where_they_are_given() -> None:
    with pytest.raises(InvalidInput, match="variants"):
        Script(text="one", variants="two")
