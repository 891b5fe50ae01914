"""A ChatRequest as the request that creates an interaction: every field mapped, refused or dropped."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from interactions_wire import CODEC, call, completed, created, delta, run, sse, start, stop

from greenroom import ChatRequest, InvalidInput, Message
from greenroom.messages.contracts import Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.retry_state import RetryState
from greenroom.providers.profiles import profile_for

MODEL = "gemini-3-flash-preview"
TOOL = {
    "name": "add",
    "description": "adds",
    "parameters": {"type": "object", "properties": {"a": {"type": "number"}}},
}
ASKED = {"input": [{"type": "user_input", "content": [{"type": "text", "text": "hi"}]}], "model": MODEL,
         "stream": True, "store": False}  # fmt: skip


def encoded(model: str = MODEL, options: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    given = call(ChatRequest(**{"model": f"p/{model}", "messages": "hi", **fields}), **(options or {}))
    given = replace(given, target=replace(given.target, model=model))
    body: dict[str, Any] = json.loads(CODEC.encode(given).body)
    return body


EVERY_FIELD: dict[str, tuple[Any, dict[str, Any] | str]] = {
    "temperature": (0.0, {"generation_config": {"temperature": 0.0}}),
    "top_p": (0.5, {"generation_config": {"top_p": 0.5}}),
    "max_output_tokens": (9, {"generation_config": {"max_output_tokens": 9}}),
    "stop": (["a"], {"generation_config": {"stop_sequences": ["a"]}}),
    "seed": (0, {"generation_config": {"seed": 0}}),
    "n": (2, "n"),
    "presence_penalty": (1.0, "presence_penalty"),
    "frequency_penalty": (1.0, "frequency_penalty"),
    "logprobs": (True, "logprobs"),
    "top_logprobs": (3, "top_logprobs"),
    "response_format": (
        "json_object",
        {"response_format": {"type": "text", "mime_type": "application/json"}},
    ),
    "reasoning_effort": (
        "low",
        {"generation_config": {"thinking_level": "low", "thinking_summaries": "auto"}},
    ),
    "tools": ([TOOL], {"tools": [{"type": "function", **TOOL}]}),
    "parallel_tool_calls": (False, "parallel_tool_calls"),
    "user": ("u", "user"),
    "extra_body": ({"service_tier": "flex", "store": True}, {"service_tier": "flex", "store": True}),
    "stream": (False, {}),
}
ELSEWHERE = {"messages", "model", "tool_choice", "options", "request_id", "tenant", "priority"}
"""Of the turns, tested below; or of ours alone, never sent."""


def test_every_field_of_a_request_has_its_policy() -> None:
    assert EVERY_FIELD.keys() | ELSEWHERE == ChatRequest.model_fields.keys()


@pytest.mark.parametrize("name", EVERY_FIELD)
def test_a_field_is_mapped_or_refused(name: str) -> None:
    value, wanted = EVERY_FIELD[name]
    request = ChatRequest(model=f"p/{MODEL}", messages="hi", **{name: value})
    if isinstance(wanted, str):
        with pytest.raises(InvalidInput, match=wanted):
            CODEC.check(request, Target("p", CODEC.kind, MODEL), StreamingOptions())
        return
    CODEC.check(request, Target("p", CODEC.kind, MODEL), StreamingOptions())
    asked = {key: each for key, each in ASKED.items() if name != "stream" or key != "stream"}
    assert encoded(**{name: value}) == {**asked, **wanted}


def test_what_is_dropped_is_said(caplog: pytest.LogCaptureFixture) -> None:
    request = ChatRequest(model=f"p/{MODEL}", messages="hi", user="someone", n=2)
    with caplog.at_level(logging.WARNING, "greenroom.providers"):
        CODEC.check(request, Target("p", CODEC.kind, MODEL), StreamingOptions(on_unsupported="drop"))
    assert "user is left out of requests to gemini-interactions (interactions)" in caplog.text
    assert "someone" not in caplog.text
    assert encoded(user="someone", n=2) == ASKED


@pytest.mark.parametrize(
    ("choice", "strict", "wanted"),
    [
        ("auto", None, "auto"), ("none", True, "none"), ("required", None, "any"), (None, True, "validated"),
        ({"mode": "function", "name": "add"}, None, {"allowed_tools": {"mode": "any", "tools": ["add"]}}),
        (None, None, None),
    ],
)  # fmt: skip
def test_tool_choice(choice: Any, strict: bool | None, wanted: Any) -> None:
    body = encoded(tools=[{**TOOL, "strict": strict}], tool_choice=choice)
    assert body.get("generation_config", {}).get("tool_choice") == wanted


def test_places_keys_and_what_is_kept() -> None:
    request = CODEC.encode(call())
    assert request.path == "/v1/interactions"
    assert dict(request.headers)["x-goog-api-key"] == "sk-very-secret"
    host = replace(
        call(), target=Target("p", CODEC.kind, "m", base_url="https://generativelanguage.googleapis.com")
    )
    assert CODEC.encode(host).path == "/v1beta/interactions"
    assert encoded(options={"server_resume": True}) == {**ASKED, "store": True, "background": True}
    assert profile_for("gemini-interactions").capabilities.server_cursor
    with pytest.raises(InvalidInput, match="server_resume"):
        CODEC.check(
            ChatRequest(model="p/m", messages="hi", stream=False),
            Target("p", CODEC.kind, MODEL), StreamingOptions(server_resume=True),
        )  # fmt: skip


def test_an_agent_stands_in_place_of_the_model() -> None:
    body = encoded(extra_body={"agent": "deep-research-pro"})
    assert body["agent"] == "deep-research-pro"
    assert "model" not in body


def test_a_schema_for_the_answer() -> None:
    body = encoded(response_format={"type": "json_schema", "json_schema": {"type": "object"}})
    wanted = {"type": "text", "mime_type": "application/json", "schema": {"type": "object"}}
    assert body["response_format"] == wanted


def test_an_answer_goes_back_as_it_came() -> None:
    said = run(
        sse(
            created(),
            start(0, "thought"), delta(0, "thought_summary", content={"type": "text", "text": "Hm"}),
            delta(0, "thought_signature", signature="c2ln"), stop(0),
            start(1, "code_execution_call", id="x", arguments={"code": "1"}), stop(1),
            start(2, "model_output"), delta(2, "text", text="Look"), stop(2),
            start(3, "function_call", id="c1", name="f"),
            delta(3, "arguments_delta", arguments='{"x":1}'), stop(3),
            completed("requires_action"),
        )
    ).choice.message  # fmt: skip
    stored = Message.model_validate_json(said.model_dump_json())
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "hi"}, {"type": "image", "data": "aGk=", "media_type": "image/png"},
            {"type": "image", "url": "https://x.test/a.png"},
        ]},
        stored,
        {"role": "tool", "tool_call_id": "c1", "content": '{"y": 2}'},
    ]  # fmt: skip
    body = encoded(messages=messages)
    assert body["system_instruction"] == "Be brief."
    user, *steps = body["input"]
    assert user["content"][1:] == [
        {"type": "image", "data": "aGk=", "mime_type": "image/png"}, {"type": "image", "uri": "https://x.test/a.png"},
    ]  # fmt: skip
    assert steps == [
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Hm"}]},
        {"type": "code_execution_call", "id": "x", "arguments": {"code": "1"}},
        {"type": "model_output", "content": [{"type": "text", "text": "Look"}]},
        {"type": "function_call", "id": "c1", "name": "f", "arguments": {"x": 1}},
        {"type": "function_result", "call_id": "c1", "name": "f", "result": {"y": 2}},
    ]


def test_parts_of_other_wires_are_left_out_and_a_cut_answer_is_gone_on_with_in_words() -> None:
    foreign = [
        {"type": "reasoning", "text": "Hm", "signature": "s", "wire": "gemini"},
        {"type": "provider", "wire": "gemini", "item": {"x": 1}},
        {"type": "text", "text": "kept", "signature": "s", "wire": "gemini"},
        {"type": "tool_call", "id": "c", "name": "f", "metadata": {"wire": "gemini", "signature": "s"}},
    ]
    body = encoded(messages=[{"role": "assistant", "content": foreign}, {"role": "user", "content": "x"}])
    assert body["input"][:2] == [
        {"type": "model_output", "content": [{"type": "text", "text": "kept"}]},
        {"type": "function_call", "id": "c", "name": "f", "arguments": {}},
    ]
    resume = RetryState(
        stream_id="s", request_id="r", request=ChatRequest(model="p/m", messages="hi"), epoch=1, provider="p",
        model_asked="m", deadline_left_s=1.0, updated_at=0.0, mode="instruction", delivered_text="Once upon",
    )  # fmt: skip
    steps = json.loads(CODEC.encode(call(), resume).body)["input"]
    assert [step["type"] for step in steps] == ["user_input", "model_output", "user_input"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": [{"role": "system", "content": "s"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "hi", "name": "Ann"}]}, "messages.0.name"),
        ({"reasoning_effort": "none"}, "reasoning_effort"),
        ({"messages": [{"role": "assistant", "content": [
            {"type": "tool_call", "id": "1", "name": "f", "arguments": "[1]"}]},
            {"role": "user", "content": "x"}]},
         "arguments"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(fields: dict[str, Any], path: str) -> None:
    request = ChatRequest(**{"model": f"p/{MODEL}", "messages": "hi", **fields})
    with pytest.raises(InvalidInput) as caught:
        CODEC.check(request, Target("p", CODEC.kind, MODEL), StreamingOptions())
    assert any(path in problem.path for problem in caught.value.problems)
