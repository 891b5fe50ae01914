"""The Responses wire of llama.cpp, with a small real model. Skipped, with the reason, without it."""

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig
from greenroom.providers.local_model import LocalModelServer

from tests_system import LIMIT_S, text_of

pytestmark = pytest.mark.timeout(180)
TOOL = {
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


def config(server: LocalModelServer) -> SystemConfig:
    provider = ProviderConfig(
        kind="openai-responses", profile="llamacpp", base_url=server.base_url,
        api_key=server.api_key.get_secret_value(),
    )  # fmt: skip
    return SystemConfig(default_model=f"local/{server.model}", providers={"local": provider}, drain_s=0)


def test_text_streamed_whole_and_as_a_conversation(llama_server: LocalModelServer) -> None:
    request = ChatRequest(messages="Say hello", max_output_tokens=16, temperature=0)
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


def test_a_real_tool_call(llama_server: LocalModelServer) -> None:
    """The model is too small to choose a tool: the beginning of its turn is put into its mouth."""
    turns = [
        {"role": "user", "content": "What is the weather in Paris? Use the tool."},
        {"role": "assistant", "content": "<tool_call>\n"},
    ]
    request = ChatRequest(
        messages=turns, tools=[TOOL], tool_choice="required", max_output_tokens=80, temperature=0
    )
    with ActorSystem.start(config(llama_server)) as system:
        completion = system.stream(request).result(timeout=60)

    if not completion.tool_calls:
        pytest.skip(f"this model's template has no tools: it said {completion.text[:40]!r}")
    assert completion.tool_calls[0].name == "get_weather"
    assert completion.tool_calls[0].complete
    assert completion.finish_reason == "tool_calls"
