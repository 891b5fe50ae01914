"""Law: what a script says in any dialect is what greenroom's decoder, knowing that server, reads out of it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.messages.answer import Answer
from greenroom.messages.commands import WireHead
from greenroom.messages.completion import Choice
from greenroom.messages.contracts import Call, Target
from greenroom.messages.deltas import Delta
from greenroom.messages.fold import Fold
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.usage import Usage
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.profiles import profile_names
from greenroom.providers.simulator import Script, dialect_names
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.openai_chat import Stamp, chat_reply
from greenroom.providers.simulator.openai_request import ChatCall

from said_scripts import CALLS, USAGES, words

STAMP = Stamp("chatcmpl-1", 1_700_000_000)
WORDS = words("<")
SCRIPTS = st.fixed_dictionaries(
    {
        "text": WORDS,
        "reasoning": WORDS,
        "tool_calls": st.lists(CALLS, max_size=3),
        "usage": USAGES,
        "chunk_size": st.none() | st.integers(1, 9),
        "interleave_tool_calls": st.booleans(),
        "finish_reason": st.sampled_from([None, "stop", "length"]),
    }
)


class Failed(Exception):
    """The decoder read a failure: its evidence."""


def decoded(data: bytes, profile: str, size: int) -> tuple[tuple[Choice, ...], Usage, Answer]:
    """The stream through greenroom's own decoder, `size` bytes at a time."""
    target = Target("p", "openai-chat", "m", profile, "https://llm.test/v1", adjustments=frozenset())
    request = ChatRequest(model="p/m", messages="hi")
    decoder = OpenAIChatCodec().start(Call("s", "r", 1, request, target, StreamingOptions()))
    decoder.head(WireHead(200, (("content-type", "text/event-stream"),)))
    deltas: list[Delta] = []
    answer = None
    for start in range(0, len(data), size):
        part = decoder.feed(data[start : start + size], len(deltas) + 1, 0.0)
        deltas += part.deltas
        if part.failure is not None:
            raise Failed(part.failure)
        answer = answer or part.answer
    last = decoder.finish(True, len(deltas) + 1, 0.0)
    if last.failure is not None:
        raise Failed(last.failure)
    answer = answer or last.answer
    assert answer is not None
    fold = Fold()
    fold.add([*deltas, *last.deltas])
    return fold.choices(answer), fold.usage, answer


def encoded(script: Script, dialect: str, **call: Any) -> bytes:
    chat = ChatCall("gpt-4o", "Hi", 5, include_usage=True, **call)
    return b"".join(step.data for step in chat_reply(chat, script, STAMP, dialect_of(dialect)).steps)


def profile_of(dialect: str) -> str:
    return dialect if dialect in profile_names() else "generic"


@pytest.mark.parametrize("dialect", dialect_names())
@settings(deadline=None, max_examples=40)
@given(SCRIPTS, st.integers(1, 2), st.sampled_from([1, 7, 100_000]))
def test_what_is_said_is_what_is_read(dialect: str, fields: dict[str, Any], choices: int, size: int) -> None:
    script = Script(**fields)
    data = encoded(script, dialect, stream=True, choices=choices)
    read, usage, answer = decoded(data, profile_of(dialect), size)
    assert [choice.index for choice in read] == list(range(choices))
    for choice in read:
        assert (choice.text, choice.reasoning) == (script.text, script.reasoning)
        calls = [(call.name, json.loads(call.arguments)) for call in choice.tool_calls]
        assert calls == [(call["name"], call["arguments"]) for call in fields["tool_calls"]]
        assert len({call.id for call in choice.tool_calls}) == len(calls)
        wanted = script.finish_reason or ("tool_calls" if calls else "stop")
        assert choice.finish_reason_raw == wanted
    assert answer.response_id == "chatcmpl-1"
    assert_usage(usage, fields["usage"])


@pytest.mark.parametrize("dialect", dialect_names())
@settings(deadline=None, max_examples=15)
@given(SCRIPTS)
def test_a_whole_answer_says_the_same(dialect: str, fields: dict[str, Any]) -> None:
    script = Script(**fields)
    (choice,), usage, _ = decoded(encoded(script, dialect), profile_of(dialect), 100_000)
    assert (choice.text, choice.reasoning) == (script.text, script.reasoning)
    calls = [(call.name, json.loads(call.arguments)) for call in choice.tool_calls]
    assert calls == [(call["name"], call["arguments"]) for call in fields["tool_calls"]]
    assert_usage(usage, fields["usage"])


@pytest.mark.parametrize("dialect", dialect_names())
def test_an_error_inside_the_stream_is_read_as_one(dialect: str) -> None:
    script = Script(text="one two three", stream_error={"after_deltas": 2}, dialect=dialect)
    with pytest.raises(Failed) as caught:
        decoded(encoded(script, dialect, stream=True), profile_of(dialect), 100_000)
    (evidence,) = caught.value.args
    assert (evidence.kind, evidence.message[:30]) == ("in_stream", "The server had an error while ")


def assert_usage(read: Usage, said: dict[str, int]) -> None:
    assert (read.input_tokens, read.output_tokens) == (said["prompt_tokens"], said["completion_tokens"])
    assert read.total_tokens == said["prompt_tokens"] + said["completion_tokens"]
    assert read.cached_input_tokens in (None, said["cached_tokens"])
    assert read.reasoning_tokens in (None, said["reasoning_tokens"])
