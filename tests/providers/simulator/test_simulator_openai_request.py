from dataclasses import replace
from typing import Any

import pytest
from simulator_client import chat

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.continuing import Beginning
from greenroom.providers.simulator.lorem import lorem_script
from greenroom.providers.simulator.openai_errors import Refused
from greenroom.providers.simulator.openai_request import ChatCall, read_chat_call, read_json


def read(**fields: Any) -> ChatCall:
    return read_chat_call(FrozenMap(chat(**fields)))


def test_a_call_is_read() -> None:
    parts = [{"type": "text", "text": "What is"}, {"type": "image_url", "image_url": {"url": "x"}}]
    call = read(
        messages=[
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": parts},
            {"role": "assistant"},
        ],
        n=2,
        max_tokens=5,
        max_completion_tokens=None,
        stream_options={"include_usage": True, "include_obfuscation": False},
        a_field_of_some_other_server=1,
    )
    assert replace(call, beginning=None) == ChatCall("m", "What is", 16, True, True, False, 2, 5)
    assert call.beginning == Beginning("", frozenset({"trailing"}))


@pytest.mark.parametrize(
    ("fields", "param", "code", "message"),
    [
        ({"model": None}, None, None, "you must provide a model parameter"),
        ({"model": 3}, "model", "invalid_type", "expected a string, but got an integer"),
        (
            {"messages": None},
            "messages",
            "missing_required_parameter",
            "Missing required parameter: 'messages'.",
        ),
        ({"messages": "Hi"}, "messages", "invalid_type", "expected an array of objects, but got a string"),
        ({"messages": []}, "messages", "empty_array", "empty array"),
        ({"messages": ["Hi"]}, "messages[0]", "invalid_type", "expected an object, but got a string"),
        ({"messages": [None]}, "messages[0].role", "missing_required_parameter", "messages[0].role"),
        (
            {"messages": [{"content": "x"}]},
            "messages[0].role",
            "missing_required_parameter",
            "messages[0].role",
        ),
        (
            {"messages": [{"role": "boss", "content": "x"}]},
            "messages[0].role",
            "invalid_value",
            "'developer'",
        ),
        ({"messages": [{"role": ["user"]}]}, "messages[0].role", "invalid_value", "Supported values"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type", "an integer"),
        ({"stream": "yes"}, "stream", "invalid_type", "expected a boolean"),
        ({"n": True}, "n", "invalid_type", "expected an integer, but got a boolean"),
        ({"n": 0}, "n", "integer_below_min_value", ">= 1, but got 0"),
        ({"n": 129}, "n", "integer_above_max_value", "<= 128"),
        ({"temperature": 2.5}, "temperature", "decimal_above_max_value", "<= 2, but got 2.5"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value", ">= 1"),
        (
            {"stream": False, "stream_options": {"include_usage": True}},
            "stream_options",
            None,
            "only allowed when",
        ),
        ({"stream_options": []}, "stream_options", "invalid_type", "expected an object, but got an array"),
    ],
)
def test_what_the_api_refuses(
    fields: dict[str, Any], param: str | None, code: str | None, message: str
) -> None:
    with pytest.raises(Refused) as caught:
        read(**fields)
    error = caught.value.error
    assert (caught.value.status, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["code"]) == (param, code)
    assert message in str(error["message"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"3", b'"x"', b"\xff", b'{"a": NaN}', b"[" * 5000, b'{"a":' * 900, b'{"a":"\\ud800"}'],
)
def test_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(Refused, match="could not parse the JSON body"):
        read_json(body)


def test_a_deep_object_is_refused_or_read_but_never_breaks() -> None:
    for depth in (300, 1_500, 200_000):
        try:
            read_json(b'{"a":' * depth + b"1" + b"}" * depth)
        except Refused as refused:
            assert refused.status == 400  # noqa: PT017


def test_the_made_up_answer_knows_itself_and_the_prompt() -> None:
    script = lorem_script("Count to\nfive", None, 0.02)
    assert script == lorem_script("Count to\nfive", None, 0.02) != lorem_script("Count to six", None, 0.02)
    assert str(script.text).startswith('[greenroom simulator] You said: "Count to five".')
    assert len(str(lorem_script("x" * 500, None, 0).text)) < 500
    assert "nothing" in str(lorem_script("\n", None, 0).text)
    short = lorem_script("Hi", 3, 0)
    assert (short.text, short.finish_reason) == ("[greenroom simulator] You", "length")
