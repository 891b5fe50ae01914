"""llama.cpp speaks this wire too: a real model's text, a real tool call. Skipped, with the reason, without it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenroom import ActorSystem, ChatRequest, CredentialRefused, ProviderConfig, SystemConfig
from greenroom.providers.local_model import LocalModelServer

from shared_files import SHARED
from tests_system import LIMIT_S, text_of

pytestmark = pytest.mark.timeout(180)
TOOLS_OF_SERVERS = SHARED / "tools"
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


@pytest.fixture
def tool_server(real_model: Path) -> Iterator[str]:
    """llama.cpp with a template that knows of tools: the base URL."""
    if not TOOLS_OF_SERVERS.is_dir():
        pytest.skip(f"{TOOLS_OF_SERVERS} is not there")
    command = [sys.executable, str(TOOLS_OF_SERVERS / "serve_llama.py"), str(real_model), "--port", "0"]
    command += ["--template", str(TOOLS_OF_SERVERS / "chatml_tools.jinja"), "--slots", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdout is not None
            yield child.stdout.readline().split()[1]
        finally:
            child.kill()


def test_a_real_tool_call(tool_server: str) -> None:
    """The model is too small to choose: the prefill begins the call, the grammar makes its JSON valid."""
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": "<tool_call>\n"},
    ]
    request = ChatRequest(messages=messages, tools=[TOOL], tool_choice="required", max_output_tokens=48)
    provider = ProviderConfig(kind="anthropic", base_url=tool_server)
    config = SystemConfig(default_model="local/smollm2-135m", providers={"local": provider}, drain_s=0)
    with ActorSystem.start(config) as system:
        completion = system.ask(request).get(timeout=150)
    first = completion.tool_calls[0]
    assert (first.name, first.complete) == ("get_weather", True)
    arguments = json.loads(first.arguments)
    assert arguments.keys() == {"city", "unit"}
    assert arguments["city"] in ("Paris", "Rome")
    assert completion.usage.source == "provider"


def test_a_wrong_key_is_a_typed_error(llama_server: LocalModelServer) -> None:
    with (
        ActorSystem.start(config(llama_server, key="sk-wrong")) as system,
        pytest.raises(CredentialRefused),
    ):
        system.stream(ChatRequest(messages="x", max_output_tokens=4)).result(timeout=LIMIT_S)
