"""A request as this wire's body, headers and path; what it refuses and what it leaves out."""

import json
import logging
from typing import Any

import pytest
from anthropic_wire import CODEC, message

from greenroom.messages.commands import WireHead
from greenroom.messages.contracts import Call, Target
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ProviderPart, ReasoningPart, TextPart, ToolCallPart
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.messages.usage import Usage
from greenroom.providers import left_out

OLD, SONNET, NEW = "claude-3-5-haiku-latest", "claude-sonnet-4-5", "claude-opus-4-8"
TOOLS = [{"name": "add", "description": "Adds.", "parameters": {"properties": {"a": {"type": "integer"}}}}]


def call_of(request: ChatRequest, model: str = SONNET, **more: Any) -> Call:
    url = more.pop("base_url", "https://llm.test/v1")
    options = StreamingOptions(**more.pop("options", {}))
    target = Target("p", "anthropic", model, more.pop("profile", "anthropic"), url)
    return Call("s1", "r1", 1, request, target, options, **more)


def body_of(model: str = SONNET, resume: RetryState | None = None, **fields: Any) -> dict[str, Any]:
    request = ChatRequest(**{"messages": "hi", **fields})
    told: dict[str, Any] = json.loads(CODEC.encode(call_of(request, model), resume).body)
    return told


def turns_of(messages: Any, **fields: Any) -> Any:
    return body_of(messages=messages, **fields)["messages"]


def problems_of(model: str = SONNET, options: dict[str, Any] | None = None, **fields: Any) -> list[str]:
    call = call_of(ChatRequest(**{"messages": "hi", **fields}), model, options=options or {})
    try:
        CODEC.check(call.request, call.target, call.options)
    except InvalidInput as refused:
        return [problem.path for problem in refused.problems]
    return []


def test_the_smallest_request() -> None:
    assert body_of() == {
        "model": SONNET, "max_tokens": 32_000, "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }  # fmt: skip
    assert "stream" not in body_of(stream=False)


FIELDS: dict[str, tuple[Any, dict[str, Any] | str]] = {
    "messages": ("hi", {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}),
    "temperature": (0.5, {"temperature": 0.5}),
    "top_p": (0.5, {"top_p": 0.5}),
    "max_output_tokens": (77, {"max_tokens": 77}),
    "stop": (["END", "X"], {"stop_sequences": ["END", "X"]}),
    "tools": (TOOLS, {"tools": [{
        "name": "add", "description": "Adds.",
        "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
    }]}),
    "response_format": (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    ),
    "reasoning_effort": ("medium", {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
    "user": ("u1", {"metadata": {"user_id": "u1"}}),
    "extra_body": ({"top_k": 5, "model": "mine"}, {"top_k": 5, "model": "mine"}),
    "stream": (True, {"stream": True}),
    "tool_choice": ("auto", "with tools: below"),
    "parallel_tool_calls": (False, "with tools: below"),
    "n": (2, "refused"), "seed": (1, "refused"), "presence_penalty": (1.0, "refused"),
    "frequency_penalty": (1.0, "refused"), "logprobs": (True, "refused"), "top_logprobs": (2, "refused"),
    "model": ("p/m", "the target's"), "options": (None, "ours"), "request_id": ("r", "a header"),
    "tenant": ("t", "ours"), "priority": (1, "ours"),
}  # fmt: skip


def test_every_field_of_a_request_has_an_outcome() -> None:
    assert FIELDS.keys() == ChatRequest.model_fields.keys()


@pytest.mark.parametrize("name", [name for name, (_, sent) in FIELDS.items() if isinstance(sent, dict)])
def test_a_field_that_is_sent(name: str) -> None:
    value, sent = FIELDS[name]
    body = body_of(**{name: value})
    assert {key: body.get(key) for key in sent} == sent
    assert problems_of(**{name: value}) == []


@pytest.mark.parametrize("name", [name for name, (_, sent) in FIELDS.items() if sent == "refused"])
def test_a_field_that_is_refused_or_left_out_and_said(name: str, caplog: pytest.LogCaptureFixture) -> None:
    left_out._said.clear()
    value = FIELDS[name][0]
    more = {"logprobs": True} if name == "top_logprobs" else {}
    assert name in problems_of(**{name: value}, **more)
    with caplog.at_level(logging.WARNING, "greenroom.providers"):
        assert problems_of(options={"on_unsupported": "drop"}, **{name: value}, **more) == []
    assert any(record.args and record.args[0] == name for record in caplog.records)
    assert body_of(**{name: value}, **more).keys() == body_of().keys()


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": {"mode": "function", "name": "add"}}, {"type": "tool", "name": "add"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"parallel_tool_calls": True}, None),
        ({}, None),
    ],
)
def test_tool_choice(fields: dict[str, Any], sent: dict[str, Any] | None) -> None:
    assert body_of(tools=TOOLS, **fields).get("tool_choice") == sent


def test_system_and_developer_turns_are_the_system_text_in_order() -> None:
    messages = [
        {"role": "system", "content": "one"}, {"role": "user", "content": "hi"},
        {"role": "developer", "content": "two"},
    ]  # fmt: skip
    body = body_of(messages=messages)
    assert body["system"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert body_of(messages=messages[:2])["system"] == "one"


def test_turns_of_one_role_become_one_and_results_stand_first() -> None:
    messages = [
        {"role": "user", "content": "a"}, {"role": "user", "content": "b"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
            {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": ""}},
        ]},
        {"role": "user", "content": "and then?"},
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        {"role": "tool", "content": [
            {"type": "tool_result", "tool_call_id": "call_2", "content": "bad", "is_error": True},
        ]},
    ]  # fmt: skip
    assert turns_of(messages) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 1}},
            {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": "2"},
            {"type": "tool_result", "tool_use_id": "call_2", "content": "bad", "is_error": True},
            {"type": "text", "text": "and then?"},
        ]},
    ]  # fmt: skip


def test_an_id_of_another_wire_is_made_one_of_this_in_both_places() -> None:
    part = {"type": "tool_call", "id": "fc:1|x", "name": "add", "arguments": "{}"}
    messages = [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": [part]},
        {"role": "tool", "tool_call_id": "fc:1|x", "content": "2"},
    ]  # fmt: skip
    _, used, result = turns_of(messages)
    ident = used["content"][0]["id"]
    assert ident == result["content"][0]["tool_use_id"]
    assert ident.replace("_", "").isalnum()


def test_a_call_that_was_cut_is_left_out_with_its_result() -> None:
    calls = [
        {"type": "tool_call", "id": "a", "name": "f", "arguments": "{}"},
        {"type": "tool_call", "id": "b", "name": "f", "arguments": '{"x', "complete": False},
    ]
    results = [{"type": "tool_result", "tool_call_id": ident, "content": "1"} for ident in "ab"]
    messages = [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": calls},
        {"role": "tool", "content": results},
    ]  # fmt: skip
    _, used, answered = turns_of(messages)
    assert [block["id"] for block in used["content"]] == ["a"]
    assert [block["tool_use_id"] for block in answered["content"]] == ["a"]


def test_images_by_url_and_as_data() -> None:
    parts = [
        {"type": "image", "url": "https://llm.test/cat.png"},
        {"type": "image", "data": "aGk=", "media_type": "image/jpeg"},
        {"type": "image", "url": "data:image/gif;base64,aGk="},
    ]
    (turn,) = turns_of([{"role": "user", "content": parts}])
    assert [block["source"] for block in turn["content"]] == [
        {"type": "url", "url": "https://llm.test/cat.png"},
        {"type": "base64", "media_type": "image/jpeg", "data": "aGk="},
        {"type": "base64", "media_type": "image/gif", "data": "aGk="},
    ]


def test_a_last_assistant_turn_is_trimmed_and_refused_where_the_model_takes_none() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "The answer is \n"}]
    assert turns_of(messages)[-1]["content"][0]["text"] == "The answer is"
    assert problems_of(messages=messages) == []
    assert problems_of(NEW, messages=messages) == ["messages.1"]
    assert problems_of(NEW, {"on_unsupported": "drop"}, messages=messages) == ["messages.1"]
    blank = [*messages[:1], {"role": "assistant", "content": " "}]
    assert [turn["role"] for turn in turns_of(blank)] == ["user"]


def test_texts_without_a_character_that_shows_are_left_out() -> None:
    parts = [{"type": "text", "text": " "}, {"type": "text", "text": "x"}, {"type": "text", "text": ""}]
    assert turns_of([{"role": "user", "content": parts}])[0]["content"] == [{"type": "text", "text": "x"}]


def test_reasoning_goes_back_signed_or_not_at_all(caplog: pytest.LogCaptureFixture) -> None:
    left_out._said.clear()
    cited = json.dumps([{"type": "char_location"}])
    parts = (
        ReasoningPart(text="hm", signature="s", wire="anthropic"),
        ReasoningPart(encrypted="e", wire="anthropic"),
        ReasoningPart(text="foreign", signature="f", wire="gemini"),
        ReasoningPart(text="unsigned"),
        ProviderPart(wire="anthropic", item={"type": "server_tool_use", "id": "x"}),
        ProviderPart(wire="openai-responses", item={"type": "web_search_call"}),
        TextPart(text="cited", signature=cited, wire="anthropic"),
        TextPart(text="signed elsewhere", signature=cited, wire="gemini"),
        ToolCallPart(id="t", name="f", metadata={"caller": {"type": "direct"}, "wire": "anthropic"}),
    )
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": parts}, {"role": "user",
        "content": "b"}]  # fmt: skip
    assert turns_of(messages)[1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "e"},
        {"type": "server_tool_use", "id": "x"},
        {"type": "text", "text": "cited", "citations": [{"type": "char_location"}]},
        {"type": "text", "text": "signed elsewhere"},
        {"caller": {"type": "direct"}, "type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]
    with caplog.at_level(logging.WARNING, "greenroom.providers"):
        assert problems_of(messages=messages) == []
    said = [record.args[0] for record in caplog.records if isinstance(record.args, tuple)]
    assert "messages.*.content.*.reasoning" in said
    assert "messages.*.content.*.provider" in said


@pytest.mark.parametrize(
    ("fields", "model", "paths"),
    [
        ({"temperature": 1.5}, SONNET, ["temperature"]),
        ({"temperature": 0.5}, NEW, ["temperature"]),
        ({"top_p": 0.5}, NEW, ["top_p"]),
        ({"temperature": 0.5, "top_p": 0.5}, SONNET, ["top_p"]),
        ({"temperature": 0.5, "top_p": 0.5}, OLD, []),
        ({"temperature": 0.5, "top_p": 0.5}, "qwen3", []),
        ({"stop": [" ", "x"]}, SONNET, ["stop.0"]),
        ({"reasoning_effort": "low"}, OLD, ["reasoning_effort"]),
        ({"reasoning_effort": "none"}, OLD, []),
        ({"reasoning_effort": "low", "max_output_tokens": 1024}, SONNET, ["max_output_tokens"]),
        ({"reasoning_effort": "low", "temperature": 0.2}, SONNET, ["temperature"]),
        ({"reasoning_effort": "low", "tools": TOOLS, "tool_choice": "required"}, NEW, ["reasoning_effort"]),
        ({"response_format": "json_object"}, SONNET, ["response_format"]),
        ({"options": {"json_mode": True}}, SONNET, ["options.json_mode"]),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, OLD, ["response_format"]),
        ({"messages": [{"role": "user", "content": "a", "name": "Ann"}]}, SONNET, ["messages.0.name"]),
        ({"messages": [{"role": "user", "content": [
            {"type": "image", "url": "https://x.test/a.png", "detail": "low"}]}]}, SONNET,
         ["messages.0.content.0.detail"]),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [
            {"type": "tool_call", "id": "t", "name": "f", "arguments": '{"a', "complete": False}]}]}, SONNET,
         ["messages.1.content.0"]),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [
            {"type": "tool_call", "id": "t", "name": "f", "arguments": "[1]"}]}]}, SONNET,
         ["messages.1.content.0.arguments"]),
    ],
)  # fmt: skip
def test_what_can_be_left_out_is_refused_unless_the_caller_drops_it(
    fields: dict[str, Any], model: str, paths: list[str]
) -> None:
    options = fields.pop("options", {}) if "options" in fields else {}
    assert problems_of(model, options, **fields) == paths
    assert problems_of(model, {**options, "on_unsupported": "drop"}, **fields) == []
    body = body_of(model, **fields)
    for path in paths:
        assert path.split(".")[0] not in {"temperature", "top_p"} or path not in body


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"messages": [{"role": "system", "content": "x"}]}, ["messages"]),
        ({"messages": [{"role": "user", "content": " "}, {"role": "system", "content": "x"}]}, ["messages"]),
        ({"tools": [{"name": "a.b"}]}, ["tools.0.name"]),
        ({"messages": [{"role": "system", "content": [{"type": "image", "url": "https://x.test/a"}]},
                       {"role": "user", "content": "x"}]}, ["messages.0"]),
    ],
)  # fmt: skip
def test_what_cannot_be_left_out_is_always_refused(fields: dict[str, Any], paths: list[str]) -> None:
    assert problems_of(options={"on_unsupported": "drop"}, **fields) == paths


@pytest.mark.parametrize(
    ("effort", "model", "tokens", "sent"),
    [
        ("minimal", SONNET, None, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("xhigh", SONNET, None, {"thinking": {"type": "enabled", "budget_tokens": 16_000}}),
        ("high", SONNET, 4000, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ("high", SONNET, 1500, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("none", SONNET, None, {}),
        ("high", "claude-opus-4-5", None, {
            "thinking": {"type": "enabled", "budget_tokens": 16_000}, "output_config": {"effort": "high"}}),
        ("xhigh", "claude-opus-4-6", None, {
            "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("xhigh", NEW, None, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ("minimal", NEW, None, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("none", NEW, None, {"thinking": {"type": "disabled"}}),
        ("low", OLD, None, {}),
    ],
)  # fmt: skip
def test_reasoning_effort(effort: str, model: str, tokens: int | None, sent: dict[str, Any]) -> None:
    body = body_of(model, reasoning_effort=effort, max_output_tokens=tokens)
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == sent
    budget = body.get("thinking", {}).get("budget_tokens", 0)
    assert budget < body["max_tokens"]


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://api.anthropic.com", "/v1/messages"),
        ("https://api.anthropic.com/", "/v1/messages"),
        ("https://api.anthropic.com/v1", "/v1/messages"),
        ("https://api.anthropic.com/v1/messages", "/v1/messages"),
        ("https://api.deepseek.com/anthropic", "/anthropic/v1/messages"),
        ("https://openrouter.ai/api/v1/", "/api/v1/messages"),
        ("", "/v1/messages"),
    ],
)
def test_the_path_below_any_base_url_that_users_write(base_url: str, path: str) -> None:
    call = call_of(ChatRequest(messages="hi"), base_url=base_url)
    assert CODEC.encode(call).path == path


def test_headers_and_how_the_configured_ones_win() -> None:
    more = (("Anthropic-Beta", "x-2026"), ("anthropic-version", "2026-10-21"))
    call = call_of(ChatRequest(messages="hi"), api_key="sk-1", headers=more)
    headers = dict(CODEC.encode(call).headers)
    assert headers["x-api-key"] == "sk-1"
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2026-10-21", "x-2026")
    assert headers["accept"] == "text/event-stream"
    assert (
        dict(CODEC.encode(call_of(ChatRequest(messages="hi"))).headers)["anthropic-version"] == "2023-06-01"
    )
    other = call_of(ChatRequest(messages="hi", stream=False), profile="llamacpp", api_key="k")
    assert dict(CODEC.encode(other).headers)["authorization"] == "Bearer k"
    bearer = call_of(ChatRequest(messages="hi"), headers=(("Authorization", "Bearer t"),))
    assert "x-api-key" not in dict(CODEC.encode(bearer).headers)


def resumed(mode: Any, text: str = "So far \n", **more: Any) -> RetryState:
    parts = more.pop("parts", (TextPart(text=text),))
    return RetryState(
        stream_id="s1", request_id="r1", request=ChatRequest(messages="hi"), epoch=1, mode=mode,
        provider="p", model_asked="m", delivered_text=text, delivered_parts=parts, deadline_left_s=9,
        updated_at=0, **more,
    )  # fmt: skip


def test_after_a_cut_the_answer_is_gone_on_with_as_the_model_takes_it() -> None:
    state = resumed("prefix", spent=Usage(output_tokens=40))
    body = body_of(OLD, state, max_output_tokens=100)
    assert body["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "So far"}]}
    assert body["max_tokens"] == 60
    for model, asked in ((NEW, state), (OLD, resumed("instruction"))):
        _, said, wish = body_of(model, asked)["messages"]
        assert said["content"][0]["text"] == "So far"
        assert (wish["role"], "Continue" in wish["content"][0]["text"]) == ("user", True)
    assert len(body_of(OLD, resumed("prefix", " "))["messages"]) == 1


@pytest.mark.parametrize("mode", ["fresh", "reset", "block"])
def test_other_ways_to_start_again_carry_nothing_of_what_was_delivered(mode: str) -> None:
    assert body_of(OLD, resumed(mode)) == body_of(OLD)


def test_no_thinking_is_asked_for_beside_the_beginning_of_an_answer() -> None:
    asked = {"reasoning_effort": "low"}
    assert "thinking" in body_of(SONNET, resumed("pause"), **asked)
    assert "thinking" not in body_of(SONNET, resumed("prefix"), **asked)
    assert "thinking" in body_of(SONNET, resumed("instruction"), **asked)
    begun = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert "thinking" not in body_of(SONNET, messages=begun, **asked)


def test_after_a_cut_text_goes_on_in_the_part_that_was_cut() -> None:
    parts = (ReasoningPart(text="hm"), TextPart(text="So far"))
    for mode, block in (("prefix", 1), ("instruction", 1), ("pause", 2), ("fresh", 0)):
        decoder = CODEC.start(call_of(ChatRequest(messages="hi")), resumed(mode, "So far", parts=parts))
        decoder.head(WireHead(200, ()))
        (told,) = decoder.feed(message("x"), 1, 0.0).deltas
        assert getattr(told, "block", None) == block


def test_after_a_pause_every_part_goes_back_with_its_container() -> None:
    used = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}}
    parts = (
        ReasoningPart(text="hm", signature="s", wire="anthropic"),
        TextPart(text="Looking. "),
        ProviderPart(wire="anthropic", item=used),
    )
    body = body_of(NEW, resumed("pause", parts=parts, cursor="cont_1"))
    assert body["container"] == "cont_1"
    assert body["messages"][-1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Looking. "},
        used,
    ]
