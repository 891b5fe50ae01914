"""llama.cpp speaks this wire too: a real model's text, a real tool call. Skipped, with the reason, without it."""

import json

import pytest

from greenroom import ActorSystem, ChatRequest, CredentialRefused, ProviderConfig, SystemConfig
from greenroom.providers.local_model import LocalModelServer

from real_llama import CALLING, TOOL
from tests_system import LIMIT_S, text_of

pytestmark = pytest.mark.timeout(180)


def config(server: LocalModelServer, key: str | None = None) -> SystemConfig:
    provider = ProviderConfig(
        kind="anthropic", base_url=server.base_url, api_key=key or server.api_key.get_secret_value()
    )
    return SystemConfig(default_model=f"local/{server.model}", providers={"local": provider}, drain_s=0)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_real_model_streams_text(llama_server: LocalModelServer, streamed: bool) -> None:
    request = ChatRequest(
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello"}],
        max_output_tokens=6, temperature=0, stream=streamed,
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


def test_a_real_tool_call(tool_llama_url: str) -> None:
    request = ChatRequest(messages=CALLING, tools=[TOOL], tool_choice="required", max_output_tokens=30)
    provider = ProviderConfig(kind="anthropic", base_url=tool_llama_url)
    config = SystemConfig(default_model="local/smollm2-135m", providers={"local": provider}, drain_s=0)
    with ActorSystem.start(config) as system:
        completion = system.ask(request).get(timeout=150)
    first = completion.tool_calls[0]
    assert (first.name, first.complete) == ("get_weather", True)
    assert json.loads(first.arguments)["city"] in ("Paris", "Rome")
    assert completion.usage.source == "provider"


def test_a_wrong_key_is_a_typed_error(llama_server: LocalModelServer) -> None:
    with (
        ActorSystem.start(config(llama_server, key="sk-wrong")) as system,
        pytest.raises(CredentialRefused),
    ):
        system.stream(ChatRequest(messages="x", max_output_tokens=4)).result(timeout=LIMIT_S)
