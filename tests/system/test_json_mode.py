"""With json_mode an answer that is no JSON object ends as failed, and has what came."""

from collections.abc import Callable
from typing import Any

import pytest

from greenroom import ActorSystem, ChatRequest, ProtocolViolation, Stream, StreamingOptions
from greenroom.providers.simulator import Script, ScriptToolCall, Simulator

LIMIT_S = 20.0
JSON = StreamingOptions(json_mode=True)
Start = Callable[..., ActorSystem]


def ask(start: Start, simulator: Simulator, script: Script) -> "Stream[Any]":
    simulator.enqueue(script)
    return start(simulator.base_url, JSON).stream(ChatRequest(messages="as JSON"))


def test_an_object_completes(start: Start, simulator: Simulator) -> None:
    stream = ask(start, simulator, Script(text=['{"a": ', "1}"]))
    assert stream.result(timeout=LIMIT_S).text == '{"a": 1}'


@pytest.mark.parametrize("text", ['{"a": 1', "[1]", "Sure! {}", '"x"'])
def test_anything_else_is_a_protocol_failure_with_the_text(
    start: Start, simulator: Simulator, text: str
) -> None:
    stream = ask(start, simulator, Script(text=text))
    with pytest.raises(ProtocolViolation, match="no JSON object") as caught:
        stream.result(timeout=LIMIT_S)
    assert caught.value.partial.text == text
    assert len(simulator.requests) == 1, "the same question gives the same kind of answer"


def test_what_max_tokens_cut_off_says_so(start: Start, simulator: Simulator) -> None:
    stream = ask(start, simulator, Script(text='{"a": ', finish_reason="length"))
    with pytest.raises(ProtocolViolation, match="cut off by max_tokens"):
        stream.result(timeout=LIMIT_S)


def test_a_tool_call_or_a_refusal_was_never_to_be_one(start: Start, simulator: Simulator) -> None:
    stream = ask(start, simulator, Script(tool_calls=[ScriptToolCall(name="f", arguments={})]))
    assert stream.result(timeout=LIMIT_S).tool_calls[0].name == "f"
