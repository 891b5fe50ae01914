"""What a ChatRequest looks like on Cohere's wire, and what that wire cannot take."""

from dataclasses import replace
from typing import Any

import pytest
from cohere_wire import END, RUN, START, ask, delta, event, run, sse

from greenroom.messages.parts import (
    ImagePart,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)  # fmt: skip
from greenroom.messages.request import ChatRequest, Message

body_of, problems = RUN.body_of, RUN.problems
TOOL = {"name": "add", "description": "adds", "parameters": {"type": "object", "properties": {"a": {}}}}
SENT = {"tools": [{"type": "function", "function": TOOL}]}
USER = {"role": "user", "content": "hi"}


EVERY_FIELD: list[tuple[dict[str, Any], dict[str, Any] | list[str]]] = [
    ({"temperature": 0.0}, {"temperature": 0.0}),
    ({"top_p": 0.5}, {"p": 0.5}),
    ({"max_output_tokens": 9}, {"max_tokens": 9}),
    ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
    ({"seed": 0}, {"seed": 0}),
    ({"presence_penalty": 1}, {"presence_penalty": 1}),
    ({"frequency_penalty": 0.5}, {"frequency_penalty": 0.5}),
    ({"logprobs": True}, {"logprobs": True}),
    ({"top_logprobs": 3}, ["top_logprobs"]),
    ({"n": 2}, ["n"]),
    ({"user": "u"}, ["user"]),
    ({"tools": [TOOL]}, SENT),
    ({"tools": [{**TOOL, "strict": True}]}, {**SENT, "strict_tools": True}),
    ({"tools": [TOOL], "tool_choice": "auto"}, SENT),
    ({"tools": [TOOL], "tool_choice": "none"}, {**SENT, "tool_choice": "NONE"}),
    ({"tools": [TOOL], "tool_choice": "required"}, {**SENT, "tool_choice": "REQUIRED"}),
    ({"tools": [TOOL], "tool_choice": {"mode": "function", "name": "add"}}, ["tool_choice"]),
    ({"parallel_tool_calls": True}, {}),
    ({"parallel_tool_calls": False}, ["parallel_tool_calls"]),
    ({"response_format": "text"}, {"response_format": {"type": "text"}}),
    ({"response_format": "json_object"}, {"response_format": {"type": "json_object"}}),
    ({"response_format": {"type": "json_schema", "json_schema": {"type": "object"}}},
     {"response_format": {"type": "json_object", "json_schema": {"type": "object"}}}),
    ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
    ({"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}}),
    ({"stream": False}, {}),
    ({"request_id": "r", "tenant": "t", "priority": 3, "model": "p/q"}, {}),
    ({"extra_body": {"documents": ["d"], "p": 0.1}, "top_p": 0.9}, {"documents": ["d"], "p": 0.1}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "told"), EVERY_FIELD)
def test_every_field_is_mapped_or_refused_or_dropped(
    fields: dict[str, Any], told: dict[str, Any] | list[str]
) -> None:
    request = ask(**fields)
    refused = told if isinstance(told, list) else []
    assert problems(request) == refused
    assert problems(request, on_unsupported="drop") == []
    body = body_of(request)
    assert body.pop("stream") is request.stream
    del body["model"], body["messages"]
    if refused:
        assert body.keys() <= {"tools"}
    else:
        assert body == told


def test_the_table_knows_every_field_of_a_request() -> None:
    known = {name for fields, _ in EVERY_FIELD for name in fields} | {"messages", "options"}
    assert known == ChatRequest.model_fields.keys()


@pytest.mark.parametrize(
    "base_url",
    ["https://api.cohere.com", "https://api.cohere.com/v2/", "https://api.cohere.com/v1",
     "https://api.cohere.ai/compatibility/v1", ""],
)  # fmt: skip
def test_base_url_may_be_that_of_any_of_its_wires(base_url: str) -> None:
    call = RUN.call(ask())
    request = RUN.codec.encode(
        replace(call, target=replace(call.target, base_url=base_url, profile="cohere"))
    )
    assert (request.method, request.path) == ("POST", "/v2/chat")
    assert dict(request.headers)["authorization"] == "Bearer sk-very-secret"


def test_turns() -> None:
    call = ToolCallPart(id="c1", name="add", arguments='{"a": 1}')
    image = ImagePart(data="aGk=", media_type="image/png", detail="low")
    request = ask(
        messages=[
            {"role": "developer", "content": "brief"},
            Message(role="user", content=(TextPart(text="see"), image, ImagePart(url="https://x.test/i"))),
            Message(
                role="assistant",
                content=(
                    ReasoningPart(text="hm"),
                    TextPart(text="ok"),
                    RefusalPart(refusal=" no"),
                    ReasoningPart(text="plan", metadata={"tool_plan": True}),
                    call,
                ),
            ),
            Message(role="tool", content=(ToolResultPart(tool_call_id="c1", content="2"),)),
        ]
    )
    assert problems(request) == []
    assert body_of(request)["messages"] == [
        {"role": "system", "content": "brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://x.test/i"}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok no"}],
            "tool_plan": "plan",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ]


def test_parts_that_cannot_travel() -> None:
    cut = ToolCallPart(id="c", name="f", arguments='{"a', complete=False)
    foreign = (
        ReasoningPart(text="s", signature="s", wire="anthropic"),
        ProviderPart(wire="ollama", item={"a": 1}),
    )
    request = ask(messages=[USER, Message(role="assistant", content=(TextPart(text="x"), *foreign, cut))])
    assert problems(request) == ["messages.1.content.3"]
    assert body_of(request)["messages"][1] == {"role": "assistant", "content": "x"}
    assert problems(ask(messages=[{**USER, "name": "bob"}])) == ["messages.0.name"]
    nothing = Message(role="user", content=(RefusalPart(refusal="no"),))
    assert "messages.1" in problems(ask(messages=[USER, nothing]), on_unsupported="drop")


def test_answer_goes_back_as_cohere_wants_it() -> None:
    call = {"id": "c0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = run(
        sse(
            START,
            delta("so", 0, "thinking"),
            delta("Hi", 1),
            event("tool-plan-delta", tool_plan="I "),
            event("tool-plan-delta", tool_plan="will"),
            event("tool-call-start", 0, tool_calls=call),
            END,
        )
    )
    turn = body_of(ask(messages=[USER, answer.choice.message]))["messages"][1]
    assert turn == {
        "role": "assistant", "tool_plan": "I will", "tool_calls": [call],
        "content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "Hi"}],
    }  # fmt: skip
