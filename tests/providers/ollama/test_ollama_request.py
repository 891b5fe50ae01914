"""What a ChatRequest looks like on Ollama's wire, and what that wire cannot take."""

import json
import logging
from typing import Any

import pytest
from ollama_wire import CHAT, END, GENERATE, ask, line, lines, resumed, run

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
from greenroom.providers.openai_chat import OpenAIChatCodec

from codec_run import CodecRun

body_of, problems = CHAT.body_of, CHAT.problems
TOOL = {"name": "add", "description": "adds", "parameters": {"type": "object", "properties": {"a": {}}}}
USER = {"role": "user", "content": "hi"}


def turns(*messages: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = body_of(ask(messages=messages))["messages"]
    return told


def test_plain_request_has_only_what_was_given() -> None:
    assert body_of(ask()) == {"model": "m", "messages": [USER], "stream": True}
    assert body_of(ask(stream=False))["stream"] is False


EVERY_FIELD: list[tuple[dict[str, Any], dict[str, Any] | list[str]]] = [
    ({"temperature": 0.0}, {"options": {"temperature": 0.0}}),
    ({"top_p": 0.5}, {"options": {"top_p": 0.5}}),
    ({"max_output_tokens": 9}, {"options": {"num_predict": 9}}),
    ({"stop": ["a", "b"]}, {"options": {"stop": ["a", "b"]}}),
    ({"seed": 0}, {"options": {"seed": 0}}),
    ({"presence_penalty": 1}, {"options": {"presence_penalty": 1}}),
    ({"frequency_penalty": -1}, {"options": {"frequency_penalty": -1}}),
    ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ({"top_logprobs": 3}, ["top_logprobs"]),
    ({"n": 2}, ["n"]),
    ({"user": "u"}, ["user"]),
    ({"tools": [TOOL]}, {"tools": [{"type": "function", "function": TOOL}]}),
    ({"tools": [TOOL], "tool_choice": "auto"}, {"tools": [{"type": "function", "function": TOOL}]}),
    ({"tools": [TOOL], "tool_choice": "none"}, {}),
    ({"tools": [TOOL], "tool_choice": "required"}, ["tool_choice"]),
    ({"tools": [TOOL], "tool_choice": {"mode": "function", "name": "add"}}, ["tool_choice"]),
    ({"tools": [{**TOOL, "strict": True}]}, ["tools.0.strict"]),
    ({"parallel_tool_calls": True}, {}),
    ({"parallel_tool_calls": False}, ["parallel_tool_calls"]),
    ({"response_format": "text"}, {}),
    ({"response_format": "json_object"}, {"format": "json"}),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"type": "object"}}},
        {"format": {"type": "object"}},
    ),
    ({"reasoning_effort": "none"}, {"think": False}),
    ({"reasoning_effort": "low"}, {"think": True}),
    ({"stream": False}, {}),
    ({"request_id": "r", "tenant": "t", "priority": 3, "model": "p/q"}, {}),
    ({"extra_body": {"keep_alive": "1h"}}, {"keep_alive": "1h"}),
]


@pytest.mark.parametrize(("fields", "told"), EVERY_FIELD)
def test_every_field_is_mapped_or_refused_or_dropped(
    fields: dict[str, Any], told: dict[str, Any] | list[str], caplog: pytest.LogCaptureFixture
) -> None:
    request = ask(**fields)
    refused = told if isinstance(told, list) else []
    assert problems(request) == refused
    assert problems(request, on_unsupported="drop") == []
    body = body_of(request)
    for name in ("model", "messages", "stream"):
        del body[name]
    if not refused:
        assert body == told
    else:
        assert body.keys() <= {"tools"}
        assert caplog.get_records("call") == [] or caplog.records[0].levelno == logging.WARNING


def test_the_table_knows_every_field_of_a_request() -> None:
    known = {name for fields, _ in EVERY_FIELD for name in fields} | {"messages", "options"}
    assert known == ChatRequest.model_fields.keys()


def test_json_mode_asks_for_json() -> None:
    assert body_of(ask(), json_mode=True)["format"] == "json"
    assert body_of(ask(response_format="text"), json_mode=True)["format"] == "json"


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [
        ("gpt-oss:20b", "minimal", "low"),
        ("gpt-oss:120b-cloud", "medium", "medium"),
        ("gpt-oss", "xhigh", "high"),
        ("gpt-oss", "none", "low"),
        ("hf.co/unsloth/gpt-oss-20b", "high", "high"),
        ("qwen3", "high", True),
        ("qwen3", "none", False),
        ("my-gpt-oss", "high", True),
    ],
)
def test_effort_is_a_level_for_models_that_have_levels(model: str, effort: Any, think: Any) -> None:
    from dataclasses import replace

    call = CHAT.call(ask(reasoning_effort=effort))
    call = replace(call, target=replace(call.target, model=model))
    assert json.loads(CHAT.codec.encode(call).body)["think"] == think


def test_options_of_extra_body_join_ours_and_all_else_replaces_it() -> None:
    extra = {"options": {"num_ctx": 8192, "seed": 4}, "think": "high", "keep_alive": -1}
    body = body_of(ask(seed=1, temperature=0.5, reasoning_effort="low", extra_body=extra))
    assert body["options"] == {"temperature": 0.5, "seed": 4, "num_ctx": 8192}
    assert (body["think"], body["keep_alive"]) == ("high", -1)
    assert body_of(ask(seed=1, extra_body={"options": None}))["options"] is None


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("http://h:11434", "/api/chat"),
        ("http://h:11434/", "/api/chat"),
        ("http://h:11434/v1", "/api/chat"),
        ("http://h:11434/v1/", "/api/chat"),
        ("http://h/api", "/api/chat"),
        ("https://ollama.com", "/api/chat"),
        ("https://proxy/llm/ollama", "/llm/ollama/api/chat"),
        ("https://proxy/llm/v1", "/llm/api/chat"),
        ("", "/api/chat"),
    ],
)
def test_base_url_may_be_that_of_either_wire(base_url: str, path: str) -> None:
    from dataclasses import replace

    for kind, run_ in (("chat", CHAT), ("generate", GENERATE)):
        call = run_.call(ask())
        call = replace(call, target=replace(call.target, base_url=base_url, profile="ollama-native"))
        request = run_.codec.encode(call)
        assert (request.method, request.path) == ("POST", path.replace("chat", kind))


def test_key_goes_as_bearer_and_lines_are_accepted() -> None:
    headers = dict(CHAT.codec.encode(CHAT.call(ask())).headers)
    assert (headers["authorization"], headers["accept"]) == ("Bearer sk-very-secret", "application/x-ndjson")
    assert dict(CHAT.codec.encode(CHAT.call(ask(stream=False))).headers)["accept"] == "application/json"


def test_developer_is_system() -> None:
    assert turns({"role": "developer", "content": "x"}, USER)[0] == {"role": "system", "content": "x"}


def test_images_are_base64_without_a_prefix() -> None:
    parts = (TextPart(text="see"), ImagePart(data="aGk=", media_type="image/png"),
             ImagePart(url="data:image/png;base64,eW8="))  # fmt: skip
    assert turns(Message(role="user", content=parts)) == [
        {"role": "user", "content": "see", "images": ["aGk=", "eW8="]}
    ]


def test_image_on_a_server_is_refused_or_left_out() -> None:
    parts = (TextPart(text="see"), ImagePart(url="https://x.test/i.png", detail="low"))
    request = ask(messages=[Message(role="user", content=parts)])
    assert problems(request) == ["messages.0.content.1.url", "messages.0.content.1.detail"]
    assert GENERATE.problems(request) == ["messages.0.content.1.url", "messages.0.content.1.detail"]
    assert problems(request, on_unsupported="drop") == []
    assert body_of(request)["messages"] == [{"role": "user", "content": "see"}]


def test_calls_and_results_bear_ids_and_names() -> None:
    call = ToolCallPart(id="c1", name="add", arguments='{"a": 1}')
    told = turns(
        USER,
        Message(role="assistant", content=(ReasoningPart(text="so"), TextPart(text="ok"), call)),
        Message(role="tool", content=(ToolResultPart(tool_call_id="c1", content="2"),
                                      ToolResultPart(tool_call_id="c9", content="3"))),
    )  # fmt: skip
    assert told[1:] == [
        {"role": "assistant", "content": "ok", "thinking": "so",
         "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "add", "arguments": {"a": 1}}}]},
        {"role": "tool", "content": "2", "tool_call_id": "c1", "tool_name": "add"},
        {"role": "tool", "content": "3", "tool_call_id": "c9"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "complete"), [('{"a"', True), ("[1]", True), ("7", True), ("{}", False)]
)
def test_call_without_an_object_is_refused_or_left_out(arguments: str, complete: bool) -> None:
    call = ToolCallPart(id="c", name="f", arguments=arguments, complete=complete)
    request = ask(messages=[USER, Message(role="assistant", content=(TextPart(text="x"), call))])
    assert problems(request) == ["messages.1.content.1" + (".arguments" if complete else "")]
    assert body_of(request)["messages"][1] == {"role": "assistant", "content": "x"}


def test_call_with_empty_arguments_is_an_empty_object() -> None:
    told = turns(USER, Message(role="assistant", content=(ToolCallPart(id="c", name="f", arguments=""),)))
    assert told[1]["tool_calls"][0]["function"]["arguments"] == {}


def test_turn_with_nothing_that_can_be_carried_is_refused_always() -> None:
    request = ask(
        messages=[USER, Message(role="assistant", content=(ToolResultPart(tool_call_id="1", content="x"),))]
    )
    assert "messages.1" in problems(request, on_unsupported="drop")


def test_parts_of_other_wires_are_left_out_and_own_ones_go_back() -> None:
    parts = (
        ReasoningPart(text="secret", signature="s", wire="anthropic"),
        TextPart(text="x"),
        RefusalPart(refusal=" no"),
        ProviderPart(wire="openai-responses", item={"a": 1}),
        ProviderPart(wire="ollama", item={"images": ["aGk="]}),
    )
    request = ask(messages=[USER, Message(role="assistant", content=parts)])
    assert problems(request) == []
    assert body_of(request)["messages"][1] == {"role": "assistant", "content": "x no", "images": ["aGk="]}


def test_names_of_turns_are_refused() -> None:
    assert problems(ask(messages=[{**USER, "name": "bob"}])) == ["messages.0.name"]


def test_answer_goes_back_as_ollama_and_as_others_want_it() -> None:
    call = {"function": {"name": "add", "arguments": {"a": 1}}}
    answer = run(lines(line("", thinking="so"), line("ok"), line(tool_calls=[call]), END)).choice
    result = Message(
        role="tool", content=(ToolResultPart(tool_call_id=answer.tool_calls[0].id, content="2"),)
    )
    own = turns(USER, answer.message, result)
    assert (own[1]["thinking"], own[1]["content"]) == ("so", "ok")
    assert own[1]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    assert own[2]["tool_name"] == "add"
    chat = CodecRun(OpenAIChatCodec(), "openai-chat")
    given = ask(messages=[USER, answer.message, result])
    assert chat.problems(given) == []
    other = chat.body_of(given)["messages"]
    assert other[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a":1}'}
    assert other[2]["tool_call_id"] == other[1]["tool_calls"][0]["id"]


def test_cut_answer_is_gone_on_with_in_words() -> None:
    body = body_of(ask(max_output_tokens=50), resume=resumed("Once upon", 20))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == "Once upon"
    assert body["options"] == {"num_predict": 30}


def test_prompt_of_generate() -> None:
    messages = [
        {"role": "system", "content": "brief"},
        Message(role="user", content=(TextPart(text="see"), ImagePart(data="aGk=", media_type="image/png"))),
    ]
    assert GENERATE.body_of(ask(messages=messages, seed=1)) == {
        "model": "m",
        "prompt": "see",
        "system": "brief",
        "images": ["aGk="],
        "stream": True,
        "options": {"seed": 1},
    }


@pytest.mark.parametrize(
    ("messages", "paths"),
    [
        ([USER, USER], ["messages.1"]),
        ([USER, {"role": "assistant", "content": "x"}], ["messages.1"]),
        ([{"role": "system", "content": "x"}], ["messages"]),
    ],
)
def test_conversation_is_no_prompt(messages: Any, paths: list[str]) -> None:
    for policy in ("refuse", "drop"):
        assert GENERATE.problems(ask(messages=messages), on_unsupported=policy) == paths


def test_prompt_in_extra_body_is_sent_as_it_stands() -> None:
    extra = {"prompt": "<s>x", "raw": True, "suffix": "y", "context": [1, 2]}
    request = ask(messages=[USER, USER], extra_body=extra)
    assert GENERATE.problems(request) == []
    assert GENERATE.body_of(request) == {"model": "m", "stream": True, **extra}
    assert GENERATE.problems(ask(extra_body={"prompt": ["a"]})) == ["extra_body.prompt"]
    assert GENERATE.body_of(request, resume=resumed(" and"))["prompt"] == "<s>x and"
    asked = GENERATE.body_of(ask(max_output_tokens=9), resume=resumed("Once {upon}", 4))
    assert asked["prompt"].startswith("hi\n\nYou began")
    assert "\n\nOnce {upon}\n\n" in asked["prompt"]
    assert asked["options"] == {"num_predict": 5}


def test_generate_has_no_tools() -> None:
    request = ask(tools=[TOOL], tool_choice="required", parallel_tool_calls=True)
    assert GENERATE.problems(request) == ["tools", "tool_choice", "parallel_tool_calls"]
    assert GENERATE.problems(request, on_unsupported="drop") == []
    assert "tools" not in GENERATE.body_of(request)
