"""ChatRequest and its parts: what is understood, and what every mistake is told."""

# ruff: noqa: E501, ISC004, PT017  (the exact error texts stand unbroken)

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.messages import (
    LOW_LATENCY,
    ChatRequest,
    ImagePart,
    InvalidInput,
    Message,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    StreamingOptions,
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolSpec,
    tool_calls,
    tool_results,
)

from strategies import anything, requests

PRIVATE = "the private words"
TOOL = {"name": "weather"}


def said(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def error_of(build: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        build()
    return str(caught.value)


def test_a_string_is_one_user_turn() -> None:
    request = ChatRequest(messages="Count to five")
    assert request.messages == (Message(role="user", content=[TextPart(text="Count to five")]),)
    assert request.messages[0].text == "Count to five"


def test_openai_messages_are_understood() -> None:
    request = ChatRequest(
        messages=[
            {"role": "system", "content": "Be brief."},
            said([
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "image_url", "image_url": "https://x.example/a.png"},
                "a bare string",
            ]),
            {
                "role": "assistant", "content": None, "refusal": None, "audio": None, "annotations": [],
                "function_call": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a": 1}'}},
                    {"id": "c2", "type": "function", "function": {"name": "weather"}, "extra_content": {"s": "x"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "5"}, TextPart(text="6")]},
            {"role": "assistant", "content": "Cold.", "refusal": "No."},
        ]
    )  # fmt: skip
    _, user, calling, first, second, last = request.messages
    assert user.content == (
        TextPart(text="What is it?"),
        ImagePart(data="AAAA", media_type="image/png", detail="low"),
        ImagePart(url="https://x.example/a.png"),
        TextPart(text="a bare string"),
    )
    assert tool_calls(calling) == (
        ToolCallPart(id="c1", name="weather", arguments='{"a": 1}', index=0),
        ToolCallPart(id="c2", name="weather", index=1, metadata={"extra_content": {"s": "x"}}),
    )
    assert tool_results(first) == (ToolResultPart(tool_call_id="c1", content="4 degrees"),)
    assert tool_results(second) == (ToolResultPart(tool_call_id="c2", content="56"),)
    assert last.content == (TextPart(text="Cold."), RefusalPart(refusal="No."))
    assert ChatRequest.model_validate_json(request.model_dump_json()) == request


def test_openai_tools_choice_and_format_are_understood() -> None:
    request = ChatRequest(
        messages="x",
        tools=[
            {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}, "strict": True}},
            {"type": "function", "name": "b"},
        ],
        tool_choice={"type": "function", "function": {"name": "a"}},
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "city",
                "description": "A city.",
                "schema": {"type": "object"},
                "strict": True,
            },
        },
    )
    assert request.tools == (
        ToolSpec(name="a", parameters={"type": "object"}, strict=True),
        ToolSpec(name="b"),
    )
    assert request.tool_choice == ToolChoice(mode="function", name="a")
    assert request.response_format == ResponseFormat(
        type="json_schema", name="city", description="A city.", json_schema={"type": "object"}, strict=True
    )
    assert ToolChoice.model_validate("required").mode == "required"
    assert ToolChoice.model_validate({"type": "function", "name": "a"}).name == "a"
    assert ResponseFormat.model_validate("json_object").type == "json_object"


def test_one_stop_may_be_a_string() -> None:
    assert ChatRequest(messages="x", stop="END").stop == ("END",)


@given(requests())
def test_replace_with_nothing_is_equal(request: ChatRequest) -> None:
    assert request.replace() == request
    assert request.replace(n=1).n == 1


def test_options_nest_as_dict_or_value() -> None:
    assert ChatRequest(messages="x", options={"deadline_s": 5}).options == StreamingOptions(deadline_s=5)
    assert ChatRequest(messages="x", options=LOW_LATENCY).options is LOW_LATENCY


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({}, "messages: is required"),
    ({"messages": []}, "messages = (list of 0): must not be empty"),
    ({"messages": ""}, "messages.0: a user message is empty; give it text or parts"),
    ({"messages": " \n"}, "messages = (hidden): every message is empty; give at least one some text"),
    ({"messages": None}, "messages = None: must be a string or a list of messages"),
    ({"messages": 5}, "messages = 5: must be a string or a list of messages"),
    ({"messages": b"x"}, "messages = (hidden): must be a string or a list of messages"),
    ({"messages": said("x")}, "messages: must be a string or a list of messages; put one message in a list"),
    ({"messages": [5]}, "messages.0 = 5: must be a dict or a Message"),
    ({"messages": [PRIVATE]}, "messages.0 = (hidden): must be a dict or a Message"),
    ({"messages": [said("x"), said("")]}, "messages.1: a user message is empty; give it text or parts"),
    ({"messages": [{"role": "asistant", "content": "x"}]},
     "messages.0.role = 'asistant': must be 'system', 'developer', 'user', 'assistant' or 'tool'; "
     "did you mean 'assistant'?"),
    ({"messages": [{"content": "x"}]}, "messages.0.role: is required"),
    ({"messages": [said(5)]}, "messages.0.content: must be a string or a list of parts"),
    ({"messages": [said([{"type": "txt", "text": PRIVATE}])]},
     "messages.0.content.0.type = 'txt': must be one of 'text', 'image', 'tool_call', 'tool_result', 'reasoning', "
     "'refusal', 'provider'; did you mean 'text'?"),
    ({"messages": [said([{"text": PRIVATE}])]},
     "messages.0.content.0.type: is required; a part is a dict such as {'type': 'text', 'text': '...'}"),
    ({"messages": [said([{"type": "text", "text": "x", "txt": PRIVATE}])]},
     "messages.0.content.0.txt: unknown field; did you mean 'text'?"),
    ({"messages": [said([{"type": "text", "text": 5}])]}, "messages.0.content.0.text = 5: must be a string"),
    ({"messages": [said([{"type": "text", "text": "\ud800"}])]},
     "messages.0.content.0.text = (hidden): holds half a surrogate pair, which is not valid Unicode; "
     "join it or leave it out"),
    ({"messages": [said([{"type": "image"}])]},
     "messages.0.content.0: an image needs either url, or data with media_type"),
    ({"messages": [said([{"type": "image", "data": "AAAA"}])]},
     "messages.0.content.0.media_type: is required with data, such as 'image/png'"),
    ({"messages": [said([{"type": "image_url", "image_url": 5}])]},
     "messages.0.content.0.image_url: must be a URL, or a dict with url"),
    ({"messages": [{"role": "tool", "content": PRIVATE}]},
     "messages.0.content: a tool message holds results: give tool_call_id and its text"),
    ({"messages": [{"role": "tool"}]}, "messages.0.content: a tool message needs tool_call_id and its text"),
    ({"messages": [{"role": "tool", "tool_call_id": "c", "content": [{"type": "image", "url": "u"}]}]},
     "messages.0.content: a tool's result is text alone"),
    ({"messages": [{"role": "user", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}]},
     "messages.0.role = 'user': tool calls are said by 'assistant'"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]}]},
     "messages.0.tool_calls.0.name: is required"),
    ({"messages": [{"role": "assistant", "tool_calls": ["c"]}]},
     "messages.0.tool_calls.0: must be a dict with id and function {name, arguments}"),
    ({"messages": [{"role": "assistant", "content": "x", "function_call": {"name": "f"}}]},
     "messages.0.function_call = (dict): unknown field; known: content, name, role"),
    ({"messages": "x", "temperatur": 0.5}, "temperatur = 0.5: unknown field; did you mean 'temperature'?"),
    ({"messages": "x", "max_tokens": 5}, "max_tokens = 5: unknown field; did you mean 'max_output_tokens'?"),
    ({"messages": "x", "prompt": PRIVATE}, "prompt: unknown field; a provider's own fields go in extra_body"),
    ({"messages": "x", "temperature": 3}, "temperature = 3: must be less than or equal to 2"),
    ({"messages": "x", "temperature": math.nan}, "temperature = nan: must be a finite number"),
    ({"messages": "x", "top_p": math.inf}, "top_p = inf: must be a finite number"),
    ({"messages": "x", "top_p": 0}, "top_p = 0: must be greater than 0"),
    ({"messages": "x", "temperature": "hot"}, "temperature = 'hot': must be a number"),
    ({"messages": "x", "n": 0}, "n = 0: must be greater than or equal to 1"),
    ({"messages": "x", "n": 1.5}, "n = 1.5: must be a whole number"),
    ({"messages": "x", "n": "many"}, "n = 'many': must be a whole number"),
    ({"messages": "x", "stream": "perhaps"}, "stream = 'perhaps': must be True or False"),
    ({"messages": "x", "max_output_tokens": -1}, "max_output_tokens = -1: must be greater than or equal to 1"),
    ({"messages": "x", "stop": 5}, "stop = 5: must be a string or a list of strings"),
    ({"messages": "x", "stop": [""]}, "stop.0 = '': must not be empty"),
    ({"messages": "x", "model": ""}, "model = '': must not be empty"),
    ({"messages": "x", "model": 4}, "model = 4: must be a string"),
    ({"messages": "x", "request_id": "two words"},
     "request_id = 'two words': must be 1 to 200 visible ASCII characters, as it goes into headers and logs"),
    ({"messages": "x", "request_id": "line\n"},
     "request_id = 'line\\n': must be 1 to 200 visible ASCII characters, as it goes into headers and logs"),
    ({"messages": "x", "reasoning_effort": "hihg"},
     "reasoning_effort = 'hihg': must be 'none', 'minimal', 'low', 'medium', 'high' or 'xhigh'; did you mean 'high'?"),
    ({"messages": "x", "tools": TOOL}, "tools = (dict): must be a list"),
    ({"messages": "x", "tools": [{"name": "two words"}]},
     "tools.0.name = 'two words': must be 1 to 128 letters, digits, '_', '-', '.' or ':'"),
    ({"messages": "x", "tools": [TOOL, TOOL]}, "tools = 'weather': must have different names"),
    ({"messages": "x", "tools": [{**TOOL, "parameters": {"a": {1}}}]},
     "tools.0.parameters.a: set is not a JSON value; use str, int, float, bool, None, list or dict"),
    ({"messages": "x", "tools": [{"type": "function", "function": {"name": "f"}, "cache": 1}]},
     "tools.0.cache = 1: unknown field; known: description, name, parameters, strict"),
    ({"messages": "x", "tool_choice": "auto"}, "tool_choice = 'auto': needs tools; give them, or leave it out"),
    ({"messages": "x", "tool_choice": "any", "tools": [TOOL]},
     "tool_choice.mode = 'any': must be 'auto', 'none', 'required' or 'function'"),
    ({"messages": "x", "tool_choice": {"type": "function", "name": "wether"}, "tools": [TOOL]},
     "tool_choice.name = 'wether': must be one of tools: weather"),
    ({"messages": "x", "tool_choice": {"mode": "auto", "name": "f"}, "tools": [TOOL]},
     "tool_choice.name = 'f': goes with mode='function', and only with it"),
    ({"messages": "x", "response_format": {"type": "json_schema"}},
     "response_format.json_schema: goes with type='json_schema', and only with it"),
    ({"messages": "x", "response_format": "json"},
     "response_format.type = 'json': must be 'text', 'json_object' or 'json_schema'"),
    ({"messages": "x", "extra_body": [1]}, "extra_body = (list of 1): must be a dict of JSON values, not list"),
    ({"messages": "x", "extra_body": {"a": object()}},
     "extra_body.a: object is not a JSON value; use str, int, float, bool, None, list or dict"),
    ({"messages": "x", "extra_body": {1: 2}}, "extra_body: a JSON object's key must be a string, not int"),
    ({"messages": "x", "options": "LOW_LATENCY"}, "options = 'LOW_LATENCY': must be a dict or a StreamingOptions"),
    ({"messages": "x", "options": {"deadline_s": -1}}, "options.deadline_s = -1: must be greater than 0"),
    ({"messages": "x", "options": {"deadlin_s": 1}}, "options.deadlin_s = 1: unknown field; did you mean 'deadline_s'?"),
    ({"messages": "x", "priority": 101}, "priority = 101: must be less than or equal to 100"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "told"), MISTAKES, ids=[told.partition(":")[0] for _, told in MISTAKES])
def test_a_mistake_names_field_value_and_remedy(fields: dict[str, Any], told: str) -> None:
    error = error_of(lambda: ChatRequest(**fields))
    assert error == f"ChatRequest: {told}"
    assert PRIVATE not in error


def test_several_mistakes_stand_in_one_error_each_once() -> None:
    error = error_of(lambda: ChatRequest(messages=[{"role": "usr", "content": "x"}], temperatur=1, n=0))
    assert error.splitlines() == [
        "ChatRequest: 3 problems",
        "  messages.0.role = 'usr': must be 'system', 'developer', 'user', 'assistant' or 'tool'; did you mean 'user'?",
        "  n = 0: must be greater than or equal to 1",
        "  temperatur = 1: unknown field; did you mean 'temperature'?",
    ]


def test_a_thousand_mistakes_are_counted_not_listed() -> None:
    error = error_of(lambda: ChatRequest(messages=[{"role": "usr"}] * 1000))
    assert error.splitlines()[0] == "ChatRequest: 1000 problems"
    assert error.splitlines()[-1] == "  and 980 more"
    assert len(error.splitlines()) == 22


def test_long_values_are_cut() -> None:
    assert len(error_of(lambda: ChatRequest(messages="x", n="9" * 10_000 + "x"))) < 200


_NAMES = (
    "text", "image_url", "url", "tool_calls", "tool_call_id", "refusal", "function", "name", "arguments",
    "json_schema", "schema", "mode", "id",
)  # fmt: skip


def _like_a_message(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    inner |= st.lists(inner, max_size=2)
    usual = {
        "role": st.sampled_from(["user", "assistant", "tool", "usr"]) | inner,
        "content": inner,
        "type": st.sampled_from(["text", "image_url", "function", 5]),
    }
    other = st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3)
    return st.builds(lambda one, more: one | more, st.fixed_dictionaries({}, optional=usual), other)


_loose = st.recursive(anything, _like_a_message, max_leaves=6)


@settings(max_examples=400)
@given(
    messages=_loose | st.lists(_like_a_message(anything), max_size=3),
    tools=_loose | st.lists(_loose, max_size=2),
    other=_loose,
)
def test_nonsense_is_built_or_refused_and_never_crashes(messages: Any, tools: Any, other: Any) -> None:
    for fields in (
        {"messages": messages},
        {"messages": "x", "tools": tools},
        {"messages": "x", "tool_choice": other, "tools": [TOOL]},
        {"messages": "x", "response_format": other},
    ):
        try:
            request = ChatRequest(**fields)
        except InvalidInput as error:
            assert str(error).startswith("ChatRequest: ")
        else:
            assert ChatRequest.model_validate_json(request.model_dump_json()) == request


def test_reasoning_goes_back_as_it_came() -> None:
    part = ReasoningPart(text="hm", signature="s", encrypted="e", id="i", metadata={"x": 1})
    message = Message(role="assistant", content=[part])
    assert Message.model_validate_json(message.model_dump_json()).content == (part,)
