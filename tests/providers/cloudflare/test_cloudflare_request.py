"""What a ChatRequest looks like on Workers AI's wire, and what that wire cannot take."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cloudflare_wire import RUN, ask

from greenroom.messages.parts import (
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from greenroom.messages.request import ChatRequest, Message

body_of, problems = RUN.body_of, RUN.problems
TOOL = {"name": "add", "description": "adds", "parameters": {"type": "object", "properties": {"a": {}}}}
SENT = {"tools": [{"type": "function", "function": TOOL}]}
USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object"}


EVERY_FIELD: list[tuple[dict[str, Any], dict[str, Any] | list[str]]] = [
    ({"temperature": 0.0}, {"temperature": 0.0}),
    ({"top_p": 0.5}, {"top_p": 0.5}),
    ({"max_output_tokens": 9}, {"max_tokens": 9}),
    ({"stop": ["a"]}, ["stop"]),
    ({"seed": 1}, {"seed": 1}),
    ({"presence_penalty": 1}, {"presence_penalty": 1}),
    ({"frequency_penalty": -1}, {"frequency_penalty": -1}),
    ({"logprobs": True}, ["logprobs"]),
    ({"logprobs": False}, {}),
    ({"top_logprobs": 3}, ["top_logprobs"]),
    ({"n": 2}, ["n"]),
    ({"user": "u"}, ["user"]),
    ({"reasoning_effort": "low"}, ["reasoning_effort"]),
    ({"tools": [TOOL]}, SENT),
    ({"tools": [{**TOOL, "strict": True}]}, ["tools.0.strict"]),
    ({"tools": [TOOL], "tool_choice": "auto"}, SENT),
    ({"tools": [TOOL], "tool_choice": "none"}, {}),
    ({"tools": [TOOL], "tool_choice": "required"}, ["tool_choice"]),
    ({"parallel_tool_calls": True}, {}),
    ({"parallel_tool_calls": False}, ["parallel_tool_calls"]),
    ({"response_format": "text"}, {}),
    ({"response_format": "json_object"}, {"response_format": {"type": "json_object"}}),
    ({"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
     {"response_format": {"type": "json_schema", "json_schema": SCHEMA}}),
    ({"stream": False}, {}),
    ({"request_id": "r", "tenant": "t", "priority": 3, "model": "p/q"}, {}),
    ({"extra_body": {"top_k": 3}}, {"top_k": 3}),
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
    assert body.pop("messages") == [USER]
    if refused:
        assert body.keys() <= {"tools"}
    else:
        assert body == told


def test_the_table_knows_every_field_of_a_request() -> None:
    known = {name for fields, _ in EVERY_FIELD for name in fields} | {"messages", "options"}
    assert known == ChatRequest.model_fields.keys()


ACCOUNT = "https://api.cloudflare.com/client/v4/accounts/a1"


@pytest.mark.parametrize(
    ("base_url", "path"),
    [(ACCOUNT + behind, "/client/v4/accounts/a1/ai/run/@cf/meta/llama-3.1-8b")
     for behind in ("", "/", "/ai", "/ai/run", "/ai/run/", "/ai/v1")]
    + [("https://gateway.ai.cloudflare.com/v1/a1/gw/workers-ai", "/v1/a1/gw/workers-ai/@cf/meta/llama-3.1-8b")],
)  # fmt: skip
def test_model_stands_in_the_path(base_url: str, path: str) -> None:
    call = RUN.call(ask())
    target = replace(call.target, base_url=base_url, profile="cloudflare", model="@cf/meta/llama-3.1-8b")
    request = RUN.codec.encode(replace(call, target=target))
    assert (request.method, request.path) == ("POST", path)
    assert "model" not in json.loads(request.body)
    odd = RUN.codec.encode(replace(call, target=replace(target, model="a b?c#d\r\n")))
    assert odd.path.endswith("/a%20b%3Fc%23d%0D%0A")


def test_turns() -> None:
    call = ToolCallPart(id="c1", name="add", arguments='{"a": 1}')
    foreign = (
        ReasoningPart(text="s", signature="s", wire="anthropic"),
        ProviderPart(wire="ollama", item={"a": 1}),
    )
    request = ask(messages=[
        {"role": "developer", "content": "brief"}, USER,
        Message(role="assistant", content=(*foreign, ReasoningPart(text="hm"), call)),
        Message(role="tool", content=(ToolResultPart(tool_call_id="c1", content="2"),)),
        Message(role="assistant", content=(TextPart(text="ok"), RefusalPart(refusal=" no"))),
    ])  # fmt: skip
    assert problems(request) == []
    assert body_of(request)["messages"] == [
        {"role": "system", "content": "brief"}, USER,
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "2", "name": "add"},
        {"role": "assistant", "content": "ok no"},
    ]  # fmt: skip


def test_parts_that_cannot_be_sent() -> None:
    cut = ToolCallPart(id="c", name="f", arguments='{"a', complete=False)
    request = ask(
        messages=[{**USER, "name": "bob"}, Message(role="assistant", content=(TextPart(text="x"), cut))]
    )
    assert problems(request) == ["messages.0.name", "messages.1.content.1"]
    assert body_of(request)["messages"] == [USER, {"role": "assistant", "content": "x"}]
    nothing = Message(role="user", content=(RefusalPart(refusal="no"),))
    assert "messages.1" in problems(ask(messages=[USER, nothing]), on_unsupported="drop")
