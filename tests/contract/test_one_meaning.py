"""One script, one completion: whatever wire an answer comes over, streamed or whole, it means the same.

What a wire cannot say stands in CANNOT with the reason; nothing else may differ.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from every_wire import KINDS, every_wire

from greenroom import ActorSystem, ChatRequest, Completion, Delta, StreamingOptions
from greenroom.messages.deltas import (
    RawDelta,
    ReasoningDelta,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
    ToolCallStarted,
)
from greenroom.providers.registry import codec_kinds
from greenroom.providers.simulator import Script, ScriptUsage, Simulator

LIMIT_S = 20.0
COUNTS = ScriptUsage(prompt_tokens=100, cached_tokens=40, completion_tokens=50, reasoning_tokens=20)
WEATHER = {"name": "weather", "arguments": {"city": "Zürich", "days": [1, 2]}}
TIME = {"name": "time", "arguments": {"tz": "CET"}}
UNFINISHED = {"name": "weather", "arguments": '{"city": "Zü'}
SCRIPTS = {
    "text": Script(text="one two three", usage=COUNTS, model="m-2"),
    "reasoning": Script(reasoning="I think so.", text="Yes.", usage=COUNTS),
    "one call": Script(tool_calls=[WEATHER], usage=COUNTS),
    "calls beside text": Script(
        text="Look.", tool_calls=[WEATHER, {"name": "now", "arguments": {}}], usage=COUNTS
    ),
    "calls in turns": Script(tool_calls=[WEATHER, TIME], interleave_tool_calls=True, usage=COUNTS),
    "a call without arguments": Script(tool_calls=[{"name": "now", "arguments": ""}], usage=COUNTS),
    "a call that ends as a stop": Script(tool_calls=[WEATHER], finish_reason="stop", usage=COUNTS),
    "a whole call at the limit": Script(tool_calls=[WEATHER], finish_reason="length", usage=COUNTS),
    "a call without arguments at the limit": Script(
        tool_calls=[{"name": "now", "arguments": ""}], finish_reason="length", usage=COUNTS
    ),
    "half a call at the limit": Script(tool_calls=[UNFINISHED], finish_reason="length", usage=COUNTS),
    "refusal": Script(refusal="I will not.", usage=COUNTS),
    "length": Script(text="one two", finish_reason="length", usage=COUNTS),
    "content filter": Script(text="one", finish_reason="content_filter", usage=COUNTS),
    "nothing": Script(usage=COUNTS),
    "no usage": Script(text="hi", usage="absent"),
    "unicode": Script(text="Grüße 👩‍👩‍👧 \x00\u2028 日本 😀 e\u0301", chunk_size=1, usage=COUNTS),
}  # fmt: skip

PROMPTS = {"openai-completions", "anthropic-text", "ollama-generate"}
WITH_CALLS = {name for name, script in SCRIPTS.items() if script.tool_calls}
EVERYWHERE = tuple(SCRIPTS)

CANNOT: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "openai-completions": {
        "reasoning": (("reasoning",), "a completion is one text"),
        "tool_calls": (tuple(WITH_CALLS), "a prompt has no tools"),
        "refusal": (("refusal",), "a completion is one text"),
        "finish_reason": ((*WITH_CALLS, "refusal"), "without tools and refusals it is a stop"),
    },
    "anthropic-text": {
        "reasoning": (("reasoning",), "a completion is one text"),
        "tool_calls": (tuple(WITH_CALLS), "a prompt has no tools"),
        "refusal": (("refusal",), "a completion is one text"),
        "finish_reason": ((*WITH_CALLS, "refusal", "content filter"), "knows stop and limit alone"),
        "usage": (EVERYWHERE, "counts nothing"),
    },
    "ollama-generate": {
        "tool_calls": (tuple(WITH_CALLS), "a prompt has no tools"),
        "refusal": (("refusal",), "has no refusals"),
        "finish_reason": ((*WITH_CALLS, "refusal", "content filter"), "has no refusals, no filter"),
        "usage": (EVERYWHERE, "counts input and output alone"),
        "response_id": (EVERYWHERE, "has none"),
    },
    "ollama": {
        "tool_calls": (("a call without arguments at the limit",), "calls come whole, as objects"),
        "refusal": (("refusal",), "has no refusals"),
        "finish_reason": (("refusal", "content filter"), "has no refusals, no filter"),
        "usage": (EVERYWHERE, "counts input and output alone"),
        "response_id": (EVERYWHERE, "has none"),
    },
    "anthropic": {
        "refusal": (("refusal",), "a refusal has a reason and no text"),
        "finish_reason": (("content filter",), "its filter's word is refusal"),
        "tool_calls": (("half a call at the limit",), "a whole answer has no half of an object"),
    },
    "gemini": {
        "outcome": (("refusal",), "a refused prompt has no answer: ContentRefused"),
        "refusal": (("refusal",), "it is the failure's message"),
        "finish_reason": (("refusal",), "no candidate, no reason"),
        "usage": (("refusal",), "the prompt's count alone"),
        "tool_calls": (
            ("half a call at the limit", "a call without arguments at the limit"), "calls come whole, as objects"
        ),
    },
    "gemini-interactions": {
        "refusal": (("refusal",), "has no refusals"),
        "finish_reason": (("refusal", "content filter"), "has no refusals, no filter"),
        "tool_calls": (("half a call at the limit",), "a whole answer has no half of an object"),
    },
    "cohere-chat": {
        "refusal": (("refusal",), "has no refusals"),
        "finish_reason": (("refusal",), "has no refusals"),
        "model": (EVERYWHERE, "names no model"),
    },
    "cloudflare-ai": {
        "refusal": (("refusal",), "has no refusals"),
        "finish_reason": (EVERYWHERE, "no event says why it ended; calls alone are known to be asked for"),
        "tool_calls": (("a call without arguments at the limit",), "nothing tells that a limit struck"),
        "usage": (EVERYWHERE, "counts input and output alone"),
        "model": (EVERYWHERE, "names no model"),
        "response_id": (EVERYWHERE, "has none"),
    },
}  # fmt: skip
"""By kind and field: the scripts for which the wire cannot say it, and why."""


@pytest.fixture(scope="module")
def system(simulator: Simulator) -> Iterator[ActorSystem]:
    with every_wire(simulator, StreamingOptions(max_reconnect_attempts=0)) as started:
        yield started


def test_every_wire_is_here() -> None:
    assert set(codec_kinds()) <= set(KINDS)


def answered(
    system: ActorSystem, simulator: Simulator, kind: str, script: Script, **fields: Any
) -> tuple[list[Delta], Completion[Any]]:
    simulator.enqueue(script)
    handle = system.stream(ChatRequest(model=f"{kind}/m", messages="hi", **fields))
    deltas: list[Delta] = []
    try:
        deltas += list(handle)
        return deltas, handle.result(timeout=LIMIT_S)
    except Exception as error:
        partial = getattr(error, "partial", None)
        if partial is None:
            raise
        return deltas, partial


def wanted(script: Script) -> dict[str, Any]:
    """What chat says of this script, field by field."""
    at_limit = script.finish_reason == "length"
    calls = []
    for call in script.tool_calls:
        text = call.arguments_text
        whole = bool(text) or not at_limit
        try:
            value = json.loads(text or "{}") if whole else ""
        except ValueError:
            value, whole = text, False
        calls.append((call.name, value, whole))
    usual = "tool_calls" if calls else "refusal" if script.refusal else "stop"
    named = None if script.finish_reason == "stop" else script.finish_reason
    counts = (None,) * 5 if script.usage == "absent" else (100, 50, 150)
    return {
        "outcome": "completed", "text": script.text, "reasoning": script.reasoning, "refusal": script.refusal,
        "tool_calls": calls, "finish_reason": named or usual, "usage": counts,
        "model": script.model or "m", "response_id": True,
    }  # fmt: skip


def told(completion: Completion[Any], script: Script) -> dict[str, Any]:
    calls = [
        (call.name, json.loads(call.arguments) if call.complete else call.arguments, call.complete)
        for call in completion.tool_calls
    ]
    usage = completion.usage
    counts: tuple[int | None, ...] = (usage.input_tokens, usage.output_tokens, usage.total_tokens)
    if script.usage == "absent":
        counts += (usage.cached_input_tokens, usage.reasoning_tokens)
    else:
        assert usage.cached_input_tokens in (None, 40)
        assert usage.reasoning_tokens in (None, 20)
    return {
        "outcome": completion.outcome, "text": completion.text, "reasoning": completion.reasoning,
        "refusal": completion.refusal, "tool_calls": calls, "finish_reason": completion.finish_reason,
        "usage": counts, "model": completion.model, "response_id": bool(completion.response_id),
    }  # fmt: skip


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("kind", KINDS)
def test_one_script_is_one_completion(
    system: ActorSystem, simulator: Simulator, kind: str, name: str, stream: bool
) -> None:
    script = SCRIPTS[name]
    deltas, completion = answered(system, simulator, kind, script, stream=stream)
    found, expected = told(completion, script), wanted(script)
    excused = {field for field, (names, _) in CANNOT.get(kind, {}).items() if name in names}
    assert {field: found[field] for field in found if found[field] != expected[field]}.keys() <= excused
    assert completion.model_asked == "m"
    assert completion.provider == kind
    assert len(completion.attempts) == 1
    assert_in_order(deltas)
    if completion.outcome == "completed" and script.usage != "absent" and kind != "anthropic-text":
        assert completion.usage.source == "provider"
        assert completion.usage.raw
    if kind not in ("cloudflare-ai", "gemini"):
        assert completion.finish_reason_raw


def test_every_excuse_is_needed(system: ActorSystem, simulator: Simulator) -> None:
    """A wire that learnt to say it must not stay excused."""
    unneeded = []
    for kind, fields in CANNOT.items():
        for field, (names, _) in fields.items():
            differs = False
            for name in names:
                script = SCRIPTS[name]
                for stream in (True, False):
                    completion = answered(system, simulator, kind, script, stream=stream)[1]
                    differs |= told(completion, script)[field] != wanted(script)[field]
                    differs |= field == "usage" and completion.usage.cached_input_tokens is None
            if not differs:
                unneeded.append((kind, field))
    assert unneeded == []


def assert_in_order(deltas: list[Delta]) -> None:
    """Numbers without a gap, blocks that rise, each call begun before it goes on and completed once."""
    assert [delta.first_seq or delta.seq for delta in deltas][:1] in ([], [1])
    for one, two in pairwise(deltas):
        assert (two.first_seq or two.seq) == one.seq + 1
    blocks = [delta.block for delta in deltas if isinstance(delta, (TextDelta, ReasoningDelta))]
    assert blocks == sorted(blocks)
    assert {delta.index for delta in deltas} <= {0}
    started: dict[int, str] = {}
    completed: set[int] = set()
    for delta in deltas:
        if isinstance(delta, ToolCallStarted):
            assert delta.call_index == len(started)
            started[delta.call_index] = delta.call_id
        elif isinstance(delta, (ToolCallDelta, ToolCallCompleted)):
            assert started[delta.call_index] == delta.call_id
            assert delta.call_index not in completed
            if isinstance(delta, ToolCallCompleted):
                completed.add(delta.call_index)
    assert len(set(started.values())) == len(started)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_usual_answer_is_raw(system: ActorSystem, simulator: Simulator, kind: str) -> None:
    """`raw_deltas` shows what has no meaning here: of what every server says there is nothing."""
    options = StreamingOptions(raw_deltas=True, max_reconnect_attempts=0)
    for name in ("text", "reasoning", "calls beside text", "length"):
        for stream in (True, False):
            deltas, _ = answered(system, simulator, kind, SCRIPTS[name], stream=stream, options=options)
            assert [delta for delta in deltas if isinstance(delta, RawDelta)] == [], (name, stream)
