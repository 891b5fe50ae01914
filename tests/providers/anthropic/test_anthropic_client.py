"""The official client reads what the simulator writes: streamed, by its helper, whole, tools, and errors."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom.providers.simulator import Cut, Script, Simulator, StreamError

anthropic = pytest.importorskip("anthropic", reason="the official client is not installed here")

SAID = Script(
    text="Hello there",
    reasoning="let me see",
    tool_calls=({"name": "add", "arguments": {"a": 1}, "id": "toolu_1"}, {"name": "now", "arguments": ""}),
    usage={"prompt_tokens": 9, "completion_tokens": 5, "reasoning_tokens": 3, "cached_tokens": 2},
)
ASKED: dict[str, Any] = {
    "model": "claude-haiku-4-5", "max_tokens": 2000, "messages": [{"role": "user", "content": "Hi"}],
}  # fmt: skip


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(SAID) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Any]:
    url = simulator.base_url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client:
        yield client


def check_message(message: Any) -> None:
    thinking, text, add, now = message.content
    assert (thinking.thinking, thinking.signature[:3], text.text) == ("let me see", "sim", "Hello there")
    assert (add.id, add.name, add.input) == ("toolu_1", "add", {"a": 1})
    assert (now.name, now.input) == ("now", {})
    assert (message.stop_reason, message.model) == ("tool_use", "claude-haiku-4-5")
    usage = message.usage
    told = (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens)
    assert told == (7, 2, 5)
    assert usage.output_tokens_details.thinking_tokens == 3


def test_a_stream_of_events(client: Any) -> None:
    events = list(client.messages.create(**ASKED, stream=True))
    assert events[0].type == "message_start"
    assert events[-1].type == "message_stop"
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert "".join(delta.text for delta in deltas if delta.type == "text_delta") == "Hello there"
    assert {delta.type for delta in deltas} == {
        "text_delta", "thinking_delta", "signature_delta", "input_json_delta",
    }  # fmt: skip


def test_the_streaming_helper(client: Any) -> None:
    with client.messages.stream(**ASKED) as stream:
        assert "".join(stream.text_stream) == "Hello there"
        check_message(stream.get_final_message())


def test_a_whole_message(client: Any) -> None:
    check_message(client.messages.create(**ASKED))


def test_a_conversation_with_tools_goes_on(client: Any, simulator: Simulator) -> None:
    first = client.messages.create(**ASKED)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "3"}
        for block in first.content
        if block.type == "tool_use"
    ]
    turns = [
        *ASKED["messages"], {"role": "assistant", "content": first.content}, {"role": "user", "content": results},
    ]  # fmt: skip
    simulator.enqueue(Script(text="Three."))
    answer = client.messages.create(**{**ASKED, "messages": turns})
    assert (answer.content[0].text, answer.stop_reason) == ("Three.", "end_turn")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (Script(text="x", finish_reason="length"), "max_tokens"),
        (Script(text="x", finish_reason="pause_turn"), "pause_turn"),
        (Script(text="Well", refusal="That I may not say"), "refusal"),
        (Script(items=({"type": "redacted_thinking", "data": "e"},), text="x"), "end_turn"),
        (Script(), "end_turn"),
    ],
)
def test_other_ends_and_blocks(client: Any, simulator: Simulator, script: Script, reason: str) -> None:
    simulator.enqueue(script, script)
    with client.messages.stream(**ASKED) as stream:
        streamed = stream.get_final_message()
    whole = client.messages.create(**ASKED)
    for message in (streamed, whole):
        assert message.stop_reason == reason
    assert [block.type for block in streamed.content] == [block.type for block in whole.content]
    if reason == "refusal":
        assert streamed.stop_details.explanation == whole.stop_details.explanation == "That I may not say"
    if reason == "pause_turn":
        assert streamed.content[-1].input == {"query": "Hi"}


ERRORS = [
    (400, "BadRequestError", "invalid_request_error"), (401, "AuthenticationError", "authentication_error"),
    (403, "PermissionDeniedError", "permission_error"), (404, "NotFoundError", "not_found_error"),
    (413, "RequestTooLargeError", "request_too_large"), (429, "RateLimitError", "rate_limit_error"),
    (500, "InternalServerError", "api_error"), (529, "OverloadedError", "overloaded_error"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "name", "kind"), ERRORS)
def test_errors_are_the_clients_own(
    client: Any, simulator: Simulator, status: int, name: str, kind: str
) -> None:
    simulator.enqueue(Script.failing(status, "not now", retry_after_s=3))
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(**ASKED)
    error = caught.value
    assert isinstance(error, getattr(anthropic, name, anthropic.APIStatusError))
    assert (error.status_code, error.body["error"]["type"]) == (status, kind)
    assert error.body["error"]["message"] == "not now"
    assert error.response.headers["retry-after"] == "3"
    assert error.request_id


def test_an_error_inside_the_stream(client: Any, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a b c", stream_error=StreamError(after_deltas=1)))
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        client.messages.stream(**ASKED) as stream,
    ):
        stream.get_final_message()


def test_a_cut_stream(client: Any, simulator: Simulator) -> None:
    simulator.enqueue(Script(text="a b c", cut=Cut(after_deltas=1)))
    with pytest.raises(Exception, match=r"closed|incomplete"), client.messages.stream(**ASKED) as stream:
        stream.get_final_message()


def test_counting_tokens(client: Any) -> None:
    asked = {name: ASKED[name] for name in ("model", "messages")}
    assert client.messages.count_tokens(**asked).input_tokens == 5
