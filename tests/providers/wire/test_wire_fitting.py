"""What fits a wire: the rules that stand once for all of them."""

import pytest

from greenroom.messages.contracts import Target
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.registry import codec_for
from greenroom.providers.wire.fitting import asked_fields, broken_calls, refuse_or_say

NUMBERS = ("seed", "temperature", "n", "presence_penalty", "frequency_penalty", "top_logprobs")


def test_a_seed_of_0_is_a_seed_and_no_penalty_is_nothing() -> None:
    zeros = ChatRequest(
        messages="x", seed=0, temperature=0, presence_penalty=0, frequency_penalty=0.0, top_logprobs=0
    )
    assert list(asked_fields(zeros, NUMBERS)) == ["seed", "temperature"]
    given = ChatRequest(messages="x", seed=1, n=2, presence_penalty=-1, frequency_penalty=1, top_logprobs=3)
    assert list(asked_fields(given, NUMBERS)) == [name for name in NUMBERS if name != "temperature"]


def test_false_and_what_is_empty_ask_for_nothing() -> None:
    names = ("logprobs", "parallel_tool_calls", "tools", "stop", "user", "response_format")
    nothing = ChatRequest(messages="x", logprobs=False, parallel_tool_calls=False, stop=[])
    assert list(asked_fields(nothing, names)) == []
    assert list(asked_fields(ChatRequest(messages="x", logprobs=True, stop=["a"]), names)) == [
        "logprobs", "stop",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["anthropic", "anthropic-text", "openai-responses"])
def test_a_seed_of_0_is_refused_where_a_seed_is(kind: str) -> None:
    with pytest.raises(InvalidInput, match="seed"):
        codec_for(kind).check(ChatRequest(messages="x", seed=0), Target("p", kind, "m"), StreamingOptions())


CALLS: dict[str, tuple[str, bool, list[str]]] = {
    "whole": ('{"a":1}', True, []),
    "without arguments": (" ", True, []),
    "cut": ('{"a":', False, ["cut off"]),
    "cut where it was whole": ('{"a":1}', False, ["cut off"]),
    "a list": ("[1]", True, ["must be a JSON object: Gemini takes no other form"]),
    "no JSON": ("{oops", True, ["must be a JSON object: Gemini takes no other form"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_that_cannot_be_said(name: str) -> None:
    arguments, complete, expected = CALLS[name]
    call = {"type": "tool_call", "id": "c", "name": "f", "arguments": arguments, "complete": complete}
    request = ChatRequest(
        messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": [call]}]
    )
    told = [(problem.path, problem.expected) for problem in broken_calls(request, "Gemini")]
    assert all(path.startswith("messages.1.content.0") for path, _ in told)
    assert len(told) == len(expected)
    assert all(words in text for words, (_, text) in zip(expected, told, strict=True))
    assert len(list(broken_calls(request))) == (0 if complete else 1)


def test_what_is_wrong_is_refused_whatever_the_policy_and_told_together() -> None:
    wrong, left = Problem("a", "", "wrong"), Problem("b", "", "cannot be sent")
    with pytest.raises(InvalidInput) as raised:
        refuse_or_say("x", StreamingOptions(), [wrong], [left], [Problem("c", "", "foreign")])
    assert raised.value.problems == (wrong, left)
    drop = StreamingOptions(on_unsupported="drop")
    with pytest.raises(InvalidInput) as raised:
        refuse_or_say("x", drop, iter([wrong]), iter([left]))
    assert raised.value.problems == (wrong,)


def test_what_is_dropped_or_foreign_is_said(caplog: pytest.LogCaptureFixture) -> None:
    left, foreign = Problem("fitting_b", "", ""), Problem("fitting_c", "", "")
    refuse_or_say("test-fitting", StreamingOptions(on_unsupported="drop"), [], iter([left]), iter([foreign]))
    assert [record.getMessage().partition(" ")[0] for record in caplog.records] == ["fitting_b", "fitting_c"]
