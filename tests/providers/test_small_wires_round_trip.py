"""Law: what a script says on a wire is what greenroom's decoder of it reads, streamed or not, cut anywhere."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_wires import WIRES

from greenroom.providers.simulator import Script
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.openai_whole import Stamp

from codec_run import Outcome
from said_scripts import CALL, USAGES, words

STAMP = Stamp("sim-1", 1_700_000_000)
WORDS = words("<")
CALLS = st.fixed_dictionaries(CALL, optional={"id": st.uuids().map(str)})
SCRIPTS = st.fixed_dictionaries(
    {
        "text": WORDS,
        "reasoning": WORDS,
        "tool_calls": st.lists(CALLS, max_size=3, unique_by=lambda call: call.get("id", id(call))),
        "usage": USAGES,
        "chunk_size": st.none() | st.integers(1, 9),
    }
)


def said(wire: str, script: Script, *, stream: bool, sizes: list[int]) -> Outcome:
    served = WIRES[wire]
    call = ChatCall("m", "Hi", 5, stream=stream)
    data = b"".join(step.data for step in served.answering(call, script, STAMP).steps)
    outcome = served.run.run(data, sizes, profile=served.profile, headers=())
    assert outcome.answer is not None, outcome.failure
    return outcome


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", WIRES)
@settings(deadline=None, max_examples=60)
@given(SCRIPTS, st.lists(st.integers(1, 90), max_size=40))
def test_what_is_said_is_what_is_read(
    wire: str, stream: bool, fields: dict[str, Any], sizes: list[int]
) -> None:
    served, script = WIRES[wire], Script(**fields)
    outcome = said(wire, script, stream=stream, sizes=sizes)
    choice, usage = outcome.choice, outcome.usage
    assert (choice.text, choice.reasoning) == (script.text, script.reasoning)
    wanted = fields["tool_calls"] if served.has_calls else []
    assert [(c.name, json.loads(c.arguments)) for c in choice.tool_calls] == [
        (call["name"], call["arguments"]) for call in wanted
    ]
    assert all(call.complete for call in choice.tool_calls)
    if wire != "cloudflare-ai" or stream:
        given_ids = [call.get("id", got.id) for call, got in zip(wanted, choice.tool_calls, strict=True)]
        assert [call.id for call in choice.tool_calls] == given_ids
    assert len({call.id for call in choice.tool_calls}) == len(wanted)
    assert choice.finish_reason == ("tool_calls" if wanted else "stop" if served.done_reason else None)
    assert (usage.input_tokens, usage.output_tokens) == (
        fields["usage"]["prompt_tokens"],
        fields["usage"]["completion_tokens"],
    )
    if served.tells_reasoning_tokens:
        assert usage.reasoning_tokens == (fields["usage"]["reasoning_tokens"] or None)
        assert usage.cached_input_tokens == fields["usage"]["cached_tokens"]


@pytest.mark.parametrize("wire", WIRES)
def test_error_inside_the_stream_is_read_as_one(wire: str) -> None:
    served = WIRES[wire]
    script = Script(text="one two three", stream_error={"after_deltas": 2, "error": {"message": "it broke"}})
    steps = served.answering(ChatCall("m", "Hi", 5, stream=True), script, STAMP).steps
    outcome = served.run.run(b"".join(step.data for step in steps), headers=())
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.message) == ("in_stream", "it broke")
    assert outcome.choice.text == "one two"
