"""Any script of an answer comes back as it was said, however its bytes are cut; nothing that is fed can raise."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from responses_wire import run

from greenroom.messages.value import freeze
from greenroom.providers.openai_responses.simulated_events import EventWriter
from greenroom.providers.openai_responses.simulated_output import Simulated
from greenroom.providers.openai_responses.simulated_request import read_responses_call
from greenroom.providers.simulator import Script
from greenroom.providers.simulator.openai_whole import Stamp

from said_scripts import CALLS, JSON, words

WORDS = words()
SCRIPTS = st.fixed_dictionaries(
    {
        "text": WORDS,
        "reasoning": WORDS,
        "refusal": st.just("") | WORDS,
        "tool_calls": st.lists(CALLS, max_size=3),
        "chunk_size": st.none() | st.integers(1, 9),
        "interleave_tool_calls": st.booleans(),
        "obfuscation": st.booleans(),
        "finish_reason": st.sampled_from([None, "length", "content_filter"]),
    }
)
STAMP = Stamp("resp_1", 1_700_000_000)
CUTS = st.lists(st.integers(1, 200), max_size=60)


def simulated(script: Script, **body: Any) -> Simulated:
    asked = {"model": "m", "input": "hi", "stream": True, "include": ["reasoning.encrypted_content"], **body}
    return Simulated(read_responses_call(freeze(asked)), script, STAMP)


def encoded(script: Script, **body: Any) -> bytes:
    return b"".join(step.data for step in EventWriter(simulated(script, **body)).steps())


def check(outcome: Any, script: Script, fields: dict[str, Any]) -> None:
    assert outcome.answer is not None, outcome.failure
    choice = outcome.choice
    assert (choice.text, choice.reasoning, choice.refusal) == (script.text, script.reasoning, script.refusal)
    calls = [(call.name, json.loads(call.arguments), call.complete) for call in choice.tool_calls]
    cut = script.finish_reason is not None
    wanted = [(call["name"], call["arguments"], True) for call in fields["tool_calls"]]
    if cut and calls:  # a limit strikes the last one
        assert [call[:2] for call in calls] == [call[:2] for call in wanted]
    else:
        assert calls == wanted
    reason = "refusal" if script.refusal else "stop"
    reason = "tool_calls" if calls else reason
    assert choice.finish_reason == (script.finish_reason or reason)
    assert outcome.answer.response_id == "resp_1"
    assert outcome.usage.input_tokens == 5
    assert "differs_from_deltas" not in outcome.answer.metadata


@given(SCRIPTS, CUTS)
def test_what_is_said_is_what_is_read_however_it_is_cut(fields: dict[str, Any], sizes: list[int]) -> None:
    script = Script(**fields)
    data = encoded(script)
    outcome = run(data)
    check(outcome, script, fields)
    assert run(data, sizes) == outcome
    unnamed = b"".join(line + b"\n" for line in data.split(b"\n")[:-1] if not line.startswith(b"event:"))
    assert run(unnamed, sizes) == outcome


@given(SCRIPTS)
def test_a_whole_answer_says_the_same(fields: dict[str, Any]) -> None:
    script = Script(**fields)
    whole = run(json.dumps(simulated(script, stream=False).whole()).encode())
    check(whole, script, fields)
    streamed = run(encoded(script))
    assert [part.type for part in whole.choice.parts] == [part.type for part in streamed.choice.parts]


@given(SCRIPTS, st.data())
def test_every_prefix_of_events_is_a_prefix_of_the_answer(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    script = Script(**fields)
    events = encoded(script).split(b"\n\n")[:-1]
    at = data.draw(st.integers(0, len(events) - 1))
    outcome = run(b"".join(event + b"\n\n" for event in events[:at]), clean=False)
    assert outcome.failure is not None
    assert str(script.text).startswith(outcome.choice.text)
    assert str(script.reasoning).startswith(outcome.choice.reasoning)


KINDS = st.sampled_from(
    [
        "response.created", "response.in_progress", "response.queued", "response.completed", "response.failed",
        "response.incomplete", "error", "response.output_item.added", "response.output_item.done",
        "response.content_part.added", "response.content_part.done", "response.output_text.delta",
        "response.output_text.done", "response.output_text.annotation.added", "response.refusal.delta",
        "response.refusal.done", "response.reasoning_text.delta", "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done", "response.reasoning_summary_part.done",
        "response.function_call_arguments.delta", "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done",
        "response.web_search_call.searching", "keepalive", "x",
    ]
)  # fmt: skip
ANY = st.none() | st.integers(-2, 3) | st.sampled_from(["", "a", "{}", "msg_1"]) | JSON
ITEMS = ANY | st.fixed_dictionaries(
    {
        "type": ANY | st.sampled_from(["message", "reasoning", "function_call", "custom_tool_call", "shell_call"]),
        "id": ANY, "call_id": ANY, "name": ANY, "arguments": ANY, "status": ANY, "encrypted_content": ANY,
        "content": ANY | st.lists(st.fixed_dictionaries({"type": st.sampled_from(["output_text", "refusal", "x"]),
                                                         "text": ANY, "refusal": ANY, "annotations": ANY})),
        "summary": ANY,
    }
)  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {"type": KINDS | ANY},
    optional={
        "sequence_number": ANY, "output_index": ANY, "content_index": ANY, "summary_index": ANY, "item_id": ANY,
        "delta": ANY, "text": ANY, "refusal": ANY, "arguments": ANY, "input": ANY, "item": ITEMS, "part": ITEMS,
        "annotation": ANY, "error": ANY, "logprobs": ANY, "obfuscation": ANY,
        "response": ANY | st.fixed_dictionaries(
            {"id": ANY, "model": ANY, "status": ANY, "usage": ANY, "error": ANY,
             "output": ANY | st.lists(ITEMS, max_size=3)}
        ),
    },
)  # fmt: skip


@given(st.lists(EVENTS, max_size=8), st.booleans(), st.booleans())
def test_events_of_any_shape_never_raise_and_end_once(events: list[Any], raw: bool, clean: bool) -> None:
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    outcome = run(data, raw_deltas=raw, clean=clean)
    assert run(data, [1] * len(data), raw_deltas=raw, clean=clean) == outcome


@given(st.binary(max_size=200), CUTS, st.sampled_from([200, 204, 302, 400, 429, 503]), st.booleans())
def test_any_bytes_with_any_status_end_once(data: bytes, sizes: list[int], status: int, clean: bool) -> None:
    for start in (b"", b"data: ", b'{"', b'data: {"type":"response.created"}\n\n'):
        outcome = run(start + data, sizes, status=status, clean=clean)
        assert run(start + data, status=status, clean=clean) == outcome
