"""What a ChatRequest looks like on the Responses wire, and what that wire cannot take."""

from typing import Any

import pytest
from responses_wire import (
    CODEC,
    body_of,
    call,
    created,
    ended,
    function,
    item,
    message,
    problems,
    run,
    stream,
)

from greenroom.messages.contracts import Target
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import (
    ImagePart,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from greenroom.messages.request import ChatRequest, Message

INCLUDE = ["reasoning.encrypted_content"]
TOOL = {"name": "f", "description": "does", "parameters": {"type": "object", "properties": {}}}


def ask(messages: Any = "hi", **fields: Any) -> ChatRequest:
    return ChatRequest(messages=messages, **fields)


def input_of(*messages: Any, **how: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = body_of(ask(messages), **how)["input"]
    return items


def test_plain_request_has_only_what_was_given_and_keeps_nothing_on_the_server() -> None:
    assert body_of(ask()) == {
        "model": "m", "input": [{"role": "user", "content": "hi"}], "stream": True, "store": False,
        "include": INCLUDE,
    }  # fmt: skip
    assert "stream" not in body_of(ask(stream=False))


FIELDS: dict[str, tuple[Any, Any]] = {
    "temperature": (0.0, {"temperature": 0.0}),
    "top_p": (0.5, {"top_p": 0.5}),
    "max_output_tokens": (99, {"max_output_tokens": 99}),
    "logprobs": (True, {"include": [*INCLUDE, "message.output_text.logprobs"]}),
    "top_logprobs": (3, None),
    "parallel_tool_calls": (False, {"parallel_tool_calls": False}),
    "reasoning_effort": ("low", {"reasoning": {"effort": "low"}}),
    "user": ("u", {"user": "u"}),
    "tools": ([TOOL], {"tools": [{"type": "function", **TOOL, "strict": False}]}),
    "response_format": ("json_object", {"text": {"format": {"type": "json_object"}}}),
    "extra_body": (
        {"store": True, "previous_response_id": "r"},
        {"store": True, "previous_response_id": "r"},
    ),
    "stop": (["x"], None),
    "seed": (1, None),
    "n": (2, None),
    "presence_penalty": (1.0, None),
    "frequency_penalty": (1.0, None),
}
"""By field: a value, and what it adds to the body; None: the wire has no such thing."""
ELSEWHERE = {"messages", "model", "stream", "tool_choice", "options", "request_id", "tenant", "priority"}


def test_every_field_of_a_request_has_its_place() -> None:
    assert ChatRequest.model_fields.keys() == FIELDS.keys() | ELSEWHERE


@pytest.mark.parametrize("name", FIELDS)
def test_field_is_sent_or_refused_or_dropped(name: str) -> None:
    value, added = FIELDS[name]
    request = ask(**{name: value})
    assert problems(request) == ([name] if added is None else [])
    assert problems(request, on_unsupported="drop") == []
    assert body_of(request) == body_of(ask()) | (added or {})


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"), ("none", "none"), ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
    ],
)  # fmt: skip
def test_tool_choice(choice: Any, sent: Any) -> None:
    assert body_of(ask(tools=[TOOL], tool_choice=choice))["tool_choice"] == sent


def test_strict_tools_and_formats() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = {"type": "json_schema", "name": "it", "json_schema": schema, "strict": True, "description": "d"}
    body = body_of(ask(response_format=form, tools=[{**TOOL, "strict": True}]))
    assert body["text"]["format"] == {
        "type": "json_schema", "name": "it", "schema": schema, "strict": True, "description": "d",
    }  # fmt: skip
    assert body["tools"][0]["strict"] is True
    assert body_of(ask(), json_mode=True)["text"] == {"format": {"type": "json_object"}}


def test_turns_are_input_items() -> None:
    image = ImagePart(data="aGk=", media_type="image/png", detail="low")
    said = [TextPart(text="look"), image, ImagePart(url="https://a.test/b.png")]
    results = Message(role="tool", content=[{"type": "tool_result", "tool_call_id": "c1", "content": "42"}])
    assert input_of(
        {"role": "system", "content": "brief"},
        {"role": "developer", "content": "very"},
        {"role": "user", "content": said},
        {
            "role": "assistant",
            "content": [TextPart(text="Hm"), ToolCallPart(id="c1", name="f", arguments="{}")],
        },
        results,
        {"role": "assistant", "content": [RefusalPart(refusal="no")]},
        profile="openai",
    ) == [
        {"role": "system", "content": "brief"},
        {"role": "developer", "content": "very"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
                {"type": "input_image", "image_url": "https://a.test/b.png"},
            ],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hm"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ]
    assert input_of({"role": "developer", "content": "x"})[0]["role"] == "system"


def test_an_answer_goes_back_as_it_came() -> None:
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    summary = [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Second."}]
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA"}
    said = message("Hi", index=2)
    said[0]["item"]["phase"] = "commentary"
    events = [
        item("done", 0, **reasoning), item("done", 1, **search), *said, *function(['{"a":1}'], 3), ended(),
    ]  # fmt: skip
    answer = run(stream([created(), *events]))
    result = {"role": "tool", "content": [{"type": "tool_result", "tool_call_id": "call_1", "content": "42"}]}
    assert input_of({"role": "user", "content": "hi"}, answer.choice.message, result)[1:] == [
        reasoning,
        search,
        {
            "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}],
            "phase": "commentary",
        },
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "42"},
    ]  # fmt: skip


def test_a_custom_call_and_its_result_go_back_as_such() -> None:
    called = ToolCallPart(id="c1", name="python", arguments="print(1)", metadata={"custom": True})
    result = {"role": "tool", "content": [{"type": "tool_result", "tool_call_id": "c1", "content": "1"}]}
    assert input_of({"role": "assistant", "content": [called]}, result) == [
        {"type": "custom_tool_call", "call_id": "c1", "name": "python", "input": "print(1)"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "1"},
    ]


@pytest.mark.parametrize(
    ("part", "stored", "sent"),
    [
        (ReasoningPart(text="Hm", id="rs", wire="openai-responses", encrypted="g"), False, True),
        (
            ReasoningPart(text="Hm", id="rs", wire="openai-responses", metadata={"form": "content"}),
            False,
            True,
        ),
        (ReasoningPart(text="Hm", id="rs", wire="openai-responses"), False, False),
        (ReasoningPart(text="Hm", id="rs", wire="openai-responses"), True, True),
        (ReasoningPart(text="Hm", signature="s", wire="anthropic"), True, False),
        (ReasoningPart(text="Hm"), True, False),
        (ProviderPart(wire="anthropic", item={"type": "x"}), True, False),
        (ProviderPart(wire="openai-responses", item={"type": "x"}), False, True),
    ],
)
def test_reasoning_and_items_go_back_where_they_are_understood(part: Any, stored: bool, sent: bool) -> None:
    turns = [{"role": "assistant", "content": [part, TextPart(text="x")]}]
    body = body_of(ask(turns, extra_body={"store": stored}))
    assert (len(body["input"]) == 2) is sent
    assert problems(ask(turns)) == []


def test_what_a_turn_cannot_carry() -> None:
    cut = ToolCallPart(id="c", name="f", arguments='{"a', complete=False)
    request = ask(
        [
            {"role": "assistant", "content": [TextPart(text="x"), cut]},
            {"role": "user", "content": "a", "name": "Ann"},
        ]
    )
    assert problems(request) == ["messages.0.content.1", "messages.1.name"]
    assert problems(request, on_unsupported="drop") == []
    assert len(body_of(request)["input"]) == 2
    assert problems(ask([{"role": "system", "content": [ImagePart(url="https://a.test")]}])) == [
        "messages.0", "messages.0.content.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "kept", "include"),
    [
        ("openai", True, True), ("openai-responses", True, True), ("azure", True, True), ("generic", True, True),
        ("xai", False, True), ("lmstudio", False, False), ("llamacpp", False, False), ("groq", False, False),
    ],
)  # fmt: skip
def test_server_resume_has_the_answer_made_in_the_background_where_the_server_can(
    profile: str, kept: bool, include: bool
) -> None:
    body = body_of(ask(), profile=profile, server_resume=True)
    assert (body["store"], body.get("background", False)) == (kept, kept)
    assert ("include" in body) is include
    whole = ask(stream=False)
    assert "background" not in body_of(whole, profile=profile, server_resume=True)
    assert problems(whole, profile, server_resume=True) == (["options.server_resume"] if kept else [])
    assert problems(whole, profile, server_resume=True, on_unsupported="drop") == []
    assert problems(ask(), profile, server_resume=True) == []


@pytest.mark.parametrize(
    ("base_url", "profile", "path"),
    [
        ("https://api.openai.com", "openai", "/v1/responses"),
        ("https://api.openai.com/", "openai", "/v1/responses"),
        ("https://api.openai.com/v1/", "openai", "/v1/responses"),
        ("https://api.openai.com/v1/responses", "openai", "/v1/responses"),
        ("", "openai-responses", "/v1/responses"),
        ("https://x.openai.azure.com", None, "/openai/v1/responses"),
        (
            "https://x.openai.azure.com/openai/v1?api-version=preview",
            None,
            "/openai/v1/responses?api-version=preview",
        ),
        ("https://openrouter.ai", None, "/api/v1/responses"),
        ("https://chatgpt.com/backend-api/codex", None, "/backend-api/codex/responses"),
        ("http://127.0.0.1:1234", None, "/v1/responses"),
    ],
)
def test_base_url_as_people_write_it(base_url: str, profile: str | None, path: str) -> None:
    from dataclasses import replace

    target = Target("p", "openai-responses", "m", profile, base_url)
    assert CODEC.encode(replace(call(), target=target)).path == path


def test_azure_takes_its_own_header_and_lm_studio_json_by_a_schema() -> None:
    assert dict(CODEC.encode(call(profile="azure")).headers)["api-key"] == "sk-very-secret"
    body = body_of(ask(response_format="json_object"), profile="lmstudio")
    assert body["text"]["format"]["type"] == "json_schema"


def test_check_takes_the_options_of_the_call() -> None:
    with pytest.raises(InvalidInput, match="openai-chat"):
        CODEC.check(ask(seed=1), call().target, StreamingOptions())
