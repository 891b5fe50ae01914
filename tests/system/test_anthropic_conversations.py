"""Conversations over several turns: what goes back to this wire, and what crosses to another and back."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig
from greenroom.messages.request import Message
from greenroom.providers.simulator import Script, Simulator

from tests_system import LIMIT_S

TOOLS = [{"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}]
CALLED = Script(
    text="Let me add.", reasoning="I need the tool", items=({"type": "redacted_thinking", "data": "hidden"},),
    tool_calls=({"name": "add", "arguments": {"a": 1}, "id": "call:odd/1"},),
)  # fmt: skip
DONE = Script(text="It is two.")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(DONE) as running:
        yield running


@pytest.fixture
def system(simulator: Simulator) -> Iterator[ActorSystem]:
    providers = {
        "messages": ProviderConfig(kind="anthropic", base_url=simulator.base_url),
        "chat": ProviderConfig(kind="openai-chat", base_url=simulator.base_url),
    }
    with ActorSystem.start(SystemConfig(providers=providers, drain_s=0)) as running:
        yield running


def ask(system: ActorSystem, provider: str, messages: list[Any], **fields: Any) -> Any:
    request = ChatRequest(model=f"{provider}/claude-opus-4-8", messages=messages, tools=TOOLS, **fields)
    return system.ask(request).get(timeout=LIMIT_S)


def conversation(first: Any) -> list[Any]:
    (call,) = first.tool_calls
    return [
        {"role": "user", "content": "1 + 1?"}, first.message,
        {"role": "tool", "tool_call_id": call.id, "content": "2"},
    ]  # fmt: skip


def blocks(simulator: Simulator) -> list[dict[str, Any]]:
    """The assistant turn that the newest request sent."""
    turn: Any = simulator.requests[-1].body["messages"][1]
    return [dict(block) for block in turn["content"]]


@pytest.mark.parametrize("streamed", [True, False])
def test_signed_thinking_and_calls_go_back_unchanged(
    simulator: Simulator, system: ActorSystem, streamed: bool
) -> None:
    simulator.enqueue(CALLED)
    first = ask(system, "messages", [{"role": "user", "content": "1 + 1?"}], stream=streamed)
    second = ask(system, "messages", conversation(first), stream=streamed)
    assert second.text == "It is two."
    redacted, thinking, text, call = blocks(simulator)
    assert redacted == {"type": "redacted_thinking", "data": "hidden"}
    assert (thinking["thinking"], thinking["signature"][:3]) == ("I need the tool", "sim")
    assert (text["text"], call["name"], call["input"]) == ("Let me add.", "add", {"a": 1})
    results = simulator.requests[-1].body["messages"][2]["content"]
    assert results[0]["tool_use_id"] == call["id"]


def test_a_stored_turn_is_the_same_turn(simulator: Simulator, system: ActorSystem) -> None:
    simulator.enqueue(CALLED)
    first = ask(system, "messages", [{"role": "user", "content": "1 + 1?"}])
    ask(system, "messages", conversation(first))
    sent = blocks(simulator)
    user, answered, result = conversation(first)
    stored = Message.model_validate_json(answered.model_dump_json())
    ask(system, "messages", [user, stored, result])
    assert blocks(simulator) == sent


def test_a_turn_of_the_chat_wire_is_taken_without_what_is_unsigned(
    simulator: Simulator, system: ActorSystem
) -> None:
    simulator.enqueue(CALLED)
    first = ask(system, "chat", [{"role": "user", "content": "1 + 1?"}])
    assert first.reasoning
    second = ask(system, "messages", conversation(first))
    assert second.text == "It is two."
    text, call = blocks(simulator)
    assert (text["text"], call["input"]) == ("Let me add.", {"a": 1})
    assert call["id"].isascii()


def test_a_turn_of_this_wire_is_taken_by_the_chat_wire_and_comes_back(
    simulator: Simulator, system: ActorSystem
) -> None:
    simulator.enqueue(CALLED)
    first = ask(system, "messages", [{"role": "user", "content": "1 + 1?"}])
    messages = conversation(first)
    second = ask(system, "chat", messages)
    assert second.text == "It is two."
    again = [*messages, second.message, {"role": "user", "content": "Thanks. And 2 + 2?"}]
    assert ask(system, "messages", again).text == "It is two."
    assert [block["type"] for block in blocks(simulator)] == [
        "redacted_thinking", "thinking", "text", "tool_use",
    ]  # fmt: skip


def test_a_prefill_is_gone_on_with(simulator: Simulator, system: ActorSystem) -> None:
    request = ChatRequest(
        model="messages/claude-haiku-4-5",
        messages=[{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "It is "}],
    )
    assert system.ask(request).get(timeout=LIMIT_S).text == " two."
