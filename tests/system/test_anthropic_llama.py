"""llama.cpp speaks this wire too: a real model's text, a real tool call. Skipped, with the reason, without it."""

import json

import pytest

from greenroom import ActorSystem, ChatRequest, CredentialRefused, ProviderConfig, SystemConfig
from greenroom.providers.local_model import LocalModelServer

from tests_system import LIMIT_S, text_of

pytestmark = pytest.mark.timeout(180)
TOOL = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}, "unit": {"enum": ["celsius", "kelvin"]}},
        "required": ["city", "unit"],
    },
}


def config(server: LocalModelServer, key: str | None = None) -> SystemConfig:
    provider = ProviderConfig(
        kind="anthropic", base_url=server.base_url, api_key=key or server.api_key.get_secret_value()
    )
    return SystemConfig(default_model=f"local/{server.model}", providers={"local": provider}, drain_s=0)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_real_model_streams_text(llama_server: LocalModelServer, streamed: bool) -> None:
    request = ChatRequest(
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello"}],
        max_output_tokens=12, temperature=0, stream=streamed,
    )  # fmt: skip
    with ActorSystem.start(config(llama_server)) as system:
        stream = system.stream(request)
        text = text_of(stream)
        completion = stream.result(timeout=LIMIT_S)
    assert text
    assert completion.text == text
    assert completion.finish_reason in ("length", "stop")
    assert (completion.usage.output_tokens or 0) > 0
    assert (completion.usage.input_tokens or 0) > 0
    assert completion.usage.source == "provider"


def test_a_real_tool_call(llama_server: LocalModelServer) -> None:
    """The model is too small to choose: the prefill begins the call, its grammar makes the JSON valid."""
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": "<tool_call>\n"},
    ]
    request = ChatRequest(messages=messages, tools=[TOOL], max_output_tokens=80, temperature=0)
    with ActorSystem.start(config(llama_server)) as system:
        completion = system.ask(request).get(timeout=60)
    calls = [call for call in completion.tool_calls if call.complete]
    if not calls:
        pytest.skip(f"the model made no whole call here: {completion.finish_reason_raw}")
    arguments = json.loads(calls[0].arguments)
    assert calls[0].name == "get_weather"
    assert arguments["city"] in ("Paris", "Rome")


def test_a_wrong_key_is_a_typed_error(llama_server: LocalModelServer) -> None:
    with (
        ActorSystem.start(config(llama_server, key="sk-wrong")) as system,
        pytest.raises(CredentialRefused),
    ):
        system.stream(ChatRequest(messages="x", max_output_tokens=4)).result(timeout=LIMIT_S)
