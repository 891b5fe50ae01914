"""`pause_turn` through the whole system: one stream, no seam, numbers that go on, usage summed."""

from collections.abc import Iterator
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamError, StreamingOptions, SystemConfig
from greenroom.messages.deltas import ReasoningDelta, StreamReset, StreamSeam, TextDelta
from greenroom.providers.simulator import Script, Simulator
from greenroom.supervision.attempts import CONTINUE_MAX

from tests_system import LIMIT_S, text_of

PAUSE: dict[str, Any] = {"finish_reason": "pause_turn"}
FIRST = Script(text="Looking it up. ", reasoning="I must search", **PAUSE, usage={
    "prompt_tokens": 10, "completion_tokens": 4, "reasoning_tokens": 1, "cached_tokens": 2})  # fmt: skip
SECOND = Script(text="Once more. ", **PAUSE, usage={"prompt_tokens": 20, "completion_tokens": 5})
LAST = Script(
    text="Here it is.", tool_calls=({"name": "show", "arguments": {"a": 1}},),
    usage={"prompt_tokens": 30, "completion_tokens": 6},
)  # fmt: skip


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(LAST) as running:
        yield running


def system_of(simulator: Simulator) -> ActorSystem:
    provider = ProviderConfig(kind="anthropic", base_url=simulator.base_url)
    config = SystemConfig(default_model="sim/claude-opus-4-8", providers={"sim": provider}, drain_s=0)
    return ActorSystem.start(config)


def asked(simulator: Simulator) -> list[Any]:
    return [request.body["messages"] for request in simulator.requests]


@pytest.mark.parametrize("streamed", [True, False])
def test_a_paused_answer_is_one_stream_and_one_completion(simulator: Simulator, streamed: bool) -> None:
    simulator.enqueue(FIRST, SECOND, LAST)
    with system_of(simulator) as system:
        stream = system.stream(ChatRequest(messages="Where?", stream=streamed))
        deltas = list(stream)
        completion = stream.result(timeout=LIMIT_S)
    assert text_of(deltas) == completion.text == "Looking it up. Once more. Here it is."
    assert not any(isinstance(delta, (StreamSeam, StreamReset)) for delta in deltas)
    seqs = [(delta.first_seq or delta.seq, delta.seq) for delta in deltas]
    assert [first for first, _ in seqs] == [1, *(last + 1 for _, last in seqs[:-1])]

    kinds = [part.type for part in completion.choices[0].parts]
    assert kinds == [
        "reasoning", "text", "provider",  # thought, said, and asked its search
        "provider", "text", "provider",  # the result, and once more
        "provider", "text", "tool_call",
    ]  # fmt: skip
    blocks = [delta.block for delta in deltas if isinstance(delta, (TextDelta, ReasoningDelta))]
    assert blocks == sorted(blocks)
    assert len(set(blocks)) == 4
    assert completion.tool_calls[0].index == 0
    assert completion.finish_reason == "tool_calls"
    assert len(completion.attempts) == 3
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (60, 15)
    assert completion.usage.cached_input_tokens == 2


def test_what_was_said_goes_back_unchanged(simulator: Simulator) -> None:
    simulator.enqueue(FIRST, SECOND, LAST)
    with system_of(simulator) as system:
        system.ask(ChatRequest(messages="Where?")).get(timeout=LIMIT_S)
    one, two, three = asked(simulator)
    assert [len(messages) for messages in (one, two, three)] == [1, 2, 2]
    assert [block["type"] for block in two[1]["content"]] == ["thinking", "text", "server_tool_use"]
    thought, said, searched = two[1]["content"]
    assert thought["thinking"] == "I must search"
    assert thought["signature"].startswith("sim")  # the simulator refuses one of another text
    assert (said["text"], searched["name"], searched["input"]) == (
        "Looking it up. ", "web_search", {"query": "Where?"},
    )  # fmt: skip
    assert three[1]["content"][:3] == two[1]["content"]
    assert [block["type"] for block in three[1]["content"][3:]] == [
        "web_search_tool_result", "text", "server_tool_use",
    ]  # fmt: skip


def test_numbers_of_tool_calls_go_on_behind_a_pause(simulator: Simulator) -> None:
    simulator.enqueue(Script(tool_calls=({"name": "f"}, {"name": "g"}), **PAUSE), LAST)
    with system_of(simulator) as system:
        completion = system.ask(ChatRequest(messages="x")).get(timeout=LIMIT_S)
    assert [(call.name, call.index) for call in completion.tool_calls] == [("f", 0), ("g", 1), ("show", 2)]


def test_the_eleventh_pause_is_a_failure_with_what_came(simulator: Simulator) -> None:
    simulator.set_default(SECOND)
    with system_of(simulator) as system:
        stream = system.stream(ChatRequest(messages="x"))
        with pytest.raises(StreamError, match="paused 10 times") as caught:
            list(stream)
    assert len(asked(simulator)) == CONTINUE_MAX + 1
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Once more. " * (CONTINUE_MAX + 1)


def test_a_failure_behind_a_pause_keeps_what_was_delivered(simulator: Simulator) -> None:
    simulator.enqueue(FIRST, Script.failing(400, "no more"))
    with system_of(simulator) as system:
        stream = system.stream(ChatRequest(messages="x"))
        with pytest.raises(StreamError, match="no more") as caught:
            list(stream)
    partial = caught.value.partial
    assert partial is not None
    assert partial.text == "Looking it up. "
    assert [part.type for part in partial.choices[0].parts] == ["reasoning", "text", "provider"]


def test_a_busy_server_behind_a_pause_is_asked_for_the_rest_again(simulator: Simulator) -> None:
    simulator.enqueue(FIRST, Script.failing(503), LAST)
    with system_of(simulator) as system:
        request = ChatRequest(messages="x", options=StreamingOptions(backoff_initial_s=0.01))
        completion = system.ask(request).get(timeout=LIMIT_S)
    one, two, three = asked(simulator)
    assert len(one) == 1
    assert two == three
    assert completion.text == "Looking it up. Here it is."
    assert [part.type for part in completion.choices[0].parts] == [
        "reasoning", "text", "provider", "provider", "text", "tool_call",
    ]  # fmt: skip
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (40, 10)


def test_a_stream_is_left_and_taken_up_across_a_pause(simulator: Simulator) -> None:
    simulator.enqueue(
        FIRST.replace(delta_interval_s=0.01), SECOND.replace(headers_delay_s=0.1, chunk_size=1), LAST
    )
    with system_of(simulator) as system:
        stream = system.stream(ChatRequest(messages="x"))
        seen = [next(iter(stream))]
        stream.detach()
        stream = system.attach(stream.stream_id, after_seq=seen[-1].seq)
        for delta in stream:
            seen.append(delta)
            if len(seen) == 4:
                break
        stream.detach()
        seen += system.attach(stream.stream_id, after_seq=seen[-1].seq)
    assert text_of(seen) == "Looking it up. Once more. Here it is."
