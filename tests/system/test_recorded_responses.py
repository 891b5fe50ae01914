"""The Responses wire over real HTTP: every recorded stream cut at random places, and what a caller asks for."""

from collections.abc import Callable

import pytest
from recordings_over_http import wrong_over_http

from greenroom import (
    ActorSystem,
    ChatRequest,
    InvalidInput,
    StreamError,
)
from greenroom.providers.simulator import Script, Simulator

import recorded_responses
from shared_files import CORPUS
from tests_system import LIMIT_S

KIND = "openai-responses"
Start = Callable[..., ActorSystem]


@pytest.mark.skipif(not recorded_responses.STREAMS, reason=f"{CORPUS} is not there")
def test_recordings_over_http_give_the_expected_completions() -> None:
    assert wrong_over_http(recorded_responses, kind=KIND) == {}


@pytest.mark.parametrize("streamed", [True, False])
def test_a_conversation_with_a_tool_goes_on(simulator: Simulator, start: Start, streamed: bool) -> None:
    thinking = Script(reasoning="Hm", tool_calls=[{"name": "add", "arguments": {"a": 1}, "id": "call_1"}])
    simulator.enqueue(thinking, Script(text="It is 2"))
    tools = [{"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}]
    system = start(simulator.base_url, kind=KIND)
    asked = ChatRequest(messages="1 + 1?", tools=tools, stream=streamed)
    first = system.stream(asked).result(timeout=LIMIT_S)
    assert (first.finish_reason, first.reasoning) == ("tool_calls", "Hm")
    (call,) = first.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "2"}
    turns = [*asked.messages, first.message, result]
    last = system.stream(asked.replace(messages=turns)).result(timeout=LIMIT_S)
    assert (last.text, last.finish_reason) == ("It is 2", "stop")
    sent = simulator.requests[-1].body
    assert sent is not None
    kinds = [item.get("type", item.get("role")) for item in sent["input"]]
    assert kinds == ["user", "reasoning", "function_call", "function_call_output"]
    assert sent["input"][1]["encrypted_content"]


def test_an_answer_of_this_wire_goes_on_over_chat_and_back(simulator: Simulator, start: Start) -> None:
    simulator.enqueue(
        Script(text="One", reasoning="Hm"), Script(text="Two", reasoning="So"), Script(text="Three")
    )
    responses, chat = start(simulator.base_url, kind=KIND), start(simulator.base_url)
    turns: list[object] = []
    for system in (responses, chat, responses):
        turns.append({"role": "user", "content": "next"})
        turns.append(system.stream(ChatRequest(messages=turns)).result(timeout=LIMIT_S).message)
    sent = simulator.requests[-1].body
    assert sent is not None
    said = [item["content"][0]["text"] for item in sent["input"] if item.get("role") == "assistant"]
    assert said == ["One", "Two"]
    assert [item["type"] for item in sent["input"] if item.get("type") == "reasoning"] == ["reasoning"]


def test_errors_and_refused_fields_are_typed(simulator: Simulator, start: Start) -> None:
    simulator.enqueue(Script.failing(401, "no", code="invalid_api_key"))
    system = start(simulator.base_url, kind=KIND)
    with pytest.raises(StreamError) as caught:
        system.stream(ChatRequest(messages="hi")).result(timeout=LIMIT_S)
    assert caught.value.error_class == "credential"
    with pytest.raises(InvalidInput, match="seed"):
        system.stream(ChatRequest(messages="hi", seed=1))


def test_a_model_that_cannot_encrypt_its_reasoning_answers_at_the_second_try(
    simulator: Simulator, start: Start
) -> None:
    simulator.enqueue(
        Script.failing(400, "Encrypted content is not supported with this model.", param="include")
    )
    system = start(simulator.base_url, kind=KIND)
    assert system.stream(ChatRequest(messages="hi")).result(timeout=LIMIT_S).text
    assert ["include" in (request.body or {}) for request in simulator.requests] == [True, False]
