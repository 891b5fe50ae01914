"""What a ChatRequest looks like on the completions wire, and what that wire cannot take."""

import json
from typing import Any

import pytest
from completions_wire import CODEC, ask, body_of, call, problems, resumed

from greenroom.messages.invalid import InvalidInput
from greenroom.messages.parts import ImagePart, ReasoningPart, TextPart
from greenroom.messages.request import Message

SYSTEM = {"role": "system", "content": "be brief"}
USER = {"role": "user", "content": "Once upon"}


def test_plain_request_has_only_what_was_given() -> None:
    assert body_of(ask(messages="Once upon a time")) == {
        "model": "m",
        "prompt": "Once upon a time",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_every_field_has_its_place() -> None:
    request = ask(
        temperature=0.0, top_p=0.5, max_output_tokens=9, stop=["a", "b"], seed=0, n=2, presence_penalty=1,
        frequency_penalty=-1, logprobs=True, top_logprobs=3, user="u",
    )  # fmt: skip
    body = body_of(request)
    del body["model"], body["prompt"], body["stream"], body["stream_options"]
    assert body == {
        "temperature": 0.0, "top_p": 0.5, "max_tokens": 9, "stop": ["a", "b"], "seed": 0, "n": 2,
        "presence_penalty": 1, "frequency_penalty": -1, "logprobs": 3, "user": "u",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": True}, 1),
        ({"logprobs": True, "top_logprobs": 0}, 0),
        ({"logprobs": True, "top_logprobs": 5}, 5),
    ],
)
def test_logprobs_are_a_count(fields: dict[str, Any], count: int | None) -> None:
    assert body_of(ask(**fields)).get("logprobs") == count


def test_the_answer_is_bounded_by_max_tokens_whatever_the_server_calls_it_in_chat() -> None:
    assert body_of(ask(max_output_tokens=5), "openai")["max_tokens"] == 5
    assert "max_completion_tokens" not in body_of(ask(max_output_tokens=5), "openai")


def test_extra_body_has_what_this_wire_alone_knows_and_stands_over_all() -> None:
    extra = {"suffix": "\n    return x", "echo": True, "best_of": 3, "logit_bias": {"50256": -100}, "seed": 4}
    body = body_of(ask(seed=1, extra_body=extra))
    assert body.items() >= extra.items()


def test_prompt_in_extra_body_is_sent_as_it_stands() -> None:
    for prompt in ("raw", ["a", "b"], [12, 13], [[12], [13]]):
        request = ask(messages=[SYSTEM, USER, USER], extra_body={"prompt": prompt})
        assert problems(request) == []
        assert body_of(request)["prompt"] == prompt


@pytest.mark.parametrize("prompt", ["", [], {"a": 1}, None, 7, True])
def test_prompt_that_is_none_is_refused(prompt: Any) -> None:
    assert problems(ask(extra_body={"prompt": prompt})) == ["extra_body.prompt"]


def test_more_answers_than_can_be_kept_apart_are_refused() -> None:
    assert problems(ask(n=2, extra_body={"prompt": ["a"] * 64})) == []
    assert problems(ask(n=2, extra_body={"prompt": ["a"] * 65})) == ["extra_body.prompt"]
    assert problems(ask(extra_body={"prompt": [1] * 5000})) == []
    assert problems(ask(extra_body={"prompt": ["a"] * 65, "n": 2})) == ["extra_body.prompt"]


def test_prompt_is_the_users_text_and_an_assistants_beginning() -> None:
    several = {
        "role": "user",
        "content": [{"type": "text", "text": "Once "}, {"type": "text", "text": "upon"}],
    }
    begun = {"role": "assistant", "content": " a time"}
    assert body_of(ask(messages=[several]))["prompt"] == "Once upon"
    assert body_of(ask(messages=[several, begun]))["prompt"] == "Once upon a time"
    assert problems(ask(messages=[several, begun])) == []


@pytest.mark.parametrize(
    ("messages", "paths", "said"),
    [
        ([SYSTEM, USER], ["messages.0"], "no roles: write it into the user's text"),
        ([{"role": "developer", "content": "x"}, USER], ["messages.0"], "no roles"),
        ([USER, USER], ["messages.1"], "takes one prompt: join the turns"),
        ([USER, {"role": "assistant", "content": "a"}, USER], ["messages.1", "messages.2"], "one prompt"),
        ([{"role": "assistant", "content": "a"}], ["messages.0"], "after the user turn"),
        ([{"role": "assistant", "content": "a"}, USER], ["messages.0"], "can only stand last"),
        ([USER, {"role": "tool", "tool_call_id": "1", "content": "x"}], ["messages.1"], "takes one prompt"),
        ([Message(role="user", content=(ImagePart(url="https://x.test/i"),))], ["messages.0"], "has no text"),
    ],
)
def test_conversation_that_is_no_prompt_is_refused_even_when_dropping(
    messages: list[Any], paths: list[str], said: str
) -> None:
    request = ask(messages=messages)
    assert problems(request, on_unsupported="drop") == paths
    given = call(request)
    with pytest.raises(InvalidInput, match=said):
        CODEC.check(request, given.target, given.options)


def test_parts_and_names_that_a_prompt_does_not_carry_can_be_dropped() -> None:
    image = ImagePart(url="https://x.test/i.png")
    messages = [
        Message(role="user", content=(TextPart(text="a"), image), name="ann"),
        Message(role="assistant", content=(ReasoningPart(text="hm"), TextPart(text="b"))),
    ]
    request = ask(messages=messages)
    assert problems(request) == ["messages.0.content.1", "messages.0.name", "messages.1.content.0"]
    assert problems(request, on_unsupported="drop") == []
    assert body_of(request, on_unsupported="drop")["prompt"] == "ab"


def test_fields_that_the_wire_does_not_have_are_refused_or_dropped() -> None:
    request = ask(
        tools=[{"name": "f"}], tool_choice="auto", parallel_tool_calls=True, response_format="json_object",
        reasoning_effort="low", top_logprobs=2,
    )  # fmt: skip
    names = ["parallel_tool_calls", "reasoning_effort", "response_format", "tool_choice", "tools"]
    assert problems(request) == [*names, "top_logprobs"]
    assert problems(request, on_unsupported="drop") == []
    assert body_of(request, on_unsupported="drop").keys() == {"model", "prompt", "stream", "stream_options"}
    assert problems(ask(response_format="text")) == []
    assert problems(ask(), json_mode=True) == ["options.json_mode"]
    assert problems(ask(), json_mode=True, on_unsupported="drop") == []


def test_fields_that_the_server_does_not_take() -> None:
    assert problems(ask(n=2), "ollama") == ["n"]
    assert "n" not in body_of(ask(n=2), "ollama", on_unsupported="drop")
    assert problems(ask(), "ollama") == []


@pytest.mark.parametrize("profile", ["groq", "perplexity"])
def test_server_without_this_endpoint_is_named(profile: str) -> None:
    given = call(ask(), profile)
    with pytest.raises(InvalidInput, match=f"{profile} has no completions endpoint; use kind='openai-chat'"):
        CODEC.check(given.request, given.target, given.options)
    assert problems(ask(), profile, on_unsupported="drop") == ["kind"]


def test_unknown_profile_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"known: .*lmstudio"):
        CODEC.check(ask(), call(profile="nope").target, call().options)


def test_dialects_by_profile() -> None:
    mistral = body_of(ask(seed=1), "mistral")
    assert mistral["random_seed"] == 1
    assert mistral.keys() == {"model", "prompt", "stream", "random_seed"}
    assert "stream_options" not in body_of(ask(), adjustments=["no_stream_options"])


def test_stream_false_asks_for_a_whole_answer() -> None:
    http = CODEC.encode(call(ask(stream=False)))
    assert json.loads(http.body).keys() == {"model", "prompt"}
    assert dict(http.headers)["accept"] == "application/json"


def test_headers_and_path() -> None:
    given = call(profile="openai")
    http = CODEC.encode(given)
    headers = dict(http.headers)
    assert (http.method, http.path) == ("POST", "/v1/completions")
    assert headers["authorization"] == "Bearer sk-very-secret"
    assert headers["x-client-request-id"] == "r1"
    assert "sk-very-secret" not in repr(http) + repr(given)
    assert dict(CODEC.encode(call(profile="azure")).headers)["api-key"] == "sk-very-secret"


@pytest.mark.parametrize("profile", [None, "openai", "mistral"])
def test_cut_answer_goes_on_as_more_of_the_prompt_on_any_server(profile: str | None) -> None:
    request = ask(messages="Once", max_output_tokens=100, extra_body={"suffix": "."})
    body = json.loads(CODEC.encode(call(request, profile), resumed(" upon a", spent=40)).body)
    assert (body["prompt"], body["suffix"], body["max_tokens"]) == ("Once upon a", ".", 60)


def test_what_goes_on_is_never_taken_for_an_echo() -> None:
    decoder = CODEC.start(call(profile="mistral"), resumed("so far"))
    line = b'data: {"choices":[{"index":0,"text":"so far so good","finish_reason":null}]}\n\n'
    assert [delta.text for delta in decoder.feed(line, 4, 0.0).deltas] == ["so far so good"]


@pytest.mark.parametrize("extra", [{"prompt": [1, 2]}, {"prompt": ["a", "b"]}, {"echo": True}, {"n": 2}])
def test_answers_that_cannot_be_gone_on_with(extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="only one answer"):
        CODEC.encode(call(ask(extra_body=extra)), resumed("so far"))
