"""A server that nobody here wrote: llama.cpp with a small real model. Skipped, with the reason, without it."""

import asyncio
from collections.abc import Callable

import pytest

from greenroom import ActorSystem, ChatRequest, CredentialRefused, ProviderConfig, SystemConfig
from greenroom.providers.local_model import LocalModelServer

from tests_system import LIMIT_S, text_of, wait_until

pytestmark = pytest.mark.timeout(180)

Connect = Callable[[LocalModelServer], ActorSystem]


def config(server: LocalModelServer, key: str | None = None) -> SystemConfig:
    provider = ProviderConfig(
        profile="llamacpp", base_url=server.base_url, api_key=key or server.api_key.get_secret_value()
    )
    return SystemConfig(default_model=f"local/{server.model}", providers={"local": provider}, drain_s=0)


def completions(server: LocalModelServer) -> SystemConfig:
    provider = config(server).providers["local"].replace(kind="openai-completions")
    return config(server).replace(providers={"local": provider})


def busy_slots(server: LocalModelServer) -> int:
    return sum(slot.is_processing for slot in server.slots())


def test_for_async_for_and_result_stream_from_a_real_model(llama_server: LocalModelServer) -> None:
    request = ChatRequest(messages="Say hello", max_output_tokens=12, temperature=0, seed=1)
    with ActorSystem.start(config(llama_server)) as system:

        async def read() -> str:
            return "".join([delta.text async for delta in system.stream(request)])

        stream = system.stream(request)
        text = text_of(stream)
        completion = stream.result(timeout=LIMIT_S)
        again = asyncio.run(read())

    assert text
    assert completion.text == text
    assert completion.finish_reason in ("length", "stop")
    assert completion.usage.output_tokens
    assert completion.usage.source == "provider"
    assert completion.model
    assert again


@pytest.mark.parametrize("way", ["cancel", "break"])
def test_the_slot_is_free_at_once_after_letting_go(llama_server: LocalModelServer, way: str) -> None:
    endless = {"ignore_eos": True}  # llama.cpp: whatever it says, it does not stop by itself
    request = ChatRequest(messages="Tell a very long story", max_output_tokens=1500, extra_body=endless)
    with ActorSystem.start(config(llama_server)) as system:
        stream = system.stream(request)
        for delta in stream:
            if delta.text:
                assert busy_slots(llama_server) == 1
                break
        if way == "cancel":
            stream.cancel()
        wait_until(lambda: busy_slots(llama_server) == 0, within_s=5)


def test_several_at_once_share_the_slots(llama_server: LocalModelServer) -> None:
    with ActorSystem.start(config(llama_server)) as system:
        requests = [ChatRequest(messages=f"Number {n}", max_output_tokens=8, seed=n) for n in range(8)]
        completions = [future.get(timeout=60) for future in [system.ask(request) for request in requests]]

    assert all(completion.text for completion in completions)
    assert len({completion.response_id for completion in completions}) == len(requests)


def test_a_wrong_key_is_a_typed_error(llama_server: LocalModelServer) -> None:
    with (
        ActorSystem.start(config(llama_server, "sk-wrong")) as system,
        pytest.raises(CredentialRefused, match="api_key of provider 'local'") as caught,
    ):
        system.stream(ChatRequest(messages="Hello")).result(timeout=LIMIT_S)

    assert caught.value.status == 401
    assert "sk-wrong" not in str(caught.value)


def test_a_prompt_goes_on_through_the_completions_endpoint(llama_server: LocalModelServer) -> None:
    request = ChatRequest(
        messages="One, two, three,",
        max_output_tokens=12,
        temperature=0,
        seed=1,
        logprobs=True,
        top_logprobs=2,
    )
    with ActorSystem.start(completions(llama_server)) as system:
        stream = system.stream(request)
        deltas = list(stream)
        completion = stream.result(timeout=LIMIT_S)
        whole = system.stream(request.replace(stream=False)).result(timeout=LIMIT_S)

    assert completion.text
    assert completion.text == text_of(deltas) == whole.text
    assert completion.finish_reason in ("length", "stop")
    assert completion.usage.output_tokens
    assert completion.usage.source == whole.usage.source == "provider"
    assert [delta.metadata["logprobs"] for delta in deltas if delta.text]


def test_several_prompts_at_once_come_back_apart(llama_server: LocalModelServer) -> None:
    prompts = ["The capital of France is", "The opposite of hot is"]
    request = ChatRequest(
        messages="see extra_body", max_output_tokens=6, temperature=0, extra_body={"prompt": prompts}
    )
    with ActorSystem.start(completions(llama_server)) as system:
        completion = system.stream(request).result(timeout=LIMIT_S)

    assert [choice.index for choice in completion.choices] == [0, 1]
    assert all(choice.text for choice in completion.choices)


def test_a_dropped_prompt_frees_the_slot_of_the_completions_endpoint(llama_server: LocalModelServer) -> None:
    request = ChatRequest(messages="Once", max_output_tokens=1500, extra_body={"ignore_eos": True})
    with ActorSystem.start(completions(llama_server)) as system:
        for delta in system.stream(request):
            if delta.text:
                break
        wait_until(lambda: busy_slots(llama_server) == 0, within_s=5)
