"""What a ChatRequest looks like on the wire, and what the wire cannot take."""

import json
from typing import Any

import pytest
from chat_wire import CODEC, body_of, call, problems

from greenroom.messages.contracts import Call
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.parts import ImagePart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from greenroom.messages.request import ChatRequest, Message
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "p/m", "messages": "hi", **fields})


def resumed(text: str, spent: int | None = None) -> RetryState:
    return RetryState(
        stream_id="s1",
        request_id="r1",
        request=ask(),
        epoch=1,
        provider="p",
        model_asked="m",
        delivered_seq=3,
        delivered_text=text,
        deadline_left_s=10,
        updated_at=0,
        spent=Usage(output_tokens=spent),
    )


def test_plain_request_has_only_what_was_given() -> None:
    assert body_of(ask()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_every_field_has_its_place() -> None:
    tool = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    request = ask(
        temperature=0.0,
        top_p=0.5,
        max_output_tokens=9,
        stop=["a", "b"],
        seed=0,
        n=2,
        presence_penalty=1,
        frequency_penalty=-1,
        logprobs=True,
        top_logprobs=3,
        tools=[tool],
        tool_choice={"mode": "function", "name": "f"},
        parallel_tool_calls=False,
        reasoning_effort="low",
        user="u",
        response_format={
            "type": "json_schema",
            "name": "x",
            "json_schema": {"type": "object"},
            "strict": True,
        },
    )
    body = body_of(request)
    assert body["tools"] == [{"type": "function", "function": tool}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    schema = {"name": "x", "schema": {"type": "object"}, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}
    plain = {
        name: body[name] for name in ("temperature", "top_p", "max_tokens", "stop", "seed", "n", "logprobs")
    }
    assert plain == {
        "temperature": 0.0,
        "top_p": 0.5,
        "max_tokens": 9,
        "stop": ["a", "b"],
        "seed": 0,
        "n": 2,
        "logprobs": True,
    }
    assert (body["presence_penalty"], body["frequency_penalty"], body["top_logprobs"]) == (1, -1, 3)
    assert (body["parallel_tool_calls"], body["reasoning_effort"], body["user"]) == (False, "low", "u")


def test_extra_body_stands_over_all() -> None:
    body = body_of(ask(temperature=1, extra_body={"temperature": 0.5, "top_k": [1, {"a": None}]}))
    assert (body["temperature"], body["top_k"]) == (0.5, [1, {"a": None}])


def test_conversation_with_tools_images_and_reasoning() -> None:
    messages = [
        Message(role="system", content="be brief"),
        Message(role="developer", content="very"),
        Message(
            role="user",
            content=(TextPart(text="see"), ImagePart(data="QUJD", media_type="image/png", detail="low")),
        ),
        Message(
            role="assistant",
            content=(ReasoningPart(text="hm"), ToolCallPart(id="c1", name="f", arguments='{"x":1}')),
        ),
        Message(
            role="tool",
            content=(
                ToolResultPart(tool_call_id="c1", content="42"),
                ToolResultPart(tool_call_id="c2", content="43"),
            ),
        ),
        Message(role="assistant", content=(TextPart(text="a"), TextPart(text="b")), name="bot"),
        Message(role="user", content=(ImagePart(url="https://x.test/i.png"),)),
    ]
    turns = body_of(ask(messages=messages))["messages"]
    call_ = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert turns == [
        {"role": "system", "content": "be brief"},
        {"role": "system", "content": "very"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call_]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "tool", "tool_call_id": "c2", "content": "43"},
        {"role": "assistant", "content": "ab", "name": "bot"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/i.png"}}]},
    ]
    assert body_of(ask(messages=messages), "openai")["messages"][1]["role"] == "developer"
    assert body_of(ask(messages=messages), "deepseek")["messages"][3]["reasoning_content"] == "hm"


def test_reasoning_details_go_back_unchanged_where_the_server_wants_them() -> None:
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s"}]
    turn = Message(
        role="assistant",
        content=(ReasoningPart(text="hm", metadata={"reasoning_details": details}), TextPart(text="a")),
    )
    messages = [Message(role="user", content="q"), turn, Message(role="user", content="q2")]
    assert body_of(ask(messages=messages), "openrouter")["messages"][1]["reasoning_details"] == details
    assert "reasoning_details" not in body_of(ask(messages=messages))["messages"][1]


def test_dialects_by_profile() -> None:
    request = ask(max_output_tokens=5, seed=1)
    assert body_of(request, "openai")["max_completion_tokens"] == 5
    mistral = body_of(request, "mistral")
    assert (mistral["max_tokens"], mistral["random_seed"]) == (5, 1)
    assert "stream_options" not in mistral
    assert "seed" not in mistral
    assert "stream_options" not in body_of(request, adjustments=["no_stream_options"])


def test_json_mode_asks_for_an_object_in_the_way_of_the_server() -> None:
    assert body_of(ask(), json_mode=True)["response_format"] == {"type": "json_object"}
    lmstudio = body_of(ask(), "lmstudio", json_mode=True)["response_format"]
    assert lmstudio == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
    text = body_of(ask(response_format={"type": "text"}), json_mode=True)
    assert text["response_format"] == {"type": "json_object"}


def test_stream_false_asks_for_a_whole_answer() -> None:
    http = CODEC.encode(call(ask(stream=False)))
    assert json.loads(http.body).keys() == {"model", "messages"}
    assert dict(http.headers)["accept"] == "application/json"


def test_headers_and_path() -> None:
    given = call(profile="openai")
    http = CODEC.encode(given)
    headers = dict(http.headers)
    assert (http.method, http.path) == ("POST", "/v1/chat/completions")
    assert headers["authorization"] == "Bearer sk-very-secret"
    assert headers["x-client-request-id"] == "r1"
    assert "sk-very-secret" not in repr(http) + repr(given)


def test_configured_headers_replace_ours() -> None:
    given = call()
    mine = Call(
        given.stream_id,
        given.request_id,
        1,
        given.request,
        given.target,
        given.options,
        api_key="k",
        headers=(("Authorization", "Custom x"), ("X-Team", "t")),
    )
    headers = dict(CODEC.encode(mine).headers)
    assert (headers["authorization"], headers["x-team"]) == ("Custom x", "t")
    azure = dict(CODEC.encode(call(profile="azure")).headers)
    assert azure["api-key"] == "sk-very-secret"
    assert "authorization" not in azure


@pytest.mark.parametrize(
    ("profile", "turns", "more"),
    [
        (
            "vllm",
            [{"role": "assistant", "content": "so far"}],
            {"continue_final_message": True, "add_generation_prompt": False},
        ),
        ("mistral", [{"role": "assistant", "content": "so far", "prefix": True}], {}),
        ("llamacpp", [{"role": "assistant", "content": "so far"}], {}),
    ],
)
def test_resume_goes_on_from_the_delivered_text(profile: str, turns: list[Any], more: dict[str, Any]) -> None:
    http = CODEC.encode(call(ask(max_output_tokens=100), profile), resumed("so far", spent=40))
    body = json.loads(http.body)
    assert body["messages"][1:] == turns
    assert body.items() >= more.items()
    assert body["max_tokens"] == 60


def test_resume_in_words_where_the_server_cannot_continue() -> None:
    turns = json.loads(CODEC.encode(call(), resumed("so far")).body)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]


def test_echoed_prefix_is_taken_off() -> None:
    decoder = CODEC.start(call(profile="mistral"), resumed("so far"))
    lines = [
        f'{{"choices":[{{"index":0,"delta":{{"content":"{t}"}},"finish_reason":null}}]}}'
        for t in ("so", " far, ", "so good")
    ]
    decoded = decoder.feed("".join(f"data: {line}\n\n" for line in lines).encode(), 4, 0.0)
    assert [(delta.seq, delta.text) for delta in decoded.deltas] == [(4, ", "), (5, "so good")]


def test_check_names_what_the_wire_cannot_take() -> None:
    image = ImagePart(url="https://x.test/i.png")
    cut = ToolCallPart(id="c", name="f", arguments='{"x', complete=False)
    messages = [
        Message(role="system", content=(TextPart(text="a"), image)),
        Message(role="assistant", content=(TextPart(text="a"), cut)),
        Message(role="user", content="q"),
    ]
    request = ask(messages=messages)
    assert problems(request) == ["messages.0.content.1", "messages.1.content.1"]
    assert problems(request, on_unsupported="drop") == []
    turns = body_of(request, on_unsupported="drop")["messages"]
    assert turns[:2] == [{"role": "system", "content": "a"}, {"role": "assistant", "content": "a"}]


def test_check_refuses_a_turn_that_would_be_left_empty_even_when_dropping() -> None:
    messages = [
        Message(role="system", content=(ImagePart(url="https://x.test/i"),)),
        Message(role="user", content="q"),
    ]
    assert problems(ask(messages=messages), on_unsupported="drop") == ["messages.0"]


def test_check_names_fields_that_the_server_does_not_take() -> None:
    request = ask(n=2, logprobs=True)
    assert problems(request, "groq") == ["logprobs", "n"]
    assert problems(request, "groq", on_unsupported="drop") == []
    assert problems(ask(), "groq") == []
    assert not body_of(request, "groq", on_unsupported="drop").keys() & {"n", "logprobs"}


def test_check_names_an_unknown_profile() -> None:
    with pytest.raises(InvalidInput, match=r"known: .*lmstudio"):
        CODEC.check(ask(), call(profile="nope").target, call().options)
