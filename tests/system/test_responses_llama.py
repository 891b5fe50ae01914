"""The Responses wire of llama.cpp: a small real model's text and tool call. Skipped, with the reason, without."""

import json

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig
from greenroom.providers.local_model import LocalModelServer

from real_llama import CALLING, TOOL
from tests_system import text_of

pytestmark = pytest.mark.timeout(240)
KIND = "openai-responses"
LIMIT_S = 200.0


def config(server: LocalModelServer) -> SystemConfig:
    provider = ProviderConfig(
        kind=KIND, profile="llamacpp", base_url=server.base_url,
        api_key=server.api_key.get_secret_value(),
    )  # fmt: skip
    return SystemConfig(default_model=f"local/{server.model}", providers={"local": provider}, drain_s=0)


def test_text_streamed_whole_and_as_a_conversation(llama_server: LocalModelServer) -> None:
    request = ChatRequest(messages="Say hello", max_output_tokens=6, temperature=0)
    with ActorSystem.start(config(llama_server)) as system:
        stream = system.stream(request)
        text, completion = text_of(stream), stream.result(timeout=LIMIT_S)
        whole = system.stream(request.replace(stream=False)).result(timeout=LIMIT_S)
        turns = [*request.messages, completion.message, {"role": "user", "content": "And again"}]
        second = system.stream(request.replace(messages=turns)).result(timeout=LIMIT_S)

    assert text
    assert completion.text == text == whole.text
    assert completion.finish_reason in ("stop", "length")
    assert completion.usage.output_tokens
    assert completion.usage.source == "provider"
    assert completion.response_id
    assert second.text


def test_a_real_tool_call(tool_llama_url: str) -> None:
    request = ChatRequest(messages=CALLING, tools=[TOOL], tool_choice="required", max_output_tokens=30)
    provider = ProviderConfig(kind=KIND, profile="llamacpp", base_url=tool_llama_url)
    system_config = SystemConfig(default_model="local/smollm2-135m", providers={"local": provider}, drain_s=0)
    with ActorSystem.start(system_config) as system:
        completion = system.stream(request).result(timeout=LIMIT_S)
    first = completion.tool_calls[0]
    assert (first.name, first.complete) == ("get_weather", True)
    assert json.loads(first.arguments)["city"] in ("Paris", "Rome")
    assert completion.finish_reason == "tool_calls"
    assert completion.usage.source == "provider"
