"""The official client reads what the simulator writes: streamed and whole, with tools, in every dialect."""

from typing import Any

import pytest

from greenroom.providers.simulator import Script, Simulator, dialect_names

openai = pytest.importorskip("openai", reason="the official client is not installed here")

SAID = Script(
    text="Hello there",
    tool_calls=({"name": "add", "arguments": {"a": 1}, "id": "call_1"},),
    usage={"prompt_tokens": 7, "completion_tokens": 5, "reasoning_tokens": 0, "cached_tokens": 2},
)
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def client_of(simulator: Simulator) -> Any:
    return openai.OpenAI(base_url=simulator.base_url, api_key="k", max_retries=0)


@pytest.mark.parametrize("dialect", dialect_names())
def test_a_stream(dialect: str) -> None:
    with Simulator(SAID, profile=dialect) as simulator, client_of(simulator) as client:
        stream = client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "Hello there"
    calls = [call for choice in choices for call in choice.delta.tool_calls or ()]
    assert (calls[0].id, calls[0].function.name) == ("call_1", "add")
    assert "".join(call.function.arguments for call in calls) == '{"a": 1}'
    assert [choice.finish_reason for choice in choices if choice.finish_reason][-1] == "tool_calls"
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert (usages[-1].prompt_tokens, usages[-1].total_tokens) == (7, 12)


@pytest.mark.parametrize("dialect", dialect_names())
def test_a_whole_answer(dialect: str) -> None:
    with Simulator(SAID, profile=dialect) as simulator, client_of(simulator) as client:
        answer = client.chat.completions.create(**ASKED)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Hello there", "tool_calls")
    assert choice.message.tool_calls[0].function.arguments == '{"a": 1}'
    assert answer.usage.total_tokens == 12


def test_logprobs_choices_and_completions() -> None:
    with Simulator(Script(text="a b")) as simulator, client_of(simulator) as client:
        answer = client.chat.completions.create(**ASKED, n=2, logprobs=True, top_logprobs=2)
        assert [choice.message.content for choice in answer.choices] == ["a b", "a b"]
        assert [token.token for token in answer.choices[0].logprobs.content] == ["a", " b"]
        assert len(answer.choices[0].logprobs.content[0].top_logprobs) == 2
        older = client.completions.create(model="m", prompt="Hi", stream=True)
        assert "".join(chunk.choices[0].text for chunk in older) == "a b"
        assert [model.id for model in client.models.list()] == ["simulator"]


def test_errors_are_the_clients_own() -> None:
    failing = Script.failing(429, "slow down", code="rate_limit_exceeded", retry_after_s=1)
    with Simulator(failing) as simulator, client_of(simulator) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(**ASKED)
        assert caught.value.response.headers["retry-after"] == "1"
        assert caught.value.code == "rate_limit_exceeded"
