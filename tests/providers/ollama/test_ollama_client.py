"""Ollama's own client reads what the simulator writes: streamed and whole, with tools, thinking and errors."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.providers.simulator import Script, Simulator

ollama = pytest.importorskip("ollama", reason="Ollama's client is not installed here")

TURNS = [{"role": "user", "content": "Hi"}]
SAID = Script(
    text="Hello there", reasoning="so it is", tool_calls=({"name": "add", "arguments": {"a": 1}},),
    usage={"prompt_tokens": 7, "completion_tokens": 5},
)  # fmt: skip


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(SAID, models=("m",)) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Any]:
    with ollama.Client(host=simulator.url) as client:
        yield client


def add(a: int) -> int:
    """Adds one.

    Args:
        a: a number
    """
    return a + 1


def test_a_stream(client: Any, simulator: Simulator) -> None:
    parts = list(client.chat("m", TURNS, stream=True, think=True, tools=[add], options={"seed": 1}))
    assert "".join(part.message.content or "" for part in parts) == "Hello there"
    assert "".join(part.message.thinking or "" for part in parts) == "so it is"
    (call,) = [call for part in parts for call in part.message.tool_calls or ()]
    assert (call.function.name, dict(call.function.arguments)) == ("add", {"a": 1})
    last = parts[-1]
    assert (last.done, last.done_reason, last.prompt_eval_count, last.eval_count) == (True, "stop", 7, 5)
    assert [part.done for part in parts[:-1]] == [False] * (len(parts) - 1)
    body = simulator.requests[0].body
    assert body is not None
    assert (body["think"], body["options"]["seed"]) == (True, 1)


def test_a_whole_answer(client: Any) -> None:
    answer = client.chat("m", TURNS)
    assert (answer.message.content, answer.message.thinking) == ("Hello there", "so it is")
    assert dict(answer.message.tool_calls[0].function.arguments) == {"a": 1}
    assert (answer.model, answer.done, answer.eval_count) == ("m", True, 5)


def test_the_conversation_goes_back(client: Any) -> None:
    answer = client.chat("m", TURNS)
    result = {"role": "tool", "content": "2", "tool_name": "add"}
    again = client.chat("m", [*TURNS, answer.message, result], stream=True)
    assert list(again)[-1].done_reason == "stop"


def test_generate(client: Any) -> None:
    answer = client.generate("m", "Hi")
    assert (answer.response, answer.thinking, answer.done_reason) == ("Hello there", "so it is", "stop")
    parts = list(client.generate("m", "Hi", stream=True))
    assert "".join(part.response for part in parts) == "Hello there"
    assert parts[-1].done


def test_logprobs(client: Any) -> None:
    parts = list(client.chat("m", TURNS, stream=True, logprobs=True, top_logprobs=2))
    tokens = [token for part in parts for token in part.logprobs or ()]
    assert [token.token for token in tokens] == ["Hello", " there"]
    assert len(tokens[0].top_logprobs) == 2


def test_errors_are_the_clients_own(client: Any, simulator: Simulator) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("other", TURNS)
    assert caught.value.status_code == 404
    assert "other" in caught.value.error
    simulator.enqueue(Script.failing(503, "server busy, please try again"))
    with pytest.raises(ollama.ResponseError, match="server busy") as caught:
        list(client.chat("m", TURNS, stream=True))
    assert caught.value.status_code == 503
    simulator.enqueue(
        Script(text="a b c", stream_error={"after_deltas": 1, "error": {"message": "it broke"}})
    )
    with pytest.raises(ollama.ResponseError, match="it broke"):
        list(client.chat("m", TURNS, stream=True))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": ""}, "model is required"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "invalid message role"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "cannot unmarshal"),
        ({"options": 7}, "cannot unmarshal"),
    ],
)
def test_requests_that_the_server_refuses(simulator: Simulator, fields: dict[str, Any], said: str) -> None:
    import http.client
    import json

    link = http.client.HTTPConnection(simulator.host, simulator.port, timeout=20)
    try:
        link.request("POST", "/api/chat", json.dumps({"model": "m", "messages": TURNS, **fields}))
        response = link.getresponse()
        assert (response.status, said in json.loads(response.read())["error"]) == (400, True)
    finally:
        link.close()
