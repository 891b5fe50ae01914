"""The official client reads what the simulator writes on this wire: streamed, by its helper, and whole."""

from typing import Any

import pytest

from greenroom.providers.simulator import Cut, Script, Simulator, StreamError

openai = pytest.importorskip("openai", reason="the official client is not installed here")

TOOLS = [
    {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}, "strict": False},
    {"type": "custom", "name": "python"},
]
SAID = Script(
    text="Hello there",
    reasoning="Let me think",
    tool_calls=(
        {"name": "add", "arguments": {"a": 1}, "id": "call_1"},
        {"name": "python", "arguments": "print(1)", "id": "call_2"},
    ),
    usage={"prompt_tokens": 7, "completion_tokens": 5, "reasoning_tokens": 1, "cached_tokens": 2},
)
ASKED: dict[str, Any] = {"model": "m", "input": "Hi", "tools": TOOLS}


def client_of(simulator: Simulator) -> Any:
    return openai.OpenAI(base_url=simulator.base_url, api_key="k", max_retries=0)


def check(response: Any) -> None:
    assert (response.output_text, response.status) == ("Hello there", "completed")
    assert [item.type for item in response.output] == [
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
    ]
    thought, _, call, custom = response.output
    assert thought.summary[0].text == "Let me think"
    assert (call.name, call.call_id, call.arguments) == ("add", "call_1", '{"a": 1}')
    assert (custom.name, custom.call_id, custom.input) == ("python", "call_2", "print(1)")
    assert (response.usage.total_tokens, response.usage.output_tokens_details.reasoning_tokens) == (12, 1)


def test_a_whole_answer() -> None:
    with Simulator(SAID) as simulator, client_of(simulator) as client:
        check(client.responses.create(**ASKED))


def test_a_stream() -> None:
    with Simulator(SAID) as simulator, client_of(simulator) as client:
        events = list(client.responses.create(**ASKED, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "Hello there"
    assert (
        "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta") == '{"a": 1}'
    )
    check(events[-1].response)


def test_the_helper_accumulates_the_same() -> None:
    with (
        Simulator(SAID) as simulator,
        client_of(simulator) as client,
        client.responses.stream(**ASKED) as stream,
    ):
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(texts) == "Hello there"
    check(final)


def test_refusals_limits_and_errors() -> None:
    with Simulator(Script(refusal="I won't")) as simulator, client_of(simulator) as client:
        assert client.responses.create(**ASKED).output[0].content[0].refusal == "I won't"
    with Simulator(Script(text="Hal", finish_reason="length")) as simulator, client_of(simulator) as client:
        response = client.responses.create(**ASKED)
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    failing = Script(text="a b", stream_error=StreamError(after_deltas=1))
    with Simulator(failing) as simulator, client_of(simulator) as client, pytest.raises(openai.APIError):
        list(client.responses.create(**ASKED, stream=True))
    with Simulator(Script.failing(429, "slow")) as simulator, client_of(simulator) as client:
        with pytest.raises(openai.RateLimitError):
            client.responses.create(**ASKED)


def test_a_background_answer_is_read_on_and_cancelled() -> None:
    cut = Script(text="one two three four", cut=Cut(after_deltas=2))
    with Simulator(cut) as simulator, client_of(simulator) as client:
        seen: list[Any] = []
        with pytest.raises(openai.APIError):
            seen.extend(client.responses.create(**ASKED, stream=True, background=True))
        response_id, last = seen[0].response.id, seen[-1].sequence_number
        rest = list(client.responses.retrieve(response_id, stream=True, starting_after=last))
        said = [e.delta for e in [*seen, *rest] if e.type == "response.output_text.delta"]
        assert "".join(said) == "one two three four"
        assert client.responses.retrieve(response_id).output_text == "one two three four"
        assert client.responses.cancel(response_id).status == "cancelled"
