"""The Responses wire of llama.cpp, with a small real model. Skipped, with the reason, without it."""

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig
from greenroom.providers.local_model import LocalModelServer

from tests_system import text_of

pytestmark = pytest.mark.timeout(180)


def config(server: LocalModelServer) -> SystemConfig:
    provider = ProviderConfig(
        kind="openai-responses", profile="llamacpp", base_url=server.base_url,
        api_key=server.api_key.get_secret_value(),
    )  # fmt: skip
    return SystemConfig(default_model=f"local/{server.model}", providers={"local": provider}, drain_s=0)


def test_text_streamed_whole_and_as_a_conversation(llama_server: LocalModelServer) -> None:
    request = ChatRequest(messages="Say hello", max_output_tokens=6, temperature=0)
    with ActorSystem.start(config(llama_server)) as system:
        stream = system.stream(request)
        text, completion = text_of(stream), stream.result(timeout=60)
        whole = system.stream(request.replace(stream=False)).result(timeout=60)
        turns = [*request.messages, completion.message, {"role": "user", "content": "And again"}]
        second = system.stream(request.replace(messages=turns)).result(timeout=60)

    assert text
    assert completion.text == text == whole.text
    assert completion.finish_reason in ("stop", "length")
    assert completion.usage.output_tokens
    assert completion.usage.source == "provider"
    assert completion.response_id
    assert second.text
