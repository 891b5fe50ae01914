"""A conversation that moves between wires: what can travel does, what cannot is left out, nothing breaks."""

import json
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, Completion, ProviderConfig, SystemConfig, ToolSpec
from greenroom.messages.parts import ReasoningPart, TextPart
from greenroom.messages.value import thaw
from greenroom.providers.registry import codec_kinds
from greenroom.providers.simulator import Script, Simulator

from tests_system import LIMIT_S

PLACES = {
    "openai-chat": "/v1", "openai-responses": "/v1", "anthropic": "/v1", "gemini": "/v1beta",
    "gemini-interactions": "/v1beta", "ollama": "", "cohere-chat": "",
}  # fmt: skip
"""Wires with tools, and the path of their base URL."""
PROMPTS_ALONE = {"openai-completions", "anthropic-text", "ollama-generate", "cloudflare-ai"}
"""Wires of one prompt, or without tools."""
CALLS = Script(
    reasoning="I need the weather.",
    text="Let me look.",
    tool_calls=[{"name": "weather", "arguments": {"city": "Zürich"}}],
)
WEATHER = ToolSpec(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
RESULT = "sunny, 17 degrees"


def test_every_wire_is_one_or_the_other() -> None:
    assert set(codec_kinds()) <= set(PLACES) | PROMPTS_ALONE


def started(simulator: Simulator, *kinds: str) -> ActorSystem:
    root = simulator.base_url.removesuffix("/v1")
    return ActorSystem.start(
        SystemConfig(
            providers={kind: ProviderConfig(kind=kind, base_url=root + PLACES[kind]) for kind in set(kinds)}
        )
    )


def asked(system: ActorSystem, kind: str, messages: Any, *, stream: bool) -> Completion[Any]:
    request = ChatRequest(model=f"{kind}/m", messages=messages, tools=[WEATHER], stream=stream)
    return system.stream(request).result(timeout=LIMIT_S)


def marks(completion: Completion[Any]) -> set[str]:
    """What only the wire that gave it can read."""
    parts = completion.choices[0].parts
    signed = [part.signature for part in parts if isinstance(part, (ReasoningPart, TextPart))]
    hidden = [part.encrypted for part in parts if isinstance(part, ReasoningPart)]
    on_calls = [call.metadata.get("signature") for call in completion.tool_calls]
    return {mark for mark in (*signed, *hidden, *on_calls) if isinstance(mark, str) and mark}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("second", PLACES)
@pytest.mark.parametrize("first", PLACES)
def test_a_tool_turn_goes_on_anywhere(simulator: Simulator, first: str, second: str, stream: bool) -> None:
    with started(simulator, first, second) as system:
        simulator.enqueue(CALLS, Script(text="It is sunny."))
        question = {"role": "user", "content": "How is the weather in Zürich?"}
        called = asked(system, first, [question], stream=stream)
        assert called.text == "Let me look."
        assert called.finish_reason == "tool_calls"
        (call,) = called.tool_calls
        assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Zürich"})
        result = {"role": "tool", "tool_call_id": call.id, "content": RESULT}
        answered = asked(system, second, [question, called.message, result], stream=stream)
    assert answered.text == "It is sunny."
    sent = simulator.requests[-1].body
    assert sent is not None
    body = json.dumps(thaw(sent), ensure_ascii=False)
    for needed in ("weather", "Zürich", RESULT, "Let me look."):
        assert needed in body
    travelled = {mark for mark in marks(called) if mark in body}
    assert travelled == (marks(called) if first == second else set())
